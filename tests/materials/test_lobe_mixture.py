"""The mix of lobes, against a sum of formulas in NumPy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from contracts.material import MaterialContract
from numpy.typing import NDArray
from test_ggx import walter
from test_oren_nayar import in_angles

from sharpvision.materials import LobeMixture, LobeWeights, lobe_mixture_brdf


class TestLobeMixture(MaterialContract):
    entry = "lobe_mixture"

    def create(self, rng: np.random.Generator) -> LobeMixture:
        weights = torch.from_numpy(rng.dirichlet(np.ones(6), 3))[:, :5].T.contiguous()
        roughness = torch.from_numpy(rng.uniform(0.1, 0.7, 3))
        return LobeMixture(LobeWeights(weights[0], weights[1], weights[2:], roughness))

    def evaluate(self, material: LobeMixture, n: NDArray, wi: NDArray, wo: NDArray) -> NDArray:
        weights = material.weights
        total = (weights.diffuse + weights.rough_diffuse * torch.from_numpy(in_angles(n, wi, wo, 0.5))[:, None]) / np.pi
        for lobe, alpha in zip(weights.lobes, weights.roughness.tolist(), strict=True):
            total = total + torch.from_numpy(walter(n, wi, wo, alpha))[:, None] * lobe
        return total.detach().numpy()


def test_weights_survive_the_module() -> None:
    weights = LobeWeights(
        torch.tensor([0.5, 0.0]),
        torch.tensor([0.1, 0.2]),
        torch.tensor([[0.0, 0.3], [0.2, 0.5]]),
        torch.tensor([0.1, 0.4]),
    )
    kept = LobeMixture(weights).weights
    for name in ("diffuse", "rough_diffuse", "lobes", "roughness"):
        torch.testing.assert_close(getattr(kept, name).detach(), getattr(weights, name), rtol=0.0, atol=5e-6)


def test_weights_that_reflect_more_than_they_receive_are_refused() -> None:
    weights = LobeWeights(torch.tensor([0.8]), torch.tensor([0.1]), torch.tensor([[0.2]]), torch.tensor([0.1]))
    with pytest.raises(ValueError, match="sum to at most 1"):
        LobeMixture(weights)


def test_a_map_of_weights_shades_a_map_of_normals() -> None:
    generator = torch.Generator().manual_seed(0)
    height, width, lobes = 4, 5, 3
    n = torch.nn.functional.normalize(torch.randn(height, width, 3, generator=generator), dim=-1)
    weights = LobeWeights(
        torch.rand(height, width, 3, generator=generator),
        torch.rand(height, width, 3, generator=generator),
        torch.rand(height, width, lobes, 3, generator=generator),
        torch.tensor([0.1, 0.2, 0.4]),
    )
    up, light = torch.tensor([0.0, 0.0, -1.0]), torch.tensor([0.6, 0.0, -0.8])
    whole = lobe_mixture_brdf(n, light, up, weights)
    pixel = LobeWeights(weights.diffuse[2, 3], weights.rough_diffuse[2, 3], weights.lobes[2, 3], weights.roughness)
    torch.testing.assert_close(whole[2, 3], lobe_mixture_brdf(n[2, 3], light, up, pixel))
    assert whole.shape == (height, width, 3)
