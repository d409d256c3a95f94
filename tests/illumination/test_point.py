"""Point light."""

from __future__ import annotations

import numpy as np
import torch
from contracts.light import LightContract
from numpy.typing import NDArray

from sharpvision.illumination import Directional, Point, point_incidence


class TestPoint(LightContract):
    entry = "point"

    def create(self, rng: np.random.Generator) -> Point:
        position = torch.from_numpy(rng.uniform([-1, -1, -4], [1, 1, -2]))
        return Point(position, torch.from_numpy(rng.uniform(0.5, 30.0, 3)))

    def evaluate(self, light: Point, points: NDArray) -> tuple[NDArray, NDArray]:
        to_light = light.position.detach().numpy() - points
        distance = np.linalg.norm(to_light, axis=-1, keepdims=True)
        intensity = np.log1p(np.exp(light.intensity_raw.detach().numpy()))
        return to_light / distance, intensity / distance**2


def test_far_away_is_a_directional_light() -> None:
    direction = torch.tensor([0.48, 0.6, -0.64], dtype=torch.float64)
    irradiance = torch.tensor([2.0, 3.0, 4.0], dtype=torch.float64)
    points = torch.rand(9, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    near = [point_incidence(points, d * direction, irradiance * d**2) for d in (1e2, 1e4)]
    far = Directional(direction, irradiance)(points)
    errors = [float((at.irradiance - far.irradiance).abs().max().detach()) for at in near]
    assert errors[1] < 1.1e-2 * errors[0]
    torch.testing.assert_close(near[1].direction, far.direction.detach(), rtol=0.0, atol=2e-4)


def test_all_its_power_passes_every_sphere() -> None:
    """Irradiance integrated over a sphere around the light is 4 pi times the intensity, whatever the radius."""
    nodes, weights = np.polynomial.legendre.leggauss(20)
    cosine = torch.from_numpy(nodes)
    position, intensity = torch.tensor([0.3, -0.2, 1.0], dtype=torch.float64), torch.tensor([2.0], dtype=torch.float64)
    for radius in (0.1, 5.0):
        ring = torch.stack([(1 - cosine**2).sqrt(), torch.zeros_like(cosine), cosine], -1) * radius
        irradiance = point_incidence(position + ring, position, intensity).irradiance[:, 0]
        power = 2 * torch.pi * radius**2 * (irradiance * torch.from_numpy(weights)).sum()
        torch.testing.assert_close(power.item(), 8 * torch.pi)


def test_at_the_light_itself_nothing_arrives() -> None:
    here = torch.tensor([1.0, 2.0, 3.0])
    direction, irradiance = point_incidence(here, here, torch.tensor([5.0]))
    assert direction.tolist() == [0.0, 0.0, 0.0]
    assert irradiance.tolist() == [0.0]
