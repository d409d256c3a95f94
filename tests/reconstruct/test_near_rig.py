"""The rig of near lights against closed forms: directions, fall-off, beams, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from sharpvision.core.errors import InputError
from sharpvision.data.observations import PointLights, from_arrays
from sharpvision.reconstruct.photometric.grid import PixelGrid
from sharpvision.reconstruct.photometric.near.rig import Rig, distance_from_directions, rig_of


def ring(count: int = 6, radius: float = 100.0, depth: float = 20.0) -> np.ndarray:
    """Places (N, 3) on a ring about the optical axis."""
    turn = 2 * np.pi * np.arange(count) / count
    return np.stack([radius * np.cos(turn), radius * np.sin(turn), np.full(count, depth)], 1)


def rig(exponent: float = 2.0, count: int = 6, distance: float = 300.0) -> Rig:
    places = ring(count)
    axes = np.array([0.0, 0.0, distance]) - places
    axes /= np.linalg.norm(axes, axis=1, keepdims=True)
    return Rig(places, axes, np.full(count, exponent), 400.0, (8.0, 8.0), distance)


def test_arrival_is_the_inverse_square_towards_the_lamp_times_the_beam():
    lamps = rig(3.0)
    point = np.array([[13.0, -7.0, 280.0]])
    away = point - lamps.positions
    length = np.linalg.norm(away, axis=1)
    expected = ((away / length[:, None]) * lamps.axes).sum(1) ** 3 * lamps.unit**2 / length**2
    found = lamps.arrival(point)[0]
    assert np.linalg.norm(found, axis=1) == pytest.approx(expected, rel=1e-6)
    assert np.cross(found, away) == pytest.approx(0.0, abs=1e-3)
    assert ((found * away).sum(1) < 0).all()


def test_a_beam_is_dark_behind_the_lamp_and_even_without_exponent():
    behind = np.array([[0.0, 0.0, -500.0]])
    assert (rig(2.0).beam(behind) == 0).all()
    assert (rig(0.0).beam(behind) == 1).all()


def test_a_point_at_the_lamp_itself_is_finite():
    lamps = rig(2.0)
    assert np.isfinite(lamps.arrival(lamps.positions[:1])).all()
    assert np.isfinite(lamps.beam(lamps.positions[:1])).all()


def test_rays_go_through_the_centres_of_cells_of_any_size():
    lamps = rig()
    whole = lamps.rays(PixelGrid(np.ones((16, 16), bool)))
    cells = lamps.rays(PixelGrid(np.ones((4, 4), bool), factor=4))
    assert cells.reshape(4, 4, 3) == pytest.approx(whole.reshape(4, 4, 4, 4, 3).mean((1, 3)))
    assert whole[0] == pytest.approx([(0.5 - 8) / 400, (0.5 - 8) / 400, 1.0])


def observations(directions: np.ndarray, focal: float | None = 400.0):
    count = len(directions)
    made = from_arrays(torch.full((count, 16, 16, 3), 0.5), torch.from_numpy(directions), name="rig")
    lights = PointLights(torch.from_numpy(ring(count)), torch.tensor([[0.0, 0, 1]] * count), torch.ones(count))
    return replace(made, focal_px=focal, point_lights=lights, length_unit="mm")


def test_the_given_depth_is_where_directions_and_places_meet():
    assert rig_of(observations(ring() - [0.0, 0.0, 300.0])).distance == pytest.approx(300.0)


@pytest.mark.parametrize("depth", [-300.0, 300.0])
def test_directions_that_contradict_the_places_are_refused(depth):
    wrong = (ring() - [0.0, 0.0, depth]) * ([-1.0, 1.0, 1.0] if depth > 0 else 1.0)
    with pytest.raises(InputError, match="meet their places"):
        rig_of(observations(wrong))


def test_a_camera_without_focal_length_is_refused():
    with pytest.raises(InputError, match="focal length"):
        rig_of(observations(ring() - [0.0, 0.0, 300.0], focal=None))


def test_distance_is_exact_off_axis():
    ray, places = np.array([0.1, -0.2, 1.0]), ring(9, depth=-30.0)
    seen = places - 250.0 * ray
    z, apart = distance_from_directions(places, seen / np.linalg.norm(seen, axis=1, keepdims=True), ray)
    assert z == pytest.approx(250.0)
    assert apart == pytest.approx(0.0, abs=1e-5)
