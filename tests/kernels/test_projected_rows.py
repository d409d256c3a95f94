"""Points through two affine maps in one pass, against products of matrices and finite differences."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from sharpvision.cameras import Orthographic, Pinhole, View
from sharpvision.core.pose import Pose
from sharpvision.kernels.projected_rows import CHUNK, projected_rows

DOUBLE = torch.float64


def by_products(points: Tensor, frame: Tensor, rows: Tensor) -> Tensor:
    between = points @ frame[..., :3, :] + frame[..., 3:, :]
    return between @ rows[..., :3, :] + rows[..., 3:, :]


@pytest.mark.parametrize("batch", [(), (1,), (3,)])
@pytest.mark.parametrize("count", [0, 1, CHUNK, 3 * CHUNK + 5])
@pytest.mark.parametrize("dtype", [torch.float32, DOUBLE])
def test_values_and_gradients_are_those_of_two_products(batch: tuple[int, ...], count: int, dtype: torch.dtype) -> None:
    inputs = [torch.randn(*shape, dtype=dtype) for shape in ((count, 3), (*batch, 4, 3), (*batch, 4, 4))]
    inputs = [v.requires_grad_() for v in inputs]
    mine, theirs = projected_rows(*inputs), by_products(*inputs)
    torch.testing.assert_close(mine, theirs)
    weight = torch.randn_like(mine)
    for a, b in zip(*(torch.autograd.grad(v, inputs, weight) for v in (mine, theirs)), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-4)


def test_one_map_may_be_shared_by_all_views() -> None:
    points, frames, rows = torch.randn(7, 3), torch.randn(2, 4, 3), torch.randn(4, 4)
    torch.testing.assert_close(projected_rows(points, frames, rows), by_products(points, frames, rows))


def test_gradients_and_tangents_are_finite_differences() -> None:
    shapes = ((5, 3), (2, 4, 3), (2, 4, 4))
    inputs = tuple(torch.randn(*s, dtype=DOUBLE, requires_grad=True) for s in shapes)
    assert torch.autograd.gradcheck(projected_rows, inputs, check_forward_ad=True)


@pytest.mark.parametrize("kind", ["pinhole", "orthographic"])
@pytest.mark.parametrize("views", [None, 3])
def test_a_view_projects_as_its_camera_does(kind: str, views: int | None) -> None:
    batch = () if views is None else (views,)
    pose = Pose(torch.randn(*batch, 3), torch.randn(*batch, 3), 0.5 + torch.rand(batch))
    if kind == "pinhole":
        camera: Pinhole | Orthographic = Pinhole.from_focal(70.0, 40, 60)
    else:
        camera = Orthographic(torch.tensor(3.0), torch.tensor([1.0, 2.0]))
    view, points = View(camera, pose, 40, 60), torch.randn(9, 3, requires_grad=True)
    for fixed in (False, True):
        view.requires_grad_(not fixed)
        own = [points, *(p for p in view.parameters() if p.requires_grad)]
        mine, theirs = view.projected(points, 0.1), camera.projected(pose(points), 0.1)
        torch.testing.assert_close(mine, theirs, rtol=1e-5, atol=1e-5)
        weight = torch.randn_like(mine)
        for a, b in zip(*(torch.autograd.grad(v, own, weight) for v in (mine, theirs)), strict=True):
            torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4)


def test_a_view_that_is_kept_sees_what_changes_behind_its_back() -> None:
    """The maps of a view without derivative are kept: any way to change its numbers, or their type, must be seen."""
    view = View(Pinhole.from_focal(70.0, 40, 60), Pose(), 40, 60).requires_grad_(False)
    points = torch.tensor([[0.0, 0.0, 2.0]])
    assert view.projected(points, 0.1)[0, 0] == 60
    view.camera.principal_point.data[0] += 5
    assert view.projected(points, 0.1)[0, 0] == 70
    view.world_to_camera.translation.data = torch.tensor([0.0, 0.0, 2.0])
    assert view.projected(points, 0.1)[0, 0] == 140
    assert view.double().projected(points.double(), 0.1).dtype == DOUBLE
