"""A non-negative mix of diffuse, rough diffuse and glossy lobes: the reflectance that the photometric solver fits."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from sharpvision.core.parametrisations import bounded, shares, unbounded, unshares
from sharpvision.materials.ggx import LEAST_ROUGHNESS, ggx_facets
from sharpvision.materials.lambert import lambert_brdf
from sharpvision.materials.material import MATERIALS, Material
from sharpvision.materials.oren_nayar import oren_nayar_brdf

ROUGH_DIFFUSE_VARIANCE = 0.5


@dataclass(frozen=True, eq=False)
class LobeWeights:
    """Weights of a mix: `diffuse` (*batch, C) Lambert albedo, `rough_diffuse` (*batch, C) Oren-Nayar albedo at slope
    variance 0.5, `lobes` (*batch, K, C) of GGX lobes that reflect everything (F = 1), `roughness` (K,) their alpha."""

    diffuse: Float[Tensor, "*batch c"]
    rough_diffuse: Float[Tensor, "*batch c"]
    lobes: Float[Tensor, "*batch k c"]
    roughness: Float[Tensor, " k"]


def lobe_mixture_brdf(
    n: Float[Tensor, "*#batch 3"], wi: Float[Tensor, "*#batch 3"], wo: Float[Tensor, "*#batch 3"], weights: LobeWeights
) -> Float[Tensor, "*#batch c"]:
    """BRDF that is linear in non-negative weights.

    f = diffuse / pi + rough_diffuse ON(n, wi, wo) + sum_k lobes_k GGX(n, wi, wo; roughness_k), with `oren_nayar_brdf`
    of albedo 1 and variance 0.5 and `ggx_facets` with separable shadowing. Unit vectors point away from the surface;
    1/sr; zero where n.wi <= 0 or n.wo <= 0. Gauge: neighbouring roughnesses are nearly collinear, so their weights
    trade against each other, as do diffuse and rough diffuse seen from one view.

    >>> up = torch.tensor([0.0, 0.0, -1.0])
    >>> w = LobeWeights(torch.tensor([0.3]), torch.tensor([0.0]), torch.tensor([[0.1]]), torch.tensor([0.5]))
    >>> round(lobe_mixture_brdf(up, up, up, w).item() * torch.pi, 6)
    0.4
    """
    diffuse = lambert_brdf(n, wi, wo, weights.diffuse)
    rough = oren_nayar_brdf(n, wi, wo, weights.rough_diffuse, weights.diffuse.new_tensor(ROUGH_DIFFUSE_VARIANCE))
    facets = ggx_facets(n[..., None, :], wi[..., None, :], wo[..., None, :], weights.roughness)
    return diffuse + rough + (facets[..., None] * weights.lobes).sum(-2)


@MATERIALS.register("lobe_mixture")
class LobeMixture(Material):
    """Mix of lobes whose weights sum to at most 1 in each channel, so that it never reflects more than it receives.

    Fitted weights of relative scale must be divided by their largest sum first; `ValueError` otherwise.

    >>> weights = LobeWeights(torch.tensor([0.5]), torch.tensor([0.25]), torch.tensor([[0.125]]), torch.tensor([0.2]))
    >>> round(LobeMixture(weights).weights.lobes.item(), 6)
    0.125
    """

    def __init__(self, weights: LobeWeights) -> None:
        super().__init__()
        stacked = torch.cat([weights.diffuse[..., None, :], weights.rough_diffuse[..., None, :], weights.lobes], -2)
        self.weights_raw = nn.Parameter(unshares(stacked.transpose(-1, -2)))
        self.roughness_raw = nn.Parameter(unbounded(weights.roughness, LEAST_ROUGHNESS, 1.0))

    @property
    def weights(self) -> LobeWeights:
        """The weights, each channel's sum below 1."""
        stacked = shares(self.weights_raw).transpose(-1, -2)
        roughness = bounded(self.roughness_raw, LEAST_ROUGHNESS, 1.0)
        return LobeWeights(stacked[..., 0, :], stacked[..., 1, :], stacked[..., 2:, :], roughness)

    def forward(self, n: Tensor, wi: Tensor, wo: Tensor) -> Tensor:
        """See `lobe_mixture_brdf`."""
        return lobe_mixture_brdf(n, wi, wo, self.weights)
