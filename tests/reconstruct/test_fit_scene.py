"""Light, texture, shape, and all at once, on small scenes whose truth is known."""

from __future__ import annotations

import pytest
import torch
from fit_scenes_small import assembly, peanut

from sharpvision.bench.fit_scenes import FitScene, around, grey, painted, photographs_of, scene_of
from sharpvision.bench.fit_scoring import psnr_db
from sharpvision.core.errors import InputError
from sharpvision.core.pose import Pose
from sharpvision.geometry import Mesh, intersecting_faces, surface_distance
from sharpvision.geometry.primitives import icosphere, sphere
from sharpvision.materials import Lambert, Texture
from sharpvision.reconstruct import (
    LightSettings,
    SceneFitSettings,
    ShapeSettings,
    ShapeStage,
    fit_light,
    fit_scene,
    fit_shape,
    fit_texture,
)
from sharpvision.solvers import Status


def test_light_on_a_sphere() -> None:
    even = torch.zeros(9, 3)
    even[0] = 1.0
    truth, start = (scene_of(icosphere(0.9, 3), grey(), coefficients=c) for c in (None, even))
    solution = fit_light(start, photographs_of(truth, around(1, 64)), "sky", LightSettings(side=64))
    true = truth.lights["sky"].coefficients.detach()
    assert solution.status is Status.CONVERGED, solution.message
    error = solution.values["coefficients"] - true
    assert float(error.norm() / true.norm()) < 0.05
    assert float((error / solution.std["coefficients"]).abs().mean()) < 4


def test_light_that_is_not_there_is_refused() -> None:
    known = assembly(0.0, 0.0, 16)
    with pytest.raises(InputError, match="sky"):
        fit_light(known.truth, known.photographs, "sun")


def test_texture_of_a_sphere() -> None:
    start = scene_of(sphere(0.9, 24, 12), Lambert(Texture(torch.full((24, 24, 3), 0.5))))
    truth = scene_of(sphere(0.9, 24, 12), Lambert(Texture(painted(24))))
    solution = fit_texture(start, photographs_of(truth, around(4, 48)), "object")
    assert solution.status is Status.CONVERGED, solution.message
    seen = solution.values["seen"] >= 0.5
    assert 0.3 < float(seen.float().mean()) < 1.0
    well = solution.values["seen"] >= 2.0
    assert psnr_db(solution.values["texels"][well], painted(24)[well]) > 30
    assert float(solution.values["seen"].sum()) == pytest.approx(4 * _pixels(truth, 48), rel=0.05)


def _pixels(scene: object, size: int) -> float:
    return float((photographs_of(scene, around(1, size)).images > 0.1).any(-1).sum())  # type: ignore[arg-type]


def test_texture_needs_a_texture() -> None:
    known = assembly(0.0, 0.0, 16)
    with pytest.raises(InputError, match="texture"):
        fit_texture(known.start, known.photographs, "object")


SHAPE = ShapeSettings((ShapeStage(32, None, 0.05, 5.0, 40), ShapeStage(48, 0.06, 0.02, 5.0, 40)))


def test_peanut_out_of_a_sphere() -> None:
    truth, start = scene_of(peanut(), grey()), scene_of(icosphere(0.5, 3), grey())
    solution = fit_shape(start, photographs_of(truth, around(4, 48)), "object", SHAPE)
    found = Mesh(solution.values["vertices"], solution.values["faces"])
    assert intersecting_faces(found.vertices, found.faces) == 0
    diagonal = float((peanut().vertices.amax(0) - peanut().vertices.amin(0)).norm())
    before = surface_distance(icosphere(0.5, 3), peanut()).mean
    assert surface_distance(found, peanut()).mean < min(0.01 * diagonal, 0.2 * before)
    assert solution.figures["unexplained"] < 0.01


def test_pose_and_light_at_once_and_the_scene_stays_as_it_was() -> None:
    pose = Pose(torch.tensor([0.0, 0.15, 0.0]), torch.tensor([0.05, 0.0, 0.0]))
    mesh = assembly(0.0, 0.0, 16).truth.shapes["object"].mesh()
    even = torch.zeros(9, 3)
    even[0] = 2.5
    truth = scene_of(mesh, grey(), pose)
    start = scene_of(mesh, grey(), Pose(translation=torch.zeros(3)), even)
    known = FitScene(truth, start, photographs_of(truth, around(2, 48)))
    names = ["object.pose.rotation", "object.pose.translation", "sky.coefficients"]
    settings = SceneFitSettings(sides=(32,), steps=100)
    solution = fit_scene(known.start, known.photographs, *names, settings=settings)
    assert float((solution.values["shapes.object.pose.rotation"] - pose.rotation.detach()).norm()) < 0.02
    assert float((solution.values["shapes.object.pose.translation"] - pose.translation.detach()).norm()) < 0.01
    assert solution.figures["unexplained"] < 0.01
    assert float(start.shapes["object"].pose.rotation.detach().norm()) == 0.0
