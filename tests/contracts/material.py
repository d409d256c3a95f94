"""What every registered material must hold: `MaterialContract`, inherited by its test with two methods of its own."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
import pytest
import torch
from contracts.modules import as_function, random_directions, random_state
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd import gradcheck

from sharpvision.materials import MATERIALS, Material

UP = torch.tensor([0.0, 0.0, -1.0], dtype=torch.float64)
ALONG = torch.tensor([1.0, 0.0, 0.0], dtype=torch.float64)
ZERO = torch.zeros(3, dtype=torch.float64)
TILTED = torch.tensor([0.6, 0.0, -0.8], dtype=torch.float64)
NEARLY_ALONG = torch.nn.functional.normalize(ALONG + 1e-9 * UP, dim=0)
# n, wi, wo at which a formula may divide by zero or a gradient may be missing.
SINGULAR = {
    "zero_normal": (ZERO, TILTED, UP),
    "grazing_light": (UP, ALONG, UP),
    "grazing_view": (UP, TILTED, ALONG),
    "nearly_grazing_light": (UP, NEARLY_ALONG, UP),
    "both_nearly_grazing": (UP, NEARLY_ALONG, NEARLY_ALONG),
    "mirror_grazing": (UP, NEARLY_ALONG, NEARLY_ALONG * torch.tensor([-1.0, 1.0, 1.0])),
    "no_half_vector": (UP, ALONG, -ALONG),
    "no_half_vector_upright": (UP, UP, -UP),
    "all_equal": (UP, UP, UP),
    "retroreflection": (UP, TILTED, TILTED),
    "light_below": (UP, -TILTED, UP),
    "view_below": (UP, TILTED, -UP),
    "all_zero": (ZERO, ZERO, ZERO),
}


def reflected_share(material: Material, cos_o: float, rings: int = 400, spokes: int = 96) -> Tensor:
    """Integral over the hemisphere of f(wi, wo) n.wi dwi, one value a channel.

    Over half vectors h, where every glossy peak is at the pole: dwi = 4 (wo.h) dwh. Gauss-Legendre nodes in
    log tan theta_h resolve lobes of any width; uniform azimuths.
    """
    nodes, weights = np.polynomial.legendre.leggauss(rings)
    low, high = np.log(1e-5), np.log(1e4)
    tangent = torch.from_numpy(np.exp(low + (high - low) * (nodes + 1) / 2))
    cosine = (1 + tangent**2).rsqrt()
    sine = tangent * cosine
    azimuth = (torch.arange(spokes, dtype=torch.float64) + 0.5) * (2 * torch.pi / spokes)
    h = torch.stack(
        [sine[:, None] * azimuth.cos(), sine[:, None] * azimuth.sin(), -cosine[:, None].expand(-1, spokes)], -1
    )
    wo = torch.tensor([(1 - cos_o**2) ** 0.5, 0.0, -cos_o], dtype=torch.float64)
    wo_h = h @ wo
    wi = 2 * wo_h[..., None] * h - wo
    cos_i = -wi[..., 2]
    counts = (wo_h > 0) & (cos_i > 0)
    # d omega_h = sin theta d theta d phi, d theta = sin theta cos theta d log tan theta.
    d_omega = torch.from_numpy(weights) * (high - low) / 2 * sine**2 * cosine * (2 * torch.pi / spokes)
    measure = torch.where(counts, 4 * wo_h * cos_i * d_omega[:, None], 0.0)
    return (material(UP, wi, wo).detach() * measure[..., None]).sum((0, 1))


class MaterialContract(ABC):
    """Inherit, name the registry's entry, and write two methods: `create` and `evaluate`."""

    entry: str

    @abstractmethod
    def create(self, rng: np.random.Generator) -> Material:
        """A float64 material of three channels without batch shape, its parameters drawn from `rng`, moderate ones."""

    @abstractmethod
    def evaluate(
        self, material: Material, n: NDArray[np.float64], wi: NDArray[np.float64], wo: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """The BRDF (count, 3) at unit vectors (count, 3) above the horizon, in NumPy, by code of its own."""

    @pytest.fixture
    def rng(self) -> np.random.Generator:
        return np.random.default_rng(11)

    @pytest.fixture
    def material(self, rng: np.random.Generator) -> Material:
        return self.create(rng)

    @staticmethod
    def directions(rng: np.random.Generator, count: int = 50, least_cosine: float = 0.1) -> list[Tensor]:
        """n, wi, wo (count, 3), both directions above the horizon of an n that varies."""
        n, wi, wo = (random_directions(rng, count, c) for c in (0.0, least_cosine, least_cosine))
        # Turn the pole (0, 0, -1) into n: a reflection at the plane between them, then at the plane normal to n.
        mirror = n - [0.0, 0.0, -1.0]
        mirror /= np.maximum(np.linalg.norm(mirror, axis=-1, keepdims=True), 1e-12)
        turned = [w - 2 * (w * mirror).sum(-1, keepdims=True) * mirror for w in (wi, wo)]
        return [torch.from_numpy(v) for v in (n, *turned)]

    def test_is_registered(self, material: Material) -> None:
        assert MATERIALS[self.entry] is type(material)

    @pytest.mark.parametrize("least_cosine", [0.1, 1e-4])
    def test_agrees_with_independent_formula(self, rng: np.random.Generator, least_cosine: float) -> None:
        for _ in range(5):
            material = self.create(rng)
            directions = self.directions(rng, 200, least_cosine)
            expected = torch.from_numpy(self.evaluate(material, *(v.numpy() for v in directions)))
            torch.testing.assert_close(material(*directions).detach(), expected, rtol=1e-7, atol=1e-12)

    @pytest.mark.parametrize("spread", [1.0, 6.0])
    def test_is_reciprocal(self, material: Material, rng: np.random.Generator, spread: float) -> None:
        random_state(material, torch.Generator().manual_seed(1), spread)
        n, wi, wo = self.directions(rng, 500, 1e-3)
        torch.testing.assert_close(material(n, wi, wo), material(n, wo, wi), rtol=1e-9, atol=0.0)

    @pytest.mark.parametrize("seed", range(6))
    @pytest.mark.parametrize("spread", [1.0, 6.0])
    def test_reflects_at_most_what_it_receives(self, material: Material, seed: int, spread: float) -> None:
        random_state(material, torch.Generator().manual_seed(seed), spread)
        for cos_o in (1.0, 0.8, 0.5, 0.2, 0.05, 0.01):
            share = reflected_share(material, cos_o)
            assert float(share.min()) >= 0.0
            assert float(share.max()) <= 1.0 + 1e-3, f"cos_o {cos_o}"

    @pytest.mark.parametrize("spread", [1.0, 6.0])
    def test_is_not_negative_and_zero_below_the_horizon(
        self, material: Material, rng: np.random.Generator, spread: float
    ) -> None:
        random_state(material, torch.Generator().manual_seed(2), spread)
        n, wi, wo = (torch.from_numpy(random_directions(rng, 2000)) for _ in range(3))
        f = material(n, wi, wo).detach()
        below = ((n * wi).sum(-1) <= 0) | ((n * wo).sum(-1) <= 0)
        assert bool((f >= 0).all())
        assert bool((f[below] == 0).all())
        assert bool((f[~below] > 0).any())

    def test_gradients_match_finite_differences(self, rng: np.random.Generator) -> None:
        material = self.create(rng)
        function, parameters = as_function(material)
        inputs = (*parameters, *self.directions(rng, 4))
        assert gradcheck(function, [v.requires_grad_() for v in inputs], rtol=1e-4, atol=1e-6)

    # At grazing mirror directions a BRDF of 1e9 leaves finite differences no digits.
    @pytest.mark.parametrize("case", [case for case in SINGULAR if case != "mirror_grazing"])
    def test_parameter_gradients_match_finite_differences_at_singular_points(
        self, material: Material, case: str
    ) -> None:
        function, parameters = as_function(material)
        assert gradcheck(
            lambda *p: function(*p, *SINGULAR[case]), [p.requires_grad_() for p in parameters], rtol=1e-4, atol=1e-6
        )

    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
    @pytest.mark.parametrize("case", SINGULAR)
    def test_values_and_gradients_are_finite_at_singular_points(
        self, material: Material, case: str, dtype: torch.dtype
    ) -> None:
        material = material.to(dtype)
        directions = [v.to(dtype).clone().requires_grad_() for v in SINGULAR[case]]
        f = material(*directions)
        gradients = torch.autograd.grad(f.sum(), [*directions, *material.parameters()], allow_unused=True)
        assert bool((f >= 0).all() & f.isfinite().all())
        assert all(bool(g.isfinite().all()) for g in gradients if g is not None)

    def test_float32_agrees_with_float64(self, material: Material, rng: np.random.Generator) -> None:
        directions = self.directions(rng, 200, 0.05)
        double = material(*directions)
        single = material.float()(*(v.float() for v in directions))
        assert single.dtype == torch.float32
        torch.testing.assert_close(single.double(), double, rtol=2e-4, atol=1e-6)

    def test_any_batch_shape(self, material: Material, rng: np.random.Generator) -> None:
        n, wi, wo = self.directions(rng, 6)
        flat = material(n, wi, wo)
        torch.testing.assert_close(material(*(v.reshape(2, 3, 3) for v in (n, wi, wo))), flat.reshape(2, 3, 3))
        torch.testing.assert_close(material(n[0], wi[0], wo[0]), flat[0])
        spread = material(n[:1].expand(6, 3), wi[:1].expand(6, 3), wo)
        torch.testing.assert_close(material(n[0], wi[:1, None], wo), spread[None])
        assert material(n[:0], wi[:0], wo[:0]).shape == (0, 3)

    def test_vmap_over_directions_and_parameters(self, material: Material, rng: np.random.Generator) -> None:
        n, wi, wo = self.directions(rng, 6)
        function, parameters = as_function(material)
        torch.testing.assert_close(torch.vmap(material)(n, wi, wo), material(n, wi, wo))
        several = [torch.stack([p, p + 0.1]) for p in parameters]
        mapped = torch.vmap(function, in_dims=(*[0] * len(several), None, None, None))(*several, n, wi, wo)
        torch.testing.assert_close(mapped[1], function(*(p[1] for p in several), n, wi, wo))
