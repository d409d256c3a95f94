"""From radiance to what a camera reports."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from sharpvision.core.parametrisations import positive, unpositive
from sharpvision.core.random import generator_from
from sharpvision.sensor.noise import SensorSettings, quantise, saturated


class Photograph(NamedTuple):
    """`image` (*batch, C) linear in [0, 1] of the sensor's range; `valid` (*batch) where no channel is saturated."""

    image: Float[Tensor, "*batch c"]
    valid: Bool[Tensor, "*batch"]


def expose(
    radiance: Float[Tensor, "*batch c"],
    exposure: Float[Tensor, ""],
    settings: SensorSettings,
    seed: int | torch.Generator | None = None,
) -> Photograph:
    """Photograph of a radiance.

    image = quantise(min(Poisson(full_well * exposure * radiance) + N(0, read_noise^2), full_well) / full_well).
    `exposure`: signal (1 is the sensor's range) a unit of radiance, the product of time, aperture and gain.
    Without `seed` there is no noise; with it, the same seed gives the same image on one machine. Negative radiance
    counts as zero. The black level is zero: negative values after read noise are clipped, as in files.
    Gradient: that of the expectation, exposure inside the range and 0 where clipped; noise and rounding are held
    constant. Gauge: exposure and the scale of the radiance can't be told apart without photon noise.

    >>> settings = SensorSettings(bits=8)
    >>> photograph = expose(torch.tensor([[1.0, 2.0, 9.0]]), torch.tensor(0.2), settings)
    >>> (photograph.image * 255).tolist(), photograph.valid.tolist()
    ([[51.0, 102.0, 255.0]], [False])
    """
    signal = (exposure * radiance).clamp(min=0.0)
    if seed is not None:
        signal = signal + _noise(signal.detach(), settings, generator_from(seed, signal.device))
    image = signal.clamp(0.0, 1.0) if settings.bits is None else quantise(signal, settings.bits)
    return Photograph(image, ~saturated(image.detach(), settings.saturation))


def _noise(signal: Tensor, settings: SensorSettings, generator: torch.Generator) -> Tensor:
    """A sample of photon and read noise; none where the well is infinite, as electrons then weigh nothing."""
    if math.isinf(settings.full_well):
        return torch.zeros_like(signal)
    # Beyond the well nothing is measured; the bound keeps the Poisson rate in the range that float32 counts exactly.
    electrons = settings.full_well * signal.clamp(max=2.0)
    electrons = torch.poisson(electrons, generator=generator) - electrons
    read = torch.randn(signal.shape, generator=generator, dtype=signal.dtype, device=signal.device)
    return (electrons + settings.read_noise * read) / settings.full_well


class Sensor(nn.Module):
    """A linear sensor; `exposure` > 0 is signal a unit of radiance, `ValueError` for a negative one.

    >>> Sensor(torch.tensor(0.25), SensorSettings(bits=None))(torch.tensor([2.0])).image.tolist()
    [0.5]
    """

    def __init__(self, exposure: Float[Tensor, ""], settings: SensorSettings | None = None) -> None:
        super().__init__()
        self.exposure_raw = nn.Parameter(unpositive(exposure))
        self.settings = settings or SensorSettings()

    @property
    def exposure(self) -> Float[Tensor, ""]:
        """Signal a unit of radiance; 1 is the sensor's range."""
        return positive(self.exposure_raw)

    def forward(self, radiance: Float[Tensor, "*batch c"], seed: int | torch.Generator | None = None) -> Photograph:
        """See `expose`."""
        return expose(radiance, self.exposure, self.settings, seed)
