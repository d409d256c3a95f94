"""Reflection on a ball against Fermat's principle, closed forms and random noise."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from sharpvision.reconstruct.calibration.ball_reflection import direction_std_deg, reflect_on_ball
from sharpvision.reconstruct.calibration.sphere_outline import Lens, SphereOutline

FLAT = SphereOutline((100.0, 80.0, 40.0), Lens())


def outline_of(centre: np.ndarray, radius: float, lens: Lens) -> SphereOutline:
    """Of a sphere in space."""
    far = np.linalg.norm(centre)
    x, y, z = centre / far / np.sqrt(1 - (radius / far) ** 2)
    return SphereOutline((float(x), float(y), float(z)), lens)


@given(st.floats(-80, 80), st.floats(-179, 179))
@settings(deadline=None)
def test_orthographic_is_twice_the_normal_and_not_the_normal(slant_deg: float, turn_deg: float) -> None:
    slant, turn = np.radians(slant_deg / 2), np.radians(turn_deg)
    across = np.array([np.cos(turn), np.sin(turn)])
    spot = np.array([[100.0, 80.0]]) + 40 * np.sin(slant) * across
    reflected = reflect_on_ball(spot, FLAT)
    expected = np.append(np.sin(2 * slant) * across, -np.cos(2 * slant))
    assert np.allclose(reflected.directions[0], expected, atol=1e-9)
    between = np.degrees(np.arccos(np.clip(reflected.directions[0] @ reflected.normals[0], -1, 1)))
    assert between == pytest.approx(abs(slant_deg) / 2, abs=1e-4)


@given(st.tuples(st.floats(-100, 100), st.floats(-80, 80), st.floats(400, 600)),
       st.tuples(st.floats(-400, 400), st.floats(-400, 400), st.floats(-300, 200)))  # fmt: skip
@settings(max_examples=25, deadline=None)
def test_perspective_is_the_shortest_path(place: tuple[float, float, float], lamp: tuple[float, float, float]) -> None:
    centre, light, radius, lens = np.array(place), np.array(lamp), 30.0, Lens(500.0, (320.0, 240.0))

    def point(angles: np.ndarray) -> np.ndarray:
        towards = -centre / np.linalg.norm(centre)
        first = np.cross(towards, [0.0, 1.0, 0.0])
        first /= np.linalg.norm(first)
        turned = towards + np.tan(angles[0]) * first + np.tan(angles[1]) * np.cross(towards, first)
        return centre + radius * turned / np.linalg.norm(turned)

    def path(angles: np.ndarray) -> float:
        return float(np.linalg.norm(point(angles)) + np.linalg.norm(light - point(angles)))

    touched = point(minimize(path, np.zeros(2), method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-13}).x)
    reflected = reflect_on_ball(lens.project(touched)[None], outline_of(centre, radius, lens))
    assert np.allclose(reflected.origins[0] * radius, touched, atol=1e-3)
    assert np.allclose(reflected.directions[0], (light - touched) / np.linalg.norm(light - touched), atol=1e-4)


def test_middle_rim_and_outside() -> None:
    spots = np.array([[100.0, 80.0], [140.0, 80.0], [141.0, 80.0], [np.nan, np.nan]])
    directions = reflect_on_ball(spots, FLAT).directions
    assert np.allclose(directions[0], [0, 0, -1])
    assert np.allclose(directions[1], [0, 0, 1])
    assert np.isnan(directions[2:]).all()


def test_perspective_of_a_far_camera_is_orthographic() -> None:
    lens = Lens(4e6, (100.0, 80.0))
    spots = np.array([[110.0, 85.0], [75.0, 80.0], [100.0, 115.0]])
    near = reflect_on_ball(spots, SphereOutline.from_circle((100.0, 80.0), 40.0, lens)).directions
    assert np.allclose(near, reflect_on_ball(spots, FLAT).directions, atol=1e-4)


@pytest.mark.parametrize("lens", [Lens(), Lens(300.0, (160.0, 120.0))], ids=["orthographic", "perspective"])
def test_std_against_random_highlights_and_outlines(lens: Lens) -> None:
    rng = np.random.default_rng(1)
    outline = SphereOutline.from_circle((100.0, 80.0), 40.0, lens)
    spots, std_px = np.array([[112.0, 88.0], [80.0, 70.0]]), np.array([0.2, 0.4])
    size = 0.3 if lens.focal_px is None else 0.0003
    covariance = size**2 * np.diag([1.0, 2.0, 0.5])
    stated = direction_std_deg(spots, std_px, outline, covariance)
    truth, errors = reflect_on_ball(spots, outline).directions, []
    for _ in range(800):
        moved = outline.moved(rng.multivariate_normal(np.zeros(3), covariance))
        found = reflect_on_ball(spots + std_px[:, None] * rng.standard_normal((2, 2)), moved).directions
        errors.append(np.degrees(np.arccos(np.clip((found * truth).sum(1), -1, 1))))
    assert np.allclose(np.quantile(errors, 0.68, axis=0), stated, rtol=0.2)
