"""`vertex_normals` against its plain-torch twin, trimesh and finite differences, also where nothing has an area."""

from __future__ import annotations

import pytest
import torch
import trimesh
from torch import Tensor

from sharpvision.geometry import Mesh
from sharpvision.geometry.shading_groups import flat_groups
from sharpvision.kernels.corners import corners_of
from sharpvision.kernels.normals import vertex_normals
from sharpvision.kernels.reference.normals import vertex_normals as twin

SINGULAR = torch.tensor([[0, 1, 2], [2, 2, 4], [3, 3, 3], [0, 1, 5], [5, 1, 0], [6, 7, 8]], dtype=torch.int32)
"""Faces of no area, a vertex without a face, two faces that cancel at vertex 5, a face of three equal places."""


def singular(dtype: torch.dtype) -> Tensor:
    vertices = torch.randn(10, 3, dtype=dtype)
    vertices[7:9] = vertices[6]
    return vertices


def random_mesh(dtype: torch.dtype, vertices: int = 20, faces: int = 40) -> tuple[Tensor, Tensor, Tensor]:
    corners = torch.stack([torch.randperm(vertices)[:3] for _ in range(faces)]).int()
    return torch.randn(vertices, 3, dtype=dtype), corners, torch.randint(0, 15, (faces, 3), dtype=torch.int32)


def normals_of(vertices: Tensor, faces: Tensor, normal_faces: Tensor, count: int) -> Tensor:
    return vertex_normals(vertices, faces, normal_faces, corners_of(normal_faces, count))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("kind", ["smooth", "grouped", "flat", "singular"])
def test_value_and_gradient_are_the_twins(kind: str, dtype: torch.dtype) -> None:
    vertices, faces, groups = random_mesh(dtype)
    if kind == "singular":
        vertices, faces = singular(dtype), SINGULAR
    if kind != "grouped":
        groups = flat_groups(Mesh(vertices, faces)).int() if kind == "flat" else faces
    count = int(groups.max()) + 3
    vertices.requires_grad_()
    mine, expected = normals_of(vertices, faces, groups, count), twin(vertices, faces, groups, count)
    torch.testing.assert_close(mine, expected)
    weight = torch.randn_like(mine)
    ours, theirs = (torch.autograd.grad(v, vertices, weight)[0] for v in (mine, expected))
    torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-4 if dtype == torch.float32 else 1e-9)
    if kind == "singular":
        assert bool((mine[[3, 5, 6, 7, 9]] == 0).all())


def test_smooth_normals_are_trimeshs() -> None:
    ball = trimesh.creation.icosphere(3)
    vertices = torch.tensor(ball.vertices) * torch.tensor([1.0, 2.0, 0.5])
    faces = torch.tensor(ball.faces, dtype=torch.int32)
    solid = trimesh.Trimesh(vertices.numpy(), ball.faces, process=False)
    expected = trimesh.geometry.weighted_vertex_normals(
        len(vertices), solid.faces, solid.face_normals, solid.area_faces[:, None].repeat(3, 1)
    )
    torch.testing.assert_close(normals_of(vertices, faces, faces, len(vertices)), torch.tensor(expected))


def test_gradients_and_tangents_are_finite_differences() -> None:
    vertices, faces, groups = random_mesh(torch.float64, 8, 6)
    assert torch.autograd.gradcheck(
        lambda v: normals_of(v, faces, groups, 15), vertices.requires_grad_(), check_forward_ad=True
    )


def test_tangents_are_finite_and_transposed_where_nothing_has_an_area() -> None:
    vertices, moved = singular(torch.float64), torch.randn(10, 3, dtype=torch.float64)
    value, change = torch.func.jvp(lambda v: normals_of(v, SINGULAR, SINGULAR, 10), (vertices,), (moved,))
    weight = torch.randn_like(value)
    gradient = torch.func.grad(lambda v: (normals_of(v, SINGULAR, SINGULAR, 10) * weight).sum())(vertices)
    assert float((gradient * moved).sum()) == pytest.approx(float((change * weight).sum()), rel=1e-9)
    assert bool((change[[3, 5, 6, 7, 9]] == 0).all())


@pytest.mark.parametrize("size", [1e-18, 1e12])
def test_size_does_not_matter_in_float32(size: float) -> None:
    vertices, faces, groups = random_mesh(torch.float32)
    scaled = normals_of(size * vertices, faces, groups, 15)
    torch.testing.assert_close(scaled, normals_of(vertices, faces, groups, 15), rtol=1e-4, atol=1e-5)


def test_mesh_without_faces_and_indices_out_of_range() -> None:
    vertices, none = torch.randn(4, 3, requires_grad=True), torch.zeros(0, 3, dtype=torch.int32)
    found = normals_of(vertices, none, none, 4)
    assert bool((found == 0).all() & (torch.autograd.grad(found.sum(), vertices)[0] == 0).all())
    with pytest.raises(ValueError, match="index 2 vertices, not 2"):
        corners_of(torch.tensor([[0, 1, 2]]), 2)


def test_corners_are_found_anew_for_faces_written_to() -> None:
    faces = torch.tensor([[0, 1, 2]], dtype=torch.int32)
    first = corners_of(faces, 4)
    assert corners_of(faces, 4) is first
    faces[0, 2] = 3
    assert corners_of(faces, 4).first.tolist() == [0, 1, 2, 2, 3]


def test_threads_do_not_change_a_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    ball = trimesh.creation.icosphere(4)
    faces, results = torch.tensor(ball.faces, dtype=torch.int32), []
    for threads in ("1", "2", "5"):
        monkeypatch.setenv("SHARPVISION_THREADS", threads)
        vertices = torch.tensor(ball.vertices, dtype=torch.float32, requires_grad=True)
        found = normals_of(vertices, faces, faces, len(vertices))
        results.append((found.detach(), *torch.autograd.grad(found.sum(0).square().sum() + found[0, 0], vertices)))
    for other in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0], other, strict=True))


def test_second_derivatives_are_refused() -> None:
    vertices, faces, groups = random_mesh(torch.float64)
    found = normals_of(vertices.requires_grad_(), faces, groups, 15)
    (gradient,) = torch.autograd.grad(found.square().sum() + found.sum(), vertices, create_graph=True)
    with pytest.raises(RuntimeError, match="vertex_normals has first derivatives only"):
        gradient.sum().backward()
