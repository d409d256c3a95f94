"""What a light with extent is: radiance from every direction; the registry of such lights."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from jaxtyping import Float
from torch import Tensor, nn

from sharpvision.core.registry import Registry
from sharpvision.core.vectors import dot, unit
from sharpvision.kernels.lobe_fit import CUBIC, lobe_fit


class DistributedLight(nn.Module, ABC):
    """Light from all around, infinitely far, with its parameters as unconstrained state; world axes."""

    @abstractmethod
    def radiance(self, directions: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch c"]:
        """Radiance in W/m2/sr that arrives from unit directions."""

    @abstractmethod
    def irradiance(self, normals: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch c"]:
        """Integral of radiance times max(n.wi, 0) over the sphere, in W/m2, at unit normals."""

    def forward(self, normals: Tensor) -> Tensor:
        """See `irradiance`."""
        return self.irradiance(normals)

    @abstractmethod
    def blurred(
        self, directions: Float[Tensor, "*batch 3"], roughness: Float[Tensor, "*#batch"]
    ) -> Float[Tensor, "*batch c"]:
        """Radiance seen in a mirror along unit `directions` by a lobe of GGX's alpha `roughness`."""

    def specular(
        self,
        n: Float[Tensor, "*#batch 3"],
        wo: Float[Tensor, "*#batch 3"],
        f0: Float[Tensor, "*#batch c"],
        roughness: Float[Tensor, "*#batch"],
    ) -> Float[Tensor, "*batch c"]:
        """Radiance of one GGX lobe under this light: the light seen blurred in the mirror direction.

        L = R(n.wo) L_blurred(d), R the lobe's albedo (`lobe_albedo`), d = n + b (m - n) made unit, m = 2 (n.wo) n - wo
        the mirror direction, b = (1 - alpha) (sqrt(1 - alpha) + alpha): rough lobes lean towards the normal (Lagarde
        and de Rousiers 2014, Moving Frostbite to physically based rendering, section 4.9.3). An approximation: the lobe
        is taken as round about d. Under order-2 light and views within 60 degrees off by at most 5, 8, 12 % of the mean
        reflected radiance for alpha = 0.1, 0.3, 0.6 (`tests/illumination/test_distributed.py`), by more at grazing
        views. Zero where n.wo <= 0.
        """
        cosine = dot(n, wo)
        seen = cosine > 0
        cosine = torch.where(seen, cosine, 1.0)
        bend = lobe_fit(roughness)[0]
        mirror = unit(n + bend[..., None] * (2 * cosine[..., None] * n - wo - n))
        albedo = lobe_albedo(cosine, roughness, f0)
        return torch.where(seen[..., None], albedo * self.blurred(mirror, roughness), 0.0)


def lobe_albedo(
    cosine: Float[Tensor, "*#batch"], roughness: Float[Tensor, "*#batch"], f0: Float[Tensor, "*#batch c"]
) -> Float[Tensor, "*#batch c"]:
    """Share of uniform light that a GGX lobe of alpha `roughness` reflects towards n.wo = `cosine`, in [0, 1].

    R = f0 A + (1 - f0) B with A the albedo of facets that reflect everything, a cubic in (c, sqrt(alpha)), and B =
    (1 - c)^(5 exp(-2.684 alpha)) / (1 + 38 alpha^1.357) what Schlick's term adds; both fitted to quadrature of
    `ggx_brdf` (separable shadowing) over c >= 0.01, alpha >= 1e-3: A to 0.04 (0.02 rms), B to 0.13
    near grazing (0.018 rms).

    >>> round(lobe_albedo(torch.tensor(1.0), torch.tensor(0.25), torch.ones(1)).item(), 2)
    0.9
    """
    _, p0, p1, p2, exponent, scale = lobe_fit(roughness)
    facets = (p0 + cosine * (p1 + cosine * (p2 + CUBIC * cosine))).clamp(0.0, 1.0)[..., None]
    fresnel = (scale * (1 - cosine).clamp(min=1e-6) ** exponent)[..., None]
    return f0 * facets + (1 - f0) * fresnel


DISTRIBUTED_LIGHTS = Registry[type[DistributedLight]]("distributed light")
