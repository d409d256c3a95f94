"""Cameras with lens distortion, against OpenCV."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from contracts.camera import CameraContract
from numpy.typing import NDArray

from sharpvision.cameras import BrownConrady, Distorted, Fisheye, Pinhole, Rational


def inner(rng: np.random.Generator) -> torch.Tensor:
    f_x, f_y, c_x, c_y = rng.uniform(200.0, 900.0, 4)
    return torch.tensor([[f_x, 0.0, c_x], [0.0, f_y, c_y], [0.0, 0.0, 1.0]], dtype=torch.float64)


def by_opencv(camera: Distorted, points: NDArray) -> NDArray:
    k, d = camera.k.detach().numpy(), camera.distortion.detach().numpy()
    if isinstance(camera, Fisheye):
        pixels, _ = cv2.fisheye.projectPoints(points[:, None], np.zeros(3), np.zeros(3), k, d)
    else:
        pixels, _ = cv2.projectPoints(points, np.zeros(3), np.zeros(3), k, d)
    return pixels[:, 0]


class TestBrownConrady(CameraContract):
    entry = "brown_conrady"

    def create(self, rng: np.random.Generator) -> BrownConrady:
        """Injective for slopes up to 6."""
        d = rng.uniform([0.0, 0.0, -1e-3, -1e-3, 0.0], [0.05, 1e-3, 1e-3, 1e-3, 1e-5])
        return BrownConrady(inner(rng), torch.from_numpy(d))

    def evaluate(self, camera: BrownConrady, points: NDArray) -> NDArray:
        return by_opencv(camera, points)


class TestRational(CameraContract):
    entry = "rational"

    def create(self, rng: np.random.Generator) -> Rational:
        d = rng.uniform([0.0, 0.0, -1e-3, -1e-3, 0.0, 0.0, 0.0, 0.0], [0.1, 1e-2, 1e-3, 1e-3, 1e-4, 0.03, 1e-3, 1e-5])
        return Rational(inner(rng), torch.from_numpy(d))

    def evaluate(self, camera: Rational, points: NDArray) -> NDArray:
        return by_opencv(camera, points)


class TestFisheye(CameraContract):
    entry = "fisheye"

    def create(self, rng: np.random.Generator) -> Fisheye:
        """Its image has a radius of 2.5 focal lengths or more, hence a focal length at which a pixel (500, 500) has a
        ray."""
        k = inner(rng)
        k[0, 0] *= 2
        k[1, 1] *= 2
        d = rng.uniform([0.05, 0.0, 0.0, 0.0], [0.1, 0.05, 0.02, 0.01])
        return Fisheye(k, torch.from_numpy(d))

    def evaluate(self, camera: Fisheye, points: NDArray) -> NDArray:
        return by_opencv(camera, points)


ALL = [(BrownConrady, 5), (Rational, 8), (Fisheye, 4)]


@pytest.mark.parametrize(("kind", "count"), ALL)
def test_without_coefficients_it_is_a_pinhole_or_equidistant(kind: type[Distorted], count: int) -> None:
    rng = np.random.default_rng(0)
    k, points = inner(rng), torch.from_numpy(rng.uniform([-3, -3, 0.5], [3, 3, 4], (50, 3)))
    camera, pinhole = kind(k), Pinhole(k)
    pixels = camera.project(points).pixels
    if kind is Fisheye:
        r = torch.linalg.vector_norm(points[:, :2], dim=-1)
        slopes = points[:, :2] / r[:, None] * torch.atan2(r, points[:, 2])[:, None]
        expected = pinhole.focal_px * slopes + pinhole.principal_point
    else:
        expected = pinhole.project(points).pixels
        torch.testing.assert_close(camera.projected(points, 0.1), pinhole.projected(points, 0.1), rtol=0.0, atol=0.0)
    torch.testing.assert_close(pixels, expected)


@pytest.mark.parametrize(("kind", "count"), ALL)
def test_projected_is_project_where_the_lens_sees_and_finite_elsewhere(kind: type[Distorted], count: int) -> None:
    rng = np.random.default_rng(1)
    near = 0.2
    for _ in range(20):
        d = torch.from_numpy(rng.normal(size=count) * 0.1)
        camera = kind(inner(rng), d)
        points = torch.from_numpy(rng.normal(size=(200, 3)) * [2.0, 2.0, 2.0])
        points[0] = 0.0
        points[1:3] = torch.tensor([[0.0, 0.0, 3.0], [1e-9, 0.0, -1.0]])
        points.requires_grad_()
        rows = camera.projected(points, near)
        assert bool(rows.isfinite().all())
        assert torch.equal(rows[:, 3], points[:, 2])
        gradients = torch.autograd.grad(rows.square().sum(), [points, *camera.parameters()])
        assert all(bool(g.isfinite().all()) for g in gradients)
        pixels = camera.project(points).pixels
        seen = ~pixels[:, 0].isnan() & (points[:, 2] >= near)
        assert int(seen.sum()) > 3
        torch.testing.assert_close((rows[:, :2] / rows[:, 3:])[seen], pixels[seen])


def test_what_the_lens_cannot_see_is_put_outside_of_what_it_can() -> None:
    camera = BrownConrady(torch.eye(3).double(), torch.tensor([-0.2, 0.0, 0.0, 0.0, 0.0]).double())
    widest = (1 / 0.6) ** 0.5  # 1 - 3 * 0.2 r^2 = 0
    edge = widest * (1 - 0.2 * widest**2)
    slopes = torch.linspace(0.01, 50.0, 2000).double()
    points = torch.stack([slopes, 0 * slopes, torch.ones_like(slopes)], -1)
    x = camera.projected(points, 0.1)[:, 0].detach()
    assert bool((x.diff() > 0).all())
    assert bool((x[slopes > widest] > edge).all())
    assert camera.project(points).pixels[:, 0].isnan().tolist() == (slopes > widest).tolist()


def test_projected_of_several_lenses_at_once() -> None:
    rng = np.random.default_rng(2)
    d = torch.from_numpy(rng.normal(size=(3, 5)) * 0.05)
    k = torch.stack([inner(rng) for _ in range(3)])
    points = torch.from_numpy(rng.normal(size=(7, 3)))
    together = BrownConrady(k, d).projected(points, 0.1)
    assert together.shape == (3, 7, 4)
    for i in range(3):
        torch.testing.assert_close(together[i], BrownConrady(k[i], d[i]).projected(points, 0.1))


@pytest.mark.parametrize(("kind", "count"), ALL)
def test_gradients_of_projected_also_outside_and_behind(kind: type[Distorted], count: int) -> None:
    rng = np.random.default_rng(3)
    k, d = inner(rng) / 100, torch.from_numpy(rng.normal(size=count) * 0.3).requires_grad_()
    k[2, 2] = 1.0
    points = torch.from_numpy(rng.normal(size=(80, 3)))
    camera = kind(k, d.detach())

    def rows(d: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
        return torch.func.functional_call(_Projected(camera), {"camera.distortion": d}, (points,))

    assert torch.autograd.gradcheck(lambda p: rows(d.detach(), p), (points[:12].clone().requires_grad_(),))
    with torch.no_grad():  # where the model holds: beyond, the border moves with d, which is not followed
        inside = (points[:, 2] > 0.3) & ~camera.project(points).pixels[:, 0].isnan()
    assert int(inside.sum()) >= 3
    assert torch.autograd.gradcheck(lambda d: rows(d, points[inside][:6]), (d,))


class _Projected(torch.nn.Module):
    def __init__(self, camera: Distorted) -> None:
        super().__init__()
        self.camera = camera

    def forward(self, points: torch.Tensor) -> torch.Tensor:
        return self.camera.projected(points, 0.3)


@pytest.mark.parametrize(("kind", "count"), ALL)
def test_straight_edges_are_off_by_the_square_of_their_length(kind: type[Distorted], count: int) -> None:
    """The middle of an edge by the rasteriser's linear rows against where the lens puts it: a quarter for half the
    edge."""
    d = torch.full((count,), 0.03, dtype=torch.float64)
    camera = kind(torch.tensor([[300.0, 0, 160], [0, 300, 120], [0, 0, 1]]).double(), d)
    middle = torch.from_numpy(np.random.default_rng(4).uniform([-1, -1, 2], [1, 1, 3], (50, 3)))
    along = torch.tensor([0.08, 0.05, 0.06]).double()
    errors = []
    for length in (1.0, 0.5, 0.25):
        ends = camera.projected(torch.stack([middle - length * along, middle + length * along]), 0.1).mean(0)
        errors.append((ends[:, :2] / ends[:, 3:] - camera.project(middle).pixels).norm(dim=-1).detach())
    assert float(errors[0].max()) < 1.0
    torch.testing.assert_close(errors[0] / errors[1], torch.full((50,), 4.0).double(), rtol=0.1, atol=0.0)
    torch.testing.assert_close(errors[1] / errors[2], torch.full((50,), 4.0).double(), rtol=0.05, atol=0.0)


@pytest.mark.parametrize(("kind", "count"), ALL)
def test_what_are_no_coefficients_is_refused(kind: type[Distorted], count: int) -> None:
    with pytest.raises(ValueError, match=f"takes {count} coefficients, not {count + 1}"):
        kind(torch.eye(3), torch.zeros(count + 1))
    with pytest.raises(ValueError, match="must be finite"):
        kind(torch.eye(3), torch.full((count,), torch.nan))
