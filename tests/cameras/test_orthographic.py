"""Orthographic camera, against an affine map in NumPy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from contracts.camera import CameraContract
from numpy.typing import NDArray

from sharpvision.cameras import Orthographic, pixel_centres
from sharpvision.geometry import HeightField


class TestOrthographic(CameraContract):
    entry = "orthographic"

    def create(self, rng: np.random.Generator) -> Orthographic:
        scale = torch.tensor(rng.uniform(20.0, 90.0), dtype=torch.float64)
        return Orthographic(scale, torch.from_numpy(rng.uniform(0.0, 300.0, 2)))

    def evaluate(self, camera: Orthographic, points: NDArray) -> NDArray:
        return points[:, :2] * camera.scale.item() + camera.offset.detach().numpy()


@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan")])
def test_what_is_no_scale_is_refused(scale: float) -> None:
    with pytest.raises(ValueError, match="scale must be positive"):
        Orthographic(torch.tensor(scale))


def test_sees_a_height_field_as_it_says() -> None:
    depth = torch.rand(5, 7, generator=torch.Generator().manual_seed(0))
    points = HeightField(depth).points()
    torch.testing.assert_close(Orthographic().project(points).pixels.detach(), pixel_centres(5, 7))
