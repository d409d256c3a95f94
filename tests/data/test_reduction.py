"""Smaller images keep their energy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sharpvision.data.observations import Validity
from sharpvision.data.reduction import area_average, reduce_flags, reduce_mask, reduce_normals, reduced_shape


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 40), st.integers(2, 40), st.integers(2, 40), st.integers(0, 99))
def test_energy_is_kept(height: int, width: int, max_size: int, seed: int) -> None:
    values = np.random.default_rng(seed).random((height, width, 3))
    shape = reduced_shape(height, width, max_size)
    assert max(shape) <= max(max_size, 1)
    np.testing.assert_allclose(area_average(values, shape).mean((0, 1)), values.mean((0, 1)), rtol=1e-4)


def test_whole_blocks_are_means() -> None:
    values = np.random.default_rng(0).random((6, 9, 2))
    np.testing.assert_allclose(area_average(values, (2, 3)), values.reshape(2, 3, 3, 3, 2).mean((1, 3)), rtol=1e-5)


def test_a_part_that_saturates_spoils_the_pixel() -> None:
    flags = np.zeros((4, 4), np.uint8)
    flags[0, 0] = Validity.SATURATED
    flags[:2, 2:] = Validity.DARK
    flags[2:, 2] = Validity.DARK
    assert reduce_flags(flags, (2, 2)).tolist() == [[Validity.SATURATED, Validity.DARK], [0, 0]]


def test_masks_are_cut_at_half_and_specks_survive() -> None:
    mask = np.array([[1, 1, 0, 0], [1, 0, 0, 1]], bool)
    assert reduce_mask(mask, (1, 2)).tolist() == [[True, False]]
    speck = np.zeros((8, 8), bool)
    speck[3, 3] = True
    assert reduce_mask(speck, (2, 2)).sum() == 1


def test_normals_stay_unit_and_unknown_ones_zero() -> None:
    normals = np.zeros((4, 4, 3), np.float32)
    normals[:2, :2] = [0, 0, -1]
    normals[:2, 2:] = [[0.6, 0, -0.8], [-0.6, 0, -0.8]]
    normals[3, 3] = [0, 1, 0]  # a quarter of its new pixel
    reduced = reduce_normals(normals, (2, 2))
    np.testing.assert_allclose(reduced, [[[0, 0, -1], [0, 0, -1]], [[0, 0, 0], [0, 0, 0]]], atol=1e-6)


@pytest.mark.parametrize(("size", "shape"), [(None, (30, 40)), (40, (30, 40)), (20, (15, 20)), (100, (30, 40))])
def test_reduced_shape(size: int | None, shape: tuple[int, int]) -> None:
    assert reduced_shape(30, 40, size) == shape
