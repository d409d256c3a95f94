"""Pictures as linear values in [0, 1], for materials and terrains."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sharpvision.core.errors import InputError
from sharpvision.core.srgb import linear_from_srgb
from sharpvision.data.images import decode

MAX_PIXELS = 64_000_000


def read_texture(path: Path, encoding: str | None = None, usual: str = "linear") -> NDArray[np.float32]:
    """Linear values (H, W, 3) in [0, 1] of a picture, first row on top; grey is repeated, alpha dropped.

    `encoding` `srgb` or `linear` of its codes; None: `usual` for 8-bit pictures, linear for others. Raises `InputError`
    for what does not decode, is too large, or has values outside [0, 1] (float formats).
    """
    codes = decode(path).pixels
    if codes.shape[0] * codes.shape[1] > MAX_PIXELS:
        raise InputError(path, f"at most {MAX_PIXELS} pixels", f"{codes.shape[1]}x{codes.shape[0]}", "make it smaller")
    values = codes.astype(np.float32)
    if codes.dtype != np.float32:
        values = values / np.float32(np.iinfo(codes.dtype).max)
    elif not (np.isfinite(codes).all() and codes.min() >= 0 and codes.max() <= 1):
        raise InputError(path, "values in [0, 1]", "values outside, or not finite", "scale the texture")
    if (encoding or (usual if codes.dtype == np.uint8 else "linear")) == "srgb":
        values = linear_from_srgb(values)
    return np.repeat(values, 3, -1) if values.shape[-1] == 1 else values[..., :3]
