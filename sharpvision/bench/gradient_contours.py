"""All lines of a gradient scene's image across which its radiance may jump, as segments and as short pieces of them.

Folds (a face seen from the front beside one seen from behind), boundaries, hard edges (two faces on the same side whose
normals or texture coordinates do not meet) and the edges that the near plane cuts. Lines where surfaces interpenetrate
are missing: no vertex carries them. No face, edge or visibility test is shared with the renderer.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sharpvision.bench.gradient_model import Geometry, Topology
from sharpvision.bench.gradient_scenes import SIZE

FOLD, BOUNDARY, HARD_EDGE, CUT = range(4)
PIECES_PER_PIXEL = 32


@dataclass(frozen=True, eq=False)
class Segments:
    """S straight lines in the image. Their ends (S, 2): between vertices `start` and `stop`, at `start` itself, or
    where the near plane lies between them (`clipped`). `inner` and `outer` (S,) faces, `outer` -1 where a query must
    tell; `kind` (S,)."""

    start: Tensor
    stop: Tensor
    clipped: Tensor
    inner: Tensor
    outer: Tensor
    kind: Tensor


@dataclass(frozen=True, eq=False)
class SegmentPieces:
    """N pieces of segments, each inside one pixel: `segment` (N,), `along` (N,) the middle's place on it in the image,
    from 0 to 1, `length` (N,) and `middle` (N, 2) in pixels, `normal` (N, 2) away from the inner side, `pixel` (N,)."""

    segment: Tensor
    along: Tensor
    length: Tensor
    middle: Tensor
    normal: Tensor
    pixel: Tensor


def segments_of(geometry: Geometry, topology: Topology, near: float) -> Segments:
    """The lines of the scene as it stands, hidden ones included."""
    rows, inverse = geometry.projected.detach(), geometry.inverse.detach()
    w = rows[:, 2]
    corners = topology.place[topology.faces]
    flat = (corners == corners.roll(1, 1)).any(1)  # a face of two distinct places or one has no edges of its own
    faces = (~flat).nonzero()[:, 0]
    front = _front(rows, topology)
    half = torch.stack([corners[faces], corners[faces].roll(-1, 1)], -1).reshape(-1, 2)
    owner, corner = faces.repeat_interleave(3), torch.arange(3).repeat(len(faces))
    order = torch.unique(half.sort(1).values, dim=0, return_inverse=True, return_counts=True)
    edge, count = order[1], order[2]
    by_edge = torch.argsort(edge, stable=True)
    first = count.cumsum(0) - count
    one, two = owner[by_edge[first]], owner[by_edge[(first + 1).clamp(max=len(edge) - 1)]]
    pair = count == 2
    fold = pair & (front[one] != front[two])
    hard = pair & ~fold & _attributes_differ(topology, owner, corner, by_edge, first)
    many = count > 2
    rows_of: list[tuple[Tensor, Tensor, Tensor, int]] = []  # half edge, inner, outer, kind
    chosen = by_edge[first]
    swap = _nearer(one, two, owner, corner, chosen, geometry, topology)
    kept = fold & _can_be_seen(torch.where(swap, two, one), front, topology, rows, geometry)
    inner_half = torch.where(swap, by_edge[(first + 1).clamp(max=len(edge) - 1)], chosen)
    rows_of.append((inner_half[kept], owner[inner_half[kept]], torch.full_like(one[kept], -1), FOLD))
    rows_of.append((chosen[hard], one[hard], two[hard], HARD_EDGE))
    alone = (count == 1)[edge] | many[edge]
    lonely = alone.nonzero()[:, 0]
    rows_of.append((lonely, owner[lonely], torch.full_like(lonely, -1), BOUNDARY))
    parts: list[tuple[Tensor, ...]] = []
    for halves, inner, outer, kind in rows_of:
        f, k = owner[halves], corner[halves]
        a, b = topology.faces[f, k], topology.faces[f, (k + 1) % 3]
        seen = (w[a] >= near) | (w[b] >= near)
        a, b, inner, outer = a[seen], b[seen], inner[seen], outer[seen]
        ends_a, ends_b = torch.stack([a, b], 1), torch.stack([b, a], 1)
        clipped = torch.stack([w[a] < near, w[b] < near], 1)
        parts.append((ends_a, ends_b, clipped, inner, outer, torch.full_like(inner, kind)))
    parts.append(_cuts(w, topology, faces, near))
    segments = Segments(*(torch.cat(column) for column in zip(*parts, strict=True)))
    valid = inverse[segments.inner].abs().sum((1, 2)) > 0
    return Segments(*(v[valid] for v in vars(segments).values()))


def end_points(segments: Segments, projected: Tensor, near: float) -> tuple[Tensor, Tensor]:
    """Ends (S, 2, 2) in pixels and their depths (S, 2); differentiable in `projected`."""
    a, b = projected[segments.start], projected[segments.stop]
    wa, wb = a[..., 2], b[..., 2]
    t = torch.where(segments.clipped, (near - wa) / torch.where(segments.clipped, wb - wa, 1.0), 0.0)
    rows = a + t[..., None] * (b - a)
    return rows[..., :2] / rows[..., 2:], rows[..., 2]


def end_weights(segments: Segments, face: Tensor, geometry: Geometry, topology: Topology, near: float) -> Tensor:
    """Barycentric weights (S, 2, 3) of both ends in faces (S,) that have these edges."""
    w = geometry.projected.detach()[:, 2]
    wa, wb = w[segments.start], w[segments.stop]
    t = torch.where(segments.clipped, (near - wa) / torch.where(segments.clipped, wb - wa, 1.0), 0.0)[..., None]
    corners = topology.place[topology.faces[face]][:, None, :]
    at_start = (corners == topology.place[segments.start][..., None]).double()
    at_stop = (corners == topology.place[segments.stop][..., None]).double()
    return at_start * (1 - t) + at_stop * t


def pieces_of(
    segments: Segments, geometry: Geometry, topology: Topology, near: float, per_pixel: int = PIECES_PER_PIXEL
) -> SegmentPieces:
    """The parts of all segments in the frame, cut at the borders of pixels and `per_pixel` times a pixel's length."""
    ends, _ = end_points(segments, geometry.projected.detach(), near)
    segment, along = _cut_places(ends, per_pixel)
    same = segment[1:] == segment[:-1]
    segment, low, high = segment[1:][same], along[:-1][same], along[1:][same]
    middle_along = (low + high) / 2
    a, b = ends[segment, 0], ends[segment, 1]
    middle = a + middle_along[:, None] * (b - a)
    length = (high - low) * (b - a).norm(dim=1)
    keep = (length > 0) & ((middle >= 0) & (middle < SIZE)).all(1)
    segment, middle_along, middle, length = segment[keep], middle_along[keep], middle[keep], length[keep]
    pixel = middle[:, 1].floor().long() * SIZE + middle[:, 0].floor().long()
    normal = _outward(segments, ends, geometry, topology, near)[segment]
    return SegmentPieces(segment, middle_along, length, middle, normal, pixel)


def _cut_places(ends: Tensor, per_pixel: int) -> tuple[Tensor, Tensor]:
    """Where the segments are cut: index (M,) of the segment and place (M,) on it, sorted."""
    low, high = torch.full((len(ends),), 0.0, dtype=ends.dtype), torch.ones(len(ends), dtype=ends.dtype)
    delta = ends[:, 1] - ends[:, 0]
    for axis in range(2):  # the part of a segment in the frame
        inverse = 1 / torch.where(delta[:, axis] == 0, 1e-300, delta[:, axis])
        enter, leave = (0 - ends[:, 0, axis]) * inverse, (SIZE - ends[:, 0, axis]) * inverse
        low, high = torch.maximum(low, torch.minimum(enter, leave)), torch.minimum(high, torch.maximum(enter, leave))
    inside = (low < high).nonzero()[:, 0]
    segment, along = [inside, inside], [low[inside], high[inside]]
    a = ends[inside, 0] + low[inside, None] * delta[inside]
    b = ends[inside, 0] + high[inside, None] * delta[inside]
    for axis in range(2):
        start, stop = torch.minimum(a, b)[:, axis].ceil(), torch.maximum(a, b)[:, axis].floor()
        index, number = _ranges((stop - start + 1).clamp(min=0).long())
        line = start[index] + number
        segment.append(inside[index])
        along.append((line - ends[inside[index], 0, axis]) / delta[inside[index], axis])
    steps = ((b - a).norm(dim=1) * per_pixel).ceil().long() - 1
    index, number = _ranges(steps.clamp(min=0))
    share = (number + 1) / (steps[index] + 1)
    segment.append(inside[index])
    along.append(low[inside[index]] + share * (high - low)[inside[index]])
    which, where = torch.cat(segment), torch.cat(along)
    where = where.nan_to_num(0.0).clamp(low[which], high[which])
    order = torch.argsort(where, stable=True)
    order = order[torch.argsort(which[order], stable=True)]
    return which[order], where[order]


def _ranges(counts: Tensor) -> tuple[Tensor, Tensor]:
    """(0, 0), (0, 1) .. (0, counts[0] - 1), (1, 0), ..."""
    index = torch.repeat_interleave(torch.arange(len(counts)), counts)
    return index, torch.arange(len(index)) - (counts.cumsum(0) - counts)[index]


def _front(rows: Tensor, topology: Topology) -> Tensor:
    a, b, c = rows[topology.faces].unbind(1)
    return (a * torch.linalg.cross(b, c)).sum(-1) > 0


def _attributes_differ(topology: Topology, owner: Tensor, corner: Tensor, by_edge: Tensor, first: Tensor) -> Tensor:
    """Whether the two faces of an edge disagree about normals or texture coordinates at one of its ends."""
    one, two = by_edge[first], by_edge[(first + 1).clamp(max=len(by_edge) - 1)]
    differ = torch.zeros(len(first), dtype=torch.bool)
    for table in (topology.normal_faces, topology.uv_faces):
        values = []
        for half in (one, two):
            f, k = owner[half], corner[half]
            a, b = topology.faces[f, k], topology.faces[f, (k + 1) % 3]
            swap = topology.place[a] > topology.place[b]
            va, vb = table[f, k], table[f, (k + 1) % 3]
            values.append(torch.stack([torch.where(swap, vb, va), torch.where(swap, va, vb)], 1))
        differ |= (values[0] != values[1]).any(1)
    return differ


def _nearer(
    one: Tensor, two: Tensor, owner: Tensor, corner: Tensor, half: Tensor, geometry: Geometry, topology: Topology
) -> Tensor:
    """Whether of the two faces of a fold the second is nearer beside the edge, on the side where both are."""
    inverse, rows = geometry.inverse.detach(), geometry.projected.detach()
    f, k = owner[half], corner[half]
    third = rows[topology.faces[f, (k + 2) % 3]]
    ends = (rows[topology.faces[f, k]], rows[topology.faces[f, (k + 1) % 3]])
    # The slope of 1 / depth across the edge, towards the first face's third corner; signs of w cancel out of products.
    line = torch.linalg.cross(*ends)
    side = (line * third).sum(-1).sign() * third[:, 2].sign()
    direction = torch.cat([line[:, :2] * side[:, None], torch.zeros_like(line[:, :1])], 1)
    slope_one = (direction[:, :, None] * inverse[one]).sum((1, 2))
    slope_two = (direction[:, :, None] * inverse[two]).sum((1, 2))
    gone_one, gone_two = inverse[one].abs().sum((1, 2)) == 0, inverse[two].abs().sum((1, 2)) == 0
    return gone_one | (~gone_two & (slope_two > slope_one))


def _can_be_seen(inner: Tensor, front: Tensor, topology: Topology, rows: Tensor, geometry: Geometry) -> Tensor:
    """False for folds whose nearer face shows its back although its shape is closed: another surface must hide it.

    A shape cut open by the near plane does not count as closed.
    """
    kept = torch.ones(len(inner), dtype=torch.bool)
    for index in range(int(topology.face_shape.max()) + 1):
        own = topology.face_shape == index
        if not _closed(topology, own) or bool((rows[topology.faces[own]][..., 2] < 1e-1).any()):
            continue
        a, b, c = geometry.vertices.detach()[topology.faces[own]].unbind(1)
        outward = bool((a * torch.linalg.cross(b, c)).sum() > 0)
        # det > 0 of (a, b, c) in the camera frame: counter-clockwise as seen from behind
        faces_us = front == (not outward)
        kept &= (topology.face_shape[inner] != index) | faces_us[inner]
    return kept


def _closed(topology: Topology, own: Tensor) -> bool:
    corners = topology.place[topology.faces[own]]
    corners = corners[(corners != corners.roll(1, 1)).all(1)]
    half = torch.stack([corners, corners.roll(-1, 1)], -1).reshape(-1, 2).sort(1).values
    return bool((torch.unique(half, dim=0, return_counts=True)[1] == 2).all())


def _cuts(w: Tensor, topology: Topology, faces: Tensor, near: float) -> tuple[Tensor, ...]:
    """Lines in which faces meet the near plane."""
    behind = w[topology.faces[faces]] < near
    crossing = faces[behind.any(1) & ~behind.all(1)]
    corners = topology.faces[crossing]
    behind = w[corners] < near
    single = torch.where(behind.sum(1, keepdim=True) == 1, behind, ~behind).int().argmax(1)  # the corner that is alone
    pick = torch.arange(len(crossing))
    alone = corners[pick, single]
    others = torch.stack([corners[pick, (single + 1) % 3], corners[pick, (single + 2) % 3]], 1)
    start = alone[:, None].expand(-1, 2)
    clipped = torch.ones_like(start, dtype=torch.bool)
    return start, others, clipped, crossing, torch.full_like(crossing, -1), torch.full_like(crossing, CUT)


def _outward(segments: Segments, ends: Tensor, geometry: Geometry, topology: Topology, near: float) -> Tensor:
    """Unit normals (S, 2) in the image, away from what the inner face shows."""
    delta = ends[:, 1] - ends[:, 0]
    normal = torch.stack([-delta[:, 1], delta[:, 0]], 1)
    normal = normal / normal.norm(dim=1, keepdim=True).clamp(min=1e-300)
    # A corner's weight grows towards it: the sum of beta's slopes of the corners off the edge points inward.
    inverse = geometry.inverse.detach()[segments.inner]
    weights = end_weights(segments, segments.inner, geometry, topology, near).sum(1)
    off = weights == 0
    inward = (inverse[:, :2, :] * off[:, None, :]).sum(-1)
    cut = segments.kind == CUT
    total_slope = inverse[:, :2, :].sum(-1)  # slope of 1 / depth: beyond the near plane it is smaller
    inward = torch.where(cut[:, None], -total_slope, inward)
    return torch.where(((normal * inward).sum(1) > 0)[:, None], -normal, normal)
