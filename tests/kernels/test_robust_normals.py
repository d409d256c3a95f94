"""The robust Lambertian estimate on exact, contaminated and singular pixels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pixel_problems import angles_deg, facing, float32
from scipy.optimize import minimize

from sharpvision.kernels.reference.robust_normals import ranked, robust_cost
from sharpvision.kernels.robust_normals import CAUCHY, L1, robust_normals

LEAST_FACING = -0.05


def lambertian(count: int, lights: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Observations, lights, normals, albedo."""
    generator = np.random.default_rng(seed)
    normals, directions = facing(generator, count, 1.0), float32(facing(generator, lights, 1.0))
    albedo = generator.uniform(0.1, 1.0, (count, 3))
    shade = np.maximum(normals @ directions.T, 0)
    return float32(shade[..., None] * albedo[:, None]), directions, float32(normals), float32(albedo)


def all_usable(observed: np.ndarray) -> np.ndarray:
    """Every observation counts."""
    return np.ones(observed.shape[:2], np.uint8)


@pytest.mark.parametrize("formulation", [CAUCHY, L1])
def test_exact_pixels_are_recovered(formulation):
    observed, lights, normals, albedo = lambertian(300, 40, 0)
    estimate, reflectance, spread = robust_normals(observed, all_usable(observed), lights, formulation)
    assert np.quantile(angles_deg(estimate, normals), 0.98) < 0.05
    assert np.quantile(np.abs(reflectance / albedo - 1), 0.98) < 2e-3
    assert np.quantile(spread, 0.98) < 1e-3


@pytest.mark.parametrize("formulation", [CAUCHY, L1])
def test_a_fifth_of_bright_outliers_changes_little(formulation):
    observed, lights, normals, _ = lambertian(300, 60, 1)
    clean = observed.copy()
    outliers = np.random.default_rng(2).random(observed.shape[:2]) < 0.2
    observed[outliers] += np.random.default_rng(3).uniform(0.5, 2.0, (outliers.sum(), 1)).astype(np.float32)
    estimate = robust_normals(observed, all_usable(observed), lights, formulation)[0]
    error = angles_deg(estimate, normals)
    # what plain least squares makes of it
    grey = observed.mean(-1)
    plain = np.linalg.lstsq(lights, grey.T, rcond=None)[0].T
    plain_error = angles_deg(plain / np.linalg.norm(plain, axis=1, keepdims=True), normals)
    assert np.median(error) < (0.5 if formulation == CAUCHY else 1.0)
    assert np.median(error) < 0.1 * np.median(plain_error)
    # naming them unusable leaves the exact ones alone
    observed[outliers] = 9.0
    told = robust_normals(observed, (~outliers).astype(np.uint8), lights, formulation)[0]
    assert np.quantile(angles_deg(told, normals), 0.95) < 0.1
    assert not np.array_equal(clean, observed)


def test_estimate_is_a_minimum_of_its_loss():
    observed, lights, normals, _ = lambertian(30, 40, 4)
    noise = np.random.default_rng(5).normal(size=observed.shape)
    observed = float32(np.maximum(observed + 0.01 * noise, 0))
    usable = all_usable(observed)
    estimate, _, _ = robust_normals(observed, usable, lights)
    for p in range(30):
        grey, dark, _ = ranked(observed[p], usable[p])
        start = normals[p].astype(np.float64) * np.median(grey / np.maximum(lights @ normals[p], 0.2))
        best = minimize(robust_cost, start, args=(grey, dark, lights, 0.05), method="Nelder-Mead",
                        options={"xatol": 1e-7, "fatol": 1e-13, "maxiter": 4000})  # fmt: skip
        found = float32(best.x / np.linalg.norm(best.x))
        assert angles_deg(estimate[p : p + 1], found[None])[0] < 0.3


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_a_constant_pixel_is_finite_and_faces_the_camera(value):
    lights = float32(facing(np.random.default_rng(6), 20, 1.0))
    observed = np.full((5, 20, 3), value, np.float32)
    for usable in (all_usable(observed), np.zeros((5, 20), np.uint8)):
        normals, albedo, spread = robust_normals(observed, usable, lights)
        assert np.isfinite(np.concatenate([normals, albedo], 1)).all()
        assert np.isfinite(spread).all()
        assert (normals[:, 2] <= LEAST_FACING * 0.99).all()
    assert normals.tolist() == [[0.0, 0.0, -1.0]] * 5


@pytest.mark.parametrize("count", [1, 2, 3])
def test_few_lights_are_finite(count):
    observed, lights, _, _ = lambertian(20, count, 7)
    normals, albedo, spread = robust_normals(observed, all_usable(observed), lights)
    assert np.isfinite(normals).all()
    assert np.isfinite(albedo).all()
    assert np.isfinite(spread).all()
    assert (normals[:, 2] <= LEAST_FACING * 0.99).all()


@settings(max_examples=25, deadline=None)
@given(scale=st.floats(0.01, 100.0), seed=st.integers(0, 1000))
def test_brightness_scales_albedo_and_leaves_normals(scale, seed):
    observed, lights, _, _ = lambertian(10, 15, seed)
    observed = float32(observed + 0.02 * np.random.default_rng(seed).random(observed.shape))
    usable = all_usable(observed)
    one, two = (robust_normals(float32(observed * c), usable, lights) for c in (1.0, scale))
    np.testing.assert_allclose(two[0], one[0], atol=2e-3)
    np.testing.assert_allclose(two[1], one[1] * scale, rtol=1e-2)
