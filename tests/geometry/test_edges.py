"""`edges_of` against trimesh, and at the meshes that break naive edge lists."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import trimesh
from torch import Tensor

from sharpvision.geometry.edges import edges_of
from sharpvision.kernels.silhouette_edges import EdgeBatch


def tensors(mesh: trimesh.Trimesh) -> tuple[Tensor, Tensor]:
    return torch.tensor(np.array(mesh.faces)), torch.tensor(np.array(mesh.vertices))


@pytest.mark.parametrize(
    "mesh", [trimesh.creation.icosphere(2), trimesh.creation.torus(1, 0.3), trimesh.creation.box()]
)
def test_edges_of_a_closed_mesh_are_trimeshs(mesh: trimesh.Trimesh) -> None:
    faces, vertices = tensors(mesh)
    edges = edges_of(faces, vertices)
    ours = {tuple(sorted(e)) for e in edges.ends.tolist()}
    assert len(ours) == len(edges) == len(mesh.edges_unique)
    assert ours == {tuple(sorted(e)) for e in mesh.edges_unique.tolist()}
    assert {frozenset(f) for f in edges.faces.tolist()} == {frozenset(f) for f in mesh.face_adjacency.tolist()}
    assert bool(edges.closed.all())
    assert bool((edges.orientation == 1).all())
    assert not bool(edges.hard.any())


def test_ends_opposite_and_corners_fit_the_faces() -> None:
    faces, vertices = tensors(trimesh.creation.icosphere(1))
    edges = edges_of(faces[5:], vertices)
    for side, shift in ((0, 0), (1, 2)):
        there = edges.faces[:, side] >= 0
        own = faces[5:][edges.faces[there, side].long()]
        corner = (edges.flags[there] >> shift).long() & 3
        start, stop, third = (own.gather(1, ((corner + k) % 3)[:, None])[:, 0] for k in range(3))
        ends = edges.ends[there].long() if side == 0 else edges.ends[there].long().flip(1)
        assert torch.equal(torch.stack([start, stop], 1), ends)
        assert torch.equal(third, edges.opposite[there, side].long())
    assert int((edges.faces[:, 1] < 0).sum()) > 0
    assert not bool(edges.closed.any())


def test_inside_out_open_and_turned_parts_are_told_apart() -> None:
    ball, vertices = tensors(trimesh.creation.icosphere(1))
    count, n = len(ball), len(vertices)
    turned = ball.clone()
    turned[3] = turned[3].flip(0)
    faces = torch.cat([ball, ball.flip(1) + n, ball[1:] + 2 * n, turned + 3 * n])
    places = torch.cat([vertices + 5 * k for k in range(4)])
    edges = edges_of(faces, places)
    part = torch.bucketize(edges.faces[:, 0].contiguous(), torch.tensor([count, 2 * count, 3 * count - 1]), right=True)
    assert [sorted(set(edges.orientation[part == k].tolist())) for k in range(4)] == [[1], [-1], [0], [0]]
    assert int((edges.flags[part == 3] & 16 > 0).sum()) == 3


def test_coincident_vertices_are_one_and_differing_attributes_make_edges_hard() -> None:
    vertices = torch.tensor([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0], [1, 0, -0.0], [0, 1, 0]])
    faces = torch.tensor([[0, 1, 2], [5, 4, 3]])
    welded = edges_of(faces, vertices)
    assert len(welded) == 5
    assert int(welded.hard.sum()) == 1
    assert len(edges_of(faces)) == 6
    same = torch.tensor([[0, 1, 2], [2, 1, 3]])
    assert int(edges_of(faces, vertices, same).hard.sum()) == 0
    assert int(edges_of(faces, vertices, same, torch.tensor([[0, 1, 2], [2, 4, 3]])).hard.sum()) == 1


def test_edges_of_many_faces_degenerate_faces_and_no_faces() -> None:
    book = edges_of(torch.tensor([[0, 1, 2], [0, 1, 3], [1, 0, 4]]))
    assert int((book.faces[:, 1] < 0).sum()) == len(book) == 9
    folded = edges_of(torch.tensor([[0, 1, 2], [2, 1, 1], [2, 1, 3]]))
    assert [0, 2] in folded.faces.tolist()
    assert not (folded.faces == 1).any()
    empty = edges_of(torch.zeros(0, 3, dtype=torch.long), torch.zeros(0, 3))
    assert len(empty) == 0
    assert empty.ends.shape == (0, 2)


def test_batch_of_meshes_counts_through() -> None:
    ball, triangle = trimesh.creation.icosphere(0), torch.tensor([[0, 1, 2]])
    faces, vertices = tensors(ball)
    parts = [edges_of(faces, vertices), edges_of(triangle)]
    batch = EdgeBatch.of_meshes(parts, [len(faces), 1], [len(vertices), 3])
    assert batch.first_edge.tolist() == [0, 30]
    assert batch.edge_count.tolist() == [30, 3]
    assert batch.edges.faces[30:].tolist() == [[20, -1]] * 3
    assert batch.edges.ends[30:].min() == 12
