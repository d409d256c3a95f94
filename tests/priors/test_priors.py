"""Every prior: one contract; and closed forms and identities of each."""

from __future__ import annotations

import math

import kornia
import numpy as np
import pytest
import scipy.optimize
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from sharpvision.priors import PRIORS, Energy, HuberSmoothness, Integrability, TotalVariation
from sharpvision.priors.integrability import curl, integrability_energy
from sharpvision.priors.smoothness import huber_smoothness, total_variation

MASK = torch.ones(6, 7, dtype=torch.bool)
MASK[0, :2] = MASK[3, 3] = MASK[5] = False
ALL = torch.ones(6, 7, dtype=torch.bool)
FLAT = torch.tensor([0.0, 0.0, -1.0], dtype=torch.float64).expand(6, 7, 3)


def random_normals(tilt: float = 0.5) -> Tensor:
    generator = torch.Generator().manual_seed(4)
    noise = torch.randn(6, 7, 3, generator=generator, dtype=torch.float64)
    return torch.nn.functional.normalize(FLAT + tilt * noise, dim=-1)


def normals_of(height: int, width: int, depth) -> Tensor:
    """Unit normals of depth(x, y) at pixel centres, by automatic differentiation."""
    y, x = torch.meshgrid(torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij")
    x, y = x.double().requires_grad_(), y.double().requires_grad_()
    p, q = torch.autograd.grad(depth(x, y).sum(), (x, y))
    return torch.nn.functional.normalize(torch.stack([p, q, -torch.ones_like(p)], -1), dim=-1)


class PriorContract:
    """What every energy promises of a normal field."""

    def prior(self, mask: Tensor) -> Energy:
        raise pytest.UsageError("the tests of a prior say how to make it")

    def value(self, normals: Tensor, mask: Tensor = ALL) -> Tensor:
        return self.prior(mask)({"n": normals})

    def test_not_negative_and_zero_on_a_plane(self) -> None:
        assert self.value(random_normals()) > 0
        tilted = torch.tensor([0.48, -0.36, -0.8], dtype=torch.float64).expand(6, 7, 3)
        assert float(self.value(tilted)) == pytest.approx(0, abs=1e-15)

    @pytest.mark.parametrize("case", ["random", "plane", "grazing", "zero"])
    def test_gradient_is_that_of_finite_differences(self, case: str) -> None:
        grazing = random_normals() * torch.tensor([1.0, 1.0, 0.01], dtype=torch.float64)
        cases = {"random": random_normals(), "plane": FLAT, "grazing": grazing, "zero": 0 * FLAT}
        normals = cases[case].clone().requires_grad_()
        (gradient,) = torch.autograd.grad(self.value(normals, MASK), normals)

        def value(x: np.ndarray) -> float:
            return float(self.value(torch.from_numpy(x).reshape(6, 7, 3), MASK))

        start = normals.detach().numpy().ravel()
        h = 1e-6
        expected = [(value(start + h * e) - value(start - h * e)) / (2 * h) for e in np.eye(start.size)]
        np.testing.assert_allclose(gradient.numpy().ravel(), expected, rtol=1e-4, atol=1e-6)

    def test_outside_of_the_mask_has_no_part(self) -> None:
        normals = random_normals()
        spoiled = normals.clone()
        spoiled[~MASK] = torch.nan
        spoiled.requires_grad_()
        (gradient,) = torch.autograd.grad(self.value(spoiled, MASK), spoiled)
        torch.testing.assert_close(self.value(spoiled, MASK), self.value(normals, MASK))
        assert torch.isfinite(gradient).all()
        assert (gradient[~MASK] == 0).all()

    def test_empty_mask_and_single_pixel_cost_nothing(self) -> None:
        one = ~ALL
        one[2, 2] = True
        assert float(self.value(random_normals(), ~ALL)) == 0.0
        assert float(self.value(random_normals(), one)) == 0.0
        assert float(self.value(random_normals()[:1, :1], ALL[:1, :1])) == 0.0

    def test_mirrored_scene_costs_the_same(self) -> None:
        normals = random_normals()
        mirrored = normals.flip(1) * torch.tensor([-1.0, 1.0, 1.0], dtype=torch.float64)
        transposed = normals.transpose(0, 1)[..., [1, 0, 2]]
        if not isinstance(self, TestTotalVariation):  # forward differences see the corner of a pixel
            torch.testing.assert_close(self.value(mirrored), self.value(normals))
        torch.testing.assert_close(self.value(transposed, ALL.T), self.value(normals))

    def test_keeps_dtype(self) -> None:
        assert self.value(random_normals().float()).dtype == torch.float32

    def test_descent_lowers_it(self) -> None:
        normals = random_normals(0.3).requires_grad_()
        (gradient,) = torch.autograd.grad(self.value(normals), normals)
        assert self.value(normals.detach() - 1e-3 * gradient) < self.value(normals)


class TestHuberSmoothness(PriorContract):
    def prior(self, mask: Tensor) -> Energy:
        return HuberSmoothness("n", mask, edge=0.3)


class TestTotalVariation(PriorContract):
    def prior(self, mask: Tensor) -> Energy:
        return TotalVariation("n", mask, epsilon=0.01)


class TestIntegrability(PriorContract):
    def prior(self, mask: Tensor) -> Energy:
        return Integrability("n", mask)


def test_every_prior_has_its_contract() -> None:
    tested = {type(case().prior(ALL)) for case in PriorContract.__subclasses__()}
    assert tested == {prior for _, prior in PRIORS.items()}


@given(st.floats(0.01, 10), st.floats(0, 20))
def test_huber_of_one_pair_is_scipys(edge: float, step: float) -> None:
    field = torch.tensor([[[0.0, 0.0], [0.6 * step, 0.8 * step]]], dtype=torch.float64)
    at = scipy.optimize.least_squares(lambda x: x - x + step, [1.0], loss="huber", f_scale=edge, max_nfev=1)
    value = float(huber_smoothness(field, torch.ones(1, 2, dtype=torch.bool), edge))
    assert value == pytest.approx(at.cost / edge, rel=1e-9, abs=1e-12)


def test_total_variation_of_a_row_or_column_is_kornias() -> None:
    row = random_normals()[:1, :, :1]
    expected = kornia.losses.total_variation(row.permute(2, 0, 1))
    for field in (row, row.transpose(0, 1)):
        mask = torch.ones(field.shape[:2], dtype=torch.bool)
        assert float(total_variation(field, mask, 1e-9)) == pytest.approx(float(expected), rel=1e-6)


def test_total_variation_of_a_diagonal_step_is_isotropic() -> None:
    ramp = (torch.arange(8.0).unsqueeze(1) + torch.arange(8.0)).unsqueeze(-1)
    inner = total_variation(ramp, torch.ones(8, 8, dtype=torch.bool), 1e-6)
    assert float(inner) == pytest.approx(49 * math.sqrt(2) + 14, rel=1e-4)


def test_curl_of_a_quadratic_surface_vanishes_and_of_a_smooth_one_falls_with_the_pixel() -> None:
    quadratic = normals_of(9, 11, lambda x, y: 0.02 * x * x - 0.03 * y * y + 0.01 * x * y - 0.2 * x)
    assert float(curl(quadratic).abs().max()) < 1e-13
    worst = []
    for n in (20, 40):
        waves = normals_of(n, n, lambda x, y, n=n: n * 0.1 * torch.sin(5 * x / n) * torch.cos(4 * y / n))
        worst.append(float(curl(waves).abs().max()))
    # Circulation round a square of side h falls as h^4 in the unit of the scene, as h^3 in pixels.
    assert worst[0] / worst[1] == pytest.approx(8, rel=0.15)


def test_curl_sees_a_swirl() -> None:
    y, x = torch.meshgrid(torch.arange(5.0), torch.arange(5.0), indexing="ij")
    swirl = torch.nn.functional.normalize(torch.stack([0.1 * y, -0.1 * x, -torch.ones(5, 5)], -1), dim=-1)
    torch.testing.assert_close(curl(swirl), torch.full((4, 4), -0.2), rtol=1e-5, atol=1e-6)


def test_a_depth_step_costs_in_proportion_not_squared() -> None:
    # Across a column of pixels whose normals belong to a step, the energy is linear in the curl.
    normals = FLAT.clone()
    normals[2, 3] = torch.nn.functional.normalize(torch.tensor([0.0, 8.0, -1.0], dtype=torch.float64), dim=-1)
    steep = integrability_energy(normals, ALL, scale=0.01)
    normals[2, 3] = torch.nn.functional.normalize(torch.tensor([0.0, 4.0, -1.0], dtype=torch.float64), dim=-1)
    assert float(steep / integrability_energy(normals, ALL, scale=0.01)) == pytest.approx(2, rel=0.02)
