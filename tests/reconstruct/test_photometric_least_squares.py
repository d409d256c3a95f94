"""Lambertian least squares against NumPy's solver, closed forms, and the published figures of DiLiGenT."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from photometric_spheres import error_deg, lambertian_images, lambertian_sphere

from sharpvision.bench.rendered import light_directions
from sharpvision.core.errors import InputError
from sharpvision.data import read_photometric
from sharpvision.data.observations import from_arrays
from sharpvision.reconstruct import photometric_stereo
from sharpvision.reconstruct.photometric.least_squares import least_squares_normals
from sharpvision.solvers.solution import Status

GREY = np.array([0.2989, 0.5870, 0.1140])


@given(seed=st.integers(0, 2**32 - 1), count=st.integers(3, 20))
@settings(max_examples=30, deadline=None)
def test_each_pixel_equals_numpys_least_squares(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    lights = rng.standard_normal((count, 3)) - np.array([0.0, 0.0, 2.0])
    lights /= np.linalg.norm(lights, axis=1, keepdims=True)
    radiance = rng.uniform(0.0, 1.2, (7, count, 3)).astype(np.float32)
    normals, _, _ = least_squares_normals(radiance, lights)
    for pixel, normal in zip(radiance.astype(float), normals, strict=True):
        m = np.linalg.lstsq(lights, np.clip(pixel @ GREY, 0.0, 1.0), rcond=None)[0]
        condition = np.linalg.cond(lights)
        np.testing.assert_allclose(normal, m / np.linalg.norm(m), atol=1e-5 * condition)


def test_exact_where_the_data_are_lambertian_and_lit() -> None:
    observations = lambertian_sphere(24, 12, widest_deg=15.0)
    inside = observations.ground_truth[..., 2] < -0.5  # lit by every light
    lit = replace(observations, mask=observations.mask & inside)
    solution = photometric_stereo(lit, "least_squares")
    assert error_deg(solution.values["normals"], lit).max() < 0.02
    assert solution.status is Status.CONVERGED
    assert solution.explained["physics"] == pytest.approx(1.0, abs=1e-6)
    assert float(solution.std["normals"][lit.mask].max()) < 0.02


def test_albedo_is_known_up_to_one_factor() -> None:
    observations = lambertian_sphere(24, 12, widest_deg=15.0)
    lit = replace(observations, mask=observations.mask & (observations.ground_truth[..., 2] < -0.5))
    albedo = photometric_stereo(lit, "least_squares").values["albedo"]
    left, right = albedo[:, :12][lit.mask[:, :12]], albedo[:, 12:][lit.mask[:, 12:]]
    torch.testing.assert_close(left, torch.tensor([1.0, 0.625, 0.375]).expand_as(left), atol=1e-4, rtol=0)
    torch.testing.assert_close(right, torch.tensor([0.375, 0.75, 0.875]).expand_as(right), atol=1e-4, rtol=0)


def test_intensities_are_divided_out() -> None:
    observations = lambertian_sphere(20, 8, widest_deg=15.0)
    gains = torch.from_numpy(np.random.default_rng(0).uniform(0.3, 1.0, (8, 3)))
    dimmed = from_arrays(
        observations.source.images * gains[:, None, None], observations.light_directions, gains, observations.mask
    )
    normals = photometric_stereo(dimmed, "least_squares").values["normals"]
    torch.testing.assert_close(
        normals, photometric_stereo(observations, "least_squares").values["normals"], atol=1e-5, rtol=0
    )


def test_a_black_pixel_faces_the_camera() -> None:
    lights = light_directions(5)
    normals, albedo, spread = least_squares_normals(np.zeros((2, 5, 3), np.float32), lights)
    np.testing.assert_array_equal(normals, [[0, 0, -1], [0, 0, -1]])
    np.testing.assert_array_equal(albedo, 0.0)
    assert np.isfinite(spread).all()


def test_standard_error_is_that_of_repeated_noise() -> None:
    """The spread of 4000 noisy copies of one pixel, against the stated one of each."""
    lights = light_directions(20, 50.0)
    normal = np.array([0.3, -0.2, -np.sqrt(1 - 0.13)])
    clean = 0.6 * lights @ normal
    assert clean.min() > 0.05
    noisy = clean[None, :, None] + 0.01 * np.random.default_rng(1).standard_normal((4000, 20, 1))
    found, _, spread = least_squares_normals(np.repeat(noisy, 3, -1).astype(np.float32), lights)
    across = found - (found @ normal)[:, None] * normal
    assert np.sqrt((across**2).sum(1).mean() / 2) == pytest.approx(float(spread.mean()), rel=0.05)


@pytest.mark.parametrize(("name", "published"), [("ball", 4.10), ("cat", 8.41), ("reading", 19.80)])
def test_published_figures_of_diligent(data_folder: Path, name: str, published: float) -> None:
    observations = read_photometric(data_folder / "diligent" / name)
    errors = error_deg(photometric_stereo(observations, "least_squares").values["normals"], observations)
    known = observations.ground_truth.norm(dim=-1)[observations.mask].numpy() > 0
    assert errors[known].mean() == pytest.approx(published, abs=0.05)


def test_lights_that_a_surface_turns_away_from_count_as_zero() -> None:
    """What the published figures measure: attached shadows are observations like any other."""
    normal = np.array([0.8, 0.0, -0.6])
    lights = np.array([[0.0, 0, -1], [-0.8, 0, -0.6], [0.6, 0, -0.8], [0.0, 0.6, -0.8]])
    images = lambertian_images(normal[None, None], np.full((1, 1, 3), 0.5), lights)
    assert images[1].max() == 0.0
    m = np.linalg.lstsq(lights, images[:, 0, 0, 0], rcond=None)[0]
    found = photometric_stereo(from_arrays(torch.from_numpy(images), torch.from_numpy(lights)), "least_squares")
    np.testing.assert_allclose(found.values["normals"][0, 0], m / np.linalg.norm(m), atol=1e-4)


@pytest.mark.parametrize("method", ["least_squares", "robust", "physics"])
def test_lights_that_do_not_determine_normals_are_refused(method: str) -> None:
    angles = np.linspace(-0.8, 0.8, 6)
    coplanar = np.stack([np.sin(angles), 0 * angles, -np.cos(angles)], 1)
    for lights in (coplanar, np.tile([0.0, 0.0, -1.0], (6, 1)), light_directions(2)):
        images = torch.full((len(lights), 4, 4, 3), 0.4)
        with pytest.raises(InputError, match="light"):
            photometric_stereo(from_arrays(images, torch.from_numpy(lights)), method)


@pytest.mark.parametrize("method", ["least_squares", "robust", "physics"])
def test_an_empty_mask_is_refused(method: str) -> None:
    images, mask = torch.full((6, 4, 4, 3), 0.4), torch.zeros(4, 4, dtype=torch.bool)
    with pytest.raises(InputError, match="mask"):
        photometric_stereo(from_arrays(images, torch.from_numpy(light_directions(6)), mask=mask), method)


@pytest.mark.parametrize("method", ["least_squares", "robust"])
def test_nothing_is_known_of_a_black_pixel(method: str) -> None:
    images = torch.rand(6, 4, 4, 3) * 0.5 + 0.2
    images[:, 1, 2] = 0.0
    std = photometric_stereo(from_arrays(images, torch.from_numpy(light_directions(6))), method).std["normals"]
    assert std[1, 2] == 90.0
    assert (std.flatten()[torch.arange(16) != 6] < 90.0).any()


@pytest.mark.parametrize("method", ["least_squares", "robust"])
def test_three_lights_are_enough_and_say_what_they_cannot(method: str) -> None:
    observations = lambertian_sphere(16, 3, widest_deg=25.0)
    lit = replace(observations, mask=observations.mask & (observations.ground_truth[..., 2] < -0.75))
    solution = photometric_stereo(lit, method)
    if method == "least_squares":
        assert error_deg(solution.values["normals"], lit).max() < 0.05
    assert torch.isfinite(solution.std["normals"]).all()
    assert any("three lights" in note for note in solution.notes)
