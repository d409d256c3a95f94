"""The photographs of a capture as linear images: all of them small, a window of all of them, or written anew."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from sharpvision.data.observations import ImageSource, Validity
from sharpvision.data.reduction import area_average
from sharpvision.data.spool import PhotographSource, make_stack
from sharpvision.data.transfer import Transfer

Images = NDArray[np.float32]
ANALYSIS_BYTES = 256 * 2**20
"""What the small images in memory may take: 20 photographs of 1.1 megapixels."""


def analysis_shape(shape: tuple[int, int], count: int, most_bytes: int = ANALYSIS_BYTES) -> tuple[int, int]:
    """The size at which `count` float32 RGB images of a shape fit into memory.

    >>> analysis_shape((400, 600), 12), analysis_shape((4000, 6000), 20)
    ((400, 600), (863, 1295))
    """
    scale = math.sqrt(min(most_bytes / (12 * count * shape[0] * shape[1]), 1.0))
    return max(int(shape[0] * scale), 1), max(int(shape[1] * scale), 1)


def small_images(source: ImageSource, count: int, shape: tuple[int, int], small: tuple[int, int]) -> Images:
    """All photographs as area averages (N, h, w, 3), read one at a time."""
    images = np.empty((count, *small, 3), np.float32)
    for index in range(count):
        image = source.select([index]).read(0, shape[0])[0][0].numpy()
        images[index] = image if small == shape else area_average(image, small)
    return images


def window(source: ImageSource, rows: slice, columns: slice) -> Images:
    """A window (N, h, w, 3) of all photographs, at full size."""
    return np.ascontiguousarray(source.read(rows.start, rows.stop)[0].numpy()[:, :, columns])


def rewritten(
    source: ImageSource, count: int, shape: tuple[int, int],
    change: Callable[[int, Images, NDArray[np.uint8]], tuple[Images, NDArray[np.uint8]]],
) -> PhotographSource:  # fmt: skip
    """The photographs as `change(index, image (H, W, 3), validity (H, W))` makes them, one at a time.

    They go to memory or, above 256 MiB, to an unlinked file, as float32.
    """
    stack, flags = make_stack(count, (*shape, 3), np.float32), make_stack(count, (*shape, 1), np.uint8)
    for index in range(count):
        images, validity = source.select([index]).read(0, shape[0])
        image, flag = change(index, images[0].numpy(), validity[0].numpy())
        stack.write(index, image)
        flags.write(index, flag[..., None])
    linear = Transfer("float32", 32, "linear")
    return PhotographSource(stack, linear, np.ones(count, np.float32), tuple(range(count)), flags)


def usable(validity: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Where an observation counts."""
    return validity == Validity.VALID
