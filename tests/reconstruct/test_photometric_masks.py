"""Every method on masks and cameras out of the ordinary: parts, holes, single pixels, lines, a perspective camera."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from photometric_spheres import error_deg, lambertian_sphere, photographs, sphere_normals, with_mask

from sharpvision.bench.rendered import light_directions
from sharpvision.data.observations import MemorySource, PhotometricObservations, Validity, from_arrays
from sharpvision.reconstruct import photometric_stereo
from sharpvision.solvers.solution import Solution, Status

METHODS = ["least_squares", "robust", "physics"]


@pytest.fixture(scope="module")
def sphere() -> PhotometricObservations:
    return photographs(material="glossy", side=30, light_count=9)


def check_finite(solution: Solution, observations: PhotometricObservations) -> None:
    mask = observations.mask
    normals = solution.values["normals"]
    torch.testing.assert_close(normals.norm(dim=-1), mask.to(torch.float32), atol=1e-5, rtol=0)
    assert torch.equal(torch.isfinite(solution.values["depth"]), mask)
    for name, value in solution.values.items():
        if name != "depth":
            assert torch.isfinite(value).all(), name
    std = solution.std["normals"]
    assert torch.isfinite(std).all()
    assert ((std >= 0) & (std <= 90)).all()
    assert (std[~mask] == 0).all()
    assert sum(solution.explained.values()) == pytest.approx(1.0)
    assert all(np.isfinite(step.value) for step in solution.history)


def parts(name: str, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """A mask of the sphere's middle, cut as `name` says."""
    mask = np.zeros(shape, bool)
    if name == "two parts":
        mask[8:28, 8:14] = mask[8:28, 20:28] = True
    elif name == "hole":
        mask[8:28, 8:28] = True
        mask[14:20, 14:20] = False
    elif name == "one pixel":
        mask[18, 18] = True
    elif name == "two pixels apart":
        mask[12, 12] = mask[24, 20] = True
    elif name == "row":
        mask[18, 6:30] = True
    elif name == "column":
        mask[6:30, 18] = True
    elif name == "diagonal":
        np.fill_diagonal(mask[8:28, 8:28], True)
    else:
        mask[::2, 1::2] = mask[1::2, ::2] = True  # a chessboard: no pixel beside another
        mask[:7] = mask[29:] = False
        mask[:, :7] = mask[:, 29:] = False
    return mask


NAMES = ["two parts", "hole", "one pixel", "two pixels apart", "row", "column", "diagonal", "chessboard"]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", NAMES)
def test_masks(sphere: PhotometricObservations, name: str, method: str) -> None:
    observations = with_mask(sphere, parts(name, sphere.shape) & sphere.mask.numpy())
    solution = photometric_stereo(observations, method)
    check_finite(solution, observations)
    bar = 8.0 if method == "least_squares" else 3.0
    assert error_deg(solution.values["normals"], observations).mean() < bar


@pytest.mark.parametrize("method", ["least_squares", "robust"])
def test_pixels_do_not_know_the_mask(sphere: PhotometricObservations, method: str) -> None:
    cut = with_mask(sphere, parts("two parts", sphere.shape))
    whole, part = photometric_stereo(sphere, method), photometric_stereo(cut, method)
    assert torch.equal(part.values["normals"][cut.mask], whole.values["normals"][cut.mask])


@pytest.mark.parametrize("method", METHODS)
def test_the_mask_may_touch_every_border(method: str) -> None:
    lights = torch.from_numpy(light_directions(8, 30.0))
    normal = torch.tensor([0.3, 0.1, -np.sqrt(0.9)], dtype=torch.float64)
    images = (0.6 * lights @ normal)[:, None, None, None].expand(8, 12, 9, 3)
    observations = from_arrays(images, lights, ground_truth=normal.float().expand(12, 9, 3))
    solution = photometric_stereo(observations, method)
    check_finite(solution, observations)
    assert error_deg(solution.values["normals"], observations).max() < 1.0
    slope = np.gradient(solution.values["depth"].numpy().astype(float))
    np.testing.assert_allclose(slope[1], 0.3 / np.sqrt(0.9), atol=0.02)  # dz/dx = -n_x / n_z
    np.testing.assert_allclose(slope[0], 0.1 / np.sqrt(0.9), atol=0.02)


def perspective_sphere(side: int = 36, focal_px: float = 60.0) -> PhotometricObservations:
    """A Lambertian sphere that a pinhole camera close to it sees: radius 1, its centre 3 away."""
    y, x = (np.mgrid[:side, :side] + 0.5 - 0.5 * side) / focal_px
    rays = np.stack([x, y, np.ones_like(x)], -1)
    rays /= np.linalg.norm(rays, axis=-1, keepdims=True)
    along = rays[..., 2] * 3.0
    inside = along**2 - 8.0
    mask = inside > 0.6  # short of the silhouette
    points = rays * (along - np.sqrt(np.maximum(inside, 0.0)))[..., None]
    normals = np.where(mask[..., None], points - [0.0, 0.0, 3.0], 0.0)
    lights = light_directions(14, 40.0)
    images = 0.7 * np.maximum(np.einsum("hwc,nc->nhw", normals, lights), 0.0)[..., None].repeat(3, -1)
    observations = from_arrays(
        torch.from_numpy(images), torch.from_numpy(lights), mask=torch.from_numpy(mask),
        ground_truth=torch.from_numpy(normals.astype(np.float32)),
    )  # fmt: skip
    return replace(observations, focal_px=focal_px, principal_point=(0.5 * side, 0.5 * side))


@pytest.mark.parametrize("method", METHODS)
def test_a_perspective_camera(method: str) -> None:
    observations = perspective_sphere()
    solution = photometric_stereo(observations, method)
    check_finite(solution, observations)
    assert solution.figures["depth_model"] == "perspective"
    assert error_deg(solution.values["normals"], observations).mean() < (1.0 if method == "physics" else 0.5)
    depth = solution.values["depth"].numpy()
    height, width = observations.shape
    middle, rim = depth[height // 2, width // 2], depth[height // 2][observations.mask[height // 2]][0]
    y, x = (np.mgrid[:height, :width] + 0.5 - 0.5 * width) / 60.0
    ray = np.sqrt(1.0 + x * x + y * y)
    true = (3.0 / ray - np.sqrt(np.maximum(9.0 / ray**2 - 8.0, 0.0))) / ray
    expected = true[height // 2][observations.mask[height // 2]][0] / true[height // 2, width // 2]
    assert rim / middle == pytest.approx(expected, rel=0.03)


@pytest.mark.parametrize("method", METHODS)
def test_black_and_saturated_pixels_inside_the_mask(method: str) -> None:
    clean = lambertian_sphere(24, 10, widest_deg=40.0)
    images, validity = clean.source.images.clone(), clean.source.validity.clone()
    images[:, 10:12, 10:12] = 0.0
    images[:, 14, 14] = 1.0
    images[:8, 8, 15] = 1.0
    validity[images.amax(-1) >= 1.0] = int(Validity.SATURATED)
    observations = replace(clean, source=MemorySource(images, validity))
    solution = photometric_stereo(observations, method)
    check_finite(solution, observations)
    touched = torch.zeros_like(clean.mask)
    touched[9:16, 9:17] = True
    untouched = replace(observations, mask=clean.mask & ~touched & (clean.ground_truth[..., 2] < -0.5))
    assert error_deg(solution.values["normals"], untouched).mean() < (3.0 if method == "least_squares" else 1.5)


@pytest.mark.parametrize("method", METHODS)
def test_every_pixel_black(method: str) -> None:
    mask, _ = sphere_normals(12)
    images, lights = torch.zeros(5, 12, 12, 3), torch.from_numpy(light_directions(5))
    observations = from_arrays(images, lights, mask=torch.from_numpy(mask))
    solution = photometric_stereo(observations, method)
    check_finite(solution, observations)
    assert solution.explained == {"physics": 0.0, "residual": 0.0, "neither": 1.0}
    if method != "physics":
        assert solution.status is Status.ILL_POSED
        assert any("black" in note for note in solution.notes)
    assert (solution.values["albedo"] == 0).all()


@pytest.mark.parametrize("method", METHODS)
def test_the_number_of_threads_does_not_change_a_byte(
    sphere: PhotometricObservations, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    found = []
    for threads in ("1", "2", "5"):
        monkeypatch.setenv("SHARPVISION_THREADS", threads)
        solution = photometric_stereo(sphere, method)
        found.append({**solution.values, "std": solution.std["normals"]})
    for name in found[0]:
        assert found[0][name].numpy().tobytes() == found[1][name].numpy().tobytes() == found[2][name].numpy().tobytes()


@pytest.mark.parametrize("method", METHODS)
def test_one_light_scale_changes_nothing_but_the_gauge(sphere: PhotometricObservations, method: str) -> None:
    """Twice the intensity of all lights and the same images: half the albedo, which the gauge takes away."""
    brighter = replace(sphere, light_intensities=2.0 * sphere.light_intensities)
    a, b = photometric_stereo(sphere, method), photometric_stereo(brighter, method)
    assert error_deg(a.values["normals"], replace(sphere, ground_truth=b.values["normals"])).mean() < 0.1
    torch.testing.assert_close(a.values["albedo"], b.values["albedo"], atol=0.03, rtol=0)
