"""`interpolate` against its plain-torch twin and finite differences; points on edges; every thread count the same."""

from __future__ import annotations

import pytest
import torch
from surface_points import grouped, random_surface
from torch import Tensor

from sharpvision.kernels.batch import Batch
from sharpvision.kernels.interpolate import barycentrics, interpolate
from sharpvision.kernels.raster_types import Points
from sharpvision.kernels.reference.interpolate import interpolate as twin

TOLERANCE = {torch.float32: 2e-3, torch.float64: 1e-9}


def values_of(batch: Batch, dtype: torch.dtype, kind: str, columns: int) -> tuple[Tensor, Tensor, Tensor | None]:
    """Random values: one a vertex for all views, or rows of their own for each view."""
    faces, count = batch.faces, int(batch.faces.max()) + 1
    if kind == "shared":
        return torch.rand(count, columns, dtype=dtype), faces, None
    faces = torch.randint(0, 7, faces.shape, dtype=torch.int32)
    offset = torch.arange(batch.views, dtype=torch.int32) * 7
    return torch.rand(7 * batch.views, columns, dtype=dtype), faces, offset


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("views", "meshes"), [(1, False), (3, False), (3, True)])
@pytest.mark.parametrize(("kind", "columns"), [("shared", 3), ("own", 6)])
def test_value_and_gradients_are_the_twins(
    dtype: torch.dtype, views: int, meshes: bool, kind: str, columns: int
) -> None:
    points, projected, batch = random_surface(dtype, views=views, meshes=meshes)
    values, faces, offset = values_of(batch, dtype, kind, columns)
    inputs = [projected.requires_grad_(), values.requires_grad_()]
    mine = interpolate(points, projected, batch, values, faces, offset)
    expected = twin(points, projected, batch, values, faces, offset)
    torch.testing.assert_close(mine, expected, rtol=0, atol=1e-4 if dtype == torch.float32 else 1e-11)
    weight = torch.randn_like(mine)
    found = torch.autograd.grad(mine, inputs, weight)
    for ours, theirs in zip(found, torch.autograd.grad(expected, inputs, weight), strict=True):
        assert float((ours - theirs).norm() / theirs.norm()) < TOLERANCE[dtype]


def plain_points(dtype: torch.dtype) -> tuple[Points, Tensor, Batch]:
    points, projected, batch = random_surface(dtype, count=40)
    free = torch.ones_like(points.moves)
    return Points(*list(vars(points).values())[:6], free, 3 * free, points.along), projected, batch


def test_gradients_and_tangents_are_finite_differences() -> None:
    points, projected, batch = plain_points(torch.float64)
    values = torch.rand(12, 3, dtype=torch.float64, requires_grad=True)

    def blended(rows: Tensor, values: Tensor) -> Tensor:
        return interpolate(points, rows, batch, values, batch.faces, damped=False)

    inputs = (projected.requires_grad_(), values)
    assert torch.autograd.gradcheck(blended, inputs, check_forward_ad=True, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("damped", [False, True])
def test_forward_mode_is_the_transpose_of_reverse_mode(damped: bool) -> None:
    points, projected, batch = random_surface(torch.float64)
    inputs = (projected, torch.rand(12, 3, dtype=torch.float64))
    tangents = tuple(torch.randn_like(v) for v in inputs)

    def blended(rows: Tensor, values: Tensor) -> Tensor:
        return interpolate(points, rows, batch, values, batch.faces, damped=damped)

    value, change = torch.func.jvp(blended, inputs, tangents)
    weight = torch.randn_like(value)
    gradients = torch.func.grad(lambda v: (blended(*v) * weight).sum())(inputs)
    along = sum(float((g * t).sum()) for g, t in zip(gradients, tangents, strict=True))
    assert along == pytest.approx(float((change * weight).sum()), rel=1e-9)


def test_barycentrics_are_those_of_space() -> None:
    """A pinhole's image of known points of known triangles."""
    space = torch.tensor([[-1.0, -1, 3], [2, -1, 8], [0, 2, 4]], dtype=torch.float64)
    inside = torch.tensor([[0.2, 0.3, 0.5], [0.9, 0.05, 0.05], [1 / 3, 1 / 3, 1 / 3]], dtype=torch.float64)
    image = 40 * space + 500 * space[:, 2:]
    projected = torch.cat([image[:, :2], torch.full((3, 1), -1.0).double(), space[:, 2:]], 1)
    place = inside @ projected
    batch = Batch.of_one_mesh(torch.tensor([[0, 1, 2]]), 3, views=1, height=1, width=1)
    zeros = torch.zeros(3, dtype=torch.int64)
    points = grouped(zeros, zeros, place[:, :2] / place[:, 3:], batch)
    free = torch.ones_like(points.moves)
    points = Points(*list(vars(points).values())[:6], free, 3 * free, points.along)
    found = barycentrics(points, projected, batch)
    order = (points.position[:, None] - (place[:, :2] / place[:, 3:])[None]).norm(dim=-1).argmin(1)
    torch.testing.assert_close(found, inside[order])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_degenerate_faces_give_finite_values_and_gradients(dtype: torch.dtype) -> None:
    corners = torch.tensor([[1.0, 1, 1], [5, 5, 2], [3, 3, 1], [3, 3, 1], [9, 3, 0], [4, 4 + 1e-6, 1]], dtype=dtype)
    image = corners[:, :2] * corners[:, 2:]
    projected = torch.cat([image, -torch.ones(6, 1, dtype=dtype), corners[:, 2:]], 1).requires_grad_()
    faces = torch.tensor([[0, 1, 2], [2, 3, 0], [2, 2, 2], [0, 4, 1], [0, 1, 5]])
    batch = Batch.of_one_mesh(faces, 6, views=1, height=8, width=8)
    face = torch.arange(5).repeat_interleave(6)
    place = torch.rand(30, 2).to(dtype) * 8
    place[::6] = 3.0
    points = grouped(face, torch.zeros_like(face), place, batch)
    values = torch.rand(6, 2, dtype=dtype, requires_grad=True)
    found = interpolate(points, projected, batch, values, batch.faces)
    assert bool((found >= -0.25).all() & (found <= 1.5).all())
    for gradient in torch.autograd.grad(found.square().sum(), [projected, values]):
        assert bool(gradient.isfinite().all())


def test_points_that_ride_have_no_derivative_to_coordinates() -> None:
    points, projected, batch = random_surface(torch.float64)
    values = torch.rand(12, 2, dtype=torch.float64)
    found = interpolate(points, projected.requires_grad_(), batch, values, batch.faces)
    (gradient,) = torch.autograd.grad(found[points.moves == 0].sum(), projected)
    assert bool((points.moves == 0).any())
    assert bool((gradient == 0).all())


def test_damping_holds_back_slivers_only() -> None:
    """Heights of 3, 0.02 and, small but not slender, 0.02 px."""
    corners = [[1.0, 1, 4, 1, 1, 4], [1, 1, 7, 1, 4, 1.02], [1, 1, 1.023, 1, 1.0115, 1.02]]
    for (x0, y0, x1, y1, x2, y2), share in zip(corners, [1.0, 0.2, 1.0], strict=True):
        xy = torch.tensor([[x0, y0], [x1, y1], [x2, y2]], dtype=torch.float64)
        projected = torch.cat([xy, -torch.ones(3, 1).double(), torch.ones(3, 1).double()], 1).requires_grad_()
        batch = Batch.of_one_mesh(torch.tensor([[0, 1, 2]]), 3, views=1, height=8, width=8)
        points = grouped(torch.tensor([0]), torch.tensor([0]), xy.mean(0, keepdim=True), batch)
        points = Points(*list(vars(points).values())[:6], points.moves * 0 + 1, points.edge * 0 + 3, points.along)
        both = [barycentrics(points, projected, batch, damped=d)[0, 0] for d in (True, False)]
        with_it, without = (torch.autograd.grad(v, projected)[0] for v in both)
        torch.testing.assert_close(with_it, share * without, rtol=1e-6, atol=0)


def test_threads_do_not_change_a_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    points, projected, batch = random_surface(torch.float32, count=3000)
    results = []
    for threads in ("1", "2", "5"):
        monkeypatch.setenv("SHARPVISION_THREADS", threads)
        inputs = [projected.clone().requires_grad_(), torch.linspace(0, 1, 36).view(12, 3).requires_grad_()]
        found = interpolate(points, inputs[0], batch, inputs[1], batch.faces)
        results.append((found.detach(), *torch.autograd.grad(found.square().sum(), inputs)))
    for other in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0], other, strict=True))


def test_no_points_and_wrong_faces() -> None:
    _, projected, batch = random_surface(torch.float32)
    none = torch.zeros(0, dtype=torch.int64)
    empty = grouped(none, none, torch.zeros(0, 2), batch)
    values = torch.rand(12, 3, requires_grad=True)
    found = interpolate(empty, projected, batch, values, batch.faces)
    assert found.shape == (0, 3)
    assert bool((torch.autograd.grad(found.sum(), values)[0] == 0).all())
    with pytest.raises(ValueError, match="faces of values"):
        interpolate(empty, projected, batch, values, batch.faces[1:])


def test_vmap_over_directions() -> None:
    points, projected, batch = random_surface(torch.float64, count=20)
    values = torch.rand(12, 2, dtype=torch.float64)

    def moved(shift: Tensor) -> Tensor:
        return interpolate(points, projected + shift, batch, values, batch.faces)

    zero = torch.zeros(4, dtype=torch.float64)
    torch.testing.assert_close(torch.func.jacfwd(moved)(zero), torch.func.jacrev(moved)(zero))
