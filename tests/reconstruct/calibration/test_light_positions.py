"""Lamps placed from exact highlights, from noisy ones, and from photographs of a plane."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from ball_photographs import LAMPS, ONE, TWO, lens_of, photographs, true_outline
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import least_squares

from sharpvision.bench.ball_scene import BallScene
from sharpvision.core.errors import InputError
from sharpvision.reconstruct.calibration.ball_detection import Ball, detect_ball
from sharpvision.reconstruct.calibration.ball_reflection import reflect_on_ball
from sharpvision.reconstruct.calibration.highlights import Highlights
from sharpvision.reconstruct.calibration.light_over_plane import PlaneInView, lights_from_ball_and_plane
from sharpvision.reconstruct.calibration.light_positions import lights_from_balls, meet
from sharpvision.reconstruct.calibration.sphere_outline import Lens, SphereOutline


def ball_of(scene: BallScene, number: int, lamps: np.ndarray, noise: np.ndarray | None = None) -> Ball:
    """A ball as it would be found, with its highlights where lamps leave them (by a solver that knows the lamp)."""
    outline, radius = true_outline(scene, number), scene.radii[number]

    def spot(lamp: np.ndarray) -> np.ndarray:
        def off(place: np.ndarray) -> np.ndarray:
            reflected = reflect_on_ball(place[None], outline)
            away = lamp - reflected.origins * radius
            return (reflected.directions - away / np.linalg.norm(away)).ravel()

        return least_squares(off, np.array(outline.centre), xtol=1e-14, ftol=1e-14, gtol=1e-14).x

    spots = np.array([spot(lamp) for lamp in lamps]) + (0 if noise is None else noise)
    count = len(lamps)
    flags = np.ones(count, bool)
    highlights = Highlights(spots, np.full(count, 0.1), flags, np.ones((count, 3)), ~flags, np.full(count, 9.0), ~flags)
    return Ball(outline, 0.1, 1.0, np.zeros(3), outline.contour(300)[0], highlights, 1.0)


@given(st.tuples(st.floats(-250, 250), st.floats(-250, 250), st.floats(-200, 300)))
@settings(max_examples=15, deadline=None)
def test_exact_highlights_give_exact_places(place: tuple[float, float, float]) -> None:
    lamps = np.array([place, *LAMPS[:2]])
    lights = lights_from_balls([ball_of(TWO, number, lamps) for number in (0, 1)], [30.0, 30.0])
    assert lights.found.all()
    assert np.abs(lights.positions - lamps).max() < 1e-3
    assert lights.misfit < 1e-3
    assert not lights.notes


def test_uncertainty_against_noise() -> None:
    rng = np.random.default_rng(7)
    errors, stated = [], []
    for _ in range(8):
        balls = [ball_of(TWO, number, LAMPS, 0.1 * rng.standard_normal((6, 2))) for number in (0, 1)]
        lights = lights_from_balls(balls, [30.0, 30.0])
        errors.append(np.linalg.norm(lights.positions - LAMPS, axis=1))
        stated.append(lights.std)
    ratio = np.sqrt(np.mean(np.square(errors)) / np.mean(np.square(stated)))
    assert 0.5 < ratio < 1.2  # outlines were exact, which the stated deviation does not know


def test_a_lamp_that_one_ball_does_not_see_is_named() -> None:
    balls = [ball_of(TWO, number, LAMPS) for number in (0, 1)]
    spots = balls[1].highlights.positions.copy()
    spots[3] = np.nan
    hidden = replace(balls[1], highlights=replace(balls[1].highlights, positions=spots))
    lights = lights_from_balls([balls[0], hidden], [30.0, 30.0], list("abcdef"))
    assert lights.found.tolist() == [True, True, True, False, True, True]
    assert np.isnan(lights.positions[3]).all()
    assert lights.notes == ("no highlight on two balls, so no place of the lamp: d",)


def test_refusals() -> None:
    balls = [ball_of(TWO, number, LAMPS) for number in (0, 1)]
    with pytest.raises(InputError, match="two balls and their radii"):
        lights_from_balls(balls[:1], [30.0])
    flat = replace(balls[0], outline=SphereOutline((60.0, 80.0, 20.0), Lens()))
    with pytest.raises(InputError, match="perspective camera"):
        lights_from_balls([flat, balls[1]], [30.0, 30.0])
    far = [ball_of(TWO, number, 1000 * LAMPS) for number in (0, 1)]
    with pytest.raises(InputError, match="near enough"):
        lights_from_balls(far, [30.0, 30.0])


def test_rays_that_miss() -> None:
    origins = np.array([[[0.0, 0, 0]], [[0.0, 2, 5]]])
    directions = np.array([[[0.0, 0, 1]], [[1.0, 0, 0]]])
    points, gaps, angles = meet(origins, directions)
    assert np.allclose(points, [[0, 1, 5]])
    assert np.allclose(gaps, 1.0)
    assert np.allclose(angles, np.pi / 2)


def test_photographs_of_one_ball_and_a_plane() -> None:
    lens = lens_of(ONE)
    corners = lens.project(np.array([[-120.0, -90, 600], [30, -90, 600], [30, 90, 600], [-120, 90, 600]]))
    ball = detect_ball(photographs("one"), lens=lens)
    lights = lights_from_ball_and_plane(photographs("one"), ball, 30.0, PlaneInView(corners, 150.0, 180.0))
    distance = np.linalg.norm(LAMPS - ONE.centres[0], axis=1)
    error = np.linalg.norm(lights.positions - LAMPS, axis=1)
    assert (100 * error / distance).mean() < 3.0
    assert (error < 4 * lights.std).all()
    with pytest.raises(InputError, match="a plane in the frame"):
        lights_from_ball_and_plane(photographs("one"), ball, 30.0, PlaneInView(corners + 1000.0, 150.0, 180.0))
