"""Suite `fit`: its cases, its scores in closed form, and its scenes."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from sharpvision.bench.fit_scenes import FitScene, around, grey, mesh_named, moved, painted, photographs_of, scene_of
from sharpvision.bench.fit_scoring import pose_error, psnr_db
from sharpvision.bench.suite import Options, suite_named
from sharpvision.core.errors import InputError
from sharpvision.core.pose import Pose
from sharpvision.geometry.primitives import icosphere
from sharpvision.rendering import Renderer
from sharpvision.solvers import Solution, Status

TASKS = ["pose", "pose_starts", "light", "texture", "shape", "joint"]


def test_cases(data_folder: Path) -> None:
    suite = suite_named("fit")
    assert [case.case for case in suite.cases(Options())] == TASKS
    assert [case.case for case in suite.cases(Options(cases=("pose*", "joint")))] == ["pose", "pose_starts", "joint"]
    with pytest.raises(InputError, match="one of pose"):
        suite.cases(Options(cases=("sculpture",)))
    with pytest.raises(InputError, match="meshes"):
        suite.cases(Options(data=Path(__file__).parent))


@pytest.mark.parametrize("name", ["bunny_5k", "spot", "suzanne", "teapot", "armadillo_30k"])
def test_meshes_are_of_unit_size_and_right_side_out(data_folder: Path, name: str) -> None:
    mesh = mesh_named(name, data_folder / "meshes")
    assert float(mesh.vertices.norm(dim=-1).max()) == pytest.approx(1.0)
    a, b, c = mesh.vertices[mesh.faces].unbind(1)
    assert float((a * torch.linalg.cross(b, c)).sum()) > 0  # six times the volume
    assert len(torch.unique(mesh.vertices, dim=0)) == len(mesh.vertices)


def test_starts_are_as_far_off_as_said_and_scored_so() -> None:
    mesh = icosphere(1.0, 1)
    true = Pose(torch.tensor([0.5, -1.0, 0.3]), torch.tensor([0.1, 0.2, 0.3]))
    off = moved(true, 20.0, 0.1, torch.Generator().manual_seed(3))
    truth = scene_of(mesh, grey(), true)
    scene = FitScene(truth, scene_of(mesh, grey(), off), photographs_of(truth, around(1, 16)))
    values = {"rotation": off.rotation.detach(), "translation": off.translation.detach()}
    found = pose_error(scene, Solution("none", Status.STEP_LIMIT, "", values))
    assert found == pytest.approx((20.0, 10.0), rel=1e-4)


def test_psnr() -> None:
    true = torch.rand(100)
    assert psnr_db(true + 0.1, true) == pytest.approx(20.0, abs=1e-3)
    assert psnr_db(true, true) == 200.0


def test_photographs_are_renderings_with_noise() -> None:
    scene = scene_of(icosphere(0.8, 3), grey())
    photographs = photographs_of(scene, around(2, 32))
    rendered = Renderer(scene, photographs.view)({})[0].detach()
    rms = float((photographs.images - rendered).square().mean().sqrt())
    assert 0.004 < rms < 0.008
    assert math.isclose(float(photographs.images.max()), float(rendered.max()), rel_tol=0.1)
    assert torch.equal(photographs.images, photographs_of(scene, around(2, 32)).images)
    assert float(painted(16).min()) >= 0.1 - 1e-6
    assert float(painted(16).max()) <= 0.9 + 1e-6
