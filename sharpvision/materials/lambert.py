"""Ideal diffuse reflection."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from sharpvision.core.parametrisations import bounded, unbounded
from sharpvision.materials.material import MATERIALS, Material, facing_cosines


def lambert_brdf(
    n: Float[Tensor, "*#batch 3"],
    wi: Float[Tensor, "*#batch 3"],
    wo: Float[Tensor, "*#batch 3"],
    albedo: Float[Tensor, "*#batch c"],
) -> Float[Tensor, "*#batch c"]:
    """BRDF of a surface that looks equally bright from everywhere.

    f = albedo / pi in 1/sr where n.wi > 0 and n.wo > 0, else 0. Unit vectors point away from the surface.
    Gauge: with lights of unknown scale the albedo is known up to one factor. Lambert 1760.

    >>> up = torch.tensor([0.0, 0.0, -1.0])
    >>> (lambert_brdf(up, up, up, torch.tensor([0.5])) * math.pi).tolist()
    [0.5]
    """
    _, _, facing = facing_cosines(n, wi, wo)
    return torch.where(facing[..., None], albedo / math.pi, 0.0)


@MATERIALS.register("lambert")
class Lambert(Material):
    """Ideal diffuse material; `albedo` (*batch, C) in [0, 1], `ValueError` outside.

    >>> Lambert(torch.tensor([0.25, 0.5])).albedo.tolist()
    [0.25, 0.5]
    """

    def __init__(self, albedo: Float[Tensor, "*batch c"]) -> None:
        super().__init__()
        self.albedo_raw = nn.Parameter(unbounded(albedo, 0.0, 1.0))

    @property
    def albedo(self) -> Float[Tensor, "*batch c"]:
        """Reflected over received power."""
        return bounded(self.albedo_raw, 0.0, 1.0)

    def forward(self, n: Tensor, wi: Tensor, wo: Tensor) -> Tensor:
        """See `lambert_brdf`."""
        return lambert_brdf(n, wi, wo, self.albedo)
