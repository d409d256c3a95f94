"""Unit vectors and angles where they are hard."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.autograd import gradcheck, gradgradcheck

from sharpvision.core.vectors import angle, dot, unit


def test_dot_is_numpys() -> None:
    a, b = np.random.default_rng(0).normal(size=(2, 5, 3))
    assert dot(torch.from_numpy(a), torch.from_numpy(b)).numpy() == pytest.approx(np.einsum("ij,ij->i", a, b))


@given(exponent=st.integers(-37, 37))
def test_unit_of_any_length_in_float32(exponent: int) -> None:
    v = torch.tensor([0.48, -0.6, 0.64])
    torch.testing.assert_close(unit(v * 10.0**exponent), v, rtol=1e-6, atol=0.0)


def test_unit_of_zero_and_of_nan() -> None:
    v = torch.tensor([[0.0, 0.0, 0.0], [float("nan"), 0.0, 0.0]], requires_grad=True)
    assert unit(v)[0].tolist() == [0.0, 0.0, 0.0]
    assert bool(unit(v)[1].isnan().any())
    gradient = torch.autograd.grad(unit(v)[0].sum(), v)[0]
    assert gradient[0].tolist() == [0.0, 0.0, 0.0]


def test_unit_has_the_gradients_of_finite_differences() -> None:
    v = torch.tensor([[0.3, -2.0, 0.7], [1e-3, 0.0, 0.0], [1.0, 1.0, 1.0]], dtype=torch.float64, requires_grad=True)
    assert gradcheck(unit, (v,), eps=1e-8, atol=1e-4, check_forward_ad=True)
    assert gradgradcheck(unit, (v.detach()[:1].requires_grad_(),))


@given(degrees=st.floats(0.0, 180.0), length=st.floats(1e-3, 1e3))
def test_angle_of_vectors_of_any_length(degrees: float, length: float) -> None:
    radians = np.deg2rad(degrees)
    b = length * torch.tensor([np.cos(radians), 0.0, np.sin(radians)], dtype=torch.float64)
    a = torch.tensor([0.3, 0.0, 0.0], dtype=torch.float64)
    assert angle(a, b).item() == pytest.approx(radians, abs=1e-14)


def test_angle_to_a_zero_vector_is_zero_with_zero_gradient() -> None:
    a = torch.zeros(3, requires_grad=True)
    value = angle(a, torch.tensor([0.0, 0.0, 1.0]))
    assert value.item() == 0.0
    assert torch.autograd.grad(value, a)[0].tolist() == [0.0, 0.0, 0.0]
