"""Light directions from a rendered ball."""

from __future__ import annotations

import numpy as np
import pytest
from ball_photographs import LAMPS, ONE, lens_of, photographs

from sharpvision.core.errors import InputError
from sharpvision.reconstruct.calibration.ball_detection import Ball, detect_ball
from sharpvision.reconstruct.calibration.ball_reflection import reflect_on_ball
from sharpvision.reconstruct.calibration.mirror_ball import lights_from_ball


@pytest.fixture(scope="module")
def ball() -> Ball:
    return detect_ball(photographs("one"), lens=lens_of(ONE))


def true_directions(ball: Ball) -> np.ndarray:
    """From the place of each highlight to its lamp."""
    places = reflect_on_ball(ball.highlights.positions, ball.outline).origins * 30.0
    away = LAMPS - places
    return away / np.linalg.norm(away, axis=1, keepdims=True)


def angles(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return np.degrees(np.arccos(np.clip((first * second).sum(1), -1, 1)))


def test_directions_within_their_deviation(ball: Ball) -> None:
    lights = lights_from_ball(photographs("one"), ball)
    errors = angles(lights.directions, true_directions(ball))
    assert errors.max() < 1.0
    assert (errors < 3 * lights.std_deg).all()
    assert np.allclose(np.linalg.norm(lights.directions, axis=1), 1)
    assert (lights.directions[:, 2] < 0).all()


def test_not_the_normal(ball: Ball) -> None:
    normals = reflect_on_ball(ball.highlights.positions, ball.outline).normals
    assert angles(normals, true_directions(ball)).min() > 5


def test_a_light_that_is_not_seen_is_named(ball: Ball) -> None:
    images = photographs("one").copy()
    x, y = ball.highlights.positions[2].astype(int)
    patch = slice(y - 6, y + 7), slice(x - 6, x + 7)
    images[2][patch] = np.median(images[[0, 1, 3, 4, 5]], axis=0)[patch]
    dark = detect_ball(images, lens=lens_of(ONE))
    lights = lights_from_ball(images, dark, [f"IMG_{k}.jpg" for k in range(6)])
    assert lights.found.tolist() == [True, True, False, True, True, True]
    assert np.isnan(lights.directions[2]).all()
    assert np.isnan(lights.std_deg[2])
    assert "IMG_2.jpg" in lights.notes[0]
    assert "IMG_1.jpg" not in lights.notes[0]


def test_saturation_is_said_and_brightness_is_relative(ball: Ball) -> None:
    lights = lights_from_ball(photographs("one"), ball)
    assert lights.saturated.all()
    assert "saturated" in lights.notes[-1]
    dim = photographs("one") * np.float32(0.5)
    dim[3] *= 0.5
    exposed = lights_from_ball(dim, detect_ball(dim, lens=lens_of(ONE)))
    assert not exposed.saturated.any()
    ratio = exposed.brightness[3] / exposed.brightness[0]
    assert np.allclose(ratio, 0.5 * lights.brightness[3] / lights.brightness[0], rtol=0.05)


def test_no_highlight_at_all(ball: Ball) -> None:
    with pytest.raises(InputError, match="a highlight on the ball"):
        lights_from_ball(np.zeros((3, 240, 320, 3), dtype=np.float32), ball)
