"""The per-pixel fit against its twin, SciPy and the truth of noiseless pixels."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from pixel_problems import angles_deg, facing, float32, pixels_of, random_pixels, unit_rows
from scipy.optimize import minimize, nnls

from sharpvision.kernels.pixels import Pixels, start_weights
from sharpvision.kernels.reference import pixel_fit as twin

UP = np.float32([0.0, 0.0, -1.0])


def tensor(values: np.ndarray) -> torch.Tensor:
    """In float64."""
    return torch.from_numpy(values).double()


def twin_cost(pixels: Pixels, normals: np.ndarray, weights: np.ndarray, *prior) -> np.ndarray:
    """Cost of the twin."""
    extra = (tensor(prior[0]), prior[1]) if prior else ()
    return twin.cost(twin.PixelTensors.of(pixels), tensor(normals), tensor(weights), *extra).numpy()


def test_prediction_equals_its_twin():
    pixels, normals, weights, _ = random_pixels(50, 20)
    pixels.points = float32(np.random.default_rng(1).uniform(-0.2, 0.2, (50, 3)))
    pixels.visibility = float32(np.random.default_rng(2).random((50, 20)))
    expected = twin.predict(twin.PixelTensors.of(pixels), tensor(normals), tensor(weights)).numpy()
    np.testing.assert_allclose(pixels.predict(normals, weights), expected, rtol=1e-3, atol=1e-4)


def test_cost_equals_its_twin_in_all_terms():
    pixels, _, weights, start = random_pixels(60, 20, noise=0.05)
    generator = np.random.default_rng(1)
    pixels.weight = float32(generator.random((60, 20)) * (generator.random((60, 20)) < 0.8))
    pixels.relative, pixels.sparsity = 0.3, 0.02
    _, cost = pixels.fit_weights(start, weights, passes=0)
    np.testing.assert_allclose(cost, twin_cost(pixels, start, weights), rtol=2e-3, atol=1e-5)
    prior = float32(facing(np.random.default_rng(3), 60, 0.5))
    normals, fitted, cost = pixels.fit(start, weights, steps=3, prior=prior, prior_weight=0.7)
    np.testing.assert_allclose(cost, twin_cost(pixels, normals, fitted, prior, 0.7), rtol=2e-3, atol=1e-5)


def test_weights_are_scipys_non_negative_least_squares():
    pixels, normals, _, _ = random_pixels(60, 30, noise=0.1)
    pixels.scale = np.full(60, 30.0, np.float32)  # so wide a loss is plain least squares
    weights, _ = pixels.fit_weights(normals, start_weights(60), passes=4)
    table = twin.scaled_basis(twin.PixelTensors.of(pixels), tensor(normals)).numpy()
    assert (weights >= 0).all()
    for p in range(60):
        for c in range(3):
            observed = pixels.observed[p, :, c].astype(np.float64)
            _, least = nnls(table[p], observed)
            reached = np.linalg.norm(table[p] @ weights[p, c].astype(np.float64) - observed)
            assert least * (1 - 1e-4) <= reached <= least * 1.003 + 1e-4


def test_weights_of_a_robust_fit_are_a_minimum():
    pixels, normals, _, _ = random_pixels(40, 30, noise=0.05)
    pixels.sparsity = 0.01
    weights, _ = pixels.fit_weights(normals, start_weights(40), passes=30)
    x = tensor(weights).requires_grad_()
    cost = twin.cost(twin.PixelTensors.of(pixels), tensor(normals), x)
    (slope,) = torch.autograd.grad(cost.sum(), x)
    # Karush, Kuhn, Tucker: no slope where free, none downwards where at zero; relative to the slope from zero weights
    zero = torch.zeros_like(x).requires_grad_()
    (size,) = torch.autograd.grad(twin.cost(twin.PixelTensors.of(pixels), tensor(normals), zero).sum(), zero)
    relative = (slope / size.abs().clamp(min=0.1)).detach()
    assert relative[x > 0].abs().quantile(0.95) < 0.02
    assert (relative[x == 0] > -0.02).double().mean() > 0.95


@pytest.mark.parametrize("lights", [8, 40])
def test_fit_recovers_noiseless_pixels(lights):
    generator = np.random.default_rng(4)
    normals = float32(facing(generator, 200, 0.8))
    weights = np.zeros((200, 3, 6))
    weights[..., 0] = generator.uniform(0.3, 1.0, (200, 3))
    weights[..., 5] = 0.1 * generator.random((200, 1))
    pixels = pixels_of(normals, weights, facing(generator, lights, 0.8))
    pixels.tolerance = 1e-6
    start = float32(unit_rows(normals + 0.1 * generator.normal(size=normals.shape) * [1, 1, 0]))
    fitted, _, cost = pixels.fit(start, start_weights(200), steps=60)
    error = angles_deg(fitted, normals)
    assert np.median(error) < 0.1
    assert np.quantile(error, 0.9) < 0.5
    assert np.median(cost) < 1e-4


def test_fit_never_raises_the_cost():
    pixels, _, weights, start = random_pixels(300, 20, seed=5, noise=0.1)
    prior = float32(facing(np.random.default_rng(6), 300, 0.5))
    before = pixels.fit(start, weights, steps=0, prior=prior, prior_weight=0.1)[2]
    costs = [pixels.fit(start, weights, steps=n, prior=prior, prior_weight=0.1)[2] for n in (1, 2, 5, 15)]
    for after in costs:
        assert (after <= before).all()
        before = after
    assert (costs[-1] < 0.7 * costs[0]).any()


def test_fit_reaches_the_minimum_that_scipy_finds_from_there():
    pixels, _, _, start = random_pixels(6, 30, seed=7, noise=0.03)
    pixels.tolerance = 1e-6
    normals, weights, cost = pixels.fit(start, start_weights(6), steps=60)
    gains = []
    for p in range(6):
        one = twin.PixelTensors.of(pixels.subset(np.array([p])))

        def objective(x: np.ndarray, one: twin.PixelTensors = one) -> tuple[float, np.ndarray]:
            unknown = torch.from_numpy(x).requires_grad_()
            normal = unknown[:3] / unknown[:3].norm()
            value = twin.cost(one, normal[None], unknown[3:].reshape(1, 3, 6)).sum()
            (slope,) = torch.autograd.grad(value, unknown)
            return value.item(), slope.numpy()

        x = np.concatenate([normals[p], weights[p].ravel()]).astype(np.float64)
        bounds, options = [(None, None)] * 3 + [(0, None)] * 18, {"maxiter": 80}
        best = minimize(objective, x, jac=True, method="L-BFGS-B", bounds=bounds, options=options)
        gains.append((cost[p] - best.fun) / cost[p])
        assert best.fun <= cost[p] * (1 + 1e-3)
    assert np.median(gains) < 0.02
    assert np.quantile(gains, 0.8) < 0.1


def test_curvature_is_the_second_derivative_of_the_minimum_over_weights():
    generator = np.random.default_rng(8)
    normals = float32(facing(generator, 30, 1.0))
    weights = np.zeros((30, 3, 6), np.float32)
    weights[..., 0] = generator.uniform(0.3, 1.0, (30, 3))
    pixels = pixels_of(normals, weights, facing(generator, 30, 1.0))
    h11, h12, h22 = pixels.curvature(normals, weights).T
    # Lambert, no residual: sum over channels of x^2 t'(A - A n n' A / n'A n) t / (3 s^2 N)
    expected = []
    for p in range(30):
        n = normals[p].astype(np.float64)
        lit = pixels.lights[(pixels.lights @ normals[p]) > 0].astype(np.float64)
        a = lit.T @ lit
        reduced = a - np.outer(a @ n, a @ n) / (n @ a @ n)
        projection = np.eye(3) - np.outer(n, n)
        scale = (weights[p, :, 0].astype(np.float64) ** 2).sum() / (3 * 0.03**2 * 30)
        expected.append(np.linalg.eigvalsh(scale * projection @ reduced @ projection)[1:])
    matrices = np.stack([np.stack([h11, h12], -1), np.stack([h12, h22], -1)], -1)
    np.testing.assert_allclose(np.linalg.eigvalsh(matrices), np.array(expected), rtol=5e-3)


@pytest.mark.parametrize("case", ["no weight", "black", "one light", "light below the horizon", "grazing start"])
def test_singular_pixels_stay_finite_and_face_the_camera(case):
    pixels, _, weights, start = random_pixels(40, 12, seed=9)
    if case == "no weight":
        pixels.weight[:] = 0
    elif case == "black":
        pixels.observed[:] = 0
    elif case == "one light":
        pixels.weight[:, 1:] = 0
    elif case == "light below the horizon":
        pixels.lights[:] = -pixels.lights
    else:
        start = float32(np.tile(unit_rows(np.array([[1.0, 0.0, -1e-3]])), (40, 1)))
    fitted, x, cost = pixels.fit(start, weights)
    assert np.isfinite(fitted).all()
    assert np.isfinite(x).all()
    assert np.isfinite(cost).all()
    np.testing.assert_allclose(np.linalg.norm(fitted, axis=1), 1.0, atol=1e-5)
    assert (x >= 0).all()
    assert (fitted[:, 2] < 0).all()
    np.testing.assert_allclose(cost, twin_cost(pixels, fitted, x), rtol=2e-3, atol=1e-5)


def test_without_observations_the_prior_decides():
    pixels, _, weights, start = random_pixels(40, 12, seed=10)
    pixels.weight[:] = 0
    prior = float32(facing(np.random.default_rng(1), 40, 1.0))
    fitted, _, cost = pixels.fit(start, weights, steps=40, prior=prior, prior_weight=1.0)
    assert angles_deg(fitted, prior).max() < 1.0
    assert cost.max() < 1e-3


def test_order_of_pixels_does_not_matter():
    pixels, _, weights, start = random_pixels(700, 12, seed=11, noise=0.05)
    order = np.random.default_rng(0).permutation(700)
    straight = pixels.fit(start, weights)
    shuffled = pixels.subset(order).fit(start[order], weights[order])
    for one, other in zip(straight, shuffled, strict=True):
        assert one[order].tobytes() == other.tobytes()


def test_a_part_keeps_its_settings():
    pixels, *_ = random_pixels(10, 5)
    pixels.relative, pixels.sparsity, pixels.tolerance = 0.25, 0.5, 1e-5
    part = pixels.subset(np.array([3, 1]))
    assert (part.relative, part.sparsity, part.tolerance) == (0.25, 0.5, 1e-5)
    assert part.observed.tobytes() == pixels.observed[[3, 1]].tobytes()
    assert part.lights is pixels.lights


@pytest.mark.parametrize("sparsity", [0.0, 0.01, 0.1])
def test_fit_ends_where_the_cost_has_no_slope(sparsity):
    pixels, _, _, start = random_pixels(300, 30, seed=3, noise=0.03)
    pixels.sparsity, pixels.tolerance = sparsity, 1e-7
    normals, weights, _ = pixels.fit(start, start_weights(300), steps=80)

    def slope(at: np.ndarray, x: np.ndarray) -> np.ndarray:
        """Length of the cost's derivative by the normal, at fixed weights."""
        free = tensor(at).requires_grad_()
        cost = twin.cost(twin.PixelTensors.of(pixels), free / free.norm(dim=-1, keepdim=True), tensor(x))
        (gradient,) = torch.autograd.grad(cost.sum(), free)
        return gradient.norm(dim=-1).numpy()

    at_start = slope(start, pixels.fit_weights(start, start_weights(300), passes=10)[0])
    assert np.median(slope(normals, weights)) < 0.005 * np.median(at_start)
