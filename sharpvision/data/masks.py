"""Masks: where the object is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sharpvision.core.errors import InputError
from sharpvision.data.images import decode


def read_mask(path: Path, shape: tuple[int, int] | None) -> NDArray[np.bool_]:
    """Mask (H, W): true where the file exceeds half of its largest value, so soft edges are cut at half.

    Raises `InputError` for a mask that is empty or not of `shape` (height, width; None takes any).
    """
    values = decode(path).pixels.max(-1)
    if shape is not None and values.shape != shape:
        raise InputError(path, f"a mask of the photographs' size {shape[1]}x{shape[0]}",
                         f"{values.shape[1]}x{values.shape[0]}", "make one of that size")  # fmt: skip
    if not np.isfinite(values).all():
        raise InputError(path, "finite values", "NaN or infinity", "write the mask as an 8-bit PNG, 0 or 255")
    if values.max() <= 0:
        raise InputError(path, "a mask with at least one pixel of the object", "an empty one (all zero)",
                         "paint the object white, or remove the mask to use the whole image")  # fmt: skip
    return values > values.max() / 2


def longer_side(mask: NDArray[np.bool_]) -> int:
    """Longer side of the mask's bounding box in pixels.

    >>> longer_side(np.array([[0, 1, 0], [0, 1, 0]], bool))
    2
    """
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return int(max(rows[-1] - rows[0], columns[-1] - columns[0])) + 1
