"""What every light with extent must hold: `DistributedContract`, inherited by its test with two methods of its own."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
import pytest
import torch
from contracts.modules import as_function, random_directions
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd import gradcheck

from sharpvision.illumination import DISTRIBUTED_LIGHTS, DistributedLight, sh_basis, sh_project


def sphere(rings: int = 24) -> tuple[Tensor, Tensor]:
    """Directions and solid angles: Gauss-Legendre in z, uniform in azimuth; exact to degree 2 rings - 1."""
    nodes, weights = np.polynomial.legendre.leggauss(rings)
    azimuth = (np.arange(2 * rings) + 0.5) * np.pi / rings
    sine = np.sqrt(1 - nodes**2)
    xyz = [np.outer(sine, np.cos(azimuth)), np.outer(sine, np.sin(azimuth)), np.outer(nodes, np.ones(2 * rings))]
    solid = np.outer(weights, np.full(2 * rings, np.pi / rings))
    return torch.from_numpy(np.stack(xyz, -1).reshape(-1, 3)), torch.from_numpy(solid.ravel())


class DistributedContract(ABC):
    """Inherit, name the registry's entry, and write two methods: `create` and `evaluate`."""

    entry: str
    cut_off = 0.0
    """Largest share of the irradiance that the light's closed form leaves out."""

    @abstractmethod
    def create(self, rng: np.random.Generator) -> DistributedLight:
        """A float64 light of three channels, its parameters drawn from `rng`, radiance mostly positive."""

    @abstractmethod
    def evaluate(self, light: DistributedLight, directions: NDArray[np.float64]) -> NDArray[np.float64]:
        """Radiance (count, 3) from unit directions (count, 3), in NumPy or SciPy, sharing no code with the package."""

    @pytest.fixture
    def rng(self) -> np.random.Generator:
        return np.random.default_rng(29)

    @pytest.fixture
    def light(self, rng: np.random.Generator) -> DistributedLight:
        return self.create(rng)

    @staticmethod
    def directions(rng: np.random.Generator, count: int = 30) -> Tensor:
        return torch.from_numpy(random_directions(rng, count))

    def test_is_registered(self, light: DistributedLight) -> None:
        assert DISTRIBUTED_LIGHTS[self.entry] is type(light)

    def test_radiance_agrees_with_independent_formula(self, rng: np.random.Generator) -> None:
        for _ in range(3):
            light, directions = self.create(rng), self.directions(rng)
            expected = torch.from_numpy(self.evaluate(light, directions.numpy()))
            torch.testing.assert_close(light.radiance(directions).detach(), expected, rtol=1e-9, atol=1e-11)

    def test_irradiance_is_the_cosine_weighted_integral_of_radiance(
        self, light: DistributedLight, rng: np.random.Generator
    ) -> None:
        normals = self.directions(rng, 20)
        directions, solid = sphere(200)
        cosine = (normals @ directions.mT).clamp(min=0)
        expected = (cosine * solid) @ torch.from_numpy(self.evaluate(light, directions.numpy()))
        torch.testing.assert_close(light.irradiance(normals).detach(), expected, rtol=self.cut_off + 1e-4, atol=1e-4)

    def test_projection_gives_the_light_back(self, light: DistributedLight) -> None:
        """Onto harmonics of order 4, from exact quadrature: for lights of a higher order override with convergence."""
        directions, solid = sphere()
        radiance = light.radiance(directions).detach()
        coefficients = sh_project(directions, radiance * (solid * len(solid) / (4 * torch.pi))[:, None], 4)
        torch.testing.assert_close(sh_basis(directions, 4) @ coefficients, radiance, rtol=1e-8, atol=1e-9)

    def test_gloss_tends_to_the_mirror_and_vanishes_from_behind(
        self, light: DistributedLight, rng: np.random.Generator
    ) -> None:
        n, wo = self.directions(rng), self.directions(rng)
        white, smooth = torch.ones(3).double(), torch.tensor(1e-3).double()
        seen = (n * wo).sum(-1) > 0.2
        mirror = 2 * (n * wo).sum(-1, keepdim=True) * n - wo
        gloss = light.specular(n, wo, white, smooth)
        torch.testing.assert_close(gloss[seen], light.radiance(mirror)[seen], rtol=0.03, atol=0.01)
        assert bool((gloss[(n * wo).sum(-1) <= 0] == 0).all())

    def test_gradients_match_finite_differences(self, light: DistributedLight, rng: np.random.Generator) -> None:
        function, parameters = as_function(light)
        inputs = [v.requires_grad_() for v in (*parameters, self.directions(rng, 4))]
        assert gradcheck(function, inputs, rtol=1e-5, atol=1e-7)
        n = self.directions(rng, 4)
        wo = torch.nn.functional.normalize(n + 0.7 * self.directions(rng, 4), dim=1)
        f0, roughness = torch.rand(4, 3).double(), torch.rand(4).double() * 0.6 + 0.2
        gloss = [v.requires_grad_() for v in (n, wo, f0, roughness)]
        assert gradcheck(light.specular, gloss, rtol=1e-4, atol=1e-6)

    def test_zero_normals_are_finite(self, light: DistributedLight) -> None:
        n = torch.zeros(2, 3).double().requires_grad_()
        wo = torch.tensor([[0.0, 0.0, 1.0], [0.0, 0.0, 0.0]]).double()
        value = light.irradiance(n).sum() + light.specular(n, wo, torch.ones(3).double(), torch.ones(2).double()).sum()
        gradient = torch.autograd.grad(value, n)[0] if value.requires_grad and n.requires_grad else n
        assert bool(value.isfinite() & gradient.isfinite().all())

    def test_float32_and_any_batch_shape(self, light: DistributedLight, rng: np.random.Generator) -> None:
        normals = self.directions(rng, 6)
        double, flat = light.irradiance(normals), normals.float()
        single = light.float().irradiance(flat)
        assert single.dtype == torch.float32
        torch.testing.assert_close(single.double(), double, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(light.irradiance(flat.view(2, 3, 3)), single.view(2, 3, 3))
        assert light.irradiance(flat[:0]).shape == (0, 3)
        torch.testing.assert_close(torch.vmap(light)(flat), single)
