"""The same radiance from everywhere."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from sharpvision.core.parametrisations import positive, unpositive
from sharpvision.illumination.distributed import DISTRIBUTED_LIGHTS, DistributedLight


@DISTRIBUTED_LIGHTS.register("ambient")
class Ambient(DistributedLight):
    """Uniform light of `radiance` (C,) >= 0 in W/m2/sr: irradiance pi times that. Raises `ValueError` where negative.

    >>> [round(v, 4) for v in Ambient(torch.ones(1)).irradiance(torch.tensor([0.0, 0.0, 1.0])).tolist()]
    [3.1416]
    """

    def __init__(self, radiance: Float[Tensor, " c"]) -> None:
        super().__init__()
        self.radiance_raw = nn.Parameter(unpositive(radiance))

    @property
    def level(self) -> Float[Tensor, " c"]:
        """The radiance."""
        return positive(self.radiance_raw)

    def radiance(self, directions: Tensor) -> Tensor:
        """The same for every direction."""
        return self.level.expand(*directions.shape[:-1], -1)

    def irradiance(self, normals: Tensor) -> Tensor:
        """pi times the radiance."""
        return torch.pi * self.radiance(normals)

    def blurred(self, directions: Tensor, roughness: Tensor) -> Tensor:
        """The same for every lobe."""
        return self.radiance(directions)
