"""Robust Lambertian photometric stereo: what outliers, saturation, strips and few observations do to it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from photometric_spheres import error_deg, lambertian_sphere, photographs

from sharpvision.bench.rendered import light_directions
from sharpvision.data import read_photometric
from sharpvision.data.observations import MemorySource, PhotometricObservations, Validity, from_arrays
from sharpvision.kernels.robust_normals import L1, robust_normals
from sharpvision.reconstruct import photometric_stereo
from sharpvision.reconstruct.photometric import lambertian_maps
from sharpvision.solvers.solution import Solution, Status


def with_images(observations: PhotometricObservations, images: torch.Tensor) -> PhotometricObservations:
    source = observations.source
    assert isinstance(source, MemorySource)
    return replace(observations, source=MemorySource(images, source.validity))


def same_bytes(a: Solution, b: Solution) -> bool:
    pairs = [(a.values[name], b.values[name]) for name in a.values]
    return all(x.numpy().tobytes() == y.numpy().tobytes() for x, y in [*pairs, (a.std["normals"], b.std["normals"])])


def test_exact_on_a_lambertian_sphere_with_attached_shadows() -> None:
    observations = lambertian_sphere(32, 20)
    errors = error_deg(photometric_stereo(observations, "robust").values["normals"], observations)
    assert np.quantile(errors, 0.9) < 0.1
    least_squares = error_deg(photometric_stereo(observations, "least_squares").values["normals"], observations)
    assert errors.mean() < 0.2 * least_squares.mean()


def test_highlights_and_shadows_are_left_out() -> None:
    """Three of 20 observations of each pixel are made bright, three are blackened."""
    clean = lambertian_sphere(24, 20, widest_deg=35.0)
    lit = replace(clean, mask=clean.mask & (clean.ground_truth[..., 2] < -0.75))
    rng = np.random.default_rng(0)
    order = torch.from_numpy(rng.permuted(np.tile(np.arange(20)[:, None, None], (1, 24, 24)), axis=0))
    images = clean.source.images.clone()
    images[(order < 3)] = 0.0
    images[(order > 16)] += 0.6
    spoilt = with_images(lit, images.clamp(max=0.97))
    errors = error_deg(photometric_stereo(spoilt, "robust").values["normals"], spoilt)
    least_squares = error_deg(photometric_stereo(spoilt, "least_squares").values["normals"], spoilt)
    assert np.median(errors) < 0.5
    assert np.median(least_squares) > 5


def test_saturated_observations_are_not_used() -> None:
    """Whatever a saturated pixel holds, the result is the same to the byte."""
    clean = lambertian_sphere(20, 16, widest_deg=30.0)
    validity = torch.zeros(16, 20, 20, dtype=torch.uint8)
    validity[::5] = int(Validity.SATURATED)
    images = clean.source.images.clone()
    first = replace(clean, source=MemorySource(images, validity))
    images = images.clone()
    images[::5] = 1.0
    second = replace(clean, source=MemorySource(images, validity))
    a, b = photometric_stereo(first, "robust"), photometric_stereo(second, "robust")
    assert torch.equal(a.values["normals"], b.values["normals"])
    assert torch.equal(a.values["albedo"], b.values["albedo"])
    assert a.explained["physics"] == pytest.approx(b.explained["physics"])


@pytest.mark.parametrize("method", ["robust", "least_squares"])
def test_strips_give_the_bytes_of_one_strip(monkeypatch: pytest.MonkeyPatch, method: str) -> None:
    observations = photographs(material="mixed")
    whole = photometric_stereo(observations, method)
    height, width = observations.shape
    for rows in (1, 7, height - 1):
        monkeypatch.setattr(lambertian_maps, "_STRIP_VALUES", rows * width * observations.light_count * 3)
        strips = photometric_stereo(observations, method)
        assert same_bytes(whole, strips)
        assert strips.explained["physics"] == pytest.approx(whole.explained["physics"], abs=1e-6)


@pytest.mark.parametrize("usable", [0, 1, 2, 3])
def test_a_pixel_of_few_usable_observations_is_still_a_unit_normal(usable: int) -> None:
    lights = light_directions(8).astype(np.float32)
    valid = np.zeros((4, 8), np.uint8)
    valid[:, :usable] = 1
    observed = np.random.default_rng(usable).uniform(0.0, 1.0, (4, 8, 3)).astype(np.float32)
    normals, albedo, spread = robust_normals(observed, valid, lights)
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1.0, atol=1e-5)
    assert (normals[:, 2] < 0).all()
    assert np.isfinite(albedo).all()
    assert (albedo >= 0).all()
    assert np.isfinite(spread).all()


def test_black_pixels_face_the_camera() -> None:
    lights = light_directions(6).astype(np.float32)
    normals, albedo, spread = robust_normals(np.zeros((3, 6, 3), np.float32), np.ones((3, 6), np.uint8), lights)
    np.testing.assert_array_equal(normals, np.tile([0.0, 0.0, -1.0], (3, 1)))
    np.testing.assert_array_equal(albedo, 0.0)
    assert np.isfinite(spread).all()


def test_both_formulations_agree_where_nothing_is_an_outlier() -> None:
    observations = lambertian_sphere(20, 16, widest_deg=20.0)
    inside = (observations.mask & (observations.ground_truth[..., 2] < -0.8)).numpy()
    observed = np.ascontiguousarray(observations.source.images.numpy()[:, inside].transpose(1, 0, 2))
    usable, lights = np.ones(observed.shape[:2], np.uint8), observations.light_directions.numpy().astype(np.float32)
    truth = observations.ground_truth.numpy()[inside]
    for normals in (robust_normals(observed, usable, lights)[0], robust_normals(observed, usable, lights, L1)[0]):
        np.testing.assert_allclose(normals, truth, atol=2e-3)


@pytest.mark.parametrize("method", ["robust", "least_squares"])
def test_statuses_and_shares(method: str) -> None:
    solution = photometric_stereo(photographs(), method)
    assert (solution.method, solution.status) == (method, Status.CONVERGED)
    assert sum(solution.explained.values()) == pytest.approx(1.0)
    assert solution.explained["residual"] == 0.0
    assert solution.figures["light_distance_mask_sides"] == "infinite"
    assert solution.figures["learned_parameters"] == 0
    assert np.isfinite(solution.history[-1].value)
    assert solution.settings["residual"] is None


def test_fewer_than_three_pixels_high() -> None:
    lights = torch.from_numpy(light_directions(6))
    solution = photometric_stereo(from_arrays(torch.full((6, 1, 2, 3), 0.4), lights), "robust")
    assert solution.values["normals"].shape == (1, 2, 3)
    assert torch.isfinite(solution.values["depth"]).all()


@pytest.mark.parametrize(("name", "bar"), [("ball", 2.1), ("cat", 6.9), ("reading", 12.2)])
def test_real_photographs(data_folder: Path, name: str, bar: float) -> None:
    observations = read_photometric(data_folder / "diligent" / name)
    errors = error_deg(photometric_stereo(observations, "robust").values["normals"], observations)
    known = observations.ground_truth.norm(dim=-1)[observations.mask].numpy() > 0
    assert errors[known].mean() <= bar


@pytest.mark.parametrize("count", [3, 4])
def test_few_lights_are_not_trimmed(count: int) -> None:
    """The middle of four observations are two, which determine nothing: all are used, as in least squares."""
    observations = lambertian_sphere(16, count, widest_deg=25.0)
    lit = replace(observations, mask=observations.mask & (observations.ground_truth[..., 2] < -0.75))
    assert error_deg(photometric_stereo(lit, "robust").values["normals"], lit).max() < 0.1


@pytest.mark.parametrize("left", [3, 4, 5, 6])
def test_a_pixel_whose_highlights_saturate_is_solved_from_the_rest(left: int) -> None:
    lights = light_directions(10, 30.0).astype(np.float32)
    usable = np.zeros((1, 10), np.uint8)
    usable[0, np.random.default_rng(left).permutation(10)[:left]] = 1
    normal = np.array([0.2, -0.3, -np.sqrt(0.87)])
    observed = np.where(usable[0, :, None] > 0, 0.5 * (lights @ normal)[:, None], 1.0) * np.ones(3)
    normals, _, _ = robust_normals(observed[None].astype(np.float32), usable, lights)
    np.testing.assert_allclose(normals[0], normal, atol=2e-3)
