"""Pinhole camera, against OpenCV."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from contracts.camera import CameraContract
from numpy.typing import NDArray

from sharpvision.cameras import Pinhole, pixel_centres
from sharpvision.geometry import HeightField


class TestPinhole(CameraContract):
    entry = "pinhole"

    def create(self, rng: np.random.Generator) -> Pinhole:
        f_x, f_y, c_x, c_y = rng.uniform(200.0, 900.0, 4)
        return Pinhole(torch.tensor([[f_x, 0.0, c_x], [0.0, f_y, c_y], [0.0, 0.0, 1.0]], dtype=torch.float64))

    def evaluate(self, camera: Pinhole, points: NDArray) -> NDArray:
        pixels, _ = cv2.projectPoints(points, np.zeros(3), np.zeros(3), camera.k.detach().numpy(), None)
        return pixels[:, 0]


def test_points_behind_the_camera_have_no_pixel() -> None:
    camera = Pinhole.from_focal(100.0, 48, 64)
    pixels, depth = camera.project(torch.tensor([[0.0, 0.0, -1.0], [0.0, 0.0, 0.0], [0.0, 0.0, 1.0]]))
    assert pixels.isnan().all(-1).tolist() == [True, True, False]
    assert depth.tolist() == [-1.0, 0.0, 1.0]
    assert pixels[2].tolist() == [32.0, 24.0]


@pytest.mark.parametrize("broken", [[(0, 1, 0.5)], [(0, 0, -100.0)], [(2, 2, 2.0)], [(1, 1, float("nan"))]])
def test_what_is_no_pinhole_is_refused(broken: list[tuple[int, int, float]]) -> None:
    k = torch.tensor([[100.0, 0.0, 32.0], [0.0, 100.0, 24.0], [0.0, 0.0, 1.0]])
    for row, column, value in broken:
        k[row, column] = value
    with pytest.raises(ValueError, match=r"focal lengths must be positive|k must be"):
        Pinhole(k)


def test_several_cameras_see_the_same_points() -> None:
    k = torch.eye(3).repeat(2, 1, 1, 1) * torch.tensor([1.0, 1.0, 1.0])
    k[0, 0, :2, :2] *= 100.0
    k[1, 0, :2, :2] *= 200.0
    pixels = Pinhole(k).project(torch.tensor([[1.0, 1.0, 2.0], [0.0, 1.0, 4.0], [0.0, 0.0, 1.0]])).pixels
    assert pixels[:, 0].tolist() == [[50.0, 50.0], [100.0, 100.0]]


def test_sees_a_height_field_as_it_says() -> None:
    depth = torch.rand(5, 7, generator=torch.Generator().manual_seed(0)) + 2
    points = HeightField(depth, focal_px=120.0).points()
    camera = Pinhole.from_focal(120.0, 5, 7)
    projection = camera.project(points)
    torch.testing.assert_close(projection.pixels.detach(), pixel_centres(5, 7))
    torch.testing.assert_close(camera.unproject(pixel_centres(5, 7), depth).detach(), points)
