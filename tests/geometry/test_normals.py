"""Normal fields and the angular error."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation
from torch.autograd import gradcheck

from sharpvision.geometry import NormalField, angular_error_deg, mean_angular_error_deg


@given(degrees=st.floats(1e-6, 180.0), seed=st.integers(0, 100))
def test_angle_of_a_rotation_is_found_again(degrees: float, seed: int) -> None:
    n = torch.nn.functional.normalize(
        torch.randn(3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64), dim=0
    )
    axis = torch.linalg.cross(n, n.roll(1) + 0.1)
    axis = axis / axis.norm()
    turned = torch.from_numpy(Rotation.from_rotvec(axis.numpy() * math.radians(degrees)).apply(n.numpy()))
    assert angular_error_deg(n, turned).item() == pytest.approx(degrees, rel=1e-8, abs=1e-9)


@pytest.mark.parametrize("degrees", [1e-4, 1e-2, 179.999])
def test_small_and_large_angles_keep_their_digits_in_float32(degrees: float) -> None:
    angle = torch.tensor(math.radians(degrees), dtype=torch.float64)
    a = torch.tensor([1.0, 0.0, 0.0])
    b = torch.stack([angle.cos(), angle.sin(), torch.zeros_like(angle)]).float()
    assert angular_error_deg(a, b).item() == pytest.approx(degrees, rel=1e-5)


def test_equal_and_opposite_normals() -> None:
    n = torch.nn.functional.normalize(torch.randn(100, 3, generator=torch.Generator().manual_seed(0)), dim=-1)
    assert angular_error_deg(n, n).max().item() == 0.0
    assert angular_error_deg(n, -n).min().item() == 180.0
    assert angular_error_deg(n, 7.0 * n).max().item() < 1e-4


def test_zero_normals_do_not_count() -> None:
    a = torch.tensor([[0.0, 0.0, -1.0], [0.0, 0.0, 0.0], [0.0, 0.0, -1.0]])
    b = torch.tensor([[0.0, 1.0, -1.0], [0.0, 0.0, -1.0], [0.0, 0.0, 0.0]])
    assert angular_error_deg(a, b).isnan().tolist() == [False, True, True]
    assert mean_angular_error_deg(a, b) == 45.0
    assert math.isnan(mean_angular_error_deg(a[1:], b[1:]))


def test_error_has_the_gradient_of_finite_differences_and_none_at_its_kinks() -> None:
    generator = torch.Generator().manual_seed(2)
    a, b = (torch.randn(4, 3, generator=generator, dtype=torch.float64, requires_grad=True) for _ in range(2))
    assert gradcheck(angular_error_deg, (a, b))
    same = a.detach().clone().requires_grad_()
    gradient = torch.autograd.grad(angular_error_deg(same, a.detach()).sum(), same)[0]
    assert bool((gradient == 0).all())


def test_field_is_unit_inside_its_mask_and_zero_outside() -> None:
    raw = torch.tensor([[[0.0, 3.0, -4.0], [0.0, 0.0, 0.0], [float("nan"), 0.0, -1.0], [0.0, 0.0, -1.0]]])
    field = NormalField(raw, torch.tensor([[True, True, True, False]]))
    assert field.valid.tolist() == [[True, False, False, False]]
    assert field.normals[0].tolist() == [[0.0, pytest.approx(0.6), pytest.approx(-0.8)], *[[0.0, 0.0, 0.0]] * 3]


def test_frame_of_files_and_back() -> None:
    facing_up = torch.tensor([[[0.0, 0.6, 0.8]]])
    field = NormalField.from_opengl(facing_up)
    torch.testing.assert_close(field.normals, torch.tensor([[[0.0, -0.6, -0.8]]]))
    torch.testing.assert_close(field.as_opengl(), facing_up)


def test_empty_mask() -> None:
    field = NormalField(torch.ones(2, 3, 3), torch.zeros(2, 3, dtype=torch.bool))
    assert float(field.normals.abs().max()) == 0.0


@pytest.mark.parametrize(("normals", "mask"), [((2, 3), None), ((2, 3, 4), None), ((2, 3, 3), (3, 2))])
def test_shapes_that_do_not_fit_are_refused(normals: tuple[int, ...], mask: tuple[int, int] | None) -> None:
    with pytest.raises((ValueError, TypeError)):
        NormalField(torch.ones(normals), None if mask is None else torch.ones(mask, dtype=torch.bool))
