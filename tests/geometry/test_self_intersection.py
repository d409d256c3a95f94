"""Self-intersections: meshes known to have none, known crossings, singular contacts, and brute force by sampling."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import trimesh
from torch import Tensor

from sharpvision.geometry.self_intersection import intersecting_faces, self_intersections


def of(mesh: trimesh.Trimesh) -> tuple[Tensor, Tensor]:
    return torch.from_numpy(mesh.vertices.astype(np.float32)), torch.from_numpy(mesh.faces.astype(np.int64))


@pytest.mark.parametrize(
    "mesh",
    [trimesh.creation.icosphere(3), trimesh.creation.torus(1.0, 0.3), trimesh.creation.box().subdivide().subdivide()],
    ids=["sphere", "torus", "box, with faces in one plane"],
)
def test_embedded_surfaces_have_none(mesh: trimesh.Trimesh) -> None:
    assert intersecting_faces(*of(mesh)) == 0


def test_pierced_spheres_are_those_that_trimesh_cuts() -> None:
    first, second = trimesh.creation.icosphere(2), trimesh.creation.icosphere(2)
    second.apply_translation([0.83, 0.21, 0.37])
    both = trimesh.util.concatenate([first, second])
    pairs = self_intersections(*of(both))
    assert ((pairs[:, 0] < len(first.faces)) & (pairs[:, 1] >= len(first.faces))).all()
    # Oracle: the faces that have vertices, or points of a dense sampling, on both sides of the other sphere.
    expected = set()
    rng = np.random.default_rng(0)
    weights = rng.dirichlet([0.5, 0.5, 0.5], 400)
    for mine, other, offset in ((first, second, 0), (second, first, len(first.faces))):
        samples = np.einsum("kc,fcd->fkd", weights, mine.triangles)
        offsets = (other.face_normals * other.triangles[:, 0]).sum(1)
        inside = (samples @ other.face_normals.T < offsets).all(-1)  # a convex solid
        expected |= {offset + int(f) for f in np.flatnonzero(inside.any(1) & ~inside.all(1))}
    found = set(torch.unique(pairs).tolist())
    assert expected <= found
    assert len(found - expected) <= 0.1 * len(found)  # cut too short to be sampled


def triangles(*rows: list[list[float]]) -> tuple[Tensor, Tensor]:
    vertices = torch.tensor(rows).reshape(-1, 3)
    return vertices, torch.arange(len(vertices)).reshape(-1, 3)


FLAT = [[0.0, 0, 0], [4, 0, 0], [0, 4, 0]]


@pytest.mark.parametrize(
    ("other", "meets"),
    [
        ([[1, 1, -1], [1, 1, 1], [2, 9, 9]], True),
        ([[1, 1, 1], [1, 1, 2], [2, 9, 9]], False),
        ([[1, 1, 0], [1, 1, 2], [2, 9, 9]], True),  # touches inside
        ([[4, 0, 0], [5, 0, 1], [5, 0, 2]], True),  # touches a corner without sharing a vertex
        ([[0.5, 0.5, 0], [1, 0.5, 0], [0.5, 1, 0]], True),  # inside, in one plane
        ([[-9, -9, 0], [40, -9, 0], [-9, 40, 0]], True),  # around, in one plane
        ([[3, 3, 0], [5, 3, 0], [3, 5, 0]], False),  # beside, in one plane
        ([[3, -1, 0], [3, 9, 0], [9, 3, 0]], True),  # across, in one plane
        ([[1, 1, 0], [1, 1, 0], [1, 1, 0]], True),  # a point on it
        ([[1, 1, 1], [1, 1, 1], [1, 1, 1]], False),
        ([[1, 1, -1], [1, 1, 1], [1, 1, 0.5]], True),  # no area, pierces
    ],
)
@pytest.mark.parametrize("turn", [0, 1, 2])
def test_two_triangles(other: list[list[float]], meets: bool, turn: int) -> None:
    vertices, faces = triangles(FLAT, other)
    vertices = vertices.roll(turn, 1)
    assert len(self_intersections(vertices, faces)) == int(meets)
    assert len(self_intersections(vertices, faces.flip(0))) == int(meets)
    assert len(self_intersections(vertices, faces.flip(1))) == int(meets)


def test_shared_vertices_and_edges() -> None:
    vertices = torch.tensor([[0.0, 0, 0], [4, 0, 0], [0, 4, 0], [1, 1, 3], [2, 2, -1], [4, 4, 0], [1, 1, 0]])
    assert len(self_intersections(vertices, torch.tensor([[0, 1, 2], [0, 3, 4]]))) == 1  # one vertex, through the face
    assert len(self_intersections(vertices, torch.tensor([[0, 1, 2], [1, 3, 5]]))) == 0  # one vertex, beside
    assert len(self_intersections(vertices, torch.tensor([[0, 1, 2], [2, 1, 5]]))) == 0  # an edge, flat
    assert len(self_intersections(vertices, torch.tensor([[0, 1, 2], [2, 1, 6]]))) == 1  # an edge, folded flat
    assert len(self_intersections(vertices, torch.tensor([[0, 1, 2], [2, 1, 0]]))) == 1  # twice the same


def test_signs_are_exact_where_rounding_is_not() -> None:
    """A vertex one unit in the last place above or below a tilted plane."""
    below = np.float32(1.0) - np.finfo(np.float32).epsneg
    for height, meets in ((1.0, True), (below, True), (np.nextafter(np.float32(1), np.float32(2)), False)):
        vertices, faces = triangles(
            [[0.0, 0, 0], [3, 0, 3], [0, 3, 0]], [[1, 0.7, float(height)], [1, 0.7, 9], [2, 0.7, 9]]
        )
        assert len(self_intersections(vertices, faces)) == int(meets)


def test_no_faces() -> None:
    assert self_intersections(torch.zeros(3, 3), torch.zeros(0, 3, dtype=torch.int64)).shape == (0, 2)
