"""Lights with extent: against SciPy's harmonics, quadrature, and brute-force integration of a GGX lobe."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from contracts.distributed import DistributedContract, sphere
from numpy.typing import NDArray
from scipy.special import sph_harm_y

from sharpvision.illumination import Ambient, SphericalHarmonics, sh_basis, sh_project
from sharpvision.materials import ggx_brdf


def scipy_basis(directions: NDArray, order: int) -> NDArray:
    """Real orthonormal harmonics out of SciPy's complex ones, whose sign (-1)^m is taken away."""
    theta = np.arccos(np.clip(directions[:, 2], -1, 1))
    phi = np.arctan2(directions[:, 1], directions[:, 0])
    rows = []
    for band in range(order + 1):
        for m in range(-band, band + 1):
            value = sph_harm_y(band, abs(m), theta, phi) * (-1) ** m
            rows.append(value.real if m == 0 else np.sqrt(2) * (value.imag if m < 0 else value.real))
    return np.stack(rows, -1)


def sky(rng: np.random.Generator, order: int) -> SphericalHarmonics:
    coefficients = rng.normal(0, 0.3, ((order + 1) ** 2, 3))
    coefficients[0] = 4.0
    return SphericalHarmonics(torch.from_numpy(coefficients))


class TestSphericalHarmonics(DistributedContract):
    entry = "spherical_harmonics"

    def create(self, rng: np.random.Generator) -> SphericalHarmonics:
        return sky(rng, int(rng.integers(2, 5)))

    def evaluate(self, light: SphericalHarmonics, directions: NDArray) -> NDArray:
        return scipy_basis(directions, light.order) @ light.coefficients.detach().numpy()


class TestAmbient(DistributedContract):
    entry = "ambient"

    def create(self, rng: np.random.Generator) -> Ambient:
        return Ambient(torch.from_numpy(rng.uniform(0.2, 3.0, 3)))

    def evaluate(self, light: Ambient, directions: NDArray) -> NDArray:
        level = np.log1p(np.exp(light.radiance_raw.detach().numpy()))
        return np.broadcast_to(level, (len(directions), 3)).copy()


def test_basis_is_scipys_and_orthonormal() -> None:
    directions, solid = sphere()
    basis = sh_basis(directions, 4)
    torch.testing.assert_close(basis, torch.from_numpy(scipy_basis(directions.numpy(), 4)), rtol=1e-9, atol=1e-12)
    torch.testing.assert_close((basis * solid[:, None]).mT @ basis, torch.eye(25).double(), rtol=0.0, atol=1e-12)
    with pytest.raises(ValueError, match="must be 0 to 4"):
        sh_basis(directions, 5)


def test_projection_of_a_sampled_sky_converges() -> None:
    """The error of a smooth sky falls with the order, and that of random samples with their number."""
    directions, solid = sphere()
    radiance = torch.exp(directions @ torch.tensor([0.6, -0.3, 0.9]).double())[:, None]
    even = radiance * (solid * len(solid) / (4 * torch.pi))[:, None]
    errors = [
        float((sh_basis(directions, k) @ sh_project(directions, even, k) - radiance).abs().max()) for k in range(5)
    ]
    assert all(after < 0.5 * before for before, after in pairwise(errors))
    g = torch.Generator().manual_seed(0)
    random = torch.nn.functional.normalize(torch.randn(100_000, 3, generator=g, dtype=torch.float64), dim=1)
    sampled = sh_project(random, torch.exp(random @ torch.tensor([0.6, -0.3, 0.9]).double())[:, None], 2)
    torch.testing.assert_close(sampled, sh_project(directions, even, 2), rtol=0.0, atol=0.05)


@pytest.mark.parametrize(("alpha", "error"), [(0.1, 0.05), (0.3, 0.08), (0.6, 0.12)])
def test_gloss_is_near_the_integral_over_the_lobe(alpha: float, error: float) -> None:
    """`specular` against brute force at views up to 60 degrees; error as a share of the mean reflected radiance."""
    light = sky(np.random.default_rng(4), 2)
    directions, solid = sphere(160)
    arriving = light.radiance(directions).detach()
    roughness, f0 = torch.tensor(alpha).double(), torch.tensor([0.04, 0.5, 1.0]).double()
    n = torch.nn.functional.normalize(torch.tensor([0.2, -0.5, 0.7]).double(), dim=0)
    side = torch.nn.functional.normalize(torch.linalg.cross(n, torch.tensor([1.0, 0.0, 0.0]).double()), dim=0)
    found, expected = [], []
    for tilt in (0.0, 0.5, 1.0):
        wo = np.cos(tilt) * n + np.sin(tilt) * side
        f = ggx_brdf(n, directions, wo, roughness, f0)
        expected.append((f * arriving * ((directions @ n).clamp(min=0) * solid)[:, None]).sum(0))
        found.append(light.specular(n, wo, f0, roughness).detach())
    mine, theirs = torch.stack(found), torch.stack(expected)
    assert float((mine - theirs).abs().max() / theirs[:, 2].mean()) < error


def test_only_orders_two_to_four() -> None:
    with pytest.raises(ValueError, match="9, 16 or 25"):
        SphericalHarmonics(torch.zeros(4, 3))
