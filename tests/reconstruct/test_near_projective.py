"""Shadows of lamps under perspective against rays cast in space."""

from __future__ import annotations

import numpy as np
import pytest

from sharpvision.kernels.height_field import cast_shadows
from sharpvision.reconstruct.photometric.grid import PixelGrid
from sharpvision.reconstruct.photometric.near.projective import projective_lights, projective_points
from sharpvision.reconstruct.photometric.near.rig import Rig

FOCAL, SIDE = 120.0, 60


def rig_at(places: np.ndarray) -> Rig:
    count = len(places)
    axes = np.broadcast_to([0.0, 0.0, 1.0], (count, 3))
    return Rig(places, axes, np.zeros(count), FOCAL, (SIDE / 2.0, SIDE / 2.0), 100.0)


@pytest.mark.parametrize("z", [40.0, 0.0, -30.0])
def test_the_map_keeps_lines_straight_and_their_sense(z):
    """The direction from a mapped point to a mapped lamp is that of the mapped ray, before, beside and behind the
    camera."""
    rig, grid = rig_at(np.array([[35.0, -20.0, z]])), PixelGrid(np.ones((SIDE, SIDE), bool))
    depth = np.full(grid.size, 110.0)
    points, (lights, shares) = projective_points(grid, depth, FOCAL, 100.0), projective_lights(rig, grid, 100.0)
    space = depth[:, None] * rig.rays(grid)
    further = space + 0.01 * (rig.positions[0] - space)
    pixel = FOCAL * further[:, :2] / further[:, 2:] + SIDE / 2.0 - 0.5
    ahead = np.column_stack([pixel, FOCAL * (1.0 - 100.0 / further[:, 2])]) - points
    towards = lights[0] - shares[0] * points.astype(float)
    ahead, towards = (v / np.linalg.norm(v, axis=1, keepdims=True) for v in (ahead, towards))
    assert (ahead * towards).sum(1).min() > 1.0 - 1e-6


def test_a_ball_before_a_wall_shades_where_rays_in_space_meet_it():
    centre, radius, wall = np.array([2.0, -3.0, 85.0]), 9.0, 105.0
    rig, grid = rig_at(np.array([[70.0, 20.0, 30.0], [-40.0, -60.0, -10.0]])), PixelGrid(np.ones((SIDE, SIDE), bool))
    rays = rig.rays(grid)
    a, b = (rays**2).sum(1), rays @ centre
    inside = b**2 - a * (centre @ centre - radius**2)
    on_ball = inside > 0
    depth = np.where(on_ball, (b - np.sqrt(np.maximum(inside, 0.0))) / a, wall)
    space = depth[:, None] * rays
    points, (lights, shares) = projective_points(grid, depth, FOCAL, 95.0), projective_lights(rig, grid, 95.0)
    height = grid.image(points[:, 2].astype(float), np.nan)
    seen = cast_shadows(height, grid.mask, lights, points, shares)
    for j, lamp in enumerate(rig.positions):
        way = lamp - space
        way /= np.linalg.norm(way, axis=1, keepdims=True)
        middle = ((centre - space) * way).sum(1)
        miss = np.linalg.norm(centre - space - middle[:, None] * way, axis=1) - radius
        wall_pixels = ~on_ball & (middle > 0)
        # what the camera sees is a height field: the ball is a column behind its rim, which shades more than a ball
        shaded = wall_pixels & (miss < -2.0)
        assert shaded.sum() > 10
        assert (seen[shaded, j] < 0.5).mean() > 0.97
        aside, lamp_aside = (space - centre)[:, :2], (lamp - centre)[:2]
        along = aside @ lamp_aside / np.linalg.norm(aside, axis=1) / np.linalg.norm(lamp_aside)
        opposite = ~on_ball & (along > 0.7) & (miss > 3.0)
        assert opposite.sum() > 100
        assert (seen[opposite, j] > 0.7).all()
