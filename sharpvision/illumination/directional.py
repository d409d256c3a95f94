"""Light from infinitely far."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from sharpvision.core.parametrisations import positive, unpositive
from sharpvision.core.vectors import unit
from sharpvision.illumination.light import LIGHTS, Incidence, Light


def directional_incidence(
    points: Float[Tensor, "*#batch 3"], direction: Float[Tensor, "*#batch 3"], irradiance: Float[Tensor, "*#batch c"]
) -> Incidence:
    """The same direction and irradiance at every point: wi = direction / |direction|, E = irradiance.

    `direction` from the surface to the light, any length; `irradiance` at normal incidence in W/m2, C channels.

    >>> sun = directional_incidence(torch.zeros(2, 3), torch.tensor([0.0, 0.0, -2.0]), torch.tensor([3.0]))
    >>> sun.direction.tolist(), sun.irradiance.tolist()
    ([[0.0, 0.0, -1.0], [0.0, 0.0, -1.0]], [[3.0], [3.0]])
    """
    batch = torch.broadcast_shapes(points.shape[:-1], direction.shape[:-1], irradiance.shape[:-1])
    return Incidence(unit(direction).expand(*batch, 3), irradiance.expand(*batch, irradiance.shape[-1]))


@LIGHTS.register("directional")
class Directional(Light):
    """Directional light; `direction` (*batch, 3) to the light, not zero; `irradiance` (*batch, C) >= 0 in W/m2.

    Raises `ValueError` for a zero direction or a negative irradiance.

    >>> sun = Directional(torch.tensor([0.0, 3.0, -4.0]), torch.tensor([2.0]))
    >>> [round(value, 6) for value in (*sun.direction.tolist(), sun.irradiance.item())]
    [0.0, 0.6, -0.8, 2.0]
    """

    def __init__(self, direction: Float[Tensor, "*batch 3"], irradiance: Float[Tensor, "*batch c"]) -> None:
        super().__init__()
        if not bool((direction != 0).any(-1).all()):
            raise ValueError("a light's direction must not be zero")
        self.direction_raw = nn.Parameter(unit(direction))
        self.irradiance_raw = nn.Parameter(unpositive(irradiance))

    @property
    def direction(self) -> Float[Tensor, "*batch 3"]:
        """Unit direction from the surface to the light."""
        return unit(self.direction_raw)

    @property
    def irradiance(self) -> Float[Tensor, "*batch c"]:
        """Irradiance at normal incidence in W/m2."""
        return positive(self.irradiance_raw)

    def forward(self, points: Tensor) -> Incidence:
        """See `directional_incidence`."""
        return directional_incidence(points, self.direction_raw, self.irradiance)
