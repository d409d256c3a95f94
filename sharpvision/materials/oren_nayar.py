"""Rough diffuse reflection."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from sharpvision.core.parametrisations import bounded, positive, unbounded, unpositive
from sharpvision.core.vectors import dot
from sharpvision.materials.material import MATERIALS, Material, facing_cosines

_LEAST_COSINE = 1e-6


def oren_nayar_brdf(
    n: Float[Tensor, "*#batch 3"],
    wi: Float[Tensor, "*#batch 3"],
    wo: Float[Tensor, "*#batch 3"],
    albedo: Float[Tensor, "*#batch c"],
    variance: Float[Tensor, "*#batch"],
) -> Float[Tensor, "*#batch c"]:
    """BRDF of a surface of Lambertian V-grooves: the qualitative model of Oren and Nayar.

    f = albedo / pi (A + B max(0, cos(phi_i - phi_o)) sin(a) tan(b)), a = max(theta_i, theta_o), b = min(theta_i,
    theta_o), A = 1 - 0.5 s / (s + 0.33), B = 0.45 s / (s + 0.09), s = `variance` of the facets' slope angle in
    radians^2. Computed without angles: cos(phi_i - phi_o) sin(a) tan(b) = (wi.wo - n.wi n.wo) / max(n.wi, n.wo), the
    larger cosine taken as at least 1e-6 (the model grows without bound where both directions graze together; its
    integral does not). Unit vectors point away from the surface; 1/sr; zero where n.wi <= 0 or n.wo <= 0.
    Gauge: none, but A alone can't be told from the albedo. With albedo 1 it reflects up to 1.5 % more than it receives
    at grazing light (see `oren_nayar_peak`). Oren and Nayar 1994, Generalization of Lambert's reflectance model,
    SIGGRAPH.

    >>> up, l = torch.tensor([0.0, 0.0, -1.0]), torch.tensor([0.6, 0.0, -0.8])
    >>> (oren_nayar_brdf(up, l, up, torch.tensor([0.5]), torch.tensor(0.0)) * math.pi).tolist()
    [0.5]
    """
    cos_i, cos_o, facing = facing_cosines(n, wi, wo)
    a, b = _coefficients(variance)
    azimuthal = torch.where(facing, dot(wi, wo) - cos_i * cos_o, 0.0).clamp(min=0.0)
    shape = a + b * azimuthal / torch.maximum(cos_i, cos_o).clamp(min=_LEAST_COSINE)
    return torch.where(facing, shape, 0.0)[..., None] * albedo / math.pi


def oren_nayar_peak(variance: Float[Tensor, "*batch"]) -> Float[Tensor, "*batch"]:
    """Reflected over received power at grazing light for albedo 1, the largest of all directions, but at least 1.

    max(1, A + B / 2): at theta_i = pi/2 the B term integrates over the hemisphere to pi / 2.

    >>> round(oren_nayar_peak(torch.tensor(0.05)).item(), 4)
    1.0146
    """
    a, b = _coefficients(variance)
    return (a + b / 2).clamp(min=1.0)


def _coefficients(variance: Tensor) -> tuple[Tensor, Tensor]:
    """A and B of the model."""
    return 1 - 0.5 * variance / (variance + 0.33), 0.45 * variance / (variance + 0.09)


@MATERIALS.register("oren_nayar")
class OrenNayar(Material):
    """Rough diffuse material; `albedo` (*batch, C) in [0, 1], `variance` (*batch) of the slope angle in radians^2, >=
    0.

    The BRDF's albedo is `albedo / oren_nayar_peak(variance)`, so that no light direction gets back more than it sends.
    Raises `ValueError` for values outside these ranges.

    >>> material = OrenNayar(torch.tensor([0.5]), torch.tensor(0.25))
    >>> material.albedo.tolist(), round(material.variance.item(), 6)
    ([0.5], 0.25)
    """

    def __init__(self, albedo: Float[Tensor, "*batch c"], variance: Float[Tensor, "*batch"]) -> None:
        super().__init__()
        self.albedo_raw = nn.Parameter(unbounded(albedo, 0.0, 1.0))
        self.variance_raw = nn.Parameter(unpositive(variance))

    @property
    def albedo(self) -> Float[Tensor, "*batch c"]:
        """Albedo of the facets, but where that would reflect more than it receives, the largest share reflected."""
        return bounded(self.albedo_raw, 0.0, 1.0)

    @property
    def variance(self) -> Float[Tensor, "*batch"]:
        """Variance of the facets' slope angle in radians^2."""
        return positive(self.variance_raw)

    def forward(self, n: Tensor, wi: Tensor, wo: Tensor) -> Tensor:
        """See `oren_nayar_brdf`."""
        variance = self.variance
        return oren_nayar_brdf(n, wi, wo, self.albedo / oren_nayar_peak(variance)[..., None], variance)
