"""Shadows and form factors against closed forms and brute force."""

from __future__ import annotations

import math

import numpy as np
import pytest
from pixel_problems import facing, float32, unit_rows

from sharpvision.kernels.height_field import cast_shadows, form_factors
from sharpvision.kernels.reference import height_field as twin


def bumps(seed: int, size: int = 24) -> np.ndarray:
    """A smooth random relief in pixels."""
    generator = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size]
    depth = np.zeros((size, size))
    for _ in range(4):
        centre, width = generator.uniform(4, size - 4, 2), generator.uniform(2, 5)
        depth -= generator.uniform(3, 9) * np.exp(-((x - centre[0]) ** 2 + (y - centre[1]) ** 2) / (2 * width**2))
    return float32(depth)


def far(count: int) -> np.ndarray:
    """Points seen by lights at infinity."""
    return np.zeros((count, 3), np.float32)


@pytest.mark.parametrize("height", [3.0, 6.0, 12.0])
@pytest.mark.parametrize("elevation_deg", [20.0, 45.0, 60.0])
def test_a_wall_casts_a_shadow_of_height_over_tangent(height, elevation_deg):
    depth = np.zeros((5, 80), np.float32)
    depth[:, 10:20] = -height
    elevation = math.radians(elevation_deg)
    # the light comes from the left, so the shadow falls to the right of the wall's right edge
    light = float32(np.array([[-math.cos(elevation), 0.0, -math.sin(elevation)]]))
    visible = cast_shadows(depth, np.ones(depth.shape, bool), light, far(400)).reshape(5, 80)[2]
    # the wall is one pixel above the ray, where visibility is a half, at this distance from its last column
    length = (height - 1.0) / math.tan(elevation)
    columns = np.arange(80) - 19.0
    inside, outside = (columns >= 2) & (columns < length - 2), columns > length + 3
    assert (visible[inside] < 0.5).all()
    assert (visible[outside] > 0.8).all()
    assert inside.any() or length < 4


def test_a_plane_sees_every_light_above_it():
    lights = float32(facing(np.random.default_rng(0), 30, 0.3))
    visible = cast_shadows(np.full((12, 12), 5.0, np.float32), np.ones((12, 12), bool), lights, far(144))
    assert visible.min() > 0.85
    straight = cast_shadows(bumps(1), np.ones((24, 24), bool), float32(np.array([[0.0, 0.0, -1.0]])), far(576))
    assert straight.min() > 0.999


@pytest.mark.parametrize("near", [False, True])
@pytest.mark.parametrize("holes", [False, True])
def test_shadows_equal_their_twin(near, holes):
    generator = np.random.default_rng(2)
    depth, mask = bumps(3), np.ones((24, 24), bool)
    if holes:
        mask = generator.random((24, 24)) < 0.7
    depth[~mask] = np.nan
    lights = float32(facing(generator, 4, 0.2))
    points = float32(generator.uniform(-0.4, 0.4, (mask.sum(), 3))) if near else far(mask.sum())
    visible, expected = cast_shadows(depth, mask, lights, points), twin.cast_shadows(depth, mask, lights, points)
    assert expected.min() < 0.2
    # a sample that lies on the border between two cells may fall to either side of a hole
    assert (np.abs(visible - expected) < 2e-3).mean() > (0.995 if holes else 0.999)


def test_shadows_under_homogeneous_lights_equal_their_twin():
    depth, mask = bumps(8), np.ones((24, 24), bool)
    rows, columns = np.nonzero(mask)
    places = float32(np.stack([columns, rows, depth[mask]], 1))
    lights = float32(np.array([[60.0, 10.0, -25.0], [-40.0, 30.0, -30.0], [3.0, -4.0, -2.0]]))
    shares = float32(np.array([1.0, -0.5, 0.0]))  # before, behind and beside the camera
    visible = cast_shadows(depth, mask, lights, places, shares)
    expected = twin.cast_shadows(depth, mask, lights, places, shares)
    assert expected.min() < 0.2
    assert (np.abs(visible - expected) < 2e-3).mean() > 0.995


def test_near_light_over_a_plane_casts_no_shadow_and_from_the_side_a_longer_one():
    depth = np.zeros((3, 60), np.float32)
    depth[:, 28:31] = -5.0
    mask = np.ones(depth.shape, bool)
    points = np.zeros((180, 3), np.float32)
    points[:, 0] = np.tile((np.arange(60) - 29.5) / 60.0, 3)
    above = float32(np.array([[0.0, 0.0, -1.0]]))
    near, distant = (cast_shadows(depth, mask, above, p).reshape(3, 60)[1] for p in (points, far(180)))
    assert distant.min() > 0.999
    # the light stands over the wall: cells beside it see it over the wall's edge, 2 pixels off the rise is steep
    assert near[0] > 0.85
    assert near[59] > 0.85
    slanted = float32(unit_rows(np.array([[-0.8, 0.0, -0.6]])))
    near, distant = (cast_shadows(depth, mask, slanted, p).reshape(3, 60)[1] for p in (points, far(180)))
    assert (near[32:] < 0.5).sum() > (distant[32:] < 0.5).sum()


def test_an_empty_mask_has_no_shadows_and_no_form_factors():
    depth, mask = np.zeros((4, 4), np.float32), np.zeros((4, 4), bool)
    assert cast_shadows(depth, mask, float32(np.array([[0.0, 0.0, -1.0]])), far(0)).shape == (0, 1)
    assert form_factors(depth, mask, far(0)).shape == (0, 0)


def relief_normals(depth: np.ndarray) -> np.ndarray:
    """Normals (H W, 3) of a relief."""
    rise, run = np.gradient(depth)
    return float32(unit_rows(np.stack([run.ravel(), rise.ravel(), -np.ones(depth.size)], -1)))


def test_form_factors_equal_their_twin():
    depth = bumps(6, 14) * 1.5
    mask = np.random.default_rng(5).random((14, 14)) < 0.85
    normals = relief_normals(depth)[mask.ravel()]
    factors, expected = form_factors(depth, mask, normals), twin.form_factors(depth, mask, normals)
    assert (expected > 0).sum() > 100
    # pairs whose line of sight touches the surface at just the margin may fall to either side
    assert np.isclose(factors, expected, rtol=1e-3, atol=1e-6).mean() > 0.995


def test_rows_are_bounded_and_factors_are_reciprocal():
    depth = bumps(6, 16) * 1.5
    normals = relief_normals(depth)
    factors = form_factors(depth, np.ones((16, 16), bool), normals).astype(np.float64)
    assert (factors >= 0).all()
    assert factors.sum(1).max() <= 0.7 + 1e-5
    areas = 1 / np.maximum(-normals[:, 2].astype(np.float64), 0.15)
    there = areas[:, None] * factors
    rows, columns = np.mgrid[:16, :16]
    apart = np.hypot(rows.reshape(-1, 1) - rows.ravel(), columns.reshape(-1, 1) - columns.ravel()) > 4
    free = factors.sum(1) < 0.69
    both = apart & (there > 0) & (there.T > 0) & free[:, None] & free[None]
    assert both.sum() > 100
    np.testing.assert_allclose(there[both], there.T[both], rtol=0.1)


@pytest.mark.parametrize("distance", [6, 12, 24])
def test_two_patches_at_a_distance_have_the_closed_form(distance):
    depth = np.full((1, distance + 1), np.nan, np.float32)
    depth[0, [0, -1]] = 0.0
    mask = np.isfinite(depth)
    # both lean 60 degrees towards each other: cosines sin 60, areas 1 / cos 60
    lean = math.radians(60)
    normals = float32(np.array([[math.sin(lean), 0, -math.cos(lean)], [-math.sin(lean), 0, -math.cos(lean)]]))
    factors = form_factors(depth, mask, normals)
    expected = math.sin(lean) ** 2 * 2.0 / (math.pi * distance**2)
    np.testing.assert_allclose(factors, [[0, expected], [expected, 0]], rtol=1.1 / distance**2)
    # turned away from each other they exchange nothing
    assert (form_factors(depth, mask, normals[::-1].copy()) == 0).all()


def test_a_wall_between_two_patches_blocks_them():
    depth = np.zeros((1, 21), np.float32)
    normals = np.tile(float32(np.array([[0.0, 0.0, -1.0]])), (21, 1))
    lean = math.radians(60)
    normals[0], normals[20] = (math.sin(lean), 0, -math.cos(lean)), (-math.sin(lean), 0, -math.cos(lean))
    mask = np.ones(depth.shape, bool)
    assert form_factors(depth, mask, normals)[0, 20] > 1e-3
    depth[0, 10] = -3.0
    assert form_factors(depth, mask, normals)[0, 20] == 0
