"""Noise and quantisation of a linear sensor, as pure functions of the signal.

The signal is in the sensor's range: 1 is the largest value that it can report.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from jaxtyping import Bool, Float
from torch import Tensor


@dataclass(frozen=True)
class SensorSettings:
    """What a linear sensor does to a signal of 0 to 1.

    `full_well`: photo-electrons at signal 1 (inf: no photon noise); `read_noise`: standard deviation in electrons;
    `bits`: depth of the converter (None: not quantised); `saturation`: signal from which a value does not count.
    Raises `ValueError` for values that no sensor has.
    """

    full_well: float = 20000.0
    read_noise: float = 5.0
    bits: int | None = 16
    saturation: float = 0.98

    def __post_init__(self) -> None:
        if not self.full_well > 0:
            raise ValueError(f"full_well must be positive, not {self.full_well}")
        if not 0 <= self.read_noise < math.inf:
            raise ValueError(f"read_noise must be finite and not negative, not {self.read_noise}")
        if self.bits is not None and not 1 <= self.bits <= 24:
            raise ValueError(f"bits must be 1 to 24, not {self.bits}")
        if not 0 < self.saturation <= 1:
            raise ValueError(f"saturation must be in (0, 1], not {self.saturation}")

    @property
    def quantisation(self) -> float:
        """Step between two neighbouring values, 1 / (2^bits - 1); 0 where the sensor does not quantise."""
        return 0.0 if self.bits is None else 1.0 / (2**self.bits - 1)


def noise_variance(signal: Float[Tensor, "*shape"], settings: SensorSettings) -> Float[Tensor, "*shape"]:
    """Variance of a measured value whose expectation is `signal`, in squares of the sensor's range.

    max(signal, 0) / full_well + (read_noise / full_well)^2 + quantisation^2 / 12: photon, read and quantisation noise.
    Clipping at 0 and 1 is left out. EMVA 1288; Janesick 2007, Photon Transfer.

    >>> import torch
    >>> round(noise_variance(torch.tensor(0.5), SensorSettings(1000.0, 0.0, None)).item(), 6)
    0.0005
    """
    read = 0.0 if math.isinf(settings.full_well) else settings.read_noise / settings.full_well
    return signal.clamp(min=0.0) / settings.full_well + (read**2 + settings.quantisation**2 / 12)


def quantise(signal: Float[Tensor, "*shape"], bits: int) -> Float[Tensor, "*shape"]:
    """Nearest of the 2^bits values k / (2^bits - 1) in [0, 1].

    Straight-through gradient: that of the clipped signal, 1 inside [0, 1] and 0 outside, as rounding has none.

    >>> import torch
    >>> quantise(torch.tensor([-0.2, 0.4, 1.7]), 1).tolist()
    [0.0, 0.0, 1.0]
    """
    levels = 2**bits - 1
    clipped = signal.clamp(0.0, 1.0)
    return clipped + ((clipped * levels).round() / levels - clipped).detach()


def saturated(signal: Float[Tensor, "*batch c"], level: float) -> Bool[Tensor, "*batch"]:
    """Where any channel is at or above `level`, so that the colour can't be trusted.

    >>> import torch
    >>> saturated(torch.tensor([[0.2, 1.0, 0.3], [0.2, 0.3, 0.4]]), 0.98).tolist()
    [True, False]
    """
    return (signal >= level).any(-1)
