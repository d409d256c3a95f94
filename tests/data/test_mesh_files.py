"""Mesh files: read back what was written, keep what OBJ says, refuse what is damaged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import trimesh
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sharpvision.core.errors import InputError
from sharpvision.data import read_mesh
from sharpvision.geometry import Mesh, primitives

SEAM = """
# a quad of two triangles in texture space that meet nowhere
v 0 0 0
v 1 0 0
v 1 1 0
v 0 1 0
vt 0 0
vt 1 0
vt 1 1
vt 0.5 0
vt 0.5 1
vn 0 0 1
f 1/1/1 2/2/1 3/3/1
f 1/4/1 3/5/1 4/1/1
"""


def write(folder: Path, text: str | bytes, name: str = "m.obj") -> Path:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_obj_keeps_its_separate_indices(tmp_path: Path) -> None:
    mesh = read_mesh(write(tmp_path, SEAM)).mesh
    assert mesh.faces.tolist() == [[0, 1, 2], [0, 2, 3]]
    assert mesh.uv_faces is not None
    assert mesh.uv_faces.tolist() == [[0, 1, 2], [3, 4, 0]]
    assert mesh.normal_faces is not None
    assert len(mesh.normal_faces.unique()) == 4  # a vertex with one normal has one
    assert len(mesh.vertices) == 4


def test_polygons_negative_indices_and_colours(tmp_path: Path) -> None:
    text = "v 0 0 0 1 0 0\nv 1 0 0 0 1 0\nv 1 1 0 0 0 1\nv 0 1 0 1 1 1\ng x\nusemtl y\nf -4 -3 -2 \\\n-1\n"
    mesh = read_mesh(write(tmp_path, text)).mesh
    assert mesh.faces.tolist() == [[0, 1, 2], [0, 2, 3]]
    assert mesh.vertex_colors is not None
    assert mesh.vertex_colors[1].tolist() == [0, 1, 0]
    assert mesh.normal_faces is None


def test_spot_and_suzanne(data_folder: Path) -> None:
    spot = read_mesh(data_folder / "meshes" / "spot.obj").mesh
    assert (len(spot.vertices), len(spot.faces)) == (2930, 5856)
    assert spot.uv is not None
    assert len(spot.uv) == 3225
    suzanne = read_mesh(data_folder / "meshes" / "suzanne.obj").mesh  # quadrilaterals
    assert (len(suzanne.vertices), len(suzanne.faces)) == (507, 968)


@pytest.mark.parametrize("kind", ["ply", "stl", "glb"])
def test_other_formats_come_back_closed(tmp_path: Path, kind: str) -> None:
    box = primitives.box((1.0, 2.0, 3.0))
    made = trimesh.Trimesh(box.vertices.numpy(), box.faces.numpy(), process=False)
    found = read_mesh(write(tmp_path, made.export(file_type=kind), f"m.{kind}"))
    assert found.notes == ()
    assert (len(found.mesh.vertices), len(found.mesh.faces)) == (8, 12)
    torch.testing.assert_close(found.mesh.vertices.amax(0), torch.tensor([0.5, 1.0, 1.5]))
    back = trimesh.Trimesh(found.mesh.vertices.numpy(), found.mesh.faces.numpy(), process=False)
    assert back.volume == pytest.approx(6)


def test_a_glb_with_seams_is_one_piece_and_keeps_its_texture(tmp_path: Path) -> None:
    ball = primitives.sphere(1.0, 12, 6)
    assert ball.uv is not None
    assert ball.uv_faces is not None
    corners, index = np.unique(
        np.stack([ball.faces.numpy(), ball.uv_faces.numpy()], -1).reshape(-1, 2), axis=0, return_inverse=True
    )
    visual = trimesh.visual.TextureVisuals(uv=ball.uv.numpy()[corners[:, 1]])
    split = trimesh.Trimesh(ball.vertices.numpy()[corners[:, 0]], index.reshape(-1, 3), visual=visual, process=False)
    found = read_mesh(write(tmp_path, split.export(file_type="glb"), "m.glb")).mesh
    assert len(found.vertices) == len(ball.vertices)
    assert found.uv is not None
    assert found.uv_faces is not None
    assert trimesh.Trimesh(found.vertices.numpy(), found.faces.numpy(), process=False).is_watertight
    torch.testing.assert_close(found.uv[found.uv_faces], ball.uv[ball.uv_faces])


def test_ply_colours_are_srgb(tmp_path: Path) -> None:
    made = trimesh.creation.box()
    made.visual.vertex_colors = np.full((8, 3), 188, np.uint8)
    colours = read_mesh(write(tmp_path, made.export(file_type="ply"), "m.ply")).mesh.vertex_colors
    assert colours is not None
    assert colours.mean().item() == pytest.approx(0.5, abs=3e-3)


def test_inside_out_is_kept_and_said(tmp_path: Path) -> None:
    box = primitives.box()
    lines = [f"v {x} {y} {z}" for x, y, z in box.vertices.tolist()]
    lines += ["f " + " ".join(str(i + 1) for i in face) for face in box.faces.flip(1).tolist()]
    found = read_mesh(write(tmp_path, "\n".join(lines)))
    assert "inside out" in found.notes[0]
    assert found.mesh.faces.tolist() == box.faces.flip(1).tolist()


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("m.obj", "v 0 0 0\nv 1 0 0\nf 1 2 3\n", "m.obj:3: expected OBJ (an index of 2)"),
        ("m.obj", "v 0 0 zero\n", "m.obj:1"),
        ("m.obj", "v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2\n", "three corners"),
        ("m.obj", "v 0 0 0\nf 0 1 1\n", "m.obj:2"),
        ("m.obj", "v nan 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n", "1 vertices with NaN"),
        ("m.obj", "v 0 0 0\nv 1 0 0\nv 0 1 0\n", "0 faces"),
        ("m.obj", "", "an empty file"),
        ("m.stl", "not a mesh", "m.stl"),
        ("m.glb", "glTF but no more", "does not parse"),
        ("m.ply", "ply\nformat ascii 1.0\nelement vertex 9\n", "m.ply"),
        ("m.fbx", "x", "the suffix '.fbx'"),
    ],
)
def test_damage_is_one_line(tmp_path: Path, name: str, content: str, says: str) -> None:
    with pytest.raises(InputError) as caught:
        read_mesh(write(tmp_path, content, name))
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nothing of that name"):
        read_mesh(tmp_path / "none.ply")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(min_size=1, max_size=60) | st.text("v f/123-.\nteE ", max_size=80).map(str.encode))
def test_any_bytes_are_a_mesh_or_an_error(tmp_path: Path, data: bytes) -> None:
    try:
        mesh = read_mesh(write(tmp_path, b"v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n" + data)).mesh
    except InputError:
        return
    assert isinstance(mesh, Mesh)
    assert mesh.vertices.isfinite().all()
