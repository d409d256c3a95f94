"""Ideal diffuse reflection."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from sharpvision.core.parametrisations import bounded, unbounded
from sharpvision.materials.maps import Map
from sharpvision.materials.material import MATERIALS, Material, facing_cosines
from sharpvision.materials.surface import Lobes, SurfacePoints


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
    """Ideal diffuse material; `albedo` (*batch, C) in [0, 1], `ValueError` outside, or a map (texture, vertex colours).

    >>> Lambert(torch.tensor([0.25, 0.5])).albedo.tolist()
    [0.25, 0.5]
    """

    has_lobes = True

    def __init__(self, albedo: Float[Tensor, "*batch c"] | Map) -> None:
        super().__init__()
        self.albedo_map = albedo if isinstance(albedo, Map) else None
        self.albedo_raw = None if isinstance(albedo, Map) else nn.Parameter(unbounded(albedo, 0.0, 1.0))

    @property
    def albedo(self) -> Float[Tensor, "*batch c"]:
        """Reflected over received power; `ValueError` where it is a map."""
        if self.albedo_raw is None:
            raise ValueError("the albedo is a map: ask lobes(surface) for its values at places of a surface")
        return bounded(self.albedo_raw, 0.0, 1.0)

    def lobes(self, surface: SurfacePoints) -> Lobes:
        """The albedo at places of a surface."""
        return Lobes(self.albedo if self.albedo_map is None else self.albedo_map(surface))

    def forward(self, n: Tensor, wi: Tensor, wo: Tensor, surface: SurfacePoints | None = None) -> Tensor:
        """See `lambert_brdf`; `surface` is needed where the albedo is a texture or vertex colours."""
        return lambert_brdf(n, wi, wo, self.lobes(SurfacePoints() if surface is None else surface).albedo)
