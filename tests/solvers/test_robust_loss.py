"""Robust losses against SciPy's, kornia's and finite differences."""

from __future__ import annotations

import kornia
import numpy as np
import pytest
import scipy.optimize
import scipy.stats
import torch
from hypothesis import given
from hypothesis import strategies as st

from sharpvision.core.errors import InputError
from sharpvision.solvers.robust_loss import (
    LOSSES,
    Cauchy,
    GemanMcClure,
    Huber,
    LeastSquares,
    PseudoHuber,
    RobustLoss,
    StudentT,
)

RESIDUALS = torch.tensor([-40.0, -3.0, -0.7, -1e-3, 0.0, 1e-7, 0.2, 1.0, 2.5, 1e3], dtype=torch.float64)
SCIPY = {"linear": LeastSquares, "soft_l1": PseudoHuber, "huber": Huber, "cauchy": Cauchy}


class RobustLossContract:
    """What every loss promises."""

    def losses(self) -> list[RobustLoss]:
        raise pytest.UsageError("the tests of a loss say which losses they test")

    def test_zero_at_zero_even_and_not_decreasing(self) -> None:
        r = torch.linspace(0, 30, 400, dtype=torch.float64)
        for loss in self.losses():
            assert float(loss.value(torch.zeros(1))) == 0.0
            torch.testing.assert_close(loss.value(-r), loss.value(r), rtol=0, atol=0)
            assert (loss.value(r).diff() >= 0).all()
            assert (loss.weight(r) > 0).all()
            assert (loss.weight(r).diff() <= 1e-15).all()

    def test_weight_and_curvature_are_the_derivatives(self) -> None:
        r = RESIDUALS[:-1].clone().requires_grad_()
        for loss in self.losses():
            (slope,) = torch.autograd.grad(loss.value(r).sum(), r, create_graph=True)
            torch.testing.assert_close(slope, loss.weight(r) * r)
            h = 1e-6
            bend = ((loss.weight(r + h) * (r + h)) - (loss.weight(r - h) * (r - h))) / (2 * h)
            away = (r.detach().abs() - getattr(loss, "scale", 1.0)).abs() > 1e-3
            torch.testing.assert_close(loss.curvature(r)[away], bend[away], rtol=1e-6, atol=1e-8)

    def test_reweighting_is_a_majorant(self) -> None:
        # rho(s) <= rho(r) + weight(r) (s^2 - r^2) / 2, which is why reweighted steps never raise the value.
        r, s = RESIDUALS.unsqueeze(0), RESIDUALS.unsqueeze(1)
        for loss in self.losses():
            bound = loss.value(r) + 0.5 * loss.weight(r) * (s * s - r * r)
            rounding = 1e-14 * (loss.value(r) + loss.weight(r) * (s * s + r * r))
            assert (loss.value(s).expand_as(bound) <= bound + rounding).all()

    def test_keeps_dtype(self) -> None:
        r = RESIDUALS.float()
        for loss in self.losses():
            assert {f(r).dtype for f in (loss.value, loss.weight, loss.curvature)} == {torch.float32}


class TestLeastSquares(RobustLossContract):
    def losses(self) -> list[RobustLoss]:
        return [LeastSquares()]


class TestPseudoHuber(RobustLossContract):
    def losses(self) -> list[RobustLoss]:
        return [PseudoHuber(), PseudoHuber(0.3)]


class TestHuber(RobustLossContract):
    def losses(self) -> list[RobustLoss]:
        return [Huber(), Huber(0.3)]


class TestCauchy(RobustLossContract):
    def losses(self) -> list[RobustLoss]:
        return [Cauchy(), Cauchy(2.0)]


class TestGemanMcClure(RobustLossContract):
    def losses(self) -> list[RobustLoss]:
        return [GemanMcClure(), GemanMcClure(2.0)]


class TestStudentT(RobustLossContract):
    def losses(self) -> list[RobustLoss]:
        return [StudentT(), StudentT(0.5, degrees=2.0)]


def test_every_loss_has_its_contract() -> None:
    tested = {type(loss) for case in RobustLossContract.__subclasses__() for loss in case().losses()}
    assert tested == {loss for _, loss in LOSSES.items()}


@pytest.mark.parametrize("name", SCIPY)
@pytest.mark.parametrize("scale", [0.1, 1.0, 7.0])
def test_value_is_scipys(name: str, scale: float) -> None:
    loss = LeastSquares() if name == "linear" else SCIPY[name](scale)
    for r in RESIDUALS.tolist():
        at = scipy.optimize.least_squares(lambda x, r=r: x - x + r, [1.0], loss=name, f_scale=scale, max_nfev=1)
        assert float(loss.value(torch.tensor([r], dtype=torch.float64))) == pytest.approx(at.cost, rel=1e-10, abs=1e-13)


def test_geman_mcclure_is_kornias() -> None:
    expected = kornia.losses.geman_mcclure_loss(RESIDUALS, torch.zeros_like(RESIDUALS))
    torch.testing.assert_close(GemanMcClure(2.0).value(RESIDUALS), expected)


@given(st.floats(0.2, 50), st.floats(0.01, 100), st.floats(-1e3, 1e3))
def test_student_t_is_a_likelihood(degrees: float, scale: float, r: float) -> None:
    expected = scipy.stats.t.logpdf(0, degrees, scale=scale) - scipy.stats.t.logpdf(r, degrees, scale=scale)
    value = StudentT(scale, degrees).value(torch.tensor([r], dtype=torch.float64))
    assert float(value) == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_pseudo_huber_keeps_its_digits_near_zero() -> None:
    assert float(PseudoHuber(1.0).value(torch.tensor([1e-4]))) == pytest.approx(0.5e-8, rel=1e-6)
    assert np.isclose(float(PseudoHuber(1e-3).value(torch.tensor([2.0]))) / 1e-3, 2.0, rtol=1e-3)


@pytest.mark.parametrize("make", [lambda: Cauchy(0.0), lambda: Huber(-1.0), lambda: StudentT(1.0, degrees=0.0)])
def test_bad_scale_is_refused(make) -> None:
    with pytest.raises(InputError, match="above zero"):
        make()
