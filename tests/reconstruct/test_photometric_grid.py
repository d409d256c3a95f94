"""Pixels of a mask on grids of several sizes: averages, interpolation, reading, viewing directions, noise."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from photometric_spheres import photographs, with_mask

from sharpvision.bench.rendered import light_directions
from sharpvision.data.observations import MemorySource, from_arrays
from sharpvision.reconstruct.photometric.grid import PixelGrid
from sharpvision.reconstruct.photometric.pixel_observations import gather, noise_level, viewers_of

MASKS = arrays(np.bool_, st.tuples(st.integers(1, 17), st.integers(1, 17))).filter(np.any)


@given(mask=MASKS, cells=st.integers(1, 60))
@settings(max_examples=60, deadline=None)
def test_a_constant_survives_averaging_and_interpolation(mask: np.ndarray, cells: int) -> None:
    grid = PixelGrid(mask)
    coarse = grid.reduced(cells)
    values = np.full((grid.size, 2), 0.7, np.float32)
    small = grid.average(values, coarse)
    assert small.shape == (coarse.size, 2)
    np.testing.assert_allclose(small, 0.7, rtol=1e-5)
    np.testing.assert_allclose(coarse.interpolate(small, grid), values, rtol=1e-5)


@given(mask=MASKS, cells=st.integers(1, 60))
@settings(max_examples=60, deadline=None)
def test_a_reduced_grid_is_never_empty_and_holds_what_it_promises(mask: np.ndarray, cells: int) -> None:
    grid = PixelGrid(mask)
    coarse = grid.reduced(cells)
    assert coarse.size >= 1
    assert coarse.factor == 1 or grid.size / coarse.factor**2 <= cells
    assert coarse.factor == 1 or grid.size / (coarse.factor - 1) ** 2 > cells
    for row, column in zip(*coarse.index, strict=True):
        step = coarse.factor
        assert mask[row * step : (row + 1) * step, column * step : (column + 1) * step].any()


@given(mask=MASKS, seed=st.integers(0, 1000))
@settings(max_examples=40, deadline=None)
def test_an_image_is_undone_by_the_mask(mask: np.ndarray, seed: int) -> None:
    grid = PixelGrid(mask)
    values = np.random.default_rng(seed).standard_normal((grid.size, 3))
    image = grid.image(values, np.nan)
    np.testing.assert_array_equal(image[mask], values)
    assert np.isnan(image[~mask]).all()


def test_averages_are_those_of_opencv_and_of_the_pixels_inside() -> None:
    image = np.random.default_rng(0).uniform(size=(12, 20)).astype(np.float32)
    grid, coarse = PixelGrid(np.ones((12, 20), bool)), PixelGrid(np.ones((3, 5), bool), 4)
    expected = cv2.resize(image, (5, 3), interpolation=cv2.INTER_AREA)
    np.testing.assert_allclose(coarse.image(grid.average(image.ravel(), coarse)), expected, rtol=1e-5)
    mask = np.ones((4, 4), bool)
    mask[0] = False
    part, cell = PixelGrid(mask), PixelGrid(np.ones((1, 1), bool), 4)
    np.testing.assert_allclose(part.average(np.arange(12.0), cell), [5.5])


def test_interpolation_is_that_of_opencv() -> None:
    image = np.random.default_rng(1).uniform(size=(5, 7)).astype(np.float32)
    coarse, fine = PixelGrid(np.ones((5, 7), bool), 3), PixelGrid(np.ones((15, 21), bool))
    expected = cv2.resize(image, (21, 15), interpolation=cv2.INTER_LINEAR)
    np.testing.assert_allclose(fine.image(coarse.interpolate(image.ravel(), fine)), expected, atol=2e-3)


@pytest.mark.parametrize("step", [2, 3, 5])
def test_a_linear_function_is_reproduced_inside(step: int) -> None:
    y, x = np.mgrid[: 8 * step, : 6 * step] + 0.5
    plane = 0.3 * x - 0.7 * y + 2.0
    grid, coarse = PixelGrid(np.ones(plane.shape, bool)), PixelGrid(np.ones((8, 6), bool), step)
    again = grid.image(coarse.interpolate(grid.average(plane.ravel(), coarse), grid))
    inner = (slice(step, -step), slice(step, -step))
    np.testing.assert_allclose(again[inner], plane[inner], atol=1e-4)


def test_factor_one_is_the_identity() -> None:
    grid = PixelGrid(np.random.default_rng(2).uniform(size=(9, 9)) > 0.4)
    values = np.random.default_rng(3).uniform(size=(grid.size, 2))
    same = grid.reduced(grid.size)
    assert same is grid
    np.testing.assert_array_equal(grid.average(values, same), values)
    np.testing.assert_array_equal(grid.interpolate(values, same), values)


def test_a_line_one_pixel_wide_is_kept() -> None:
    mask = np.zeros((40, 40), bool)
    mask[:, 17] = True
    grid = PixelGrid(mask)
    coarse = grid.reduced(4)
    rows = coarse.interpolate(grid.average(np.arange(40.0), coarse), grid)
    assert (coarse.factor, coarse.size) == (4, 10)
    assert (np.diff(rows) >= 0).all()
    np.testing.assert_allclose(rows[4:-4], np.arange(4.0, 36.0), atol=1e-4)


def test_the_side_is_that_of_the_bounding_box() -> None:
    mask = np.zeros((10, 20), bool)
    mask[3:5, 4] = mask[4, 4:15] = True
    assert (PixelGrid(mask).side, PixelGrid(mask.T).side) == (11, 11)


@pytest.mark.parametrize("rows", [1, 5, 256])
def test_gather_is_direct_indexing(rows: int) -> None:
    observations = photographs(material="matte")
    mask = observations.mask.numpy().copy()
    mask[5:15] = False
    observations = with_mask(observations, mask)
    found = gather(observations, rows)
    images, intensities = observations.source.images.numpy(), observations.light_intensities.numpy()
    for p in (0, found.grid.size // 2, found.grid.size - 1):
        row, column = found.grid.index[0][p], found.grid.index[1][p]
        np.testing.assert_allclose(found.radiance[p], images[:, row, column] / intensities, rtol=1e-5)
    assert found.grid.size == mask.sum()
    assert (found.usable == 1).all()


def test_gather_marks_saturated_observations_and_so_do_cells() -> None:
    images = torch.full((3, 4, 4, 3), 0.5)
    images[1, 0, 0] = 1.0
    found = gather(from_arrays(images, torch.from_numpy(light_directions(3))))
    assert (np.argwhere(found.usable == 0) == [[0, 1]]).all()
    coarse = found.on(PixelGrid(np.ones((2, 2), bool), 2))
    assert (np.argwhere(coarse.usable == 0) == [[0, 1]]).all()
    np.testing.assert_allclose(coarse.radiance[1:], 0.5)


def test_a_dark_observation_counts() -> None:
    images = torch.full((3, 2, 2, 3), 0.5)
    observations = from_arrays(images, torch.from_numpy(light_directions(3)))
    dark = replace(observations, source=MemorySource(images, torch.full((3, 2, 2), 2, dtype=torch.uint8)))
    assert (gather(dark).usable == 1).all()


def test_viewers_point_from_the_surface_to_the_camera() -> None:
    observations = photographs(material="matte")
    grid = PixelGrid(observations.mask.numpy())
    np.testing.assert_array_equal(viewers_of(observations, grid), np.tile([0.0, 0.0, -1.0], (grid.size, 1)))
    near = replace(observations, focal_px=50.0, principal_point=(20.0, 26.0))
    viewers = viewers_of(near, grid)
    np.testing.assert_allclose(np.linalg.norm(viewers, axis=1), 1.0, atol=1e-6)
    rows, columns = grid.index
    points = np.stack([(columns + 0.5 - 20.0) / 50.0, (rows + 0.5 - 26.0) / 50.0, np.ones(grid.size)], 1) * 7.0
    np.testing.assert_allclose(np.cross(viewers, points), 0.0, atol=1e-5)
    assert ((viewers * points).sum(1) < 0).all()
    centred = viewers_of(replace(observations, focal_px=50.0), grid)
    flipped = viewers_of(replace(observations, focal_px=50.0), PixelGrid(observations.mask.numpy()[::-1, ::-1]))
    np.testing.assert_allclose(flipped[::-1, :2], -centred[:, :2], atol=1e-6)


@pytest.mark.parametrize("sigma", [0.0, 0.002, 0.03])
def test_noise_level_of_known_noise_over_a_shaded_surface(sigma: float) -> None:
    y, x = np.mgrid[:60, :60] / 60.0
    clean = np.repeat((0.2 + 0.5 * x + 0.1 * y).reshape(-1, 1, 1), 10, 1).repeat(3, 2)
    noisy = clean + sigma * np.random.default_rng(0).standard_normal(clean.shape)
    found = noise_level(noisy.astype(np.float32), PixelGrid(np.ones((60, 60), bool)))
    assert found == pytest.approx(sigma, rel=0.08, abs=1e-6)


def test_noise_level_without_three_pixels_in_a_row() -> None:
    mask = np.zeros((6, 6), bool)
    mask[:, ::3] = True
    assert noise_level(np.ones((12, 4, 3), np.float32), PixelGrid(mask)) == 0.0


def test_averaging_lowers_the_noise() -> None:
    found = gather(photographs(material="matte"))
    coarse = found.on(found.grid.reduced(found.grid.size // 4))
    assert coarse.noise == pytest.approx(found.noise / coarse.grid.factor)
    assert (coarse.scale > 0).all()
