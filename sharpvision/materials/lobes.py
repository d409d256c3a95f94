"""The BRDF of a diffuse base under a glossy lobe."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from sharpvision.materials.ggx import ggx_brdf
from sharpvision.materials.lambert import lambert_brdf
from sharpvision.materials.material import facing_cosines
from sharpvision.materials.surface import Lobes, passed


def lobes_brdf(
    n: Float[Tensor, "*#p 3"], wi: Float[Tensor, "*#p 3"], wo: Float[Tensor, "*#p 3"], lobes: Lobes
) -> Float[Tensor, "*#p c"]:
    """BRDF of a diffuse base under one GGX lobe, which takes its share first.

    f = albedo / pi (1 - f0) T(n.wi) T(n.wo) + GGX(n, wi, wo; roughness, f0) in 1/sr, T(c) = 1 - (1 - c)^5: light passes
    the lobe's interface on its way in and out by Schlick's Fresnel term. Without a lobe albedo / pi. Reciprocal, and
    reflects at most what it receives, which the plain sum of both parts does not. Unit vectors point away from the
    surface; zero where n.wi <= 0 or n.wo <= 0. Gauge: a rough lobe and the albedo trade against each other. Ashikhmin
    and Shirley 2000, An anisotropic Phong BRDF model (the same coupling, with 21/20 of its diffuse part).

    >>> import torch
    >>> up = torch.tensor([0.0, 0.0, -1.0])
    >>> glossy = Lobes(torch.tensor([0.5]), torch.tensor([0.04]), torch.tensor(0.5))
    >>> round(lobes_brdf(up, up, up, glossy).item() * torch.pi, 6)
    0.52
    """
    diffuse = lambert_brdf(n, wi, wo, lobes.albedo)
    if lobes.f0 is None or lobes.roughness is None:
        return diffuse
    cos_i, cos_o, _ = facing_cosines(n, wi, wo)
    diffuse = diffuse * (1 - lobes.f0) * (passed(cos_i) * passed(cos_o))[..., None]
    return diffuse + ggx_brdf(n, wi, wo, lobes.roughness, lobes.f0)
