"""What every registered light must hold: `LightContract`, inherited by its test with two methods of its own."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
import pytest
import torch
from contracts.modules import as_function, random_state
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd import gradcheck

from sharpvision.illumination import LIGHTS, Light


class LightContract(ABC):
    """Inherit, name the registry's entry, and write two methods: `create` and `evaluate`."""

    entry: str

    @abstractmethod
    def create(self, rng: np.random.Generator) -> Light:
        """A float64 light of three channels without batch shape, its parameters drawn from `rng`."""

    @abstractmethod
    def evaluate(
        self, light: Light, points: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Direction and irradiance (count, 3) at points (count, 3), in NumPy, sharing no code with the package."""

    def singular_points(self, light: Light) -> Tensor:
        """Points (count, 3) at which a formula may divide by zero."""
        places = [torch.zeros(3, dtype=torch.float64)]
        places += [v.detach() for name in ("position", "direction") if (v := getattr(light, name, None)) is not None]
        return torch.stack(places)

    @pytest.fixture
    def rng(self) -> np.random.Generator:
        return np.random.default_rng(23)

    @pytest.fixture
    def light(self, rng: np.random.Generator) -> Light:
        return self.create(rng)

    @staticmethod
    def points(rng: np.random.Generator, count: int = 40) -> Tensor:
        return torch.from_numpy(rng.uniform(-1.0, 1.0, (count, 3)))

    def test_is_registered(self, light: Light) -> None:
        assert LIGHTS[self.entry] is type(light)

    def test_agrees_with_independent_formula(self, rng: np.random.Generator) -> None:
        for _ in range(5):
            light, points = self.create(rng), self.points(rng)
            for ours, expected in zip(light(points), self.evaluate(light, points.numpy()), strict=True):
                torch.testing.assert_close(ours.detach(), torch.from_numpy(expected), rtol=1e-10, atol=1e-12)

    @pytest.mark.parametrize("spread", [1.0, 20.0])
    def test_irradiance_is_not_negative_and_direction_is_unit(
        self, light: Light, rng: np.random.Generator, spread: float
    ) -> None:
        random_state(light, torch.Generator().manual_seed(3), spread)
        direction, irradiance = light(self.points(rng))
        assert bool((irradiance >= 0).all())
        torch.testing.assert_close(direction.norm(dim=-1), torch.ones(len(direction), dtype=torch.float64))

    def test_gradients_match_finite_differences(self, light: Light, rng: np.random.Generator) -> None:
        function, parameters = as_function(light)
        inputs = [v.requires_grad_() for v in (*parameters, self.points(rng, 4))]
        assert gradcheck(lambda *v: tuple(function(*v)), inputs, rtol=1e-5, atol=1e-7)

    def test_values_and_gradients_are_finite_at_singular_points(self, light: Light) -> None:
        points = self.singular_points(light).requires_grad_()
        direction, irradiance = light(points)
        inputs = [points, *light.parameters()]
        gradients = torch.autograd.grad(direction.sum() + irradiance.sum(), inputs, allow_unused=True)
        assert all(bool(v.isfinite().all()) for v in (direction, irradiance, *gradients) if v is not None)

    def test_float32_and_any_batch_shape(self, light: Light, rng: np.random.Generator) -> None:
        points = self.points(rng, 6)
        double = light(points)
        single = light.float()(points.float())
        boxed = light(points.float().reshape(2, 3, 3))
        for d, s, b in zip(double, single, boxed, strict=True):
            assert s.dtype == torch.float32
            torch.testing.assert_close(s.double(), d, rtol=1e-4, atol=1e-6)
            torch.testing.assert_close(b, s.reshape(2, 3, 3))
        assert light(points.float()[:0]).direction.shape == (0, 3)

    def test_several_lights_at_several_points(self, rng: np.random.Generator) -> None:
        """Parameters with a batch shape (2, 1) meet points (4,) in a batch (2, 4)."""
        lights, points = [self.create(rng), self.create(rng)], self.points(rng, 4)
        function, _ = as_function(lights[0])
        stacked = [torch.stack(p)[:, None] for p in zip(*(tuple(light.parameters()) for light in lights), strict=True)]
        together = function(*stacked, points)
        for k, light in enumerate(lights):
            torch.testing.assert_close(together.direction[k], light(points).direction)
            torch.testing.assert_close(together.irradiance[k], light(points).irradiance)

    def test_vmap_over_points_and_parameters(self, light: Light, rng: np.random.Generator) -> None:
        points = self.points(rng, 6)
        function, parameters = as_function(light)
        torch.testing.assert_close(torch.vmap(light)(points).irradiance, light(points).irradiance)
        several = [torch.stack([p, p + 0.1]) for p in parameters]
        mapped = torch.vmap(function, in_dims=(*[0] * len(several), None))(*several, points)
        torch.testing.assert_close(mapped.direction[1], function(*(p[1] for p in several), points).direction)
