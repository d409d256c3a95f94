"""Decoded photographs, decoded once and read back by strips: in memory where small, else in an unlinked file."""

from __future__ import annotations

import errno
import shutil
import tempfile
import threading
import weakref
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sharpvision.core.errors import InputError
from sharpvision.data.transfer import Transfer

IN_MEMORY_BYTES = 256 * 2**20


class Stack(Protocol):
    """N equal arrays (H, W, C) of one dtype, written whole and read by rows."""

    count: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def write(self, index: int, array: NDArray[Any]) -> None: ...

    def read(self, index: int, top: int, bottom: int) -> NDArray[Any]: ...


class MemoryStack:
    """A stack in one NumPy array."""

    def __init__(self, count: int, shape: tuple[int, ...], dtype: Any) -> None:
        self.count, self.shape, self.dtype = count, shape, np.dtype(dtype)
        self._arrays = np.empty((count, *shape), self.dtype)

    def write(self, index: int, array: NDArray[Any]) -> None:
        """Stores one array."""
        self._arrays[index] = array

    def read(self, index: int, top: int, bottom: int) -> NDArray[Any]:
        """Rows `top` to `bottom` of one array; a view."""
        return self._arrays[index, top:bottom]


class SpoolStack:
    """A stack in a temporary file without a name: gone when the process ends, however it ends.

    PNG, TIFF and JPEG do not decode by strips, so each file is decoded once and its codes are kept here in their own
    type. Plain reads and writes, no mapping: mapped pages would count as resident memory. Raises `InputError` where
    the folder of temporary files (TMPDIR) lacks the room.
    """

    def __init__(self, count: int, shape: tuple[int, ...], dtype: Any) -> None:
        self.count, self.shape, self.dtype = count, shape, np.dtype(dtype)
        self._row_bytes = int(np.prod(shape[1:], dtype=np.int64)) * self.dtype.itemsize
        self._bytes = count * shape[0] * self._row_bytes
        self._lock = threading.Lock()  # position and transfer are two steps (pread is missing on Windows)
        folder = tempfile.gettempdir()
        if shutil.disk_usage(folder).free < self._bytes:
            raise self._full()
        self._file = tempfile.TemporaryFile(buffering=0, dir=folder, prefix="sharpvision-")  # noqa: SIM115
        weakref.finalize(self, self._file.close)

    def write(self, index: int, array: NDArray[Any]) -> None:
        """Stores one array."""
        left = memoryview(np.ascontiguousarray(array, self.dtype).data).cast("B")
        try:
            with self._lock:
                self._file.seek(index * self.shape[0] * self._row_bytes)
                while left.nbytes:
                    left = left[self._file.write(left) :]
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                raise self._full() from error
            raise

    def read(self, index: int, top: int, bottom: int) -> NDArray[Any]:
        """Rows `top` to `bottom` of one array."""
        rows = np.empty((bottom - top, *self.shape[1:]), self.dtype)
        left = rows.data.cast("B")
        with self._lock:
            self._file.seek((index * self.shape[0] + top) * self._row_bytes)
            while left.nbytes:
                got = self._file.readinto(left)
                if not got:
                    raise OSError(errno.EIO, "the spooled photographs were not written in full")
                left = left[got:]
        return rows

    def _full(self) -> InputError:
        return InputError(Path(tempfile.gettempdir()), f"{self._bytes / 1e9:.1f} GB free for decoded photographs",
                          "a disk without the room", "free some, set TMPDIR, or use --max-size")  # fmt: skip


def make_stack(count: int, shape: tuple[int, ...], dtype: Any) -> Stack:
    """A stack in memory up to 256 MiB, else in an unlinked file."""
    size = count * int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
    return (MemoryStack if size <= IN_MEMORY_BYTES else SpoolStack)(count, shape, dtype)


@dataclass(frozen=True)
class PhotographSource:
    """Strips of linear radiance from a stack of codes.

    `gains` (N,) multiply the linear values (the exposures undone); `lights` are the stack's indices that are shown;
    `flags` (H, W, 1) uint8 holds `Validity` where it cannot be told from the codes any more (reduced images).
    """

    stack: Stack
    transfer: Transfer
    gains: NDArray[np.float32]
    lights: tuple[int, ...]
    flags: Stack | None = None

    def read(self, top: int, bottom: int) -> tuple[Tensor, Tensor]:
        """Rows `top` to `bottom`: images (N, h, W, 3) float32 linear and validity (N, h, W) uint8."""
        width = self.stack.shape[1]
        images = np.empty((len(self.lights), bottom - top, width, 3), np.float32)
        validity = np.empty(images.shape[:3], np.uint8)
        for row, light in enumerate(self.lights):
            codes = self.stack.read(light, top, bottom)
            np.multiply(self.transfer.linear(codes), self.gains[light], out=images[row])
            if self.flags is None:
                validity[row] = self.transfer.validity(codes)
            else:
                validity[row] = self.flags.read(light, top, bottom)[..., 0]
        return torch.from_numpy(images), torch.from_numpy(validity)

    def select(self, lights: list[int]) -> PhotographSource:
        """Only these images, in this order."""
        return replace(self, lights=tuple(self.lights[i] for i in lights))
