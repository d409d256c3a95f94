"""`Shade`: a material under a light as one module for somebody's own network, in plain torch."""

from __future__ import annotations

import math
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from sharpvision.core.parametrisations import bounded, unbounded
from sharpvision.core.vectors import dot, unit
from sharpvision.illumination.directional import Directional
from sharpvision.illumination.spherical_harmonics import SphericalHarmonics
from sharpvision.materials.ggx import LEAST_ROUGHNESS
from sharpvision.materials.lobes import lobes_brdf
from sharpvision.materials.surface import Lobes

ShadeMaterial = Literal["lambert", "ggx"]
ShadeLight = Literal["directional", "sh2", "sh3", "sh4"]


class Shade(nn.Module):
    """Radiance of surface points under one light: from normals, view directions and albedo of any leading shape.

        directional:  L = f(n, wi, wo) E max(n.wi, 0)
        sh2 .. sh4:   L = albedo' E(n) / pi + the lobe's part

    with f of `lobes_brdf` (`lambert`: no lobe; `ggx`: one GGX lobe over the diffuse part), E(n) and the lobe's part of
    `SphericalHarmonics`, albedo' of `Lobes.matte_albedo`. The light and, for `ggx`, `roughness` () and `f0` (C,) are
    parameters; what a caller hands to `forward` takes their place. Plain torch: compiles whole, goes through
    `torch.func` and autocast (reduced precision ends at the input: the arithmetic is float32 or the parameters' dtype),
    loads no kernels. World axes; W/m2/sr; no shadows. All derivatives; none from the border where n.wi = 0. Raises
    `ValueError` for an unknown material or light.

    >>> shade = Shade("lambert", "directional")
    >>> n = torch.tensor([[0.0, 0.0, 1.0], [0.0, 0.0, -1.0]])
    >>> [round(v, 4) for v in (shade(n, n, torch.ones(1)) * torch.pi)[:, 0].tolist()]
    [1.0, 0.0]
    """

    def __init__(self, material: ShadeMaterial = "lambert", light: ShadeLight = "sh2", *, channels: int = 3) -> None:
        super().__init__()
        if material not in ("lambert", "ggx"):
            raise ValueError(f"material must be lambert or ggx, not {material!r}")
        if light not in ("directional", "sh2", "sh3", "sh4"):
            raise ValueError(f"light must be directional, sh2, sh3 or sh4, not {light!r}")
        self.light: Directional | SphericalHarmonics
        if light == "directional":
            self.light = Directional(torch.tensor([0.0, 0.0, 1.0]), torch.ones(channels))
        else:
            coefficients = torch.zeros((int(light[2]) + 1) ** 2, channels)
            coefficients[0] = 2 / math.sqrt(math.pi)  # irradiance pi Y_00 c = 1, as the directional light's
            self.light = SphericalHarmonics(coefficients)
        glossy = material == "ggx"
        self.roughness_raw = nn.Parameter(unbounded(torch.tensor(0.3), LEAST_ROUGHNESS, 1.0)) if glossy else None
        self.f0_raw = nn.Parameter(unbounded(torch.full((channels,), 0.04), 0.0, 1.0)) if glossy else None

    @property
    def roughness(self) -> Float[Tensor, ""] | None:
        """GGX's alpha; None for `lambert`."""
        return None if self.roughness_raw is None else bounded(self.roughness_raw, LEAST_ROUGHNESS, 1.0)

    @property
    def f0(self) -> Float[Tensor, " c"] | None:
        """Reflectance of the lobe at normal incidence; None for `lambert`."""
        return None if self.f0_raw is None else bounded(self.f0_raw, 0.0, 1.0)

    def forward(
        self,
        normals: Float[Tensor, "*batch 3"],
        view: Float[Tensor, "*batch 3"],
        albedo: Float[Tensor, "*#batch c"],
        roughness: Float[Tensor, "*#batch"] | None = None,
        f0: Float[Tensor, "*#batch c"] | None = None,
    ) -> Float[Tensor, "*batch c"]:
        """Radiance towards `view` (directions from the surface to the camera). Both directions of any length; where a
        normal is zero nothing is reflected. `albedo` in [0, 1]; `roughness` and `f0` for `ggx` only."""
        with torch.autocast(normals.device.type, enabled=False):
            like = next(self.parameters()).dtype
            n, wo, albedo = unit(normals.to(like)), unit(view.to(like)), albedo.to(like)
            roughness = self.roughness if roughness is None else roughness.to(like)
            f0 = self.f0 if f0 is None else f0.to(like)
            lobes = Lobes(albedo, f0, roughness) if self.f0_raw is not None else Lobes(albedo)
            if isinstance(self.light, Directional):
                wi = self.light.direction.expand_as(n)
                arriving = self.light.irradiance * dot(n, wi).clamp(min=0)[..., None]
                return lobes_brdf(n, wi, wo, lobes) * arriving
            cosine = dot(n, wo)
            there = (n != 0).any(-1)[..., None]
            radiance = lobes.matte_albedo(cosine.clamp(min=0)) * self.light.irradiance(n) / math.pi
            if lobes.f0 is not None and lobes.roughness is not None:
                radiance = radiance + self.light.specular(n, wo, lobes.f0, lobes.roughness.expand_as(cosine))
            return torch.where(there, radiance, 0.0)
