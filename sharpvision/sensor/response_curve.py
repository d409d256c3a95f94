"""Camera response: the curve from stored codes to linear values, in at most four parameters."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sharpvision.core.errors import InputError

Array = NDArray[np.float64]

LEAST_EXPONENT = 0.02
"""Least local exponent of a curve: below it codes no longer tell values apart."""
_KNEE, _TOE, _OFFSET, _POWER = 0.04045, 12.92, 0.055, 2.4  # sRGB, IEC 61966-2-1
_CHECKED = np.concatenate([[0.0], np.linspace(0.5 * _KNEE, 1.0, 512)])
_TABLE_LOG = np.linspace(math.log(1e-4), 0.0, 1024)
_NEWTON_STEPS = 4


@dataclass(frozen=True)
class ResponseCurve:
    """A rising curve from codes v in [0, 1] to linear values L in [0, 1], with 0 at 0 and 1 at 1.

        log L = exponent log v + srgb (log s(v) - log v) + shoulder (v^4 - 1) + midtone (v - 1)

    s is sRGB's decoding curve. Linear is (1, 0, 0, 0), sRGB (1, 1, 0, 0), a gamma g (g, 0, 0, 0); `srgb` between 0 and
    1 leads from linear to sRGB, `shoulder` > 0 is a camera that compresses its highlights, `midtone` what is left of
    film-like curves. log L is linear in the parameters, as estimates from exposures want it (Mitsunaga and Nayar,
    Radiometric self calibration, CVPR 1999, with another basis). The curve rises where the local exponent
    d log L / d log v > 0.

    Raises `InputError` for a curve that does not rise all over, and for parameters that are not finite.

    >>> SRGB.linear(np.array([0.0, 0.5, 1.0])).round(4).tolist()
    [0.0, 0.214, 1.0]
    >>> curve = ResponseCurve(0.8, 0.7, 0.4)
    >>> bool(np.allclose(curve.codes(curve.linear(np.linspace(0, 1, 256))), np.linspace(0, 1, 256)))
    True
    """

    exponent: float = 1.0
    srgb: float = 0.0
    shoulder: float = 0.0
    midtone: float = 0.0

    def __post_init__(self) -> None:
        found = ", ".join(f"{name} {value:.4g}" for name, value in asdict(self).items())
        if not all(math.isfinite(value) for value in asdict(self).values()) or not self.rises(self.parameters):
            raise InputError("response curve", "parameters of a curve that rises from 0 to 1", found,
                             "estimate it again, or give linear or srgb")  # fmt: skip

    @property
    def parameters(self) -> Array:
        """(exponent, srgb, shoulder, midtone)."""
        return np.array([self.exponent, self.srgb, self.shoulder, self.midtone], dtype=np.float64)

    @classmethod
    def of(cls, parameters: Array) -> ResponseCurve:
        """The curve of (exponent, srgb, shoulder, midtone)."""
        return cls(*(float(value) for value in parameters))

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> ResponseCurve:
        """The curve of an object {"exponent": .., "srgb": .., "shoulder": .., "midtone": ..}, what is left out as in
        `LINEAR`; `InputError` for anything else."""
        names = ("exponent", "srgb", "shoulder", "midtone")
        numbers = all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in content.values())
        if set(content) - set(names) or not numbers:
            raise InputError("response curve", f"numbers {', '.join(names)}", str(dict(content)), "correct the entry")
        return cls(**{name: float(value) for name, value in content.items()})

    def to_json(self) -> dict[str, float]:
        """The parameters by name, rounded to six digits after the point."""
        return {name: round(value, 6) for name, value in asdict(self).items()}

    @staticmethod
    def rises(parameters: Array) -> bool:
        """Whether the local exponent is at least `LEAST_EXPONENT` from black to white."""
        return bool((exponent_rows(_CHECKED) @ np.asarray(parameters, dtype=np.float64)).min() >= LEAST_EXPONENT)

    def linear(self, codes: NDArray[Any]) -> NDArray[Any]:
        """Linear values of codes, both in [0, 1] (codes beyond are clipped); float32 stays float32."""
        v = np.clip(np.asarray(codes, dtype=np.float64), 0.0, 1.0)
        with np.errstate(divide="ignore"):
            values = np.where(v == 0.0, 0.0, np.exp(log_rows(np.where(v == 0.0, 1.0, v)) @ self.parameters))
        return values.astype(np.float32) if np.asarray(codes).dtype == np.float32 else values

    def codes(self, linear: NDArray[Any]) -> NDArray[Any]:
        """Codes of linear values, both in [0, 1] (values beyond are clipped): Newton's method on log v, from a table;
        float32 stays float32."""
        values = np.clip(np.asarray(linear, dtype=np.float64), 0.0, 1.0)
        target = np.log(np.where(values == 0.0, 1.0, values))
        table = log_rows(np.exp(_TABLE_LOG)) @ self.parameters
        # Below the table the toe is a power law.
        dark = (target + self.srgb * math.log(_TOE) + self.shoulder + self.midtone) / self.exponent
        log_v = np.where(target < table[0], dark, np.interp(target, table, _TABLE_LOG))
        for _ in range(_NEWTON_STEPS):
            v = np.exp(log_v)
            step = (log_rows(v) @ self.parameters - target) / (exponent_rows(v) @ self.parameters)
            log_v = np.minimum(log_v - step, 0.0)
        v = np.where(values == 0.0, 0.0, np.exp(log_v))
        return v.astype(np.float32) if np.asarray(linear).dtype == np.float32 else v

    def local_exponent(self, codes: NDArray[Any]) -> Array:
        """d log L / d log v at codes in [0, 1]: 1 all over for a linear camera, 2.27 at white for sRGB."""
        return np.asarray(exponent_rows(np.asarray(codes, dtype=np.float64)) @ self.parameters, dtype=np.float64)

    def slope(self, codes: NDArray[Any]) -> Array:
        """dL/dv at codes in (0, 1]."""
        v = np.asarray(codes, dtype=np.float64)
        return np.asarray(self.linear(v) * self.local_exponent(v) / v, dtype=np.float64)


def log_rows(codes: Array) -> Array:
    """Rows (.., 4) whose product with the parameters is log L, at codes in (0, 1]."""
    log_v = np.log(codes)
    above = _POWER * np.log((codes + _OFFSET) / (1 + _OFFSET)) - log_v
    return np.stack([log_v, np.where(codes <= _KNEE, -math.log(_TOE), above), codes**4 - 1, codes - 1], axis=-1)


def exponent_rows(codes: Array) -> Array:
    """Rows (.., 4) whose product with the parameters is d log L / d log v at codes in [0, 1]."""
    bent = np.where(codes <= _KNEE, 0.0, _POWER * codes / (codes + _OFFSET) - 1)
    return np.stack([np.ones_like(codes), bent, 4 * codes**4, codes], axis=-1)


LINEAR = ResponseCurve()
SRGB = ResponseCurve(1.0, 1.0)
