"""Rotation vectors and matrices, against SciPy, at the identity, at half a turn and between."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import expm
from scipy.spatial.transform import Rotation
from torch.autograd import gradcheck, gradgradcheck

from sharpvision.core.rotations import cross_matrix, rotation_matrix, rotation_vector

component = st.floats(-2.5, 2.5)
vectors = st.tuples(component, component, component)
AXES = [(1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, -1.0), (0.6, 0.0, 0.8), (0.48, -0.6, 0.64), (-0.36, 0.48, -0.8)]
ANGLES = [0.0, 1e-300, 1e-12, 1e-7, 9.99e-4, 1.001e-3, 0.1, 1.0, math.pi / 2, 3.0, math.pi - 1e-9, math.pi]


@pytest.mark.parametrize("axis", AXES)
@pytest.mark.parametrize("angle", ANGLES)
def test_matrix_and_back_at_every_angle(axis: tuple[float, float, float], angle: float) -> None:
    v = angle * np.array(axis)
    expected = Rotation.from_rotvec(v).as_matrix()
    matrix = rotation_matrix(torch.from_numpy(v))
    np.testing.assert_allclose(matrix.numpy(), expected, atol=4e-16 + 1e-15)
    back = rotation_vector(matrix).numpy()
    if angle > math.pi - 1e-6:  # v and -v are one rotation
        back = back * np.sign(back @ v)
    np.testing.assert_allclose(back, v, rtol=1e-9, atol=1e-15)


@given(vectors)
@settings(max_examples=100, deadline=None)
def test_matrix_is_the_exponential(v: tuple[float, float, float]) -> None:
    vector = torch.tensor(v, dtype=torch.float64)
    matrix = rotation_matrix(vector)
    np.testing.assert_allclose(matrix.numpy(), expm(cross_matrix(vector).numpy()), atol=1e-13)
    eye = torch.eye(3, dtype=torch.float64)
    torch.testing.assert_close(matrix @ matrix.mT, eye, rtol=0.0, atol=1e-14)
    assert float(torch.linalg.det(matrix)) == pytest.approx(1.0)
    again = rotation_matrix(rotation_vector(matrix))
    torch.testing.assert_close(again, matrix, rtol=0.0, atol=1e-13)
    torch.testing.assert_close(rotation_matrix(-vector), matrix.mT, rtol=0.0, atol=1e-15)


@given(vectors, vectors)
@settings(max_examples=50, deadline=None)
def test_cross_matrix(a: tuple[float, float, float], b: tuple[float, float, float]) -> None:
    left, right = (torch.tensor(v, dtype=torch.float64) for v in (a, b))
    torch.testing.assert_close(cross_matrix(left) @ right, torch.linalg.cross(left, right), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("scale", [0.0, 1e-8, 9e-4, 1.1e-3, 0.3, 3.0])
def test_derivatives_of_the_matrix_first_and_second(scale: float) -> None:
    """At the identity they are the generators, no NaN; on both sides of where the series ends they agree."""
    v = (scale * torch.tensor([0.6, -0.48, 0.64], dtype=torch.float64)).requires_grad_()
    assert gradcheck(rotation_matrix, (v,), check_forward_ad=True)
    assert gradgradcheck(rotation_matrix, (v,), atol=1e-4)
    if scale == 0:
        jacobian = torch.func.jacrev(rotation_matrix)(v.detach())
        generators = torch.stack([cross_matrix(e) for e in torch.eye(3, dtype=torch.float64)], -1)
        torch.testing.assert_close(jacobian, generators)


@pytest.mark.parametrize("angle", [0.0, 1e-8, 0.5, 2.0, math.pi - 1e-3])
@pytest.mark.parametrize("axis", AXES)
def test_derivatives_of_the_vector(axis: tuple[float, float, float], angle: float) -> None:
    """Along rotations: d vector(R exp([w]x)) / dw by finite differences; finite at the identity."""
    base = rotation_matrix(torch.tensor(axis, dtype=torch.float64) * angle)
    w = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    assert gradcheck(lambda w: rotation_vector(base @ rotation_matrix(w)), (w,), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("axis", AXES)
def test_derivatives_of_the_vector_at_half_a_turn_are_finite(axis: tuple[float, float, float]) -> None:
    matrix = rotation_matrix(torch.tensor(axis, dtype=torch.float64) * math.pi).requires_grad_()
    vector = rotation_vector(matrix)
    assert float(vector.detach().norm()) == pytest.approx(math.pi)
    assert bool(torch.autograd.grad(vector.sum(), matrix)[0].isfinite().all())


def test_float32_batches_and_vmap() -> None:
    v = torch.randn(2, 5, 3, generator=torch.Generator().manual_seed(0))
    v[0, 0] = 0.0
    matrix = rotation_matrix(v)
    assert matrix.shape == (2, 5, 3, 3)
    np.testing.assert_allclose(
        matrix.reshape(-1, 3, 3).numpy(), Rotation.from_rotvec(v.reshape(-1, 3).numpy()).as_matrix(), atol=1e-6
    )
    torch.testing.assert_close(torch.vmap(rotation_matrix)(v), matrix)
    torch.testing.assert_close(torch.vmap(rotation_vector)(matrix), rotation_vector(matrix))
    torch.testing.assert_close(rotation_matrix(rotation_vector(matrix)), matrix, rtol=0.0, atol=1e-6)
    assert rotation_matrix(v[:0]).shape == (0, 5, 3, 3)
