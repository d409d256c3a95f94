"""Light from a point nearby."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from sharpvision.core.parametrisations import positive, unpositive
from sharpvision.core.vectors import dot, unit
from sharpvision.illumination.light import LIGHTS, Incidence, Light


def point_incidence(
    points: Float[Tensor, "*#batch 3"], position: Float[Tensor, "*#batch 3"], intensity: Float[Tensor, "*#batch c"]
) -> Incidence:
    """Light of a point source, the same in all directions: wi = d / |d|, E = intensity / |d|^2, d = position - point.

    `intensity` is radiant, in W/sr, C channels; lengths in metres give W/m2. At the light's own position, where the
    irradiance has no value, direction and irradiance are zero.
    Gauge: scaling the scene by s and the intensity by s^2 changes nothing.

    >>> lamp = point_incidence(torch.zeros(3), torch.tensor([0.0, 0.0, -2.0]), torch.tensor([8.0]))
    >>> lamp.direction.tolist(), lamp.irradiance.tolist()
    ([0.0, 0.0, -1.0], [2.0])
    """
    to_light = position - points
    squared = dot(to_light, to_light)[..., None]
    irradiance = torch.where(squared > 0, intensity / torch.where(squared > 0, squared, 1.0), 0.0)
    return Incidence(unit(to_light).expand(*irradiance.shape[:-1], 3), irradiance)


@LIGHTS.register("point")
class Point(Light):
    """Point light; `position` (*batch, 3) in the camera frame, `intensity` (*batch, C) >= 0 in W/sr.

    Raises `ValueError` for a negative intensity.

    >>> lamp = Point(torch.tensor([0.0, 0.0, -2.0]), torch.tensor([8.0]))
    >>> round(lamp(torch.zeros(3)).irradiance.item(), 6)
    2.0
    """

    def __init__(self, position: Float[Tensor, "*batch 3"], intensity: Float[Tensor, "*batch c"]) -> None:
        super().__init__()
        self.position = nn.Parameter(position.clone())
        self.intensity_raw = nn.Parameter(unpositive(intensity))

    @property
    def intensity(self) -> Float[Tensor, "*batch c"]:
        """Radiant intensity in W/sr."""
        return positive(self.intensity_raw)

    def forward(self, points: Tensor) -> Incidence:
        """See `point_incidence`."""
        return point_incidence(points, self.position, self.intensity)
