"""Meshes, against trimesh."""

from __future__ import annotations

import pytest
import torch
import trimesh
from torch.autograd import gradcheck

from sharpvision.geometry import Mesh, area_weighted_normals


@pytest.fixture(scope="module")
def bumpy() -> trimesh.Trimesh:
    ball = trimesh.creation.icosphere(subdivisions=2)
    generator = torch.Generator().manual_seed(0)
    ball.vertices *= 1 + 0.2 * torch.rand(len(ball.vertices), 1, generator=generator).numpy()
    return ball


def as_mesh(mesh: trimesh.Trimesh) -> Mesh:
    return Mesh(torch.tensor(mesh.vertices), torch.tensor(mesh.faces))


def test_face_normals_and_areas_are_trimeshs(bumpy: trimesh.Trimesh) -> None:
    mesh = as_mesh(bumpy)
    torch.testing.assert_close(mesh.face_normals(), torch.tensor(bumpy.face_normals))
    torch.testing.assert_close(mesh.face_areas(), torch.tensor(bumpy.area_faces))


def test_vertex_normals_are_area_weighted(bumpy: trimesh.Trimesh) -> None:
    weighted = trimesh.geometry.weighted_vertex_normals(
        len(bumpy.vertices), bumpy.faces, bumpy.face_normals, bumpy.area_faces[:, None].repeat(3, axis=1), use_loop=True
    )
    ours = as_mesh(bumpy).with_vertex_normals().vertex_normals
    torch.testing.assert_close(ours, torch.tensor(weighted))


def test_area_vectors_of_a_closed_surface_cancel(bumpy: trimesh.Trimesh) -> None:
    mesh = as_mesh(bumpy)
    total = (mesh.face_normals() * mesh.face_areas()[:, None]).sum(0)
    torch.testing.assert_close(total, torch.zeros(3, dtype=torch.float64), rtol=0.0, atol=1e-12)


def test_faces_without_area_and_vertices_without_faces() -> None:
    vertices = torch.tensor([[0.0, 0, 0], [0, 1, 0], [1, 0, 0], [0, 2, 0], [9, 9, 9]], requires_grad=True)
    mesh = Mesh(vertices, torch.tensor([[0, 1, 2], [0, 1, 3], [0, 0, 0]])).with_vertex_normals()
    assert mesh.face_normals().tolist() == [[0.0, 0.0, -1.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
    assert mesh.vertex_normals is not None
    assert mesh.vertex_normals.tolist() == [[0.0, 0.0, -1.0]] * 3 + [[0.0, 0.0, 0.0]] * 2
    gradient = torch.autograd.grad(mesh.vertex_normals.sum() + mesh.face_normals().sum(), vertices)[0]
    assert bool(gradient.isfinite().all())


def test_tiny_faces_have_normals_in_float32() -> None:
    vertices = 1e-12 * torch.tensor([[0.0, 0, 0], [0, 1, 0], [1, 0, 0]])
    assert Mesh(vertices, torch.tensor([[0, 1, 2]])).face_normals().tolist() == [[0.0, 0.0, -1.0]]


def test_normals_have_the_gradient_of_finite_differences() -> None:
    vertices = torch.rand(5, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64, requires_grad=True)
    faces = torch.tensor([[0, 1, 2], [0, 2, 3], [0, 3, 4]])
    assert gradcheck(lambda v: area_weighted_normals(v, faces), (vertices,))


def test_opposite_faces_cancel_without_nan() -> None:
    vertices = torch.tensor([[0.0, 0, 0], [0, 1, 0], [1, 0, 0]])
    assert area_weighted_normals(vertices, torch.tensor([[0, 1, 2], [0, 2, 1]])).abs().max().item() == 0.0


def test_mesh_without_faces() -> None:
    mesh = Mesh(torch.zeros(2, 3), torch.zeros(0, 3, dtype=torch.int64)).with_vertex_normals()
    assert mesh.vertex_normals is not None
    assert mesh.vertex_normals.tolist() == [[0.0, 0.0, 0.0]] * 2
    assert mesh.face_normals().shape == (0, 3)


@pytest.mark.parametrize("faces", [[[0, 1, 3]], [[0, 1, -1]]])
def test_index_out_of_range_is_refused(faces: list[list[int]]) -> None:
    with pytest.raises(ValueError, match="faces must index 3 vertices"):
        Mesh(torch.zeros(3, 3), torch.tensor(faces))


def test_colours_of_another_length_are_refused() -> None:
    with pytest.raises((ValueError, TypeError)):
        Mesh(torch.zeros(3, 3), torch.tensor([[0, 1, 2]]), vertex_colors=torch.zeros(2, 3))
