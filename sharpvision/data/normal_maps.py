"""Reads normal maps: PNG, EXR, NPZ, NPY, MAT."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sharpvision.core.errors import InputError
from sharpvision.core.frames import opencv_from_opengl
from sharpvision.data.files import read_bytes
from sharpvision.data.images import decode

KEYS = ("normals", "normal", "Normal_gt", "normal_gt")
_EXPECTED = "a normal map (PNG, EXR, NPZ, NPY or MAT)"


def read_normals(path: str | Path) -> tuple[Tensor, Tensor]:
    """Unit normals (H, W, 3) float32 in the OpenCV camera frame, zero outside, and their mask (H, W) bool.

    Files hold x right, y up, z to the viewer, unless an NPZ says otherwise in its field `frame`; images code
    n = 2 v / v_max - 1. Normals that are zero, not finite, or (in images) far from unit length are outside.
    Raises `InputError` for anything else than (H, W, 3), for no normal at all, and for normals that face away.
    """
    path = Path(path)
    vectors, mask, is_opencv = _vectors(path)
    if vectors.ndim != 3 or vectors.shape[-1] != 3 or vectors.dtype.kind not in "fiu":
        raise InputError(path, "normals as numbers (height, width, 3)", f"{vectors.dtype} {vectors.shape}",
                         "save x, y, z in the last axis")  # fmt: skip
    if mask is not None and mask.shape != vectors.shape[:2]:
        raise InputError(path, f"a mask of the normals' shape {vectors.shape[:2]}", f"{mask.shape}", "save it so")
    length = np.linalg.norm(vectors.astype(np.float64), axis=-1)
    inside = np.isfinite(length) & (length > 1e-6)
    if mask is not None:
        inside &= mask.astype(bool)
    if not inside.any():
        raise InputError(path, "at least one normal", "none (all zero or not finite)", "check how the file was written")
    unit = np.where(inside[..., None], vectors, 0) / np.where(inside, length, 1)[..., None]
    if not is_opencv:
        unit = opencv_from_opengl(unit)
    if np.median(unit[inside][:, 2]) > 0:
        raise InputError(path, "normals that face the viewer", "most of them facing away",
                         "store x right, y up, z to the viewer, or name the frame in an NPZ")  # fmt: skip
    return torch.from_numpy(unit.astype(np.float32)), torch.from_numpy(inside)


def _vectors(path: Path) -> tuple[NDArray[Any], NDArray[Any] | None, bool]:
    """What the file holds: vectors, its mask or None, and whether they are in the OpenCV frame already."""
    suffix = path.suffix.lower()
    if suffix == ".mat":
        return _by_key(path, _read_mat(path)), None, False
    if suffix in (".npz", ".npy"):
        content = _read_numpy(path)
        if isinstance(content, np.ndarray):
            return content, None, False
        return _by_key(path, content), content.get("mask"), _is_opencv(path, content.get("frame"))
    pixels = decode(path).pixels
    if pixels.shape[-1] != 3:
        raise InputError(path, "a normal map of three channels", "a gray image", "name the normal map")
    if pixels.dtype == np.float32:
        return pixels, None, False
    coded = 2.0 * pixels.astype(np.float64) / np.iinfo(pixels.dtype).max - 1.0
    length = np.linalg.norm(coded, axis=-1)
    return coded, (length > 0.5) & (length < 1.5) & pixels.any(-1), False


def _by_key(path: Path, content: dict[str, Any]) -> NDArray[Any]:
    """The array under one of the names that normals go by."""
    for key in KEYS:
        if key in content:
            return np.asarray(content[key])
    names = ", ".join(k for k in content if not k.startswith("__")) or "nothing"
    raise InputError(path, f"normals under one of {', '.join(KEYS)}", names, "rename the array")


def _is_opencv(path: Path, frame: Any) -> bool:
    """Reads the field `frame`: OpenCV's, or (also by default) the frame of files."""
    text = str(frame if frame is not None else "y up").lower()
    if "y down" in text or "opencv" in text:
        return True
    if "y up" in text or "opengl" in text:
        return False
    raise InputError(path, "a field 'frame' of 'x right, y up, z to the viewer' or 'x right, y down, z forward'",
                     repr(text[:60]), "correct the field")  # fmt: skip


def _read_numpy(path: Path) -> NDArray[Any] | dict[str, Any]:
    data = read_bytes(path, _EXPECTED)
    try:
        content = np.load(io.BytesIO(data), allow_pickle=False)
        return content if isinstance(content, np.ndarray) else {k: content[k] for k in content.files}
    except Exception as error:  # zipfile, zlib, struct and NumPy each have their own for a damaged file
        raise InputError(path, _EXPECTED, f"a file that NumPy can't read ({_line(error)})", "save it again") from error


def _read_mat(path: Path) -> dict[str, Any]:
    from scipy.io import loadmat

    data = read_bytes(path, _EXPECTED)
    try:
        return loadmat(io.BytesIO(data))
    except NotImplementedError as error:
        raise InputError(path, _EXPECTED, "a MAT file of version 7.3", "save it with MATLAB's option -v7") from error
    except Exception as error:  # SciPy raises ValueError, TypeError, zlib.error and others for a damaged file
        raise InputError(path, _EXPECTED, f"a damaged MAT file ({_line(error)})", "copy it again") from error


def _line(error: Exception) -> str:
    """The library's own words, on one line."""
    return " ".join(str(error).split())[:100] or type(error).__name__
