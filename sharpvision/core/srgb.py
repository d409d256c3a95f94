"""The transfer function of sRGB (IEC 61966-2-1), for the borders where images become files and files images."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def srgb_from_linear(linear: NDArray[Any]) -> NDArray[Any]:
    """sRGB-coded values of linear ones in [0, 1]: 12.92 L up to 0.0031308, 1.055 L^(1 / 2.4) - 0.055 above.

    >>> srgb_from_linear(np.array([0.0, 0.0031308, 1.0])).round(6).tolist()
    [0.0, 0.04045, 1.0]
    """
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * np.power(np.maximum(linear, 1e-9), 1 / 2.4) - 0.055)


def linear_from_srgb(v: NDArray[np.float32]) -> NDArray[np.float32]:
    """Linear value of an sRGB-coded one in [0, 1]: v / 12.92 up to 0.04045, ((v + 0.055) / 1.055)^2.4 above.

    >>> linear_from_srgb(np.array([0.0, 0.5, 1.0], np.float32)).round(4).tolist()
    [0.0, 0.21400000154972076, 1.0]
    """
    bent = ((np.maximum(v, 0) + np.float32(0.055)) / np.float32(1.055)) ** np.float32(2.4)
    return np.where(v <= np.float32(0.04045), v / np.float32(12.92), bent).astype(np.float32)


def srgb8(linear: NDArray[Any]) -> NDArray[np.uint8]:
    """Linear values, clipped to [0, 1] (NaN is 0), in 8-bit sRGB.

    >>> srgb8(np.array([0.0, 0.0031308, 0.5, 2.0])).tolist()
    [0, 10, 188, 255]
    """
    return np.rint(255 * srgb_from_linear(np.clip(np.nan_to_num(linear), 0.0, 1.0))).astype(np.uint8)
