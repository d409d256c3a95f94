"""Torch twin of the reflectance basis and of the light at a point; see `sharpvision.kernels.reflectance_basis`."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from sharpvision.core.vectors import dot, unit
from sharpvision.kernels.reflectance_basis import LOBE_ROUGHNESS, OREN_NAYAR_SIGMA2

TAN_LIMIT = 1.5
INTERREFLECTION_ALBEDO = 0.5


def light_at_points(
    lights: Float[Tensor, "n 3"], points: Float[Tensor, "p 3"]
) -> tuple[Float[Tensor, "p n 3"], Float[Tensor, "p n"]]:
    """Unit directions to lights at unit distance, seen from points in light distances, and fall-offs 1 / distance^2.

    >>> directions, gains = light_at_points(torch.tensor([[0.0, 0.0, -1.0]]), torch.tensor([[0.0, 0.0, 0.5]]))
    >>> directions[0, 0].tolist(), round(gains.item(), 4)
    ([0.0, 0.0, -1.0], 0.4444)
    """
    to_light = lights[None] - points[:, None]
    return unit(to_light), 1 / dot(to_light, to_light)


def basis(n: Float[Tensor, "*#b 3"], l: Float[Tensor, "*#b 3"], v: Float[Tensor, "*#b 3"]) -> Float[Tensor, "*b 6"]:
    """The six basis values n.l f_k(n, l, v), BRDFs without 1/pi for the two diffuse ones; zero below the horizon.

    (n.l, n.l ON, n.l D_k V_k ..): Oren and Nayar's full model at sigma^2 = 0.5 with albedo 1/2 inside the double
    reflection, GGX lobes D V with separable Smith shadowing. Vectors are unit; radiance for unit irradiance times pi in
    the diffuse entries. tan is cut at 1.5 rad. Oren & Nayar 1994; Walter et al. 2007.

    >>> up = torch.tensor([0.0, 0.0, -1.0], dtype=torch.float64)
    >>> basis(up, up, up)[:2].round(decimals=3).tolist()
    [1.0, 0.766]
    """
    nl, nv = dot(n, l), dot(n, v)
    lit = (nl > 0) & (nv > 0)
    nl, nv = torch.where(lit, nl, 1.0).clamp(max=1.0), torch.where(lit, nv, 1.0).clamp(max=1.0)
    nh = dot(n, unit(l + v)).clamp(max=1.0)
    rough = _oren_nayar(nl, nv, dot(l, v) - nl * nv)
    lobes = [_lobe(nl, nv, nh, alpha) for alpha in LOBE_ROUGHNESS]
    return torch.where(lit, nl, 0.0)[..., None] * torch.stack([torch.ones_like(nl), rough, *lobes], -1)


def _oren_nayar(nl: Tensor, nv: Tensor, s: Tensor) -> Tensor:
    """Oren and Nayar's equations 30 and 31 over albedo and n.l, s = sin(theta_l) sin(theta_v) cos(azimuth)."""
    theta_l, theta_v = torch.acos(nl), torch.acos(nv)
    wide, narrow = torch.maximum(theta_l, theta_v), torch.minimum(theta_l, theta_v)
    sines = torch.sin(theta_l) * torch.sin(theta_v)
    azimuth = (s / sines.clamp(min=1e-6)).clamp(-1.0, 1.0)
    sigma2, small = OREN_NAYAR_SIGMA2, 2 * narrow / math.pi
    c1 = 1 - 0.5 * sigma2 / (sigma2 + 0.33)
    c2 = 0.45 * sigma2 / (sigma2 + 0.09)
    c3 = 0.125 * sigma2 / (sigma2 + 0.09) * (4 * wide * narrow / math.pi**2) ** 2
    # cos(azimuth) sin(a) tan(b) without angles; only the cubic term of the far side needs them
    near = c2 * s / torch.maximum(nl, nv).clamp(min=math.cos(TAN_LIMIT))
    far = -c2 * azimuth * small**3 * torch.tan(narrow.clamp(max=TAN_LIMIT))
    single = c1 + near + torch.where(s < 0, far, 0.0)
    single = single + (1 - azimuth.abs()) * c3 * torch.tan((0.5 * (wide + narrow)).clamp(max=TAN_LIMIT))
    twice = 0.17 * sigma2 / (sigma2 + 0.13) * (1 - azimuth * small**2)
    return single + INTERREFLECTION_ALBEDO * twice


def _lobe(nl: Tensor, nv: Tensor, nh: Tensor, alpha: float) -> Tensor:
    """GGX distribution times G1(l) G1(v) / (4 n.l n.v)."""
    a2 = alpha * alpha
    distribution = a2 / (math.pi * (nh * nh * (a2 - 1) + 1) ** 2)
    masking = [1 / (c + torch.sqrt(a2 + (1 - a2) * c * c)) for c in (nl, nv)]
    return distribution * masking[0] * masking[1]
