"""LED: a point light with a beam."""

from __future__ import annotations

import numpy as np
import torch
from contracts.light import LightContract
from numpy.typing import NDArray

from sharpvision.illumination import Led, led_incidence, point_incidence


class TestLed(LightContract):
    entry = "led"

    def create(self, rng: np.random.Generator) -> Led:
        position = torch.from_numpy(rng.uniform([-1, -1, -4], [1, 1, -2]))
        axis = torch.from_numpy(rng.uniform([-1, -1, 1], [1, 1, 3]))
        exponent = torch.tensor(rng.uniform(0.5, 4.0))
        return Led(position, axis, exponent.double(), torch.from_numpy(rng.uniform(0.5, 30.0, 3)))

    def evaluate(self, light: Led, points: NDArray) -> tuple[NDArray, NDArray]:
        to_light = light.position.detach().numpy() - points
        distance = np.linalg.norm(to_light, axis=-1, keepdims=True)
        axis = light.axis.detach().numpy()
        cosine = np.maximum(-(to_light @ axis)[:, None] / distance / np.linalg.norm(axis), 0.0)
        intensity = np.log1p(np.exp(light.intensity_raw.detach().numpy()))
        beam = cosine ** np.log1p(np.exp(light.exponent_raw.item()))
        return to_light / distance, intensity * beam / distance**2


def test_without_exponent_it_is_a_point_light_behind_it_too() -> None:
    points = torch.randn(20, 3, generator=torch.Generator().manual_seed(0))
    position, intensity = torch.tensor([0.1, 0.2, -0.3]), torch.tensor([2.0, 3.0])
    led = led_incidence(points, position, torch.tensor([0.0, 0.0, 1.0]), torch.tensor(0.0), intensity)
    torch.testing.assert_close(led, point_incidence(points, position, intensity))


def test_a_beam_is_dark_behind_and_at_half_power_where_the_data_sheet_says() -> None:
    half = np.radians(40.0)
    exponent = torch.tensor(np.log(2.0) / -np.log(np.cos(half)))
    points = torch.tensor([[0.0, 0.0, 1.0], [np.sin(half), 0.0, np.cos(half)], [0.0, 0.0, -1.0]])
    axis, one = torch.tensor([0.0, 0.0, 2.0]).double(), torch.ones(1).double()
    irradiance = led_incidence(points.double(), torch.zeros(3).double(), axis, exponent, one).irradiance[:, 0]
    torch.testing.assert_close(irradiance, torch.tensor([1.0, 0.5, 0.0]).double())


def test_its_power_is_two_pi_over_mu_plus_one() -> None:
    nodes, weights = np.polynomial.legendre.leggauss(40)
    cosine = torch.from_numpy(0.5 * (nodes + 1.0))  # the half space before the light
    points = torch.stack([(1 - cosine**2).sqrt(), 0 * cosine, cosine], -1) * 3.0
    axis, intensity = torch.tensor([0.0, 0.0, 1.0]).double(), torch.tensor([2.0]).double()
    for exponent in (1.0, 3.0):
        mu = torch.tensor(exponent).double()
        irradiance = led_incidence(points, torch.zeros(3).double(), axis, mu, intensity).irradiance[:, 0]
        power = 2 * torch.pi * 9.0 * 0.5 * (irradiance * torch.from_numpy(weights)).sum()
        torch.testing.assert_close(power.item(), 2.0 * 2 * torch.pi / (exponent + 1))


def test_a_grazing_point_and_a_zero_axis_have_finite_gradients() -> None:
    points = torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 0.0]], dtype=torch.float64, requires_grad=True)
    for axis in ([0.0, 0.0, 1.0], [0.0, 0.0, 0.0]):
        a = torch.tensor(axis, dtype=torch.float64, requires_grad=True)
        mu = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
        irradiance = led_incidence(points, torch.zeros(3).double(), a, mu, torch.ones(1).double()).irradiance
        assert (irradiance == 0).all()
        gradients = torch.autograd.grad(irradiance.sum(), [points, a, mu])
        assert all(bool(g.isfinite().all()) for g in gradients)
