"""Oren-Nayar, against the paper's formula in angles."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from contracts.material import MaterialContract, reflected_share
from numpy.typing import NDArray

from sharpvision.materials import Lambert, OrenNayar, oren_nayar_brdf


def in_angles(n: NDArray, wi: NDArray, wo: NDArray, variance: float) -> NDArray:
    """The qualitative model of Oren and Nayar 1994 for albedo 1, times pi, with angles as in the paper."""
    frame = np.cross(n, [0.3, 0.5, 0.1])
    tangent = frame / np.linalg.norm(frame, axis=-1, keepdims=True)
    bitangent = np.cross(n, tangent)
    polar, azimuth = [], []
    for w in (wi, wo):
        x, y, z = ((w * axis).sum(-1) for axis in (tangent, bitangent, n))
        polar.append(np.arctan2(np.hypot(x, y), z))
        azimuth.append(np.arctan2(y, x))
    alpha, beta = np.maximum(*polar), np.minimum(*polar)
    a = 1 - 0.5 * variance / (variance + 0.33)
    b = 0.45 * variance / (variance + 0.09)
    return a + b * np.maximum(0, np.cos(azimuth[0] - azimuth[1])) * np.sin(alpha) * np.tan(beta)


class TestOrenNayar(MaterialContract):
    entry = "oren_nayar"

    def create(self, rng: np.random.Generator) -> OrenNayar:
        variance = torch.tensor(rng.uniform(0.02, 1.2), dtype=torch.float64)
        return OrenNayar(torch.from_numpy(rng.uniform(0.1, 0.9, 3)), variance)

    def evaluate(self, material: OrenNayar, n: NDArray, wi: NDArray, wo: NDArray) -> NDArray:
        shape = in_angles(n, wi, wo, material.variance.item())
        variance = material.variance.item()
        largest = 1 - 0.5 * variance / (variance + 0.33) + 0.225 * variance / (variance + 0.09)
        return shape[:, None] * material.albedo.detach().numpy() / np.pi / max(1.0, largest)


def test_smooth_facets_are_lambert() -> None:
    rng = np.random.default_rng(3)
    n, wi, wo = TestOrenNayar.directions(rng)
    albedo = torch.tensor([0.3, 0.6, 0.9], dtype=torch.float64)
    smooth = oren_nayar_brdf(n, wi, wo, albedo, torch.tensor(0.0, dtype=torch.float64))
    torch.testing.assert_close(smooth, Lambert(albedo)(n, wi, wo).detach(), rtol=1e-5, atol=0.0)


@pytest.mark.parametrize("variance", [0.01, 0.05, 0.2, 1.0])
def test_white_material_reflects_nearly_all_at_its_brightest(variance: float) -> None:
    """The bound that keeps it from reflecting more than it receives is tight: reached at grazing view for 0.05."""
    material = OrenNayar(torch.ones(3, dtype=torch.float64), torch.tensor(variance, dtype=torch.float64))
    a = 1 - 0.5 * variance / (variance + 0.33)
    b = 0.45 * variance / (variance + 0.09)
    expected = (a + b / 2) / max(1.0, a + b / 2)
    assert reflected_share(material, 0.001).numpy() == pytest.approx(expected, abs=2e-3)


def test_light_behind_the_viewer_is_brighter() -> None:
    up, right, left = (torch.tensor(v) for v in ([0.0, 0.0, -1.0], [0.8, 0.0, -0.6], [-0.8, 0.0, -0.6]))
    material = OrenNayar(torch.tensor([0.5]), torch.tensor(0.4))
    assert material(up, right, right).item() > 1.3 * material(up, left, right).item()
