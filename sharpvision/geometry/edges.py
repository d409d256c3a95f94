"""Unique edges of a mesh, with what lies on their two sides."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy import sparse
from torch import Tensor

from sharpvision.kernels.silhouette_edges import HARD, INWARD, OUTWARD, SAME_WAY, SECOND_CORNER, MeshEdges

__all__ = ["MeshEdges", "edges_of"]


def edges_of(
    faces: Int[Tensor, "f 3"],
    vertices: Float[Tensor, "v 3"] | None = None,
    normal_faces: Int[Tensor, "f 3"] | None = None,
    uv_faces: Int[Tensor, "f 3"] | None = None,
) -> MeshEdges:
    """The edges of a mesh, each once, with the faces on both sides; once per mesh, on the CPU.

    Vertices at exactly the same place count as one (without `vertices`: those of one index). An edge of one face is a
    boundary; one of more than two faces is listed once for each of them as a boundary; faces with a repeated vertex
    have no edges. An edge is hard where the shading normals' or the texture coordinates' indices of an end differ
    between its sides (`normal_faces` None: those of `faces`). A connected part is closed if it has no boundary and its
    winding is consistent; the sign of its volume says whether its faces are wound outward.

    >>> edges = edges_of(torch.tensor([[0, 1, 2], [2, 1, 3]]))
    >>> len(edges), edges.faces[(edges.faces >= 0).all(1)].tolist()
    (5, [[0, 1]])
    """
    corners = faces.cpu().numpy().astype(np.int64)
    welded = _welded(corners, vertices)
    whole = np.flatnonzero((welded != np.roll(welded, -1, 1)).all(1))
    face, corner = np.repeat(whole, 3), np.tile(np.arange(3), len(whole))
    start, stop = welded[face, corner], welded[face, (corner + 1) % 3]
    key = np.minimum(start, stop) * (welded.max(initial=0) + 1) + np.maximum(start, stop)
    order = np.argsort(key, kind="stable")
    _, first, count = np.unique(key[order], return_index=True, return_counts=True)
    pair = count == 2
    lone = np.ones(len(key), bool)
    lone[first[pair]] = lone[first[pair] + 1] = False
    one = np.concatenate([order[first[pair]], order[lone]])
    two = np.concatenate([order[first[pair] + 1], np.full(int(lone.sum()), -1)])
    both = two >= 0

    def on_sides(values: np.ndarray) -> np.ndarray:
        return np.stack([values[one], np.where(both, values[two], -1)], 1) if len(one) else np.zeros((0, 2), np.int64)

    sides, corner_of = on_sides(face), on_sides(corner)
    same_way = both & (start[one] == start[two]) if len(one) else both
    flags = np.where(both, corner_of[:, 1] * SECOND_CORNER, 0) + corner_of[:, 0] + SAME_WAY * same_way
    hard = np.zeros(len(one), bool)
    for indices in (faces if normal_faces is None else normal_faces, uv_faces):
        if indices is not None:
            hard |= both & _differ(indices.cpu().numpy(), sides, corner_of, same_way)
    face_flags = _orientation(corners, vertices, sides, both & ~same_way)
    flags = flags + HARD * hard + (face_flags[sides[:, 0]] if len(sides) else 0)
    ends = np.stack([corners[sides[:, 0], corner_of[:, 0]], corners[sides[:, 0], (corner_of[:, 0] + 1) % 3]], 1)
    third = np.where(sides >= 0, corners[sides, (corner_of + 2) % 3] if len(sides) else sides, -1)

    def tensor(values: np.ndarray, dtype: torch.dtype = torch.int32) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(values)).to(dtype).to(faces.device)

    bits = tensor(flags, torch.uint8), tensor(face_flags, torch.uint8)
    return MeshEdges(tensor(ends), tensor(sides), tensor(third), *bits)


def _welded(corners: np.ndarray, vertices: Tensor | None) -> np.ndarray:
    """Corners with one index for all vertices at one place."""
    if vertices is None or not corners.size:
        return corners
    places = np.ascontiguousarray(vertices.detach().cpu().numpy() + 0.0)  # + 0.0: no negative zeros
    rows = places.view(np.dtype((np.void, places.dtype.itemsize * places.shape[1])))[:, 0]
    return np.unique(rows, return_inverse=True)[1].reshape(-1)[corners]


def _differ(indices: np.ndarray, sides: np.ndarray, corner: np.ndarray, same_way: np.ndarray) -> np.ndarray:
    """Whether the attribute indices of an edge's ends differ between its sides."""
    if not len(sides):
        return np.zeros(0, bool)
    ours = [indices[sides[:, 0], (corner[:, 0] + step) % 3] for step in (0, 1)]
    theirs = [indices[sides[:, 1], (corner[:, 1] + step) % 3] for step in (0, 1)]
    at_start, at_stop = np.where(same_way, theirs, theirs[::-1])
    return (ours[0] != at_start) | (ours[1] != at_stop)


def _orientation(corners: np.ndarray, vertices: Tensor | None, sides: np.ndarray, proper: np.ndarray) -> np.ndarray:
    """`OUTWARD`, `INWARD` or 0 of each face: the sign of the volume of its part, if that is closed."""
    if vertices is None or not len(sides):
        return np.zeros(len(corners), np.int64)
    joined = sides[sides[:, 1] >= 0]
    graph = sparse.coo_array((np.ones(len(joined)), joined.T), shape=(len(corners), len(corners)))
    parts, part = sparse.csgraph.connected_components(graph, directed=False)
    closed = np.zeros(parts, bool)
    closed[part[sides[:, 0]]] = True
    closed[part[sides[~proper, 0]]] = False
    places = vertices.detach().cpu().numpy().astype(np.float64)
    a, b, c = np.moveaxis(places[corners] - places[corners].mean((0, 1)), 1, 0)
    volume = np.bincount(part, (a * np.cross(b, c)).sum(1), parts)
    bit = np.where(closed & (volume > 0), OUTWARD, 0) + np.where(closed & (volume < 0), INWARD, 0)
    found: np.ndarray = bit[part]
    return found
