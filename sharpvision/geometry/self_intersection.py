"""Faces of a mesh that pass through each other, by exact signs of determinants."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor

from sharpvision.kernels.mesh_queries import touching_boxes

Array = NDArray[np.float64]


def self_intersections(vertices: Float[Tensor, "v 3"], faces: Int[Tensor, "f 3"]) -> Int[Tensor, "p 2"]:
    """Pairs (i, j), i < j, of faces that have more in common than the vertices and the edge that they share.

    Two triangles intersect where an edge of one meets the other, or where they lie in one plane and overlap. Edges that
    start at a shared vertex are left out, which leaves: faces without a common vertex must not touch at all; of faces
    with one, neither's opposite edge may meet the other; faces with a common edge must not be folded flat onto each
    other. Signs of determinants are those of exact arithmetic (in float64, and in rational numbers where rounding could
    change a sign: Shewchuk, Adaptive Precision Floating-Point Arithmetic, 1997, with a plain filter). Faces of zero
    area count by their edges. Boxes are compared in float32, so float64 vertices are rounded to float32 first.

    >>> crossing = torch.tensor([[0.0, 0, 0], [2, 0, 0], [0, 2, 0], [0.5, 0.5, -1], [0.5, 0.5, 1], [3, 3, 0]])
    >>> self_intersections(crossing, torch.tensor([[0, 1, 2], [3, 4, 5]])).tolist()
    [[0, 1]]
    """
    corners = vertices.detach().float().cpu()
    index = faces.cpu().numpy().astype(np.int64)
    pairs = touching_boxes(corners, faces.cpu()).numpy()
    points = corners.double().numpy()
    hit = np.zeros(len(pairs), bool)
    for a, b in ((0, 1), (1, 0)):
        for side in range(3):
            edge = index[pairs[:, b]][:, [side, (side + 1) % 3]]
            triangle = index[pairs[:, a]]
            apart = ~(edge[:, :, None] == triangle[:, None, :]).any((1, 2)) & ~hit
            hit[apart] |= _edge_meets_triangle(points[edge[apart]], points[triangle[apart]])
    hit |= _folded(points, index[pairs[:, 0]], index[pairs[:, 1]])
    return torch.from_numpy(pairs[hit])


def intersecting_faces(vertices: Float[Tensor, "v 3"], faces: Int[Tensor, "f 3"]) -> int:
    """How many faces intersect another, see `self_intersections`."""
    return int(torch.unique(self_intersections(vertices, faces)).numel())


def _edge_meets_triangle(edge: Array, triangle: Array) -> NDArray[np.bool_]:
    """Whether segments (N, 2, 3) have a point in common with triangles (N, 3, 3), borders included."""
    p, q = edge[:, 0], edge[:, 1]
    a, b, c = triangle[:, 0], triangle[:, 1], triangle[:, 2]
    above, below = _side(a, b, c, p), _side(a, b, c, q)
    round_ = np.stack([_side(p, q, a, b), _side(p, q, b, c), _side(p, q, c, a)], 1)
    through = (above * below <= 0) & ~((round_ > 0).any(1) & (round_ < 0).any(1))
    flat = (above == 0) & (below == 0)
    through &= ~flat
    where = np.flatnonzero(flat)
    through[where] = [_meets_in_plane(edge[i], triangle[i]) for i in where]
    return through


def _side(a: Array, b: Array, c: Array, d: Array) -> NDArray[np.int8]:
    """Exact sign of det [a - d, b - d, c - d]: on which side of the plane of a, b, c each d lies."""
    u, v, w = a - d, b - d, c - d
    determinant = np.einsum("ni,ni->n", u, np.cross(v, w))
    size = np.abs(u), np.abs(v), np.abs(w)
    permanent = np.einsum("ni,nij,nj->n", size[0], _pairing(size[1]), size[2])
    sign = np.sign(determinant).astype(np.int8)
    for i in np.flatnonzero(np.abs(determinant) <= 1e-15 * permanent):
        sign[i] = _exact_sign(np.stack([a[i], b[i], c[i]]), d[i])
    return sign


def _pairing(v: Array) -> Array:
    """Matrices (N, 3, 3) M with u^T M w = sum over the six terms of a 3 x 3 determinant of their absolute values."""
    x, y, z = v.T
    zero = np.zeros_like(x)
    return np.stack([np.stack([zero, z, y], 1), np.stack([z, zero, x], 1), np.stack([y, x, zero], 1)], 1)


def _exact_sign(corners: Array, d: Array) -> int:
    """Sign of the determinant of the rows `corners` - d in rational arithmetic."""
    origin = [Fraction(x) for x in d.tolist()]
    (a, b, c), (e, f, g), (h, i, j) = (
        [Fraction(x) - o for x, o in zip(row, origin, strict=True)] for row in corners.tolist()
    )
    determinant = a * (f * j - g * i) - b * (e * j - g * h) + c * (e * i - f * h)
    return (determinant > 0) - (determinant < 0)


def _meets_in_plane(edge: Array, triangle: Array) -> bool:
    """Whether a segment meets a triangle that lies in one plane with it: exactly, in each coordinate plane's shadow.

    Shadows that have no area tell nothing; where all have none, the two lie on a line and their boxes decide.
    """
    points = [[Fraction(x) for x in row] for row in np.concatenate([triangle, edge]).tolist()]
    for i, j in ((0, 1), (1, 2), (2, 0)):
        a, b, c, p, q = ((row[i], row[j]) for row in points)
        if _turn(a, b, c) == 0:
            continue
        if _inside(a, b, c, p) or _inside(a, b, c, q):
            return True
        return any(_cross(p, q, *side) for side in ((a, b), (b, c), (c, a)))
    low, high = triangle.min(0), triangle.max(0)
    overlap = bool(((edge.min(0) <= high) & (edge.max(0) >= low)).all())
    return overlap and bool(np.ptp(np.concatenate([triangle, edge]), axis=0).any())


Point = tuple[Fraction, Fraction]


def _turn(a: Point, b: Point, c: Point) -> int:
    area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
    return (area > 0) - (area < 0)


def _inside(a: Point, b: Point, c: Point, p: Point) -> bool:
    turns = {_turn(a, b, p), _turn(b, c, p), _turn(c, a, p)}
    return not {1, -1} <= turns


def _cross(p: Point, q: Point, a: Point, b: Point) -> bool:
    """Whether segments pq and ab have a point in common, given that neither p nor q is inside a triangle with ab."""
    return _turn(p, q, a) * _turn(p, q, b) <= 0 and _turn(a, b, p) * _turn(a, b, q) <= 0


def _folded(points: Array, first: NDArray[np.int64], second: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Pairs with a common edge that lie in one plane on the same side of it, or that have all vertices in common."""
    same = first[:, :, None] == second[:, None, :]
    shared = same.any(2).sum(1)
    folded = shared == 3
    two = np.flatnonzero(shared == 2)
    if len(two):
        apex = first[two][~same[two].any(2)]
        other = second[two][~same[two].any(1)]
        a, b = first[two][same[two].any(2)].reshape(-1, 2).T
        flat = _side(points[a], points[b], points[apex], points[other]) == 0
        axis = points[b] - points[a]
        turned = np.cross(axis, points[apex] - points[a]) * np.cross(axis, points[other] - points[a])
        folded[two] = flat & (turned.sum(1) > 0)
    return folded
