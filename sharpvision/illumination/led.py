"""Light from an LED or lamp nearby, whose radiant intensity falls off the axis."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from sharpvision.core.parametrisations import positive, unpositive
from sharpvision.core.vectors import dot, unit
from sharpvision.illumination.light import LIGHTS, Incidence, Light
from sharpvision.illumination.point import point_incidence


def led_incidence(
    points: Float[Tensor, "*#batch 3"], position: Float[Tensor, "*#batch 3"], axis: Float[Tensor, "*#batch 3"],
    exponent: Float[Tensor, "*#batch"], intensity: Float[Tensor, "*#batch c"],
) -> Incidence:  # fmt: skip
    """Light of an imperfect Lambertian source: a point light times the beam max(a.u, 0)^mu.

    u is the unit direction from the light to the point, a the unit `axis` (any length), mu the `exponent` >= 0;
    `intensity` is radiant on the axis, in W/sr. mu = 1 is a Lambertian chip, ln 2 / -ln cos(half angle) the mu of a
    data sheet's half-power angle; with mu = 0 the light is a point light, without a horizon. Behind the light (mu > 0)
    and at its own position the irradiance is zero.
    Gauge: that of a point light. Moreno & Sun 2008, Modeling the radiation pattern of LEDs.

    >>> down, one = torch.tensor([0.0, 0.0, 1.0]), torch.ones(1)
    >>> lamp = led_incidence(torch.tensor([3.0, 0.0, 4.0]), torch.zeros(3), down, torch.tensor(2.0), 25 * one)
    >>> [round(v, 4) for v in lamp.direction.tolist()], round(lamp.irradiance.item(), 4)
    ([-0.6, 0.0, -0.8], 0.64)
    """
    bare = point_incidence(points, position, intensity)
    cosine = -dot(bare.direction, unit(axis))
    lit = cosine > 0
    beam = torch.where(lit, torch.exp(exponent * torch.log(torch.where(lit, cosine, 1.0))), 0.0)
    beam = torch.where(exponent > 0, beam, 1.0)
    return Incidence(bare.direction, bare.irradiance * beam[..., None])


@LIGHTS.register("led")
class Led(Light):
    """LED or lamp with a beam; `position` and `axis` (*batch, 3) in the camera frame, `exponent` (*batch) >= 0,
    `intensity` (*batch, C) >= 0 on the axis in W/sr.

    Raises `ValueError` for a negative exponent or intensity.

    >>> lamp = Led(torch.zeros(3), torch.tensor([0.0, 0.0, 1.0]), torch.tensor(1.0), torch.tensor([8.0]))
    >>> round(lamp(torch.tensor([0.0, 0.0, 2.0])).irradiance.item(), 5)
    2.0
    """

    def __init__(
        self, position: Float[Tensor, "*batch 3"], axis: Float[Tensor, "*batch 3"], exponent: Float[Tensor, "*batch"],
        intensity: Float[Tensor, "*batch c"],
    ) -> None:  # fmt: skip
        super().__init__()
        self.position = nn.Parameter(position.clone())
        self.axis = nn.Parameter(axis.clone())
        self.exponent_raw = nn.Parameter(unpositive(exponent))
        self.intensity_raw = nn.Parameter(unpositive(intensity))

    @property
    def exponent(self) -> Float[Tensor, "*batch"]:
        """Exponent of the beam."""
        return positive(self.exponent_raw)

    @property
    def intensity(self) -> Float[Tensor, "*batch c"]:
        """Radiant intensity on the axis in W/sr."""
        return positive(self.intensity_raw)

    def forward(self, points: Tensor) -> Incidence:
        """See `led_incidence`."""
        return led_incidence(points, self.position, self.axis, self.exponent, self.intensity)
