"""What every registered camera must hold: `CameraContract`, inherited by its test with two methods of its own."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
import pytest
import torch
from contracts.modules import as_function
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd import gradcheck

from sharpvision.cameras import CAMERAS, Camera


class CameraContract(ABC):
    """Inherit, name the registry's entry, and write two methods: `create` and `evaluate`."""

    entry: str

    @abstractmethod
    def create(self, rng: np.random.Generator) -> Camera:
        """A float64 camera without batch shape, its image some hundred pixels wide, its parameters drawn from `rng`."""

    @abstractmethod
    def evaluate(self, camera: Camera, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Pixels (count, 2) of points (count, 3) in the camera frame, by another library or in NumPy."""

    @pytest.fixture
    def rng(self) -> np.random.Generator:
        return np.random.default_rng(17)

    @pytest.fixture
    def camera(self, rng: np.random.Generator) -> Camera:
        return self.create(rng)

    @staticmethod
    def points(rng: np.random.Generator, count: int = 60) -> Tensor:
        return torch.from_numpy(rng.uniform([-2.0, -2.0, 0.5], [2.0, 2.0, 9.0], (count, 3)))

    def test_is_registered(self, camera: Camera) -> None:
        assert CAMERAS[self.entry] is type(camera)

    def test_agrees_with_independent_projection(self, rng: np.random.Generator) -> None:
        for _ in range(5):
            camera, points = self.create(rng), self.points(rng)
            projection = camera.project(points)
            expected = torch.from_numpy(self.evaluate(camera, points.numpy()))
            torch.testing.assert_close(projection.pixels.detach(), expected, rtol=1e-10, atol=1e-9)
            torch.testing.assert_close(projection.depth, points[:, 2], rtol=0.0, atol=0.0)

    def test_unproject_inverts_project(self, camera: Camera, rng: np.random.Generator) -> None:
        points = self.points(rng)
        torch.testing.assert_close(camera.unproject(*camera.project(points)).detach(), points, rtol=1e-12, atol=1e-12)

    def test_project_inverts_unproject(self, camera: Camera, rng: np.random.Generator) -> None:
        pixels = torch.from_numpy(rng.uniform(0.0, 500.0, (40, 2)))
        depth = torch.from_numpy(rng.uniform(0.1, 50.0, 40))
        again = camera.project(camera.unproject(pixels, depth))
        torch.testing.assert_close(again.pixels.detach(), pixels, rtol=1e-12, atol=1e-10)
        torch.testing.assert_close(again.depth.detach(), depth, rtol=1e-12, atol=1e-12)

    def test_rays_meet_what_they_see(self, camera: Camera, rng: np.random.Generator) -> None:
        points = self.points(rng)
        pixels = camera.project(points).pixels
        rays = camera.rays(pixels)
        along = ((points - rays.origins) * rays.directions).sum(-1, keepdim=True)
        assert bool((along > 0).all())
        torch.testing.assert_close(rays.origins + along * rays.directions, points)
        torch.testing.assert_close(rays.directions.norm(dim=-1), torch.ones(len(points), dtype=torch.float64))
        torch.testing.assert_close(camera.view_directions(pixels), -rays.directions)

    def test_gradients_match_finite_differences(self, camera: Camera, rng: np.random.Generator) -> None:
        function, parameters = as_function(camera)
        inputs = [v.requires_grad_() for v in (*parameters, self.points(rng, 4))]
        assert gradcheck(lambda *v: tuple(function(*v)), inputs, rtol=1e-5, atol=1e-5)
        pixels = camera.project(self.points(rng, 4)).pixels.detach().requires_grad_()
        depth = torch.from_numpy(rng.uniform(1.0, 5.0, 4)).requires_grad_()
        assert gradcheck(camera.unproject, (pixels, depth), rtol=1e-5, atol=1e-6)
        assert gradcheck(lambda p: tuple(camera.rays(p)), (pixels,), rtol=1e-5, atol=1e-6)

    def test_gradients_are_finite_at_the_camera_itself(self, camera: Camera) -> None:
        points = torch.tensor([[0.0, 0.0, 0.0], [1.0, 1.0, 0.0], [1.0, 1.0, -2.0]]).double().requires_grad_()
        pixels = camera.project(points).pixels
        gradient = torch.autograd.grad(pixels.nan_to_num().sum(), points)[0]
        assert bool(gradient.isfinite().all())

    def test_float32_and_any_batch_shape(self, camera: Camera, rng: np.random.Generator) -> None:
        points = self.points(rng, 6)
        double = camera.project(points).pixels
        single = camera.float().project(points.float()).pixels
        assert single.dtype == torch.float32
        torch.testing.assert_close(single.double(), double, rtol=1e-5, atol=1e-3)
        boxed = camera.project(points.float().reshape(2, 3, 3))
        torch.testing.assert_close(boxed.pixels, single.reshape(2, 3, 2))
        assert boxed.depth.shape == (2, 3)
        assert camera.project(points.float()[0]).pixels.shape == (2,)
        assert camera.unproject(single[:0], points.float()[:0, 2]).shape == (0, 3)

    def test_vmap_over_points_and_parameters(self, camera: Camera, rng: np.random.Generator) -> None:
        points = self.points(rng, 6)
        function, parameters = as_function(camera)
        torch.testing.assert_close(torch.vmap(camera)(points).pixels, camera(points).pixels)
        several = [torch.stack([p, p + 0.1]) for p in parameters]
        mapped = torch.vmap(function, in_dims=(*[0] * len(several), None))(*several, points)
        torch.testing.assert_close(mapped.pixels[1], function(*(p[1] for p in several), points).pixels)
