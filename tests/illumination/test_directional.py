"""Directional light."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from contracts.light import LightContract
from numpy.typing import NDArray

from sharpvision.illumination import Directional


class TestDirectional(LightContract):
    entry = "directional"

    def create(self, rng: np.random.Generator) -> Directional:
        return Directional(torch.from_numpy(rng.normal(size=3)), torch.from_numpy(rng.uniform(0.5, 30.0, 3)))

    def evaluate(self, light: Directional, points: NDArray) -> tuple[NDArray, NDArray]:
        raw = light.direction_raw.detach().numpy()
        irradiance = np.log1p(np.exp(light.irradiance_raw.detach().numpy()))
        return np.tile(raw / np.linalg.norm(raw), (len(points), 1)), np.tile(irradiance, (len(points), 1))


def test_keeps_what_it_is_given() -> None:
    light = Directional(torch.tensor([0.0, 3.0, -4.0]), torch.tensor([0.5, 7.0, 300.0]))
    torch.testing.assert_close(light.direction.detach(), torch.tensor([0.0, 0.6, -0.8]))
    torch.testing.assert_close(light.irradiance.detach(), torch.tensor([0.5, 7.0, 300.0]))


@pytest.mark.parametrize(
    ("direction", "irradiance", "message"),
    [([0.0, 0.0, 0.0], [1.0], "direction must not be zero"), ([0.0, 0.0, 1.0], [-1.0], "must be finite and >= 0")],
)
def test_what_is_no_light_is_refused(direction: list[float], irradiance: list[float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Directional(torch.tensor(direction), torch.tensor(irradiance))
