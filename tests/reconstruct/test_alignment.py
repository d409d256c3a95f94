"""Shake that was put in by SciPy's splines is found, and none where there is none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter, shift

from sharpvision.data import ReadOptions, read_photometric
from sharpvision.reconstruct.calibration.alignment import (
    AlignmentSettings,
    align,
    apply_alignment,
    apply_to_flags,
)
from sharpvision.reconstruct.calibration.coarse_motion import coarse_shifts
from sharpvision.reconstruct.calibration.low_rank_motion import warp

SIDE, COUNT = 96, 8


def textured_sphere(count: int = COUNT) -> np.ndarray:
    """A matte sphere with painted spots before a black background, under a ring of lights (N, SIDE, SIDE)."""
    y, x = (np.mgrid[0:SIDE, 0:SIDE] - SIDE / 2) / (0.4 * SIDE)
    z = np.sqrt(np.maximum(1 - x**2 - y**2, 0))
    rng = np.random.default_rng(1)
    albedo = 0.5 + 0.4 * (gaussian_filter(rng.normal(size=(SIDE, SIDE)), 2.0) > 0)
    albedo = gaussian_filter(np.where(x**2 + y**2 < 1, albedo, 0), 0.6)
    turn = 2 * np.pi * np.arange(count) / count
    lights = np.stack([0.6 * np.cos(turn), 0.6 * np.sin(turn), np.full(count, 0.8)], -1)
    shading = np.maximum(np.einsum("nk,kyx->nyx", lights, np.stack([x, y, z])), 0)
    return (albedo * shading).astype(np.float32)


def shaken(images: np.ndarray, shifts: np.ndarray) -> np.ndarray:
    """Images moved by shifts (x, y), with noise of half a percent."""
    moved = [shift(image, (y, x), order=5, mode="nearest") for image, (x, y) in zip(images, shifts, strict=True)]
    noise = np.random.default_rng(2).normal(0, 0.005, images.shape)
    return np.clip(np.stack(moved) + noise, 0, 1).astype(np.float32)


def errors(found: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Distances (N,), the common shift left out."""
    difference = found - true
    return np.hypot(*(difference - difference.mean(0)).T)


def test_shake_of_three_pixels_is_found() -> None:
    true = np.random.default_rng(3).uniform(-3, 3, (COUNT, 2))
    found = align(shaken(textured_sphere(), true))
    assert errors(found.measured, true).max() < 0.3
    assert found.moved.sum() >= COUNT - 1
    assert any("camera moved" in note for note in found.notes)


def test_a_tripod_capture_is_left_alone() -> None:
    images = shaken(textured_sphere(), np.zeros((COUNT, 2)))
    found = align(images)
    assert not found.moved.any()
    image = images[0]
    assert apply_alignment(image, found.parameters[0]) is image


def test_one_knock_moves_the_smaller_group() -> None:
    true = np.zeros((COUNT, 2))
    true[6:] = [2.0, -1.5]
    found = align(shaken(textured_sphere(), true))
    assert found.moved.tolist() == [False] * 6 + [True] * 2
    np.testing.assert_allclose(found.parameters[6:], true[6:], atol=0.3)


def test_turn_and_growth_are_found_where_asked_for() -> None:
    true = np.random.default_rng(4).uniform(-1.5, 1.5, (COUNT, 4))
    true -= true.mean(0)
    images = textured_sphere()
    inverse = np.stack([warp(image, -p) for image, p in zip(images, true, strict=True)])  # to first order
    found = align(inverse, AlignmentSettings(motion="similarity"))
    difference = found.parameters - true
    assert np.abs(difference - difference.mean(0)).max() < 0.3


@settings(max_examples=10, deadline=None)
@given(st.floats(-6, 6), st.floats(-6, 6))
def test_warp_undoes_a_shift(x: float, y: float) -> None:
    smooth = gaussian_filter(np.random.default_rng(5).random((64, 64)), 3.0).astype(np.float32)
    moved = shift(smooth, (y, x), order=5, mode="nearest").astype(np.float32)
    inner = (slice(16, -16), slice(16, -16))
    np.testing.assert_allclose(warp(moved, np.array([x, y]))[inner], smooth[inner], atol=2e-3)


def test_what_was_not_seen_is_nan_and_saturation_moves_along() -> None:
    image = np.random.default_rng(6).random((20, 30, 3)).astype(np.float32)
    moved = apply_alignment(image, np.array([3.0, -2.0]))
    assert np.isnan(moved[:2]).all()
    assert np.isnan(moved[:, -3:]).all()
    np.testing.assert_allclose(moved[2:, :-3], image[:-2, 3:], atol=1e-6)
    flags = np.zeros((20, 30), bool)
    flags[10, 10] = True
    rows, columns = np.nonzero(apply_to_flags(flags, np.array([0.5, 0.0])))
    assert set(rows) == {10}
    assert set(columns) == {9, 10}


@pytest.mark.parametrize("count", [1, 2, 3])
def test_too_few_images_are_left_as_they_are(count: int) -> None:
    found = align(textured_sphere(8)[:count])
    assert not found.moved.any()
    assert np.isinf(found.std).all()
    assert found.notes


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_images_without_contrast_are_left_as_they_are(value: float) -> None:
    found = align(np.full((6, 40, 40), value, np.float32))
    assert not found.moved.any()


def test_a_black_image_among_others_is_not_moved() -> None:
    true = np.random.default_rng(7).uniform(-2, 2, (COUNT, 2))
    images = shaken(textured_sphere(), true)
    images[3] = 0.0
    found = align(images)
    kept = np.arange(COUNT) != 3
    assert not found.moved[3]
    assert np.isinf(found.std[3])
    assert errors(found.measured[kept], true[kept]).max() < 0.4


def test_coarse_shifts_close_their_cycles_under_one_light() -> None:
    image = textured_sphere()[0]
    true = np.random.default_rng(8).uniform(-8, 8, (6, 2))
    found, cycle = coarse_shifts(shaken(np.repeat(image[None], 6, 0), true))
    assert errors(found, true).max() < 0.5
    assert cycle < 0.5


@pytest.mark.slow
def test_photographs_from_a_tripod_are_left_alone(data_folder: Path) -> None:
    images = read_photometric(data_folder / "diligent" / "cat", ReadOptions(light_count=12)).load().images.numpy()
    assert not align(images).moved.any()
