"""Glossy microfacet reflection: GGX facets, Smith shadowing, Schlick's Fresnel term."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from sharpvision.core.parametrisations import bounded, unbounded
from sharpvision.core.vectors import dot, unit
from sharpvision.materials.material import MATERIALS, Material, facing_cosines
from sharpvision.materials.surface import Lobes, SurfacePoints

LEAST_ROUGHNESS = 1e-3


def ggx_brdf(
    n: Float[Tensor, "*#batch 3"],
    wi: Float[Tensor, "*#batch 3"],
    wo: Float[Tensor, "*#batch 3"],
    roughness: Float[Tensor, "*#batch"],
    f0: Float[Tensor, "*#batch c"],
    *,
    height_correlated: bool = False,
) -> Float[Tensor, "*#batch c"]:
    """BRDF of mirror facets whose normals follow the GGX distribution, single scattering.

    f = F D G / (4 n.wi n.wo) with h = (wi + wo) / |wi + wo|, F = f0 + (1 - f0) (1 - wo.h)^5 (Schlick 1994), and D, G as
    in `ggx_facets`. `roughness` is GGX's alpha itself (not its square root as in some renderers), `f0` the reflectance
    at normal incidence. Unit vectors point away from the surface; 1/sr; zero where n.wi <= 0 or n.wo <= 0.
    Gauge: F and the scale of D G can't be told apart where wo.h hardly varies. Walter et al. 2007; Heitz 2014.

    >>> up = torch.tensor([0.0, 0.0, -1.0])
    >>> round(ggx_brdf(up, up, up, torch.tensor(0.5), torch.tensor([0.04])).item() * math.pi, 6)
    0.04
    """
    facets = ggx_facets(n, wi, wo, roughness, height_correlated=height_correlated)
    grazing = (1 - dot(wo, unit(wi + wo))).clamp(0.0, 1.0)[..., None] ** 5
    return facets[..., None] * (f0 + (1 - f0) * grazing)


def ggx_facets(
    n: Float[Tensor, "*#batch 3"],
    wi: Float[Tensor, "*#batch 3"],
    wo: Float[Tensor, "*#batch 3"],
    roughness: Float[Tensor, "*#batch"],
    *,
    height_correlated: bool = False,
) -> Float[Tensor, "*#batch"]:
    """D G / (4 n.wi n.wo): the GGX BRDF of facets that reflect everything (F = 1).

    D = a^2 / (pi (a^2 (n.h)^2 + |n x h|^2)^2), the cross product because 1 - (n.h)^2 loses all digits at small a;
    separable (default): G = G1(n.wi) G1(n.wo), G1(c) = 2 c / (c + r(c)), r(c) = sqrt(a^2 + (1 - a^2) c^2);
    height-correlated: G = 2 n.wi n.wo / (n.wo r(n.wi) + n.wi r(n.wo)).
    The cosines cancel, so nothing is divided by zero at grazing. Roughness a below 1e-3 counts as 1e-3, without
    gradient.

    >>> up = torch.tensor([0.0, 0.0, -1.0])
    >>> round(ggx_facets(up, up, up, torch.tensor(0.5)).item() * math.pi, 6)
    1.0
    """
    cos_i, cos_o, facing = facing_cosines(n, wi, wo)
    h = unit(wi + wo)
    n, h = torch.broadcast_tensors(n, h)
    a2 = roughness.clamp(min=LEAST_ROUGHNESS) ** 2
    cross = torch.linalg.cross(n, h)
    spread = torch.where(facing, a2 * dot(n, h) ** 2 + dot(cross, cross), 1.0)
    distribution = a2 / (math.pi * spread**2)
    root_i = (a2 + (1 - a2) * cos_i**2).sqrt()
    root_o = (a2 + (1 - a2) * cos_o**2).sqrt()
    if height_correlated:
        visibility = 0.5 / (cos_o * root_i + cos_i * root_o)
    else:
        visibility = 1 / ((cos_i + root_i) * (cos_o + root_o))
    return torch.where(facing, distribution * visibility, 0.0)


@MATERIALS.register("ggx")
class GGX(Material):
    """Glossy material; `roughness` (*batch) is GGX's alpha in [1e-3, 1], `f0` (*batch, C) in [0, 1].

    Raises `ValueError` for values outside these ranges.

    >>> gold = GGX(torch.tensor(0.25), torch.tensor([1.0, 0.75, 0.5]))
    >>> [round(value, 4) for value in (gold.roughness.item(), *gold.f0.tolist())]
    [0.25, 1.0, 0.75, 0.5]
    """

    def __init__(
        self, roughness: Float[Tensor, "*batch"], f0: Float[Tensor, "*batch c"], *, height_correlated: bool = False
    ) -> None:
        super().__init__()
        self.roughness_raw = nn.Parameter(unbounded(roughness, LEAST_ROUGHNESS, 1.0))
        self.f0_raw = nn.Parameter(unbounded(f0, 0.0, 1.0))
        self.height_correlated = height_correlated
        self.has_lobes = not height_correlated  # a renderer's lobe is the separable one

    @property
    def roughness(self) -> Float[Tensor, "*batch"]:
        """GGX's alpha."""
        return bounded(self.roughness_raw, LEAST_ROUGHNESS, 1.0)

    @property
    def f0(self) -> Float[Tensor, "*batch c"]:
        """Reflectance at normal incidence."""
        return bounded(self.f0_raw, 0.0, 1.0)

    def lobes(self, surface: SurfacePoints) -> Lobes:
        """The lobe, without a diffuse part; `TypeError` where its shadowing is height-correlated."""
        if not self.has_lobes:
            return super().lobes(surface)
        f0 = self.f0
        return Lobes(torch.zeros_like(f0), f0, self.roughness, matte=False)

    def forward(self, n: Tensor, wi: Tensor, wo: Tensor) -> Tensor:
        """See `ggx_brdf`."""
        return ggx_brdf(n, wi, wo, self.roughness, self.f0, height_correlated=self.height_correlated)
