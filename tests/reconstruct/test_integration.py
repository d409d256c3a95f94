"""Integration of normals against closed forms, its gauge, its bad inputs, and its command's promises."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sharpvision.core.errors import InputError
from sharpvision.reconstruct.integration import IntegrationSettings, integrate_normals
from sharpvision.reconstruct.integration_reduced import LIMITS
from sharpvision.solvers.solution import Status

METHODS = ("least_squares", "bilateral")


def unit(slope_x, slope_y):
    n = np.stack(np.broadcast_arrays(slope_x, slope_y, -1.0), -1).astype(np.float64)
    return torch.from_numpy(n / np.linalg.norm(n, axis=-1, keepdims=True))


def centres(height, width):
    v, u = np.mgrid[:height, :width] + 0.5
    return u, v


def everywhere(normals):
    return torch.ones(normals.shape[:2], dtype=torch.bool)


def relative_error(depth, truth, mask):
    """Mean absolute error in percent of the true range, with the constant removed."""
    difference = (depth.double().numpy() - truth)[mask]
    return 100 * np.abs(difference - np.median(difference)).mean() / np.ptp(truth[mask])


@pytest.mark.parametrize("method", METHODS)
@given(slopes=st.tuples(st.floats(-4, 4), st.floats(-4, 4)), size=st.tuples(st.integers(1, 7), st.integers(1, 9)))
@settings(max_examples=25, deadline=None)
def test_a_plane_is_exact(method, slopes, size):
    u, v = centres(*size)
    truth = slopes[0] * u + slopes[1] * v
    normals = unit(np.full(size, slopes[0]), np.full(size, slopes[1]))
    solution = integrate_normals(normals, everywhere(normals), IntegrationSettings(method))
    np.testing.assert_allclose(solution.values["depth"], truth - truth.mean(), atol=2e-4)


@pytest.mark.parametrize("method", METHODS)
def test_a_paraboloid_is_exact_to_the_second_order(method):
    u, v = centres(60, 50)
    x, y = (u - 25) / 25, (v - 30) / 25
    truth = 25 * (0.3 * x**2 + 0.2 * y**2 + 0.1 * x * y)
    normals = unit(0.6 * x + 0.1 * y, 0.4 * y + 0.1 * x)
    solution = integrate_normals(normals, everywhere(normals), IntegrationSettings(method))
    assert solution.status is Status.CONVERGED
    assert relative_error(solution.values["depth"], truth, np.ones_like(u, bool)) < 0.1


@pytest.mark.parametrize("method", METHODS)
def test_a_hemisphere_with_grazing_rim(method):
    u, v = centres(120, 120)
    x, y = (u - 60) / 55, (v - 60) / 55
    mask = x**2 + y**2 < 1
    z = np.sqrt(np.clip(1 - x**2 - y**2, 0, None))
    normals = torch.from_numpy(np.where(mask[..., None], np.stack([x, y, -z], -1), 0.0))
    solution = integrate_normals(normals, torch.from_numpy(mask), IntegrationSettings(method))
    depth = solution.values["depth"]
    assert bool(depth[mask].isfinite().all())
    assert bool(depth[~mask].isnan().all())
    assert relative_error(depth, -55 * z, mask) < 0.5


@pytest.mark.parametrize("method", METHODS)
def test_a_perspective_sphere_has_its_depth_up_to_scale(method):
    """A unit sphere 4 away, by ray casting; off-centre principal point."""
    focal, centre, distance = 300.0, (70.0, 48.0), 4.0
    u, v = centres(110, 120)
    ray = np.stack([(u - centre[0]) / focal, (v - centre[1]) / focal, np.ones_like(u)], -1)
    a, b, c = (ray**2).sum(-1), ray[..., 2] * distance, distance**2 - 1
    mask = b**2 - a * c > 0.02
    depth = np.where(mask, (b - np.sqrt(np.clip(b**2 - a * c, 0, None))) / a, np.nan)
    normals = torch.from_numpy(np.nan_to_num(ray * depth[..., None] - [0, 0, distance]))
    given_mask = torch.from_numpy(mask)
    solution = integrate_normals(normals, given_mask, IntegrationSettings(method, focal, centre))
    found = solution.values["depth"].double().numpy()
    scale = np.median(depth[mask] / found[mask])
    assert np.abs(scale * found - depth)[mask].mean() < 0.003 * np.ptp(depth[mask])
    assert abs(np.log(found[mask]).mean()) < 1e-5
    assert solution.figures["depth_model"] == "perspective"


@pytest.mark.parametrize("method", METHODS)
def test_each_component_has_mean_zero_of_its_own(method):
    mask = torch.zeros(20, 30, dtype=torch.bool)
    mask[2:10, 2:12] = mask[12:19, 15:29] = True
    mask[4:6, 4:6] = False  # a hole
    mask[0, 29] = True  # a single pixel
    normals = unit(np.full((20, 30), 0.5), np.full((20, 30), -0.25))
    solution = integrate_normals(normals, mask, IntegrationSettings(method))
    depth, components = solution.values["depth"], solution.values["components"]
    assert components.unique().tolist() == [-1, 0, 1, 2]
    assert float(depth[0, 29]) == 0.0
    for part in range(3):
        assert abs(float(depth[components == part].mean())) < 1e-5
    assert float(depth[2, 11] - depth[2, 2]) == pytest.approx(4.5, abs=1e-4)
    assert any("3 parts" in note for note in solution.notes)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("focal", [None, 40.0])
@pytest.mark.parametrize("shape", [(1, 1), (1, 17), (17, 1), (2, 2)])
def test_strips_and_single_pixels(method, focal, shape):
    normals = unit(np.full(shape, 0.5), np.full(shape, 0.2))
    solution = integrate_normals(normals, everywhere(normals), IntegrationSettings(method, focal))
    assert solution.values["depth"].shape == shape
    assert bool(solution.values["depth"].isfinite().all())


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("focal", [None, 40.0])
def test_unknown_and_grazing_normals_leave_no_hole(method, focal):
    u, v = centres(24, 24)
    normals = unit(0.02 * (u - 12), 0.02 * (v - 12)).float()
    truth = 0.01 * ((u - 12) ** 2 + (v - 12) ** 2)
    normals[3:5, 3:7] = math.nan
    normals[10, 10] = 0.0
    normals[15, 15:18] = torch.tensor([1.0, 0.0, 0.0])  # seen edge-on
    normals[20, 4] = torch.tensor([0.0, 0.6, 0.8])  # faces away
    normals[6, 20] = torch.tensor([math.inf, 0.0, 0.0])
    solution = integrate_normals(normals, everywhere(normals), IntegrationSettings(method, focal))
    assert bool(solution.values["depth"].isfinite().all())
    assert solution.figures["unknown_normals"] == 10
    assert any("10 pixels" in note for note in solution.notes)
    if focal is None:
        assert relative_error(solution.values["depth"], truth, np.ones_like(u, bool)) < 5


def test_length_of_the_normals_does_not_matter():
    u, v = centres(12, 15)
    normals = unit(0.1 * u, -0.05 * v)
    lengths = torch.rand(12, 15, 1, generator=torch.Generator().manual_seed(0), dtype=torch.float64) + 0.1
    plain, scaled = (integrate_normals(n, everywhere(n)).values["depth"] for n in (normals, normals * lengths))
    torch.testing.assert_close(plain, scaled, atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    ("normals", "mask", "says"),
    [
        (torch.zeros(4, 5, 3), torch.ones(4, 5, dtype=torch.bool), "none inside the mask"),
        (torch.full((4, 5, 3), math.nan), torch.ones(4, 5, dtype=torch.bool), "none inside the mask"),
        (torch.ones(4, 5, 3), torch.zeros(4, 5, dtype=torch.bool), "empty mask"),
        (torch.ones(4, 5, 3), torch.ones(5, 4, dtype=torch.bool), r"\(4, 5, 3\)"),
    ],
)
def test_what_cannot_be_integrated_is_refused(normals, mask, says):
    with pytest.raises(InputError, match=says):
        integrate_normals(normals, mask)


@pytest.mark.parametrize(
    "wrong", [{"method": "poisson"}, {"focal_px": 0.0}, {"focal_px": math.nan}, {"k": -1.0}, {"min_nz": 0.0}]
)
def test_settings_that_make_no_sense_are_refused(wrong):
    with pytest.raises(InputError, match="expected"):
        IntegrationSettings(**wrong)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("focal", [None, 150.0])
def test_a_coarser_grid_gives_nearly_the_same_depth(monkeypatch, method, focal):
    u, v = centres(83, 94)  # no multiples of the cell
    x, y = (u - 40) / 40, (v - 40) / 40
    normals = unit(0.5 * np.sin(2 * x), 0.4 * np.cos(3 * y))
    mask = torch.from_numpy(x**2 + y**2 < 1.1)
    fine = integrate_normals(normals, mask, IntegrationSettings(method, focal))
    monkeypatch.setitem(LIMITS, method, 1000)
    coarse = integrate_normals(normals, mask, IntegrationSettings(method, focal))
    assert coarse.figures["reduction_factor"] == 3
    assert any("3 times coarser" in note for note in coarse.notes)
    truth = fine.values["depth"].double().numpy()
    assert relative_error(coarse.values["depth"], truth, mask.numpy()) < 1.0
    assert bool(coarse.values["depth"].isfinite().eq(mask).all())
