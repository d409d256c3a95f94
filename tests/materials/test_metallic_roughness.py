"""Metallic-roughness material, against glTF's formulas written once more in NumPy; maps; lobes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from contracts.material import MaterialContract
from numpy.typing import NDArray

from sharpvision.materials import (
    GGX,
    Lambert,
    LobeMixture,
    Lobes,
    LobeWeights,
    MetallicRoughness,
    SurfacePoints,
    Texture,
    Uniform,
    VertexColor,
)


def sigmoid(raw: torch.Tensor) -> NDArray:
    return 1 / (1 + np.exp(-raw.detach().numpy()))


class TestMetallicRoughness(MaterialContract):
    entry = "metallic_roughness"

    def create(self, rng: np.random.Generator) -> MetallicRoughness:
        base, metallic, roughness = rng.uniform(0.1, 0.9, 3), rng.uniform(0.1, 0.9), rng.uniform(0.4, 0.9)
        return MetallicRoughness(*(torch.as_tensor(v, dtype=torch.float64) for v in (base, metallic, roughness)))

    def evaluate(self, material: MetallicRoughness, n: NDArray, wi: NDArray, wo: NDArray) -> NDArray:
        base, metallic, rough = (sigmoid(p) for p in material.parameters())
        alpha, f0 = float(rough[0]) ** 2, 0.04 * (1 - metallic) + base * metallic
        h = (wi + wo) / np.linalg.norm(wi + wo, axis=1, keepdims=True)
        ci, co, ch, oh = ((a * b).sum(1, keepdims=True) for a, b in ((n, wi), (n, wo), (n, h), (wo, h)))
        d = alpha**2 / (np.pi * (ch**2 * (alpha**2 - 1) + 1) ** 2)
        g1 = [2 * c / (c + np.sqrt(alpha**2 + (1 - alpha**2) * c**2)) for c in (ci, co)]
        fresnel = f0 + (1 - f0) * (1 - oh) ** 5
        through = (1 - (1 - ci) ** 5) * (1 - (1 - co) ** 5) * (1 - f0)
        return base * (1 - metallic) / np.pi * through + fresnel * d * g1[0] * g1[1] / (4 * ci * co)


def test_diffuse_part_under_uniform_light_is_its_matte_albedo() -> None:
    """Quadrature of the diffuse part over the hemisphere, at several views."""
    nodes, weights = np.polynomial.legendre.leggauss(40)
    cosine = torch.from_numpy((nodes + 1) / 2)
    for view in (1.0, 0.5, 0.05):
        lobes = Lobes(torch.tensor([0.6]).double(), torch.tensor([0.2]).double(), torch.tensor(0.3).double())
        through = (1 - (1 - cosine) ** 5) * (1 - (1 - view) ** 5)
        share = 2 * (torch.from_numpy(weights) / 2 * through * cosine).sum() * 0.6 * 0.8
        assert lobes.matte_albedo(torch.tensor(view).double()).item() == pytest.approx(share.item(), rel=1e-6)


def test_maps_vary_over_the_surface_and_stay_in_range() -> None:
    texels = torch.rand(4, 4, 3, generator=torch.Generator().manual_seed(0))
    uv = torch.tensor([[0.125, 0.125], [0.625, 0.875]])
    material = MetallicRoughness(Texture(texels), torch.tensor(0.0), Texture(texels[..., :1]))
    lobes = material.lobes(SurfacePoints(uv=uv))
    torch.testing.assert_close(lobes.albedo, texels[[3, 0], [0, 2]], atol=2e-6, rtol=0.0)
    torch.testing.assert_close(lobes.roughness, texels[[3, 0], [0, 2], 0] ** 2, atol=2e-6, rtol=0.0)
    with torch.no_grad():
        material.base_color.texels_raw.mul_(50)
    wild = material.lobes(SurfacePoints(uv=uv)).albedo
    assert bool(((wild >= 0) & (wild <= 1)).all())
    colors = torch.tensor([[0.2, 1.4, -0.3]])
    assert Lambert(VertexColor()).lobes(SurfacePoints(color=colors)).albedo.tolist() == [[pytest.approx(0.2), 1.0, 0.0]]


def test_footprint_chooses_the_level() -> None:
    checker = (torch.arange(8)[:, None] + torch.arange(8)) % 2
    texture = Texture(checker[..., None].double(), filter="mipmap")
    uv = torch.full((1, 2), 1 / 16).double()
    near, far = (texture(SurfacePoints(uv=uv, footprint=torch.tensor([size]).double())) for size in (1e-3, 0.25))
    assert near.item() == pytest.approx(1.0, abs=1e-5)
    assert far.item() == pytest.approx(0.5, abs=1e-5)


def test_gradient_reaches_texels() -> None:
    material = Lambert(Texture(torch.full((2, 2, 1), 0.5).double()))
    material.lobes(SurfacePoints(uv=torch.tensor([[0.3, 0.6]]).double())).albedo.sum().backward()
    gradient = material.albedo_map.texels_raw.grad
    assert gradient.sum().item() == pytest.approx(0.25, abs=1e-9)  # the slope of the parametrisation at one half


def test_what_a_map_lacks_is_named() -> None:
    with pytest.raises(ValueError, match="texture coordinates"):
        Lambert(Texture(torch.zeros(2, 2, 1))).lobes(SurfacePoints())
    with pytest.raises(ValueError, match="the mesh has none"):
        VertexColor()(SurfacePoints())
    with pytest.raises(ValueError, match="is a map"):
        _ = Lambert(Uniform(torch.zeros(1))).albedo
    with pytest.raises(ValueError, match="go together"):
        Lobes(torch.zeros(1), torch.zeros(1))


def test_only_what_is_a_diffuse_part_and_a_lobe_has_lobes() -> None:
    half = torch.tensor([0.5])
    assert GGX(half[0], half).has_lobes
    mixture = LobeMixture(LobeWeights(half / 2, half / 4, half[None] / 8, half))
    for other in (GGX(half[0], half, height_correlated=True), mixture):
        assert not other.has_lobes
        with pytest.raises(TypeError, match="not a diffuse part"):
            other.lobes(SurfacePoints())


def test_normal_map_is_decoded() -> None:
    flat = Uniform(torch.tensor([0.5, 0.5, 1.0]))
    material = MetallicRoughness(torch.ones(3), torch.tensor(0.0), torch.tensor(0.5), flat)
    torch.testing.assert_close(
        material.tangent_normal(SurfacePoints()), torch.tensor([0.0, 0.0, 1.0]), atol=1e-5, rtol=0.0
    )
    assert GGX(torch.tensor(0.5), torch.ones(3)).tangent_normal(SurfacePoints()) is None
