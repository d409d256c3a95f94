"""Area averages: photographs, masks and normals at a smaller size."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from sharpvision.data.observations import Validity


def reduced_shape(height: int, width: int, max_size: int | None) -> tuple[int, int]:
    """Height and width whose longer side is at most `max_size`, never larger than before.

    >>> reduced_shape(4000, 6000, 1500), reduced_shape(100, 50, 1500)
    ((1000, 1500), (100, 50))
    """
    longer = max(height, width)
    if max_size is None or longer <= max_size:
        return height, width
    return max(1, round(height * max_size / longer)), max(1, round(width * max_size / longer))


def area_average(values: NDArray[Any], shape: tuple[int, int]) -> NDArray[np.float32]:
    """Mean of `values` (H, W, C) over the area of each new pixel, parts of pixels weighed by their area; (h, w, C).

    The mean over the image, hence the energy, is kept.

    >>> area_average(np.arange(8.0).reshape(2, 4, 1), (1, 2))[..., 0].tolist()
    [[2.5, 4.5]]
    """
    reduced = cv2.resize(values.astype(np.float32, copy=False), shape[::-1], interpolation=cv2.INTER_AREA)
    return np.asarray(reduced, np.float32).reshape(*shape, values.shape[-1])


def reduce_flags(flags: NDArray[np.uint8], shape: tuple[int, int]) -> NDArray[np.uint8]:
    """`Validity` (h, w) of area averages: saturated where any part was, dark where all of it was."""
    shares = area_average(np.stack([flags == Validity.SATURATED, flags == Validity.DARK], -1), shape)
    reduced = np.full(shape, int(Validity.VALID), np.uint8)
    reduced[shares[..., 1] > 0.999] = Validity.DARK
    reduced[shares[..., 0] > 1e-6] = Validity.SATURATED
    return reduced


def reduce_mask(mask: NDArray[np.bool_], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """True where at least half of the area was; where that leaves nothing (a speck), where any was."""
    covered = area_average(mask[..., None], shape)[..., 0]
    reduced = covered >= 0.5
    return reduced if reduced.any() else covered > 0


def reduce_normals(normals: NDArray[np.float32], shape: tuple[int, int]) -> NDArray[np.float32]:
    """Normalised area average of unit normals (H, W, 3); zero where less than half of the area has one."""
    mean = area_average(normals, shape)
    known = area_average((np.abs(normals).max(-1, keepdims=True) > 0), shape)
    length = np.linalg.norm(mean, axis=-1, keepdims=True)
    good = (known >= 0.5) & (length > 1e-6)
    return np.where(good, mean / np.where(good, length, 1), 0).astype(np.float32)
