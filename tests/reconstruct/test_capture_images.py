"""Masks, odd images, sharpness, coverage and ambient light of stacks that were made or photographed."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from sharpvision.data import ReadOptions, read_photometric
from sharpvision.reconstruct.calibration.ambient import ambient_bound
from sharpvision.reconstruct.calibration.coverage import light_coverage
from sharpvision.reconstruct.calibration.object_mask import find_object
from sharpvision.reconstruct.calibration.outlier_images import outlier_images
from sharpvision.reconstruct.calibration.sharpness import blurred_images, edge_width

SIDE, COUNT = 120, 10


def scene(background: float) -> tuple[np.ndarray, np.ndarray]:
    """A matte sphere on a plane of this albedo under a ring of lights (N, SIDE, SIDE, 3), with noise; and its disc."""
    y, x = (np.mgrid[0:SIDE, 0:SIDE] - SIDE / 2) / (0.3 * SIDE)
    z = np.sqrt(np.maximum(1 - x**2 - y**2, 0))
    disc = x**2 + y**2 < 1
    turn = 2 * np.pi * np.arange(COUNT) / COUNT
    lights = np.stack([0.6 * np.cos(turn), 0.6 * np.sin(turn), np.full(COUNT, 0.8)], -1)
    normals = np.where(disc, np.stack([x, y, z]), np.array([0.0, 0.0, 1.0])[:, None, None])
    shading = np.maximum(np.einsum("nk,kyx->nyx", lights, normals), 0)
    gray = shading * np.where(disc, 0.6, background)
    noise = np.random.default_rng(0).normal(0, 0.003, (*gray.shape, 3))
    return np.clip(gray[..., None] + noise, 0, 1).astype(np.float32), disc


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    """Intersection over union."""
    return float((a & b).sum() / (a | b).sum())


@pytest.mark.parametrize("background", [0.0, 0.01, 0.6])
def test_a_sphere_is_found_before_black_and_on_a_table_of_its_own_albedo(background: float) -> None:
    images, disc = scene(background)
    found = find_object(images)
    assert overlap(found.mask, disc) > 0.85
    assert found.background == ("lit" if background > 0.1 else "dark")
    assert found.confidence > 0.9


def test_what_is_excluded_is_not_in_the_mask() -> None:
    images, disc = scene(0.0)
    images[:, 5:25, 5:25] = 0.8
    excluded = np.zeros((SIDE, SIDE), bool)
    excluded[2:28, 2:28] = True
    found = find_object(images, excluded)
    assert not (found.mask & excluded).any()
    assert overlap(found.mask, disc) > 0.85


@pytest.mark.parametrize("value", [0.0, 0.5])
@pytest.mark.parametrize("count", [1, 5])
def test_without_contrast_the_mask_is_the_picture_and_says_so(value: float, count: int) -> None:
    found = find_object(np.full((count, 40, 50, 3), value, np.float32))
    assert found.mask.all()
    assert found.confidence == 0.0
    assert found.notes


@pytest.mark.parametrize("name", ["ball", "cat", "reading"])
def test_photographed_objects_are_found(data_folder: Path, name: str) -> None:
    observations = read_photometric(data_folder / "diligent" / name, ReadOptions(light_count=12))
    found = find_object(observations.load().images.numpy())
    assert overlap(found.mask, observations.mask.numpy()) > 0.93


def test_odd_images_are_named_with_their_reasons() -> None:
    images, _ = scene(0.0)
    images[:, 20:100:8, 20:100] *= 0.5  # texture
    rng = np.random.default_rng(1)
    images[2] = cv2.resize(rng.random((9, 9, 3)).astype(np.float32), (SIDE, SIDE))
    images[5] *= 0.01
    images[7] = cv2.GaussianBlur(images[7], (0, 0), 5)
    found = outlier_images(images)
    assert [(entry.index, entry.reason) for entry in found] == [(2, "another scene"), (5, "lamp off"), (7, "blurred")]


def test_no_image_of_a_good_stack_is_odd() -> None:
    assert outlier_images(scene(0.0)[0]) == []
    assert outlier_images(scene(0.6)[0]) == []


@pytest.mark.parametrize("count", [1, 3, 8])
@pytest.mark.parametrize("value", [0.0, 0.7])
def test_constant_images_are_never_odd(count: int, value: float) -> None:
    assert outlier_images(np.full((count, 30, 40), value, np.float32)) == []


def test_where_half_are_odd_nobody_is() -> None:
    images, _ = scene(0.0)
    images[:5] *= 0.001
    assert outlier_images(images) == []


@pytest.mark.parametrize("blur", [0.8, 1.5, 3.0])
def test_the_width_of_a_blurred_edge(blur: float) -> None:
    step = np.repeat((np.arange(96) > 47)[None] * 0.05 + 0.5, 96, 0).astype(np.float32)
    assert edge_width(cv2.GaussianBlur(step, (0, 0), blur)) == pytest.approx(blur, abs=0.25)


@pytest.mark.parametrize("value", [0.0, 0.5])
def test_no_edges_have_no_width(value: float) -> None:
    assert np.isnan(edge_width(np.full((20, 20), value, np.float32)))
    assert not blurred_images(np.array([np.nan, 1.0, np.nan])).any()


def test_lights_in_a_plane_do_not_cover() -> None:
    angle = np.radians([-40, -10, 20, 50])
    found = light_coverage(np.stack([np.sin(angle), 0 * angle, -np.cos(angle)], -1))
    assert found.condition < 1e-6
    assert any("one plane" in line for line in found.advice)
    assert found.gap_deg == pytest.approx(180)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_fewer_than_three_lights_are_too_few(count: int) -> None:
    found = light_coverage(np.array([[0.0, 0.0, -1.0], [0.6, 0.0, -0.8]])[:count])
    assert "fewer than three" in found.advice[0]


def test_polar_angles_are_as_the_camera_sees_them() -> None:
    found = light_coverage(np.array([[0.5, 0.0, -np.sqrt(0.75)], [0.0, -0.5, -np.sqrt(0.75)], [-1.0, 0.0, 0.0]]))
    np.testing.assert_allclose(found.polar_deg, [30, 30, 90], atol=1e-9)
    np.testing.assert_allclose(found.azimuth_deg, [0, 90, 180], atol=1e-9)  # y is down: a light above is at 90


def test_ambient_light_is_bounded_from_above() -> None:
    images = scene(0.0)[0].mean(-1)
    assert ambient_bound(images) < 0.6
    images[3] = 0.0
    assert ambient_bound(images) == 0.0
    assert ambient_bound(images + np.float32(0.2)) >= 0.2 / float(np.median(images + 0.2, axis=0).max())
    assert ambient_bound(np.zeros((4, 5, 5), np.float32)) == 0.0
