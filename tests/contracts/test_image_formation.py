"""The factors together make the pictures that closed forms predict."""

from __future__ import annotations

import pytest
import torch

from sharpvision.cameras import Camera, Orthographic, Pinhole, pixel_centres
from sharpvision.geometry import HeightField
from sharpvision.illumination import Directional, Light, Point
from sharpvision.materials import Lambert
from sharpvision.sensor import Sensor, SensorSettings

SIDE, RADIUS = 40, 18.0
CENTRE = torch.tensor([20.0, 20.0, 90.0], dtype=torch.float64)


def photograph(camera: Camera, light: Light, field: HeightField, normals: torch.Tensor) -> torch.Tensor:
    """sensor(f E max(n.wi, 0)) of an object that nothing else shades."""
    material = Lambert(torch.tensor([0.2, 0.5, 0.8], dtype=torch.float64))
    sensor = Sensor(torch.tensor(0.5, dtype=torch.float64), SensorSettings(bits=None))
    wo = camera.view_directions(pixel_centres(SIDE, SIDE, like=normals))
    wi, irradiance = light(field.points().nan_to_num())
    cosine = (normals * wi).sum(-1, keepdim=True).clamp(min=0)
    return sensor(material(normals, wi, wo) * irradiance * cosine).image.detach()


@pytest.fixture(scope="module")
def ball() -> tuple[HeightField, torch.Tensor]:
    """The front of a sphere under an orthographic camera, and its normals."""
    x, y = (pixel_centres(SIDE, SIDE, like=CENTRE) - CENTRE[:2]).unbind(-1)
    mask = x**2 + y**2 < RADIUS**2
    depth = CENTRE[2] - (RADIUS**2 - x**2 - y**2).clamp(min=0).sqrt()
    normals = torch.where(mask[..., None], torch.stack([x, y, depth - CENTRE[2]], -1) / RADIUS, 0.0)
    return HeightField(depth, mask), normals


def test_lambertian_ball_under_the_sun(ball: tuple[HeightField, torch.Tensor]) -> None:
    field, normals = ball
    sun = Directional(torch.tensor([0.48, -0.36, -0.8]).double(), torch.tensor([1.0, 2.0, 3.0]).double())
    image = photograph(Orthographic(), sun, field, normals)
    cosine = (0.48 * normals[..., 0] - 0.36 * normals[..., 1] - 0.8 * normals[..., 2]).clamp(min=0)
    expected = 0.5 / torch.pi * cosine[..., None] * torch.tensor([0.2, 1.0, 2.4]).double()
    torch.testing.assert_close(image, expected, rtol=1e-5, atol=1e-9)


def test_wall_under_a_lamp_falls_off_with_the_cube_of_the_cosine() -> None:
    """A lamp at the camera before a wall: E n.wi = I cos^3(theta) / d^2 at the wall, theta the angle off the axis."""
    distance, focal_px = 5.0, 30.0
    field = HeightField(torch.full((SIDE, SIDE), distance, dtype=torch.float64), focal_px=focal_px)
    normals = torch.tensor([0.0, 0.0, -1.0]).double().expand(SIDE, SIDE, 3)
    lamp = Point(torch.zeros(3).double(), torch.tensor([2.0, 2.0, 2.0]).double())
    image = photograph(Pinhole.from_focal(focal_px, SIDE, SIDE, torch.float64), lamp, field, normals)
    offset = pixel_centres(SIDE, SIDE, like=CENTRE) - SIDE / 2
    cosine = focal_px / (focal_px**2 + (offset**2).sum(-1)).sqrt()
    expected = 0.5 * torch.tensor([0.2, 0.5, 0.8]).double() / torch.pi * 2.0 / distance**2 * cosine[..., None] ** 3
    torch.testing.assert_close(image, expected, rtol=1e-5, atol=1e-9)
