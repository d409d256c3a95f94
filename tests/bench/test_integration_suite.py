"""The surfaces of suite `integration` are what they say, and its rows score a perfect depth as perfect."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from sharpvision.bench.integration import CASES, Integration, depth_errors
from sharpvision.bench.integration_surfaces import SURFACES
from sharpvision.bench.suite import Options
from sharpvision.core.errors import InputError
from sharpvision.solvers.solution import Solution, Status


@pytest.mark.parametrize("name", ["smooth", "steps", "leaves", "plateau"])
def test_normals_are_those_of_the_depth_away_from_steps(name):
    surface = SURFACES[name](400)
    z = surface.depth.numpy()
    slope_y, slope_x = np.gradient(z)
    n = surface.normals.double().numpy()
    expected = np.stack([slope_x, slope_y, -np.ones_like(z)], -1)
    expected /= np.linalg.norm(expected, axis=-1, keepdims=True)
    angle = np.degrees(np.arccos(np.clip((n * expected).sum(-1), -1, 1)))
    assert np.median(angle) < 0.1
    assert (angle > 5).mean() < 0.02


def test_a_perfect_depth_scores_zero_whatever_its_gauge():
    for name in ("smooth", "perspective_sphere"):
        surface = SURFACES[name](30)
        shifted = surface.depth * 3 if surface.focal_px else surface.depth + 7
        components = torch.where(surface.mask, 0, -1).to(torch.int32)
        solution = Solution("x", Status.CONVERGED, "", {"depth": shifted, "components": components})
        assert depth_errors(solution, surface)["depth_error_percent"] < 1e-6
        off = replace(solution, values={"depth": shifted + 0.1 * torch.rand(30, 30), "components": components})
        assert depth_errors(off, surface)["depth_error_percent"] > 1e-3


def test_cases_follow_the_options_and_refuse_an_unknown_method():
    suite = Integration()
    assert len(suite.cases(Options())) == len(CASES)
    only = suite.cases(Options(methods=("bilateral",)))
    assert {case.method for case in only} == {"bilateral"}
    assert ("steps_500", "bilateral") in {(case.case, case.method) for case in only}
    with pytest.raises(InputError, match="poisson"):
        suite.cases(Options(methods=("poisson",)))


def test_a_small_case_is_measured():
    case = replace(Integration().cases(Options())[0], settings={"size": 40})
    measured = Integration().run(case, seed=0)
    assert measured.metrics["depth_error_percent"] < 0.5
    assert measured.metrics["converged"] == 1.0
    assert measured.seconds > 0
