"""The benchmark that counts pixels on which PyTorch3D sees the same face."""

from __future__ import annotations

import sys
from importlib.util import find_spec

import pytest
import torch

from sharpvision.bench import render_pytorch3d as part
from sharpvision.bench.suite import Case
from sharpvision.core.errors import InputError


def case_of(mesh: str) -> Case:
    return Case("render", f"pytorch3d/{mesh}", "warp", {}, {"python": sys.executable})


@pytest.mark.pytorch3d
def test_the_same_faces_under_random_cameras() -> None:
    pytest.importorskip("pytorch3d", reason="the extra 'pytorch3d' is not installed")
    measured = part.run(case_of("box"), seed=1)
    assert measured.metrics["same_face_percent"] >= 99.9
    assert 20 < measured.metrics["covered_percent"] < 95


@pytest.mark.skipif(find_spec("pytorch3d") is not None, reason="PyTorch3D is installed")
def test_a_peer_without_pytorch3d_is_an_error_that_says_so() -> None:
    with pytest.raises(InputError, match=r"peer pytorch3d .*No module named 'pytorch3d'"):
        part.run(case_of("box"), seed=0)


@pytest.mark.parametrize("name", part.MADE)
def test_meshes_fit_the_cameras(name: str) -> None:
    mesh = part.mesh_named(name)
    assert float(mesh.vertices.norm(dim=-1).max()) == pytest.approx(1.0)
    view = part.random_views(mesh, 0)
    assert view.batch_shape == (part.CAMERAS,)
    position = view.position.detach().norm(dim=-1)
    assert bool((position[:-1] > 1.5).all())
    assert float(position[-1]) == pytest.approx(0.9, rel=1e-4)
    assert torch.equal(view.camera.k, part.random_views(mesh, 0).camera.k)
