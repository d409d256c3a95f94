"""The outline of a sphere against projected tangent points, OpenCV's ellipse, and random noise."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sharpvision.reconstruct.calibration.light_positions import ball_centre
from sharpvision.reconstruct.calibration.sphere_outline import Lens, SphereOutline, fit_outline, outline_covariance

LENS = Lens(400.0, (320.0, 240.0))


def tangent_points(centre: np.ndarray, radius: float, count: int = 200) -> np.ndarray:
    """Image of the circle in which rays from the camera touch a sphere."""
    far = np.linalg.norm(centre)
    axis = centre / far
    first = np.cross(axis, [0.0, 1.0, 0.0])
    first /= np.linalg.norm(first)
    turn = np.linspace(0, 2 * np.pi, count, endpoint=False)[:, None]
    middle, size = centre * (1 - radius**2 / far**2), radius * np.sqrt(1 - radius**2 / far**2)
    points = middle + size * (np.cos(turn) * first + np.sin(turn) * np.cross(axis, first))
    return LENS.focal_px * points[:, :2] / points[:, 2:] + np.array(LENS.principal_point)


PLACES = st.tuples(st.floats(-250, 250), st.floats(-180, 180), st.floats(350, 900), st.floats(5, 60))


@given(PLACES)
@settings(max_examples=40, deadline=None)
def test_centre_and_ellipse_from_tangent_points(place: tuple[float, float, float, float]) -> None:
    centre, radius = np.array(place[:3]), place[3]
    points = tangent_points(centre, radius)
    outline = fit_outline(points, np.ones(len(points)), LENS, None)
    assert np.allclose(ball_centre(outline, radius), centre, rtol=1e-6, atol=1e-4)
    assert np.abs(outline.distance(points)).max() < 1e-5
    (x, y), diameters, _ = cv2.fitEllipse(points.astype(np.float32))
    assert np.allclose(outline.centre, (x, y), atol=2e-2)
    assert np.allclose(outline.semi_axes, np.sort(diameters)[::-1] / 2, atol=2e-2)
    drawn, normals = outline.contour(50)
    assert np.abs(outline.distance(drawn)).max() < 1e-6
    assert np.allclose(outline.distance(drawn + 0.01 * normals), 0.01, atol=2e-4)


def test_projection_of_the_centre_is_not_the_middle() -> None:
    centre = np.array([200.0, 0.0, 400.0])
    outline = fit_outline(tangent_points(centre, 60.0), np.ones(200), LENS, None)
    assert outline.centre[0] - LENS.project(centre)[0] > 3.0
    assert outline.ellipse[2] == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("lens", [Lens(), LENS], ids=["orthographic", "perspective"])
def test_a_third_of_the_contour_with_outliers(lens: Lens) -> None:
    rng = np.random.default_rng(3)
    truth = SphereOutline.from_circle((360.0, 200.0), 50.0, lens)
    points = truth.contour(300)[0][:130] + 0.1 * rng.standard_normal((130, 2))
    points[::10] += rng.uniform(5, 15, (13, 2))
    found = fit_outline(points, np.ones(130), lens, 0.3)
    assert np.allclose(found.centre, truth.centre, atol=0.3)
    assert found.radius == pytest.approx(truth.radius, abs=0.3)


@pytest.mark.parametrize("lens", [Lens(), LENS], ids=["orthographic", "perspective"])
def test_covariance_against_repeated_fits(lens: Lens) -> None:
    rng = np.random.default_rng(5)
    truth = SphereOutline.from_circle((350.0, 260.0), 40.0, lens)
    points, normals = truth.contour(100)
    fits = [
        fit_outline(points + 0.2 * rng.standard_normal((100, 1)) * normals, np.ones(100), lens, None).parameters
        for _ in range(300)
    ]
    stated = np.sqrt(np.diag(outline_covariance(truth, points, 0.2)))
    assert np.allclose(np.std(fits, axis=0), stated, rtol=0.15)


@pytest.mark.parametrize("lens", [Lens(), LENS], ids=["orthographic", "perspective"])
def test_grown(lens: Lens) -> None:
    outline = SphereOutline.from_circle((300.0, 250.0), 30.0, lens)
    grown = outline.grown(0.5)
    assert grown.radius - outline.radius == pytest.approx(0.5, abs=0.01)
    assert np.allclose(grown.centre, outline.centre, atol=0.02)
