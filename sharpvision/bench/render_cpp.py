"""The yardstick: a rasteriser in C++ that is not a part of the product, built when a benchmark wants it."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from sharpvision.core.errors import InputError


@cache
def library(source: Path) -> ctypes.CDLL:
    """The compiled yardstick. Raises `InputError` without the source or a compiler."""
    compiler = shutil.which("g++")
    if not source.is_file():
        raise InputError(str(source), "the yardstick's C++ source", "no file", "give --peer cpp=FILE.cpp")
    if compiler is None:
        raise InputError("peer cpp", "g++", "none on PATH", "install a C++ compiler or leave the peer out")
    folder = Path(tempfile.mkdtemp(prefix="sharpvision-cpp-"))
    built = folder / "rasterize.so"
    flags = ["-O3", "-march=native", "-shared", "-fPIC"]
    subprocess.run([compiler, *flags, str(source), "-o", str(built)], check=True, capture_output=True)
    return ctypes.CDLL(str(built))


def yardstick(source: Path, projected: Any, faces: Any, size: int) -> Callable[[], Any]:
    """project, scalar raster and resolve on one thread; the call returns the face ids (H, W), -1 where none.

    `projected` (V, 4) float32 rows (x w, y w, -1, w), `faces` (F, 3).
    """
    import numpy as np

    code, count = library(source), len(projected)
    clip = np.empty((count, 4), np.float32)
    clip[:, 0] = projected[:, 0] * (2 / size) - projected[:, 3]
    clip[:, 1] = projected[:, 1] * (2 / size) - projected[:, 3]
    clip[:, 2:] = projected[:, 2:]
    triangles = np.ascontiguousarray(faces, np.int32)
    x, y, z = np.empty(count, np.int32), np.empty(count, np.int32), np.empty(count, np.float32)
    ids, depth = np.empty((size, size), np.int32), np.empty((size, size), np.float32)
    resolved = np.empty((size, size, 3), np.float32)

    def at(array: Any) -> ctypes.c_void_p:
        return array.ctypes.data_as(ctypes.c_void_p)

    def run() -> Any:
        code.project(at(clip), count, size, size, at(x), at(y), at(z))
        code.raster(at(x), at(y), at(z), at(triangles), len(triangles), size, size, 0, size, at(ids), at(depth))
        code.resolve(at(clip), at(triangles), at(ids), size, size, 0, size, at(resolved))
        return ids - 1

    return run
