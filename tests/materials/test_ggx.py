"""GGX, against the papers' formulas in angles, its normalisation, and Mitsuba."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from contracts.material import MaterialContract, reflected_share
from numpy.typing import NDArray
from scipy.integrate import quad

from sharpvision.materials import GGX, ggx_brdf, ggx_facets


def walter(n: NDArray, wi: NDArray, wo: NDArray, alpha: float, correlated: bool = False) -> NDArray:
    """D G / (4 cos cos) from Walter et al. 2007 (equations 33, 34) and Heitz 2014 (72, 99), with tangents of angles."""
    h = wi + wo
    h /= np.linalg.norm(h, axis=-1, keepdims=True)
    cos_i, cos_o, cos_h = ((n * w).sum(-1) for w in (wi, wo, h))
    tan2_i, tan2_o = (1 / c**2 - 1 for c in (cos_i, cos_o))
    tan2_h = (np.cross(n, h) ** 2).sum(-1) / cos_h**2
    d = alpha**2 / (np.pi * cos_h**4 * (alpha**2 + tan2_h) ** 2)
    lambda_i, lambda_o = ((-1 + np.sqrt(1 + alpha**2 * t)) / 2 for t in (tan2_i, tan2_o))
    g = 1 / (1 + lambda_i + lambda_o) if correlated else 1 / ((1 + lambda_i) * (1 + lambda_o))
    return d * g / (4 * cos_i * cos_o)


def schlick(wi: NDArray, wo: NDArray, f0: NDArray) -> NDArray:
    """Schlick's Fresnel term (count, 3) from the angle between the directions."""
    half_angle = np.arccos(np.clip((wi * wo).sum(-1), -1, 1)) / 2
    return f0 + (1 - f0) * (1 - np.cos(half_angle))[:, None] ** 5


class TestGGX(MaterialContract):
    entry = "ggx"

    def create(self, rng: np.random.Generator) -> GGX:
        roughness = torch.tensor(rng.uniform(0.1, 0.8), dtype=torch.float64)
        return GGX(roughness, torch.from_numpy(rng.uniform(0.02, 0.9, 3)))

    def evaluate(self, material: GGX, n: NDArray, wi: NDArray, wo: NDArray) -> NDArray:
        facets = walter(n, wi, wo, material.roughness.item(), material.height_correlated)
        return facets[:, None] * schlick(wi, wo, material.f0.detach().numpy())


class TestHeightCorrelatedGGX(TestGGX):
    def create(self, rng: np.random.Generator) -> GGX:
        return GGX(
            torch.tensor(rng.uniform(0.1, 0.8), dtype=torch.float64),
            torch.from_numpy(rng.uniform(0.02, 0.9, 3)),
            height_correlated=True,
        )


@pytest.mark.parametrize("alpha", [0.01, 0.1, 0.5, 1.0])
def test_projected_facets_cover_the_surface(alpha: float) -> None:
    """The integral of D n.h over the hemisphere is 1; at wi = wo = h, f = D G / (4 cos^2), so D is read off there."""
    up = torch.tensor([0.0, 0.0, -1.0], dtype=torch.float64)
    roughness = torch.tensor(alpha, dtype=torch.float64)

    def integrand(theta: float) -> float:
        w = torch.tensor([np.sin(theta), 0.0, -np.cos(theta)], dtype=torch.float64)
        g1 = 2 / (1 + np.sqrt(1 + alpha**2 * np.tan(theta) ** 2))
        d = ggx_facets(up, w, w, roughness).item() * 4 * np.cos(theta) ** 2 / g1**2
        return 2 * np.pi * d * np.cos(theta) * np.sin(theta)

    total, _ = quad(integrand, 0.0, np.pi / 2, points=[alpha, min(5 * alpha, 1.5)], limit=300)
    assert total == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("cos_o", [1.0, 0.5, 0.1])
def test_smooth_mirror_loses_nothing(cos_o: float) -> None:
    mirror = GGX(torch.tensor(0.001, dtype=torch.float64), torch.ones(3, dtype=torch.float64))
    assert reflected_share(mirror, cos_o).numpy() == pytest.approx(1.0, abs=3e-3)


def test_separable_shadowing_is_darker_than_correlated() -> None:
    n, wi, wo = TestGGX.directions(np.random.default_rng(2), 300)
    roughness = torch.tensor(0.6, dtype=torch.float64)
    separable = ggx_facets(n, wi, wo, roughness)
    assert bool((separable <= ggx_facets(n, wi, wo, roughness, height_correlated=True)).all())


@pytest.mark.parametrize("alpha", [0.001, 0.01])
def test_narrow_peak_keeps_its_digits_in_float32(alpha: float) -> None:
    offset = torch.linspace(0.0, 3 * alpha, 30, dtype=torch.float64)
    wi = torch.stack([offset.sin(), torch.zeros_like(offset), -offset.cos()], -1)
    up = torch.tensor([0.0, 0.0, -1.0], dtype=torch.float64)
    roughness = torch.tensor(alpha, dtype=torch.float64)
    f0 = torch.tensor([0.5], dtype=torch.float64)
    double = ggx_brdf(up, wi, up, roughness, f0)
    single = ggx_brdf(up.float(), wi.float(), up.float(), roughness.float(), f0.float())
    torch.testing.assert_close(single.double(), double, rtol=1e-3, atol=0.0)


@pytest.mark.mitsuba
@pytest.mark.parametrize("alpha", [0.08, 0.35, 0.8])
def test_agrees_with_mitsuba(alpha: float) -> None:
    mi = pytest.importorskip("mitsuba", reason="the extra 'mitsuba' is not installed")
    mi.set_variant("scalar_rgb")
    bsdf = mi.load_dict({"type": "roughconductor", "distribution": "ggx", "alpha": alpha, "material": "none"})
    _, wi, wo = TestGGX.directions(np.random.default_rng(5), 60)
    wi, wo = (torch.cat([w[:, :2], w[:, 2:].abs()], -1) for w in (wi, wo))
    n = torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64)
    ours = ggx_facets(n, wi, wo, torch.tensor(alpha, dtype=torch.float64))
    theirs = []
    for i, o in zip(wi.tolist(), wo.tolist(), strict=True):
        interaction = mi.SurfaceInteraction3f()
        interaction.wi = i
        theirs.append(bsdf.eval(mi.BSDFContext(), interaction, mi.Vector3f(o))[0] / o[2])
    assert ours.numpy() == pytest.approx(np.array(theirs), rel=2e-3, abs=1e-5)
