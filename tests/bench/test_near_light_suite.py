"""The rendered near rig is what it says, its depth is scored as it is, and the capture reads with its truth."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sharpvision.bench.near_light import CAPTURE, NearLight, captured, depth_errors
from sharpvision.bench.near_light_rendered import NearScene, blob, leds, radiance, render_near
from sharpvision.bench.suite import Options
from sharpvision.core.errors import InputError
from sharpvision.solvers.solution import Solution, Status

SMALL = NearScene(side=40, focal_px=85.0, light_count=5)


@pytest.fixture(scope="module")
def small():
    return render_near(SMALL, samples=1)


def test_points_lie_on_the_surface_and_normals_are_its_gradient(small):
    surface, mask = blob(SMALL), small.observations.mask.numpy()
    rows, columns = np.nonzero(mask)
    rays = np.stack([(columns + 0.5 - 20) / 85.0, (rows + 0.5 - 20) / 85.0, np.ones(len(rows))], 1)
    points = small.depth[mask][:, None] * rays
    assert np.abs(surface.value(points)).max() < 1e-6
    step = 1e-4
    gradient = np.stack([surface.value(points + step * e) - surface.value(points - step * e) for e in np.eye(3)], 1)
    gradient /= np.linalg.norm(gradient, axis=1, keepdims=True)
    assert surface.normal(points) == pytest.approx(gradient, abs=1e-6)
    assert small.observations.ground_truth.numpy()[mask] == pytest.approx(gradient, abs=1e-5)


def test_no_ray_reaches_the_surface_earlier(small):
    surface, mask = blob(SMALL), small.observations.mask.numpy()
    rows, columns = np.nonzero(mask)
    rays = np.stack([(columns + 0.5 - 20) / 85.0, (rows + 0.5 - 20) / 85.0, np.ones(len(rows))], 1)
    for share in (0.6, 0.8, 0.9, 0.99):
        assert (surface.value(share * small.depth[mask][:, None] * rays) > 0).all()


def test_radiance_falls_off_with_the_square_and_the_beam(small):
    surface = blob(SMALL)
    point = surface.centre - np.array([[0.0, 0.0, 200.0]])
    while surface.value(point)[0] > 0:
        point = point + np.array([0.0, 0.0, 0.05])
    normal = surface.normal(point)[0]
    near, far = (
        radiance(SMALL, surface, point, point[0] + d * normal, -normal, 2.0)[0] for d in (100.0, 200.0)
    )
    assert near == pytest.approx(4.0 * far, rel=1e-3)
    aside = np.cross(normal, [1.0, 0.0, 0.0])
    tilted = -normal * np.cos(0.5) + aside / np.linalg.norm(aside) * np.sin(0.5)
    beamed = radiance(SMALL, surface, point, point[0] + 100.0 * normal, tilted, 2.0)[0]
    assert beamed == pytest.approx(near * np.cos(0.5) ** 2, rel=1e-3)
    assert (radiance(SMALL, surface, point, point[0] - 100.0 * normal, normal, 2.0) == 0).all()


def test_directions_are_those_from_the_middle_and_lights_are_the_rig(small):
    positions, axes, exponents, intensities = leds(SMALL)
    toward = positions - blob(SMALL).centre
    observations = small.observations
    expected = toward / np.linalg.norm(toward, axis=1, keepdims=True)
    assert observations.light_directions.numpy() == pytest.approx(expected)
    assert observations.point_lights.axes.numpy() == pytest.approx(axes)
    assert observations.point_lights.exponents.numpy() == pytest.approx(exponents)
    assert observations.light_intensities.numpy() == pytest.approx(intensities)


def test_depth_is_scored_without_alignment():
    truth = np.array([[10.0, 12.0], [14.0, np.nan]])
    solution = Solution("x", Status.CONVERGED, "", {"depth": torch.from_numpy(truth * 1.01)})
    found = depth_errors(solution, truth)
    assert found["depth_error_percent"] == pytest.approx(100 * 0.12 / 4)
    assert found["depth_scale_error_percent"] == pytest.approx(1.0)


@pytest.mark.skipif(not CAPTURE.is_dir(), reason="the rendered capture is in a checkout only")
def test_the_capture_comes_with_lamps_and_a_truth_in_one_frame():
    photographs = captured()
    observations = photographs.observations
    inside = observations.mask.numpy()
    assert observations.point_lights is not None
    assert observations.length_unit == "mm"
    assert np.isfinite(photographs.depth[inside]).all()
    truth = observations.ground_truth.numpy()[inside]
    assert (truth[:, 2] < 0).mean() > 0.98
    # the light of a photograph is on the side that is bright in it
    grey = observations.load().images.numpy()[:, inside].mean(-1)
    cosine = truth @ observations.light_directions.numpy().T
    assert min(np.corrcoef(grey[j], cosine[:, j])[0, 1] for j in range(len(grey))) > 0.7


def test_a_method_without_a_near_model_is_refused():
    with pytest.raises(InputError, match="near model"):
        NearLight().cases(Options(methods=("robust",)))
