"""From stored codes to linear radiance, and which codes say nothing."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from sharpvision.core.srgb import linear_from_srgb
from sharpvision.data.observations import Validity
from sharpvision.sensor.response_curve import ResponseCurve

SATURATION = 0.98
"""Share of the coded range from which a channel counts as saturated; also used by DiLiGenT's pilots."""
Response = Literal["linear", "srgb"] | ResponseCurve


@dataclass(frozen=True)
class Transfer:
    """How the codes of one set of photographs become linear float32.

    A full container reads v / (2^bits - 1). A shallower value in a 16-bit container (`bits` < 16, from the capture
    file) stands for the middle of its level and reads (v + 0.5) / 2^bits; it may lie in the low bits or be
    `left_aligned` (v << (16 - bits), with or without the low bits filled by repetition). Floats read v / `white`, and
    infinity reads as `brightest`, the largest finite value there is.
    """

    container: Literal["uint8", "uint16", "float32"]
    bits: int
    response: Response
    left_aligned: bool = False
    white: float = 1.0
    white_declared: bool = False
    brightest: float = 1.0

    @property
    def quantisation(self) -> float:
        """One level over the linear range; for sRGB codes its mean over the range, for floats float32's."""
        if self.container == "float32":
            return float(np.finfo(np.float32).eps)
        return 1.0 / (2**self.bits - 1)

    def linear(self, codes: NDArray[Any]) -> NDArray[np.float32]:
        """Linear radiance in the shape of `codes`, 1 at the sensor's limit."""
        if self.container == "float32":
            v = (np.where(np.isposinf(codes), self.brightest, codes) / self.white).astype(np.float32)
            return self._decoded(v)
        if self.container == "uint16" and self.response == "linear" and self.bits == 16:
            return codes * np.float32(1.0 / 65535.0)
        return self._table[codes]

    def validity(self, codes: NDArray[Any]) -> NDArray[np.uint8]:
        """`Validity` (..., ) of codes (..., channels).

        Saturated: a channel in the top 2 % of the coded range; for floats, infinite or at the declared white.
        Dark: the brightest channel is at most one level above zero, where rounding alone is half of the signal.
        """
        brightest = codes[..., 0]
        for channel in range(1, codes.shape[-1]):
            brightest = np.maximum(brightest, codes[..., channel])
        saturated, dark = self._limits
        flags = np.full(brightest.shape, int(Validity.VALID), np.uint8)
        flags[brightest <= dark] = Validity.DARK
        flags[brightest >= saturated] = Validity.SATURATED
        return flags

    @cached_property
    def _limits(self) -> tuple[float, float]:
        """Codes from which a pixel is saturated, and up to which it is dark."""
        if self.container == "float32":
            return (self.white * SATURATION if self.white_declared else np.inf), 0.0
        if self.left_aligned:
            step = 2 ** (16 - self.bits)
            return math.ceil(SATURATION * (2**self.bits - 1)) * step, 2 * step - 1
        return SATURATION * (2**self.bits - 1), 1.0

    @cached_property
    def _table(self) -> NDArray[np.float32]:
        """Linear value of every code."""
        size = 256 if self.container == "uint8" else 65536
        code = np.arange(size)
        if self.bits == (8 if self.container == "uint8" else 16):
            coded = code / (size - 1.0)
        else:
            level = code // 2 ** (16 - self.bits) if self.left_aligned else np.minimum(code, 2**self.bits - 1)
            coded = np.add(level, 0.5) / 2.0**self.bits
        return self._decoded(coded.astype(np.float32))

    def _decoded(self, v: NDArray[np.float32]) -> NDArray[np.float32]:
        """Values in [0, 1] through the camera's response."""
        if isinstance(self.response, ResponseCurve):
            return self.response.linear(v)
        return linear_from_srgb(v) if self.response == "srgb" else v


def is_left_aligned(codes: NDArray[np.uint16], bits: int) -> bool:
    """Whether `bits`-deep values fill the high bits of 16-bit codes: some code is beyond their range.

    A dark picture may stay below 2^bits either way; then multiples of 2^(16 - bits) alone mean the high bits.

    >>> is_left_aligned(np.array([0, 257, 65535], np.uint16), 8), is_left_aligned(np.array([0, 1, 255], np.uint16), 8)
    (True, False)
    """
    if int(codes.max()) >= 2**bits:
        return True
    step = 2 ** (16 - bits)
    return bool(codes.any()) and not bool((codes % step).any())
