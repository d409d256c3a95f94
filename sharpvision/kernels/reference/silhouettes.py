"""Plain-torch twin of `kernels.silhouette_plan`: one edge, one pixel and one point at a time, against all faces.

No bins, no early culling by the z-buffer. Points are not grouped by entry (`entry_first` and `entry_count` are empty).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import pairwise

import torch
from torch import Tensor

from sharpvision.kernels.batch import Batch
from sharpvision.kernels.raster_types import Pieces, Plan, Points, Raster
from sharpvision.kernels.reference.silhouette_weight import weight
from sharpvision.kernels.silhouette_edges import HARD, INWARD, OUTWARD, SAME_WAY, EdgeBatch, MeshEdges
from sharpvision.kernels.silhouette_plan import SAMPLES, PlanSettings

NUDGE_PX = 1e-3
HIDDEN = 1e-5
SURE = 1e-5
SHORT_PX = 1e-5


@dataclass
class _Piece:
    """A part of an edge inside a pixel, in pixels; parameters are those of the whole edge in the image."""

    edge: int
    kind: str
    inner: int
    sign: float
    a: Tensor
    b: Tensor
    normal: Tensor
    along: float = 0.0
    key: float = 0.0
    outer: int = -1


@dataclass
class _Places:
    """Points so far."""

    face: list[int] = field(default_factory=list)
    view: list[int] = field(default_factory=list)
    pixel: list[int] = field(default_factory=list)
    position: list[Tensor] = field(default_factory=list)
    moves: list[int] = field(default_factory=list)
    edge: list[int] = field(default_factory=list)
    along: list[float] = field(default_factory=list)

    def add(
        self, face: int, view: int, pixel: int, position: Tensor, moves: int, on_edge: tuple[int, float] = (3, 0.0)
    ) -> int:
        if face < 0:
            return -1
        for values, value in zip(
            (self.face, self.view, self.pixel, self.position, self.moves, self.edge, self.along),
            (face, view, pixel, position, moves, *on_edge),
            strict=True,
        ):
            values.append(value)  # type: ignore[arg-type]
        return len(self.face) - 1


def plan(projected: Tensor, batch: Batch, raster: Raster, edges: MeshEdges | EdgeBatch, settings: PlanSettings) -> Plan:
    """See `kernels.silhouette_plan.plan`."""
    edges = EdgeBatch.of_one_mesh(edges, batch.views) if isinstance(edges, MeshEdges) else edges
    places, pieces = _Places(), []
    sample = torch.full_like(raster.face, -1)
    samples: list[list[int]] = []
    piece_first = [0]
    offsets = torch.tensor(SAMPLES[settings.samples if settings.silhouettes else 1], dtype=projected.dtype)
    for v in range(batch.views):
        view = _View(projected, batch, v, settings.near)
        found = view.pieces(edges, v) if settings.silhouettes else {}
        for y in range(batch.height):
            for x in range(batch.width):
                pixel = (v * batch.height + y) * batch.width + x
                centre = projected.new_tensor([x + 0.5, y + 0.5])
                visible = [p for p in found.get((x, y), []) if view.sees(p, edges.edges)]
                around = raster.face[v, max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2]
                if not visible and not (settings.everywhere and settings.silhouettes and bool((around >= 0).any())):
                    sample[v, y, x] = places.add(int(raster.face[v, y, x]), v, pixel, centre, 1)
                    continue
                sample[v, y, x] = -2 - len(samples)
                at = centre + offsets
                samples.append([places.add(view.nearest(p)[0], v, pixel, p, 1) for p in at])
                for piece in visible:
                    pieces.append(
                        (
                            piece,
                            pixel,
                            v,
                            weight((piece.a, piece.b, piece.normal), centre, offsets),
                            *_sides(piece, v, pixel, edges.edges, places),
                        )
                    )
                piece_first.append(len(pieces))
    table = torch.tensor(samples, dtype=torch.int32).view(-1, len(offsets))
    first = torch.tensor(piece_first, dtype=torch.int32)
    return Plan(_points(places, projected), _pieces(pieces, batch, edges.edges, projected), sample, table, first)


class _View:
    """One view: its faces' coordinates, in float64."""

    def __init__(self, projected: Tensor, batch: Batch, v: int, near: float) -> None:
        self.first, count = int(batch.first_face[v]), int(batch.face_count[v])
        self.row, self.near, self.size = int(batch.row_offset[v]), near, (batch.width, batch.height)
        self.rows = projected.double()
        self.corners = self.rows[batch.faces[self.first : self.first + count].long() + self.row]
        self.side = _sides_of(self.corners)
        self.closed = bool((projected[:, 3] >= near).all())

    def nearest(self, point: Tensor) -> tuple[int, float]:
        """Index and depth key of the face nearest at a point of the image; -1, infinite where there is none."""
        p = point.double()
        xy = self.corners[..., :2] - p * self.corners[..., 3:]
        nxt, last = xy.roll(-1, 1), xy.roll(1, 1)
        weight = nxt[..., 0] * last[..., 1] - nxt[..., 1] * last[..., 0]  # of each corner
        depth = (weight * self.corners[..., 3]).sum(1)  # the determinant of the corners, whatever the point
        weight, depth = weight * depth.sign()[:, None], depth.abs()
        key = (weight * self.corners[..., 2]).sum(1) / depth
        hit = (weight >= 0).all(1) & (depth > 0) & (depth >= self.near * weight.sum(1))
        key = torch.where(hit, key, torch.inf)
        if not len(key) or not math.isfinite(float(key.min())):
            return -1, math.inf
        return int(key.argmin()) + self.first, float(key.min())

    def pieces(self, edges: EdgeBatch, v: int) -> dict[tuple[int, int], list[_Piece]]:
        """Pieces of all edges, cut at each other, by pixel."""
        found: dict[tuple[int, int], list[_Piece]] = {}
        start = int(edges.first_edge[v])
        for e in range(start, start + int(edges.edge_count[v])):
            for piece in self._pieces_of(e, edges.edges):
                x, y = ((piece.a + piece.b) / 2).floor().int().tolist()
                cell = (min(x, self.size[0] - 1), min(y, self.size[1] - 1))
                found.setdefault(cell, []).append(piece)
        return {
            cell: [p for piece in group for p in self._cut(piece, group, edges.edges)] for cell, group in found.items()
        }

    def _pieces_of(self, e: int, edges: MeshEdges) -> list[_Piece]:
        chosen = self._chosen(e, edges)
        if chosen is None:
            return []
        kind, inner, sign = chosen
        ends = self.rows[edges.ends[e].long() + self.row]
        low, high = 0.0, 1.0
        for plane in ((0, 0, 0, 1), (1, 0, 0, 0), (0, 1, 0, 0), (-1, 0, 0, self.size[0]), (0, -1, 0, self.size[1])):
            level = self.near if plane == (0, 0, 0, 1) else 0.0
            f, g = (ends @ ends.new_tensor(plane) - level).tolist()
            if f < 0 and g < 0:
                return []
            if (f < 0) != (g < 0):
                low, high = (max(low, f / (f - g)), high) if f < 0 else (low, min(high, f / (f - g)))
        if low >= high:
            return []
        a, b = (torch.lerp(ends[0], ends[1], t) for t in (low, high))
        a, b = a[:2] / a[3], b[:2] / b[3]
        d = b - a
        if float(d.norm()) < 1e-6:
            return []
        normal = sign * torch.stack([d[1], -d[0]]) / d.norm()
        cuts = {0.0, 1.0}
        for axis in (0, 1):
            ends_of_axis = sorted((float(a[axis]), float(b[axis])))
            lines = range(math.floor(ends_of_axis[0]), math.ceil(ends_of_axis[1]) + 1)
            cuts |= {float((g - a[axis]) / d[axis]) for g in lines if d[axis] != 0}
        steps = sorted(c for c in cuts if 0 <= c <= 1)
        return [
            _Piece(e, kind, inner, sign, a + s * d, a + t * d, normal)
            for s, t in pairwise(steps)
            if (t - s) * float(d.norm()) > 1e-6
        ]

    def _chosen(self, e: int, edges: MeshEdges) -> tuple[str, int, float] | None:
        """Kind, inner face and the sign of the first face's area; None where the image does not jump.

        A face without area counts as one of positive area, which closes the chains of folds, and is no inner side.
        """
        first, second = edges.faces[e].tolist()
        flags = int(edges.flags[e])
        one = int(self.side[first - self.first])
        if second < 0:
            return ("fold", first, one) if one else None
        two = int(self.side[second - self.first])
        sign = -1.0 if one < 0 else 1.0
        if (one < 0) == ((two < 0) != (flags & SAME_WAY > 0)):
            away = self.closed and one * ((flags & INWARD > 0) - (flags & OUTWARD > 0)) < 0
            return ("hard", first, sign) if flags & HARD and one and two and not away else None
        if one == 0 or two == 0:
            return "fold", second if one == 0 else first, sign
        inner = self._nearer(edges.ends[e], edges.opposite[e], one)
        if flags & (OUTWARD | INWARD) and (self.closed or inner is None):
            front = 0 if (one < 0) == (flags & OUTWARD > 0) else 1
            if inner == 1 - front:
                return None
            inner = front
        return "fold", (first, second)[inner or 0], sign

    def _nearer(self, ends: Tensor, opposite: Tensor, side: int) -> int | None:
        """Which face is nearer beside a fold: by the sign of det (A, B, C0, C1), the volume between their planes over
        depth, taken about the nearer end; None where it is within rounding (1e-5) of zero."""
        a, b = self.rows[ends.long() + self.row]
        flip = float(b[3]) > float(a[3])
        origin, end = (b, a) if flip else (a, b)
        p, q, r = (v[:3] - origin[:3] / origin[3] * v[3] for v in (end, *self.rows[opposite.long() + self.row]))
        volume = float(p @ torch.linalg.cross(q, r)) * (-1 if flip else 1)
        size = float(p.abs() @ (q.abs()[[1, 2, 0]] * r.abs()[[2, 0, 1]] + q.abs()[[2, 0, 1]] * r.abs()[[1, 2, 0]]))
        return None if abs(volume) <= SURE * size else int((volume > 0) != (side > 0))

    def _cut(self, piece: _Piece, group: list[_Piece], edges: MeshEdges) -> list[_Piece]:
        """The piece between its crossings with other folds and boundaries of the pixel."""
        found, dx, dy = [], *(piece.b - piece.a).tolist()
        mine = set(edges.ends[piece.edge].tolist())
        for other in group:
            if other.kind == "fold" and not mine & set(edges.ends[other.edge].tolist()):
                (ex, ey), (fx, fy) = (other.b - other.a).tolist(), (other.a - piece.a).tolist()
                across = dx * ey - dy * ex
                if across != 0:
                    s, t = (fx * ey - fy * ex) / across, (fx * dy - fy * dx) / across
                    found += [s] if -1e-4 < t < 1.0001 else []
        steps, skip = [0.0], SHORT_PX / math.hypot(dx, dy)
        for s in sorted(found):  # a cut that is close to an end or to the last one cuts nothing off
            if steps[-1] + skip < s < 1 - skip:
                steps.append(s)
        return [self._finished(piece, edges, s, t) for s, t in pairwise([*steps, 1.0])]

    def _finished(self, piece: _Piece, edges: MeshEdges, s: float, t: float) -> _Piece:
        """Part s to t of a piece, with what holds at its middle."""
        a, b = torch.lerp(piece.a, piece.b, s), torch.lerp(piece.a, piece.b, t)
        ends = self.rows[edges.ends[piece.edge].long() + self.row]
        m, d = (a + b) / 2, b - a
        # (1 - u) A + u B projects to m: the component along the piece decides.
        f, g = ((ends[:, :2] - m * ends[:, 3:]) @ d).tolist()
        u = f / (f - g)
        at = torch.lerp(ends[0], ends[1], u)
        return _Piece(piece.edge, piece.kind, piece.inner, piece.sign, a, b, piece.normal, u, float(at[2] / at[3]))

    def sees(self, piece: _Piece, edges: MeshEdges) -> bool:
        """Whether the piece is not hidden; finds its outer side."""
        middle = (piece.a + piece.b) / 2
        nudge = NUDGE_PX if piece.kind == "fold" else 0.0
        face, key = self.nearest(middle + nudge * piece.normal)
        own = edges.faces[piece.edge].tolist()
        piece.outer = own[1] if piece.kind == "hard" else face
        return face in own or key >= piece.key - HIDDEN * abs(piece.key)


def _sides_of(corners: Tensor) -> Tensor:
    """(F,) the sign of each face's area in the image, 0 edge-on, with coordinates (F, 3, 4) about the corner in front:
    rounding leaves a face with two corners at one place, and no other, exactly without area."""
    order = (corners[..., 3].argmax(1)[:, None] + torch.arange(3)) % 3
    a, b, c = corners.gather(1, order[..., None].expand(-1, -1, 4)).unbind(1)
    b, c = (v[:, :2] * a[:, 3:] - a[:, :2] * v[:, 3:] for v in (b, c))
    area = b[:, 0] * c[:, 1] - b[:, 1] * c[:, 0]
    return torch.where(a[:, 3] > 0, area.sign(), 0.0).int()


def _sides(piece: _Piece, v: int, pixel: int, edges: MeshEdges, places: _Places) -> tuple[int, int]:
    """Points of the inner and the outer side."""
    flags, own = int(edges.flags[piece.edge]), edges.faces[piece.edge].tolist()
    middle = (piece.a + piece.b) / 2

    def on_edge(face: int) -> tuple[int, float]:
        if face == own[0]:
            return flags & 3, piece.along
        return flags >> 2 & 3, piece.along if flags & SAME_WAY else 1 - piece.along

    inner = places.add(piece.inner, v, pixel, middle, 0, on_edge(piece.inner))
    if piece.kind == "hard":
        return inner, places.add(piece.outer, v, pixel, middle, 0, on_edge(piece.outer))
    return inner, places.add(piece.outer, v, pixel, middle + NUDGE_PX * piece.normal, 0)


def _points(places: _Places, like: Tensor) -> Points:
    none = torch.zeros(0, dtype=torch.int32)
    ints = [torch.tensor(v, dtype=torch.int32) for v in (places.face, places.view, places.pixel)]
    position = torch.stack([p.to(like) for p in places.position]) if places.position else like.new_empty(0, 2)
    marks = [torch.tensor(v, dtype=torch.uint8) for v in (places.moves, places.edge)]
    along = like.new_tensor(places.along)
    return Points(none, none, ints[0], ints[1], ints[2], position, marks[0], marks[1], along)


def _pieces(
    found: list[tuple[_Piece, int, int, float, int, int]], batch: Batch, edges: MeshEdges, like: Tensor
) -> Pieces:  # fmt: skip
    pieces = [f[0] for f in found]
    rows = [[int(r) + int(batch.row_offset[f[2]]) for r in edges.ends[f[0].edge]] for f in found]

    def ints(values: list[int] | list[list[int]]) -> Tensor:
        return torch.tensor(values, dtype=torch.int32)

    return Pieces(
        ints([f[1] for f in found]), ints(rows).view(-1, 2), like.new_tensor([p.along for p in pieces]),
        like.new_tensor([p.normal.tolist() for p in pieces]).view(-1, 2),
        like.new_tensor([float((p.b - p.a).norm()) for p in pieces]), like.new_tensor([f[3] for f in found]),
        ints([f[4] for f in found]), ints([f[5] for f in found]),
    )  # fmt: skip
