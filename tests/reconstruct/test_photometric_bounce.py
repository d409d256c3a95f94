"""One surface lighting itself: closed forms of a V-groove, and surfaces that cannot."""

from __future__ import annotations

import numpy as np
import pytest
from photometric_spheres import sphere_normals

from sharpvision.reconstruct.photometric.bounce import bounced_irradiance
from sharpvision.reconstruct.photometric.grid import PixelGrid


def groove(width: int = 30, length: int = 90) -> tuple[PixelGrid, np.ndarray, np.ndarray, np.ndarray]:
    """A V of 90 degrees along the rows: grid, depth, normals, and distance of each pixel from its middle in pixels."""
    grid = PixelGrid(np.ones((length, width), bool))
    offset = (np.arange(width) + 0.5 - width / 2)[None].repeat(length, 0).ravel()
    normals = np.stack([-np.sign(offset), np.zeros_like(offset), -np.ones_like(offset)], 1) / np.sqrt(2)
    return grid, -np.abs(offset), normals.astype(np.float32), np.abs(offset)


def bounce(surface: tuple, albedo: float, direct: float = 1.0, cells: int = 10_000) -> np.ndarray:
    grid, depth, normals, _ = surface
    source = np.full((grid.size, 1), direct, np.float32)
    return bounced_irradiance(grid, depth, normals, source, np.full((grid.size, 3), albedo, np.float32), cells)


def test_a_black_surface_lights_nothing() -> None:
    assert (bounce(groove(20, 20), 0.0) == 0.0).all()


def test_no_light_no_bounce() -> None:
    assert (bounce(groove(20, 20), 0.5, direct=0.0) == 0.0).all()


def test_a_convex_surface_receives_nothing() -> None:
    mask, normals = sphere_normals(30, 0.9)
    y, x = (np.mgrid[:30, :30] + 0.5) - 15.0
    depth = -np.sqrt(np.maximum(225.0 - x * x - y * y, 0.0))
    grid = PixelGrid(mask)
    received = bounce((grid, depth[mask], normals[mask].astype(np.float32), None), 0.8)
    assert np.abs(received).max() < 1e-3
    ridge = groove(20, 20)
    turned = (ridge[0], -ridge[1], (ridge[2] * [-1, 1, 1]).astype(np.float32), None)
    assert np.abs(bounce(turned, 0.8)).max() == 0.0


def test_a_groove_receives_what_the_closed_form_says() -> None:
    """A point at distance s from the edge sees the other face of length L under F = (1 - s / sqrt(s^2 + L^2)) / 2
    (infinite strip at a right angle: half the difference of the sines of the angles to its ends)."""
    surface = groove()
    grid, _, _, offset = surface
    received = grid.image(bounce(surface, 0.01)[:, 0, 0] / 0.01)[45]
    s, extent = np.sqrt(2) * offset.reshape(90, 30)[45], np.sqrt(2) * 15.0
    expected = 0.5 * (1.0 - s / np.hypot(s, extent))
    away = s > 6.0
    np.testing.assert_allclose(received[away], expected[away], rtol=0.1)
    # The pairs that touch across the edge are left out: too little there, never too much.
    assert (received[~away] > 0.25).all()
    assert (received[~away] < 0.5).all()
    np.testing.assert_allclose(received, received[::-1], rtol=1e-3)


def test_bounces_add_up_as_a_geometric_series() -> None:
    """Later bounces arrive at most with the albedo's powers, so twice the albedo is a little over twice the light."""
    surface = groove(20, 40)
    once, twice = bounce(surface, 0.3).mean(), bounce(surface, 0.6).mean()
    assert 2.0 < twice / once < 3.0
    assert bounce(surface, 0.3, direct=2.0).mean() == pytest.approx(2 * once, rel=1e-5)


def test_colours_and_lights_stay_apart() -> None:
    grid, depth, normals, _ = groove(20, 30)
    direct = np.tile(np.array([1.0, 0.0, 0.5], np.float32), (grid.size, 1))
    albedo = np.tile(np.array([0.6, 0.0, 0.3], np.float32), (grid.size, 1))
    received = bounced_irradiance(grid, depth, normals, direct, albedo, 10_000)
    assert received.shape == (grid.size, 3, 3)
    assert (received[:, 1] == 0).all()
    assert (received[..., 1] == 0).all()
    np.testing.assert_allclose(received[:, 2], 0.5 * received[:, 0], rtol=1e-4)
    assert (received[:, 0, 0] > 2 * received[:, 0, 2]).all()


def test_a_coarse_grid_is_close_to_the_full_one() -> None:
    surface = groove(32, 64)
    full, coarse = bounce(surface, 0.5), bounce(surface, 0.5, cells=600)
    assert np.abs(coarse - full).mean() < 0.12 * full.mean()
