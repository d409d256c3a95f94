"""Pose from one photograph: near and far starts, and poses that must not be called right."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from fit_scenes_small import assembly

from sharpvision.bench.fit_scenes import FitScene, around, grey, photographs_of, scene_of
from sharpvision.bench.fit_scoring import pose_error
from sharpvision.core.errors import InputError
from sharpvision.core.pose import Pose
from sharpvision.geometry.primitives import box, icosphere
from sharpvision.reconstruct import FitFilm, Photographs, PoseSettings, fit_pose
from sharpvision.solvers import Status

QUICK = PoseSettings(sides=(24, 48), starts=2)


def test_from_ten_degrees_and_a_tenth_of_the_distance_off() -> None:
    known, film = assembly(10.0, 0.3), FitFilm(every=4)
    solution = fit_pose(known.start, known.photographs, "object", QUICK, film)
    degrees, percent = pose_error(known, solution)
    assert solution.status is Status.CONVERGED, solution.message
    assert degrees < 0.1
    assert percent < 0.1
    assert {step.stage for step in solution.history} == {"24 px", "48 px"}
    assert sum(solution.explained.values()) == pytest.approx(1.0)
    # The stated spread is that of noise; what is found lies within a few of it.
    assert math.radians(degrees) < 8 * float(solution.std["turn"].norm())
    assert len(film.frames) >= 3
    assert torch.equal(known.start.shapes["object"].pose.translation, torch.tensor([0.4, 0.0, -0.1]))


def test_another_object_is_not_called_found() -> None:
    known = assembly(10.0, 0.1)
    stranger = scene_of(box((0.9, 0.9, 0.9)), grey())
    few = replace(QUICK, starts=1, coarse_steps=4, steps=4)
    solution = fit_pose(stranger, known.photographs, "object", few)
    assert solution.status is not Status.CONVERGED
    assert solution.figures["unexplained"] > 0.05


def test_an_empty_photograph_is_not_called_explained() -> None:
    known = assembly(5.0, 0.0)
    empty = Photographs(known.photographs.view, torch.zeros_like(known.photographs.images))
    solution = fit_pose(known.start, empty, "object", replace(QUICK, starts=1, coarse_steps=2, steps=2))
    assert solution.status is not Status.CONVERGED


def test_a_sphere_leaves_its_rotation_undetermined() -> None:
    truth = scene_of(icosphere(0.7, 3), grey(), Pose(translation=torch.zeros(3)))
    start = scene_of(icosphere(0.7, 3), grey(), Pose(translation=torch.tensor([0.1, 0.0, 0.0])))
    known = FitScene(truth, start, photographs_of(truth, around(1, 32)))
    solution = fit_pose(known.start, known.photographs, "object", replace(QUICK, sides=(24,), starts=1))
    assert float(solution.values["translation"].norm()) < 0.01
    # Facets break the symmetry a little, so the rotation is not quite undetermined; its spread says how little.
    spread = float(solution.std["turn"].min()) if solution.std else math.inf
    assert solution.status is Status.ILL_POSED or spread > 10 * float(solution.std["shift"].max())


def test_unknown_shape_is_refused() -> None:
    known = assembly(5.0, 0.0, 32)
    with pytest.raises(InputError, match="object"):
        fit_pose(known.start, known.photographs, "bunny")
