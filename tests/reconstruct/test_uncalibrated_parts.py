"""The parts of the uncalibrated method against what theory and constructed inputs say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sharpvision.bench.rendered_shapes import bumpy
from sharpvision.kernels.bundle_pixels import BundlePixels
from sharpvision.reconstruct.photometric.grid import PixelGrid
from sharpvision.reconstruct.photometric.uncalibrated.ambiguity import bas_relief, evidence
from sharpvision.reconstruct.photometric.uncalibrated.bundle import adjust, moved, rotations, settle, start_state
from sharpvision.reconstruct.photometric.uncalibrated.factorisation import factorise
from sharpvision.reconstruct.photometric.uncalibrated.inflation import inflated_normals, towards_normals
from sharpvision.reconstruct.photometric.uncalibrated.integrability import (
    Quads,
    integrable,
    integrable_tilt,
    relative_curl,
    tilt_matrix,
)
from sharpvision.reconstruct.photometric.uncalibrated.outline_matrix import outline_matrix
from sharpvision.reconstruct.photometric.uncalibrated.reduction import image_exposures, light_colours

SIDE = 34
VIEW = np.array([0.0, 0.0, -1.0])


def unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def angles_deg(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.degrees(np.arccos(np.clip((unit(a) * unit(b)).sum(-1), -1.0, 1.0)))


def random_normals(generator: np.random.Generator, count: int) -> np.ndarray:
    """Unit normals (count, 3), most of which face the camera."""
    return unit(generator.normal(size=(count, 3)) + np.array([0.0, 0.0, -1.5]))


def dome(seed: int = 0) -> tuple[PixelGrid, np.ndarray]:
    """A bumpy dome's pixels and true normals; its rim left out, where a normal lies in the image plane."""
    y, x = (np.mgrid[:SIDE, :SIDE] + 0.5) / SIDE * 2 - 1
    grid = PixelGrid(x**2 + y**2 < 0.9)
    return grid, bumpy(seed).normal(x[grid.mask], y[grid.mask])


def directions(count: int, seed: int = 1) -> np.ndarray:
    generator = np.random.default_rng(seed)
    return unit(np.concatenate([generator.uniform(-0.8, 0.8, (count, 2)), -np.ones((count, 1))], 1))


def pixels_of(observed: np.ndarray) -> BundlePixels:
    count = len(observed)
    return BundlePixels(
        np.ascontiguousarray(observed, np.float32), np.ones(observed.shape, np.float32),
        np.ones(observed.shape, np.float32), np.full(count, 0.05, np.float32), np.zeros((count, 3), np.float32),
        np.tile(VIEW, (count, 1)).astype(np.float32),
    )  # fmt: skip


def blinn(normals: np.ndarray, lights: np.ndarray) -> np.ndarray:
    """A glossy shading that is not in the model's basis: Lambert and a Blinn highlight of exponent 60."""
    half = unit(lights + VIEW)
    diffuse = np.maximum(normals @ lights.T, 0.0)
    return diffuse + 0.8 * np.maximum(normals @ half.T, 0.0) ** 60 * (diffuse > 0)


def test_factorisation_sees_through_shadows_highlights_and_saturation() -> None:
    generator = np.random.default_rng(3)
    b, s = random_normals(generator, 500), directions(40)
    clean = b @ s.T
    observed, usable = np.maximum(clean, 0.0), np.ones(clean.shape, bool)
    observed[generator.random(clean.shape) < 0.05] += 1.5
    usable[generator.random(clean.shape) < 0.05] = False
    observed[~usable] = 7.0
    found_b, found_s = factorise(observed, usable)
    lit = clean > 0.3
    assert np.abs(found_b @ found_s.T - clean)[lit].mean() < 0.01
    np.testing.assert_allclose(found_s.T @ found_s, 40 * np.eye(3), atol=1e-9)


def test_inflated_normals_face_the_camera_and_point_out_of_an_ellipse() -> None:
    y, x = np.mgrid[-20:21, -30:31]
    grid = PixelGrid((x / 29.5) ** 2 + (y / 19.5) ** 2 < 1)
    normals = inflated_normals(grid)
    assert (normals[:, 2] < 0).all()
    outward = np.stack([x[grid.mask] / 29.5**2, y[grid.mask] / 19.5**2], 1)
    rim = np.linalg.norm(outward * [29.5, 19.5], axis=1) > 0.8
    assert ((normals[:, :2] * outward).sum(1)[rim] > 0).all()


def test_inflation_fills_a_mask_that_meets_the_image_border() -> None:
    normals = inflated_normals(PixelGrid(np.ones((9, 9), bool)))
    assert np.isfinite(normals).all()
    assert np.isfinite(inflated_normals(PixelGrid(np.ones((1, 1), bool)))).all()


def test_matrix_towards_normals_is_found_though_a_quarter_of_them_is_wrong() -> None:
    generator = np.random.default_rng(0)
    normals, matrix = random_normals(generator, 600), generator.normal(size=(3, 3))
    guess = np.where(generator.random((600, 1)) < 0.25, unit(generator.normal(size=(600, 3))), normals)
    found = towards_normals(normals @ np.linalg.inv(matrix).T, guess)
    assert angles_deg(normals @ (found @ np.linalg.inv(matrix)).T, normals).mean() < 3.0


@settings(max_examples=20, deadline=None)
@given(st.floats(-0.3, 0.3), st.floats(-0.3, 0.3), st.floats(0.5, 2.0))
def test_bas_relief_is_what_it_does_to_a_height_field(mu: float, nu: float, stretch: float) -> None:
    slopes = np.random.default_rng(0).normal(size=(20, 2))
    normals = np.concatenate([slopes, -np.ones((20, 1))], 1)
    turned = normals @ bas_relief(mu, nu, stretch).T
    np.testing.assert_allclose(-turned[:, :2] / turned[:, 2:], stretch * slopes + [mu, nu], atol=1e-9)


def test_tilt_is_found_by_integrability_alone() -> None:
    grid, normals = dome()
    quads = Quads.of(grid, np.tile(VIEW, (grid.size, 1)))
    asked = np.array([0.12, -0.07, 0.05])
    wrong = unit(normals @ np.linalg.inv(tilt_matrix(asked)).T)
    found = integrable_tilt(wrong, quads, np.ones(grid.size))
    np.testing.assert_allclose(found, asked, atol=0.02)
    assert relative_curl(unit(wrong @ tilt_matrix(found).T), quads, np.ones(grid.size)) < relative_curl(
        wrong, quads, np.ones(grid.size)
    )


def test_curl_of_nothing_is_zero() -> None:
    grid = PixelGrid(np.eye(5, dtype=bool))
    assert relative_curl(np.tile(VIEW, (5, 1)), Quads.of(grid, np.tile(VIEW, (5, 1))), np.ones(5)) == 0.0


def test_outline_and_integrability_undo_a_linear_map() -> None:
    grid, normals = dome(1)
    quads = Quads.of(grid, np.tile(VIEW, (grid.size, 1)))
    matrix = np.eye(3) + 0.2 * np.random.default_rng(2).normal(size=(3, 3))
    bent = unit(normals @ matrix.T)
    found = outline_matrix(bent, inflated_normals(grid), quads, np.ones(grid.size))
    assert angles_deg(bent @ found.T, normals).mean() < 6.0 < 8.0 < angles_deg(bent, normals).mean()
    assert np.linalg.det(found) == pytest.approx(1.0)


def test_lambertian_images_do_not_resist_the_bas_relief_and_glossy_ones_do() -> None:
    _, normals = dome()
    lights = directions(24)
    told = []
    for shading in (np.maximum(normals @ lights.T, 0.0), blinn(normals, lights)):
        pixels = pixels_of(shading)
        state = settle(pixels, start_state(pixels, lights, np.ones(24), normals))
        told.append(evidence(pixels, state))
    assert told[0].stretch_spread > 0.3 > 0.1 > told[1].stretch_spread
    assert told[0].tilt_spread > 0.2 > 0.1 > told[1].tilt_spread


def test_highlights_and_integrability_find_lights_and_intensities() -> None:
    grid, normals = dome()
    lights, strength = directions(24), np.random.default_rng(0).uniform(0.8, 1.25, 24)
    strength /= np.exp(np.log(strength).mean())
    pixels = pixels_of(blinn(normals, lights) * strength)
    bent = bas_relief(0.1, -0.05, 1.2)
    scaled = lights @ np.linalg.inv(bent)
    start = start_state(pixels, scaled, np.linalg.norm(scaled, axis=1), normals @ bent.T)
    found, quads = adjust(pixels, start, 6), Quads.of(grid, pixels.viewers)
    for _ in range(3):
        found = adjust(pixels, integrable(pixels, found, quads), 5, hold=rotations)
    found = integrable(pixels, found, quads)
    assert found.cost < start.cost
    assert angles_deg(found.lights, lights).mean() < 2.0 < 4.0 < angles_deg(start.lights, lights).mean()
    assert np.abs(found.intensities / strength - 1).mean() < 0.03
    assert np.log(found.intensities).mean() == pytest.approx(0.0, abs=1e-9)


def test_held_rotation_does_not_drift() -> None:
    _, normals = dome()
    lights = directions(12)
    pixels = pixels_of(blinn(normals, lights))
    turned = unit(lights + 0.05 * np.random.default_rng(1).normal(size=lights.shape))
    start = start_state(pixels, turned, np.ones(12), normals)
    found = adjust(pixels, start, 1, hold=rotations)
    mean_turn = np.cross(start.lights, found.lights).sum(0)
    assert np.abs(mean_turn).max() < 0.02 * np.linalg.norm(found.lights - start.lights)


def test_a_linear_map_leaves_the_images_of_a_lambertian_surface() -> None:
    _, normals = dome()
    lights = directions(15)
    shading = normals @ lights.T
    lit = (shading > 0.05).all(1)
    pixels = pixels_of(shading[lit])
    state = start_state(pixels, lights, np.ones(15), normals[lit])
    bent = moved(pixels, state, bas_relief(0.05, 0.02, 1.1))
    assert state.cost < 1e-4
    assert bent.cost < 1e-3
    assert angles_deg(bent.normals, state.normals).mean() > 1.0


def test_exposures_and_colours_of_lights() -> None:
    generator = np.random.default_rng(0)
    normals, lights = random_normals(generator, 2000), directions(20)
    strength = generator.uniform(0.5, 2.0, (20, 3))
    shading = np.maximum(normals @ lights.T, 0.0)
    radiance = shading[..., None] * generator.uniform(0.2, 0.8, (2000, 1, 3)) * strength
    usable = np.ones(shading.shape, bool)
    grey = radiance.mean(-1)
    found = light_colours(radiance, grey, usable)
    relative = strength / strength.mean(1, keepdims=True)
    ratio = found / relative
    assert np.abs(ratio / ratio.mean(0) - 1).mean() < 0.05
    exposure = image_exposures(grey, usable)
    apart = np.log(exposure) - np.log(strength.mean(1))
    assert np.std(apart) < 0.5 * np.std(np.log(strength.mean(1)))
    assert np.isfinite(light_colours(0 * radiance, 0 * grey, np.zeros(shading.shape, bool))).all()
