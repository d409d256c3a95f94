"""The bundle's kernels against a dense Gauss-Newton system that automatic differentiation makes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from pixel_problems import TYPICAL_WEIGHTS, facing, float32

from sharpvision.kernels.bundle_pixels import BundlePixels
from sharpvision.kernels.reference.reflectance_basis import basis, light_at_points
from sharpvision.reconstruct.photometric.uncalibrated.bundle import light_axes

PIXELS, LIGHTS = 12, 7


class Problem:
    """Random pixels at finite distance, partly shadowed and partly without a weight, and a state to linearise at."""

    def __init__(self, seed: int = 0) -> None:
        generator = np.random.default_rng(seed)
        self.lights = facing(generator, LIGHTS, 0.8)
        self.intensities = generator.uniform(0.7, 1.4, LIGHTS)
        self.normals = float32(facing(generator, PIXELS, 0.8))
        weights = generator.uniform(0.2, 1.0, (PIXELS, 6)) * TYPICAL_WEIGHTS
        self.weights = float32(weights * (generator.random((PIXELS, 6)) < 0.7))
        self.weights[:, 0] += np.float32(0.3)
        self.pixels = BundlePixels(
            float32(generator.uniform(0.1, 1.2, (PIXELS, LIGHTS))),
            float32(generator.random((PIXELS, LIGHTS)) * (generator.random((PIXELS, LIGHTS)) < 0.9)),
            float32(generator.uniform(0.3, 1.0, (PIXELS, LIGHTS))), np.full(PIXELS, 0.1, np.float32),
            float32(generator.uniform(-0.1, 0.1, (PIXELS, 3))), float32(np.tile([0.0, 0.0, -1.0], (PIXELS, 1))),
            relative=0.2, sparsity=0.01,
        )  # fmt: skip

    def predict(self, lights, logs, normals, weights) -> torch.Tensor:
        """The model in float64 from the twin of the basis, (P, N)."""
        tensor = [torch.from_numpy(a).double() for a in (self.pixels.points, self.pixels.viewers)]
        directions, gains = light_at_points(lights, tensor[0])
        shading = basis(normals[:, None], directions, tensor[1][:, None])
        seen = torch.from_numpy(self.pixels.visibility).double() * gains * logs.exp()
        return torch.einsum("pnk,pk->pn", shading, weights) * seen


def tangent_of(n: np.ndarray) -> np.ndarray:
    """Tangents (P, 2, 3) as the kernels choose them."""
    axis = np.where(np.abs(n[:, :1]) > 0.7, [[0.0, 1.0, 0.0]], [[1.0, 0.0, 0.0]])
    first = np.cross(n, axis)
    first /= np.linalg.norm(first, axis=1, keepdims=True)
    return np.stack([first, np.cross(n, first)], 1)


def dense_system(problem: Problem) -> tuple[np.ndarray, np.ndarray]:
    """Gauss-Newton matrix and right-hand side over all unknowns: lights first, then eight of each pixel."""
    double = {name: torch.from_numpy(np.asarray(getattr(problem, name))).double()
              for name in ("lights", "intensities", "normals", "weights")}  # fmt: skip
    axes = torch.from_numpy(light_axes(problem.lights)).double()
    tangents = torch.from_numpy(tangent_of(problem.normals.astype(np.float64)))

    def residual(step: torch.Tensor) -> torch.Tensor:
        lights, pixels = step[: 3 * LIGHTS].reshape(LIGHTS, 3), step[3 * LIGHTS :].reshape(PIXELS, 8)
        moved = double["lights"] + torch.einsum("jt,jta->ja", lights[:, :2], axes)
        moved = moved / moved.norm(dim=1, keepdim=True)
        normals = double["normals"] + torch.einsum("pt,pta->pa", pixels[:, 6:], tangents)
        normals = normals / normals.norm(dim=1, keepdim=True)
        logs = double["intensities"].log() + lights[:, 2]
        return problem.predict(moved, logs, normals, double["weights"] + pixels[:, :6])

    zero = torch.zeros(3 * LIGHTS + 8 * PIXELS, dtype=torch.float64)
    slope = torch.autograd.functional.jacobian(residual, zero).numpy()
    observed = problem.pixels.observed.astype(np.float64)
    left = observed - residual(zero).numpy()
    scale2 = 0.1**2 * (1 + 0.2 * observed**2)
    weight = problem.pixels.weight / problem.pixels.weight.sum(1, keepdims=True) / (scale2 + left**2)
    matrix = np.einsum("pn,pna,pnb->ab", weight, slope, slope)
    right = np.einsum("pn,pna,pn->a", weight, slope, left)
    right[3 * LIGHTS + 1 :: 8] -= 0.5 * problem.pixels.sparsity
    free = np.ones(len(right), bool)
    free[3 * LIGHTS :].reshape(PIXELS, 8)[:, :6] = problem.weights > 0
    matrix[~free], matrix[:, ~free], right[~free] = 0.0, 0.0, 0.0
    matrix[~free, ~free] = 1.0
    return matrix, right


@pytest.mark.parametrize("seed", [0, 1])
def test_elimination_is_the_schur_complement_of_the_dense_system(seed: int) -> None:
    problem = Problem(seed)
    matrix, right = dense_system(problem)
    damping, cut = 0.1, 3 * LIGHTS
    inner = matrix[cut:, cut:].copy()
    inner[np.diag_indices_from(inner)] = inner.diagonal() * (1 + damping) + 1e-6
    coupling = matrix[:cut, cut:]
    schur = matrix[:cut, :cut] - coupling @ np.linalg.solve(inner, coupling.T)
    reduced = right[:cut] - coupling @ np.linalg.solve(inner, right[cut:])
    found = problem.pixels.eliminate(
        problem.lights, problem.intensities, light_axes(problem.lights), problem.normals, problem.weights, damping
    )
    got_matrix, got_right, diagonal = found.reduced_system()
    size = np.sqrt(np.outer(matrix.diagonal()[:cut], matrix.diagonal()[:cut]))
    np.testing.assert_allclose(got_matrix / size, schur / size, atol=5e-3)
    np.testing.assert_allclose(got_right, reduced, atol=5e-3 * np.abs(right).max())
    np.testing.assert_allclose(diagonal, matrix.diagonal()[:cut], rtol=5e-3)
    step = 0.01 * np.random.default_rng(5).standard_normal(cut)
    expected = np.linalg.solve(inner, right[cut:] - coupling.T @ step).reshape(PIXELS, 8)[:, 6:]
    np.testing.assert_allclose(found.normal_steps(step), expected, rtol=2e-2, atol=2e-3)


def test_cost_is_the_documented_one() -> None:
    problem = Problem(2)
    pixels = problem.pixels
    weights, costs = pixels.fit_reflectance(
        problem.lights, problem.intensities, problem.normals, problem.weights, passes=0
    )
    as_double = [torch.from_numpy(np.asarray(a)).double() for a in
                 (problem.lights, np.log(problem.intensities), problem.normals, weights)]  # fmt: skip
    left = pixels.observed - problem.predict(*as_double).numpy()
    loss = np.log1p(left**2 / (0.1**2 * (1 + 0.2 * pixels.observed.astype(np.float64) ** 2)))
    expected = (pixels.weight * loss).sum(1) / pixels.weight.sum(1) + 0.01 * weights[:, 1]
    np.testing.assert_allclose(costs, expected, rtol=1e-3, atol=1e-5)


def test_reflectance_is_fitted_and_not_negative() -> None:
    problem = Problem(3)
    truth = problem.weights
    as_double = [torch.from_numpy(np.asarray(a)).double() for a in
                 (problem.lights, np.log(problem.intensities), problem.normals, truth)]  # fmt: skip
    problem.pixels.observed = float32(problem.predict(*as_double).numpy())
    problem.pixels.sparsity = 0.0
    weights, costs = problem.pixels.fit_reflectance(
        problem.lights, problem.intensities, problem.normals, np.ones_like(truth), passes=30
    )
    assert (weights >= 0).all()
    assert costs.max() < 1e-3


def test_pixels_that_see_nothing_leave_the_system_finite() -> None:
    """No weight at all, black in all images, and a normal that no light reaches."""
    problem = Problem(4)
    problem.pixels.weight[0] = 0.0
    problem.pixels.observed[1] = 0.0
    problem.normals[2] = float32(np.array([0.998, 0.0, -0.0632]))
    weights, costs = problem.pixels.fit_reflectance(
        problem.lights, problem.intensities, problem.normals, problem.weights
    )
    found = problem.pixels.eliminate(
        problem.lights, problem.intensities, light_axes(problem.lights), problem.normals, weights, 1e-3
    )
    matrix, right, _ = found.reduced_system()
    steps = found.normal_steps(np.zeros(3 * LIGHTS))
    for values in (weights, costs, matrix, right, steps):
        assert np.isfinite(values).all()
    assert (steps[0] == 0).all()
    turned = problem.pixels.turn(problem.normals, np.full((PIXELS, 2), 3.0))
    np.testing.assert_allclose(np.linalg.norm(turned, axis=1), 1.0, atol=1e-6)
    assert (turned[:, 2] <= -0.05 + 1e-6).all()
