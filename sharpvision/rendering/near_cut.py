"""A scene cut at the near plane of one view, so that the cut is an edge like any other, with its derivatives.

A face with corners on both sides of w = near is replaced by the one or two triangles in front of it. A new corner is
a + t (b - a), t = (near - w_a) / (w_b - w_a), on the edge from a to b; t moves with the depths, and all that vertices
carry is taken at the same t. The line of the cut is then a boundary of the mesh: clipped to pixels, seen or hidden and
differentiated as every boundary.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from sharpvision.geometry.edges import edges_of
from sharpvision.kernels.corners import corners_of
from sharpvision.kernels.least_depth import least_depth
from sharpvision.kernels.plain_values import outside_transforms, plain_values
from sharpvision.rendering.geometry import SceneTopology, SurfaceState

BEYOND = 1e-6
"""Share of `near` by which new corners lie in front of it, so that rounding does not put them behind."""


@dataclass(frozen=True, eq=False)
class NewRows:
    """Rows to append to what corners carry: row k lies between rows `pair[k]`, at the place of cut edge `edge[k]`."""

    pair: Tensor
    edge: Tensor

    def appended(self, rows: Tensor, t: Tensor) -> Tensor:
        """`rows` with the new ones after them; `t` (E,) of the cut edges."""
        a, b = rows[self.pair[:, 0]], rows[self.pair[:, 1]]
        return torch.cat([rows, a + t[self.edge][:, None] * (b - a)])


@dataclass(frozen=True, eq=False)
class NearCut:
    """The cut scene: what a renderer is given instead of topology, state and `projected` (V', 4) rows of one view.

    `origin` (F',) int64 says of which face each is a part; `vertex_rows` and `t` extend what vertices carry.
    """

    topology: SceneTopology
    state: SurfaceState
    projected: Tensor
    origin: Tensor
    vertex_rows: NewRows
    t: Tensor

    def extended(self, rows: Tensor) -> Tensor:
        """Values of the scene's vertices (V, A) with those of the new corners after them."""
        return self.vertex_rows.appended(rows, self.t)


def crosses_near(places: Tensor, faces: Tensor, views: int, near: float) -> bool:
    """Whether a face has corners on both sides in some view; `places` are plain rows (views * V, 4)."""
    with torch.no_grad(), outside_transforms():
        if not len(faces) or float(least_depth(places)) >= near:
            return False
        inside = (places[:, 3] >= near).view(views, -1)
        corners = inside[:, faces.long()]
        return bool((corners.any(-1) & ~corners.all(-1)).any())


def cut_at_near(topology: SceneTopology, state: SurfaceState, projected: Tensor, near: float) -> NearCut:
    """The part of a scene with w >= `near` in one view with rows `projected` (V, 4); differentiable in all but the
    choice of faces."""
    w = plain_values(projected[:, 3])
    with torch.no_grad(), outside_transforms():
        pieces = _Pieces(topology.faces.long(), w >= near)
        faces, vertex_rows = pieces.indices(topology.faces.long(), len(w))
        normal_faces, normal_rows = pieces.indices(topology.normal_faces.long(), topology.normals)
        uv_faces, uv_rows = pieces.indices(topology.uv_faces.long(), len(topology.uv))
    t = (near - projected[pieces.ends[:, 0], 3]) / (projected[pieces.ends[:, 1], 3] - projected[pieces.ends[:, 0], 3])
    rows = vertex_rows.appended(projected, t)
    depth = torch.full_like(rows[len(projected) :, 3:], near * (1 + BEYOND))
    rows = torch.cat([projected, torch.cat([rows[len(projected) :, :3], depth], 1)])
    vertices = vertex_rows.appended(state.vertices, t)
    uv = uv_rows.appended(topology.uv, t.detach() if not topology.uv.requires_grad else t)
    cut_state = SurfaceState(vertices, normal_rows.appended(state.normals, t))
    places = plain_values(vertices)
    with torch.no_grad(), outside_transforms():
        shapes = topology.face_shape[pieces.origin]
        # Coincident vertices of different shapes are kept apart, as in the whole scene.
        span = 4 * places.abs().max().clamp(min=1).double()
        owner = torch.zeros(len(places), dtype=torch.float64, device=places.device)
        owner[faces.reshape(-1).long()] = shapes.repeat_interleave(3).double()
        edges = edges_of(faces, places.double() + (span * owner)[:, None], normal_faces, uv_faces)
        cut = replace(
            topology, faces=faces, normal_faces=normal_faces, uv_faces=uv_faces, face_shape=shapes, uv=uv,
            vertices=len(places), normals=len(cut_state.normals), corners=corners_of(faces, len(places)),
            normal_corners=corners_of(normal_faces, len(cut_state.normals)), edges=edges,
        )  # fmt: skip
    return NearCut(cut, cut_state, rows, pieces.origin, vertex_rows, t)


class _Pieces:
    """How faces are kept, cut or dropped: `origin` (F',) face of each piece, `ends` (E, 2) vertices of each cut edge,
    the lower index first."""

    def __init__(self, faces: Tensor, inside: Tensor) -> None:
        corners = inside[faces]
        count = corners.sum(1)
        self.whole = (count == 3).nonzero()[:, 0]
        self.one, self.two = ((count == n).nonzero()[:, 0] for n in (1, 2))
        step = torch.arange(3, device=faces.device)
        # The corner that is alone on its side comes first: the only one in front, or the only one behind.
        lone_one = corners[self.one].to(torch.uint8).argmax(1)
        lone_two = corners[self.two].to(torch.uint8).argmin(1)
        self.turn_one, self.turn_two = ((lone[:, None] + step) % 3 for lone in (lone_one, lone_two))
        self.origin = torch.cat([self.whole, self.one, self.two, self.two])
        one, two = self._turned(faces)
        pairs = torch.cat([one[:, [0, 1]], one[:, [0, 2]], two[:, [0, 1]], two[:, [0, 2]]])
        self.flipped = pairs[:, 0] > pairs[:, 1]
        self.ends, self.edge = torch.unique(pairs.sort(1).values, dim=0, return_inverse=True)

    def _turned(self, faces: Tensor) -> tuple[Tensor, Tensor]:
        return faces[self.one].gather(1, self.turn_one), faces[self.two].gather(1, self.turn_two)

    def indices(self, faces: Tensor, count: int) -> tuple[Tensor, NewRows]:
        """Corners (F', 3) int32 of the pieces for values of which there are `count` rows, and the rows to append."""
        one, two = self._turned(faces)
        pairs = torch.cat([one[:, [0, 1]], one[:, [0, 2]], two[:, [0, 1]], two[:, [0, 2]]])
        pairs = torch.where(self.flipped[:, None], pairs.flip(1), pairs)
        keyed, new = torch.unique(torch.cat([pairs, self.edge[:, None]], 1), dim=0, return_inverse=True)
        new = new + count
        p1, q1, p2, q2 = new.split([len(one), len(one), len(two), len(two)])
        parts = [
            faces[self.whole], torch.stack([one[:, 0], p1, q1], 1), torch.stack([p2, two[:, 1], two[:, 2]], 1),
            torch.stack([p2, two[:, 2], q2], 1),
        ]  # fmt: skip
        return torch.cat(parts).to(torch.int32).contiguous(), NewRows(keyed[:, :2], keyed[:, 2])
