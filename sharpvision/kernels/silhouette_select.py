"""Which edges make the image jump, and where: silhouettes, boundaries and hard edges, cut into single pixels.

A *piece* is a straight part of the image of an edge inside one pixel. An edge is a *fold* where one of its faces shows
its front and the other its back: then both lie on its inner side, and the image jumps to whatever is behind. Facing is
decided once for each face and the inner side follows from it, so folds form closed chains however thin the faces are.
On closed, consistently wound parts a fold is concave where the face that shows its back is the nearer one; such a fold
is hidden always, and dropped (unless something reaches behind the near plane, which opens the part).
"""

from functools import cache
from types import SimpleNamespace

import torch
import warp as wp
from torch import Tensor

from sharpvision.kernels.batch import Batch
from sharpvision.kernels.dispatch import dispatch, kernel_module, real_of, warp_view
from sharpvision.kernels.launch import start_warp
from sharpvision.kernels.raster_types import Raster
from sharpvision.kernels.silhouette_edges import EDGES_PER_BLOCK, HARD, INWARD, OUTWARD, SAME_WAY, EdgeBatch

start_warp()

INNER_IS_SECOND, IS_HARD, FIRST_IS_NEGATIVE = 1, 2, 4
"""Bits of a piece's kind: which side is the inner one; both sides are seen; the first face's image has a negative area,
(b - a) x (c - a) with y down."""

_BLOCK = wp.constant(EDGES_PER_BLOCK)
_SAME_WAY, _HARD = wp.constant(SAME_WAY), wp.constant(HARD)
_OUTWARD, _INWARD = wp.constant(OUTWARD), wp.constant(INWARD)
_POSITIVE, _NEGATIVE, _EDGE_ON = wp.constant(0), wp.constant(1), wp.constant(2)


@wp.func
def view_of(first: wp.array(dtype=int), item: int) -> int:
    """The view whose items `first[view]` to `first[view + 1]` - 1 hold `item`."""
    low = int(0)
    high = first.shape[0] - 2
    while low < high:
        middle = (low + high + 1) // 2
        if first[middle] <= item:
            low = middle
        else:
            high = middle - 1
    return low


@cache
def _kernels(real: type) -> SimpleNamespace:
    vec2 = wp.types.vector(2, real)
    vec3 = wp.types.vector(3, real)
    vec4 = wp.types.vector(4, real)
    module = kernel_module(__name__, real)
    shortest, close, sure = wp.constant(real(1e-6)), wp.constant(real(1e-5)), wp.constant(real(1e-5))

    @wp.func
    def relative(p: vec4, origin: vec4) -> vec4:
        """Coordinates with `origin` moved to (0, 0, 0, w): small where the two are near each other, so exact."""
        return vec4(
            p[0] - origin[0] / origin[3] * p[3], p[1] - origin[1] / origin[3] * p[3],
            p[2] - origin[2] / origin[3] * p[3], p[3],
        )  # fmt: skip

    @wp.kernel(module=module, enable_backward=False)
    def facing(
        first: int, projected: wp.array(dtype=vec4), faces: wp.array(dtype=wp.vec3i), first_slot: wp.array(dtype=int),
        first_face: wp.array(dtype=int), row_offset: wp.array(dtype=int), side: wp.array(dtype=wp.uint8),
    ):  # fmt: skip
        """The sign of each face's area as the camera sees it, right for faces that reach behind the camera too."""
        s = first + wp.tid()
        v = view_of(first_slot, s)
        face = faces[s - first_slot[v] + first_face[v]]
        a = projected[row_offset[v] + face[0]]
        b = projected[row_offset[v] + face[1]]
        c = projected[row_offset[v] + face[2]]
        if b[3] > a[3] and b[3] >= c[3]:  # the reference is a vertex in front; turning a triangle keeps its sign
            t = a
            a = b
            b = c
            c = t
        elif c[3] > a[3]:
            u = a
            a = c
            c = b
            b = u
        found = _EDGE_ON
        if a[3] > real(0.0):
            b = relative(b, a)
            c = relative(c, a)
            area = b[0] * c[1] - b[1] * c[0]
            if area > real(0.0):
                found = _POSITIVE
            elif area < real(0.0):
                found = _NEGATIVE
        side[s] = wp.uint8(found)

    @wp.func
    def nearer_side(a: vec4, b: vec4, c0: vec4, c1: vec4, side0: int) -> int:
        """Which of a fold's two faces is nearer beside the edge: 0 or 1, -1 where they are too close to tell.

        det (a, b, c0, c1) / det of the image (a, b, c0) is how much farther c1 is than the plane of the first face.
        """
        sign = real(1.0)
        o = a
        e = b
        if b[3] > a[3]:
            o = b
            e = a
            sign = real(-1.0)
        p = relative(e, o)
        q = relative(c0, o)
        r = relative(c1, o)
        s0 = vec3(q[1] * r[2] - q[2] * r[1], q[2] * r[0] - q[0] * r[2], q[0] * r[1] - q[1] * r[0])
        volume = sign * (p[0] * s0[0] + p[1] * s0[1] + p[2] * s0[2])
        size = (
            wp.abs(p[0]) * (wp.abs(q[1] * r[2]) + wp.abs(q[2] * r[1]))
            + wp.abs(p[1]) * (wp.abs(q[2] * r[0]) + wp.abs(q[0] * r[2]))
            + wp.abs(p[2]) * (wp.abs(q[0] * r[1]) + wp.abs(q[1] * r[0]))
        )
        found = int(-1)
        if wp.abs(volume) > sure * size:
            if (volume > real(0.0)) == (side0 == _POSITIVE):
                found = int(0)
            else:
                found = int(1)
        return found

    @wp.func
    def kind_of(side0: int, side1: int, flags: int, behind: int) -> int:
        """Kind of an edge with two faces as far as facing tells: -1 none, -2 a fold whose inner side is open."""
        found = int(-1)
        front0 = side0 == _NEGATIVE
        front1 = (side1 == _NEGATIVE) != ((flags & _SAME_WAY) != 0)
        if front0 != front1:
            found = -2
            if side0 == _EDGE_ON:
                found = INNER_IS_SECOND
            elif side1 == _EDGE_ON:
                found = 0
        elif (flags & _HARD) != 0 and side0 != _EDGE_ON and side1 != _EDGE_ON:
            unseen = (flags & _OUTWARD) != 0 and not front0
            unseen = unseen or ((flags & _INWARD) != 0 and front0)
            if behind != 0 or not unseen:
                found = IS_HARD
        if found >= 0 and front0:
            found = found + FIRST_IS_NEGATIVE
        return found

    @wp.func
    def fold_kind(nearer: int, side0: int, flags: int, behind: int) -> int:
        """Kind of a fold, -1 where it is concave on a closed part."""
        inner = nearer
        if (flags & (_OUTWARD | _INWARD)) != 0 and (behind == 0 or nearer < 0):
            front = int(1)
            if (side0 == _NEGATIVE) == ((flags & _OUTWARD) != 0):
                front = int(0)
            if nearer >= 0 and nearer != front:
                return -1
            inner = front
        found = wp.max(inner, 0)
        if side0 == _NEGATIVE:
            found = found + FIRST_IS_NEGATIVE
        return found

    @wp.func
    def clipped(t: vec2, at_a: real, at_b: real) -> vec2:
        """The part of the parameters t[0] to t[1] where a function, linear from at_a to at_b, is not negative."""
        start = t[0]
        stop = t[1]
        if at_a < real(0.0):
            if at_b < real(0.0):
                stop = real(-1.0)
            else:
                start = wp.max(start, at_a / (at_a - at_b))
        elif at_b < real(0.0):
            stop = wp.min(stop, at_a / (at_a - at_b))
        return vec2(start, stop)

    @wp.func
    def hidden_around(keys: wp.array3d(dtype=real), v: int, x: int, y: int, key: real) -> bool:
        """Whether all of the 3 x 3 pixels around (x, y) show something nearer than `key`."""
        limit = key - close * wp.abs(key)
        for j in range(wp.max(y - 1, 0), wp.min(y + 2, keys.shape[1])):
            for i in range(wp.max(x - 1, 0), wp.min(x + 2, keys.shape[2])):
                if keys[v, j, i] >= limit:
                    return False
        return True

    @wp.func
    def walk(
        a: vec4, b: vec4, near: real, v: int, keys: wp.array3d(dtype=real), tile: int, rows: int, columns: int,
        edge: int, kind: int, put: int, cell: wp.array(dtype=int), ends: wp.array(dtype=vec4),
        depth: wp.array(dtype=vec4), owner: wp.array(dtype=wp.vec2i),
    ) -> int:  # fmt: skip
        """Cuts an edge at the near plane, the frame and the borders of pixels; writes its pieces from item `put` on,
        or, with `put` < 0, none. Returns their number."""
        height = keys.shape[1]
        width = keys.shape[2]
        t = vec2(real(0.0), real(1.0))
        t = clipped(t, a[3] - near, b[3] - near)
        t = clipped(t, a[0], b[0])
        t = clipped(t, a[1], b[1])
        t = clipped(t, real(width) * a[3] - a[0], real(width) * b[3] - b[0])
        t = clipped(t, real(height) * a[3] - a[1], real(height) * b[3] - b[1])
        count = int(0)
        if t[0] < t[1]:
            p = a
            q = b
            if t[0] > real(0.0):
                p = (real(1.0) - t[0]) * a + t[0] * b
            if t[1] < real(1.0):
                q = (real(1.0) - t[1]) * a + t[1] * b
            px = p[0] / p[3]
            py = p[1] / p[3]
            dx = q[0] / q[3] - px
            dy = q[1] / q[3] - py
            key = p[2] / p[3]
            rise = q[2] / q[3] - key
            length = wp.sqrt(dx * dx + dy * dy)
            # Grid lines are met at parameters sx, sy of the image's line.
            sx = real(2.0)
            sy = real(2.0)
            gx = wp.floor(px)
            gy = wp.floor(py)
            step_x = real(1.0)
            step_y = real(1.0)
            if dx > real(0.0):
                gx += real(1.0)
            else:
                gx = wp.ceil(px) - real(1.0)
                step_x = real(-1.0)
            if dy > real(0.0):
                gy += real(1.0)
            else:
                gy = wp.ceil(py) - real(1.0)
                step_y = real(-1.0)
            if dx != real(0.0):
                sx = (gx - px) / dx
            if dy != real(0.0):
                sy = (gy - py) / dy
            s = real(0.0)
            steps = int(0)
            while s < real(1.0) and steps < 2 * (width + height) + 8:
                steps += 1
                after = wp.min(wp.min(sx, sy), real(1.0))
                if (after - s) * length > shortest:
                    middle = real(0.5) * (s + after)
                    x = wp.clamp(int(wp.floor(px + middle * dx)), 0, width - 1)
                    y = wp.clamp(int(wp.floor(py + middle * dy)), 0, height - 1)
                    nearest = key + rise * s
                    if rise < real(0.0):
                        nearest = key + rise * after
                    if not hidden_around(keys, v, x, y, nearest):
                        if put >= 0:
                            n = put + count
                            ty = y // tile
                            tx = x // tile
                            cell[n] = (
                                ((v * rows + ty) * columns + tx) * tile * tile
                                + (y - ty * tile) * tile + x - tx * tile
                            )  # fmt: skip
                            ends[n] = vec4(px + s * dx, py + s * dy, px + after * dx, py + after * dy)
                            u0 = s * p[3] / (s * p[3] + (real(1.0) - s) * q[3])
                            u1 = after * p[3] / (after * p[3] + (real(1.0) - after) * q[3])
                            depth[n] = vec4(
                                t[0] + u0 * (t[1] - t[0]), t[0] + u1 * (t[1] - t[0]), key + s * rise, key + after * rise
                            )
                            owner[n] = wp.vec2i(edge, kind)
                        count += 1
                s = after
                if sx <= after:
                    gx += step_x
                    sx = (gx - px) / dx
                if sy <= after:
                    gy += step_y
                    sy = (gy - py) / dy
        return count

    @wp.kernel(module=module, enable_backward=False)
    def pieces(
        first: int, near: real, tile: int, rows: int, columns: int, projected: wp.array(dtype=vec4),
        keys: wp.array3d(dtype=real), behind: wp.array(dtype=wp.uint8), side: wp.array(dtype=wp.uint8),
        edge_ends: wp.array(dtype=wp.vec2i), edge_faces: wp.array(dtype=wp.vec2i),
        opposite: wp.array(dtype=wp.vec2i), edge_flags: wp.array(dtype=wp.uint8),
        first_edge: wp.array(dtype=int), edge_count: wp.array(dtype=int), first_block: wp.array(dtype=int),
        first_slot: wp.array(dtype=int), first_face: wp.array(dtype=int), row_offset: wp.array(dtype=int),
        chosen: wp.array(dtype=wp.vec2i), chosen_count: wp.array(dtype=int), piece_count: wp.array(dtype=int),
        piece_stop: wp.array(dtype=int), writes: int, cell: wp.array(dtype=int), ends: wp.array(dtype=vec4),
        depth: wp.array(dtype=vec4), owner: wp.array(dtype=wp.vec2i),
    ):  # fmt: skip
        """One block of edges: chooses and counts (`writes` 0), or writes what the same kernel counted before."""
        block = first + wp.tid()
        v = view_of(first_block, block)
        row = row_offset[v]
        total = int(0)
        if writes == 0:
            start = (block - first_block[v]) * _BLOCK
            stop = wp.min(start + _BLOCK, edge_count[v])
            slot = first_slot[v] - first_face[v]
            reach = int(behind[0])
            n = int(0)
            for e in range(first_edge[v] + start, first_edge[v] + stop):
                sides = edge_faces[e]
                flags = int(edge_flags[e])
                side0 = int(side[slot + sides[0]])
                kind = int(-1)
                if sides[1] >= 0:
                    kind = kind_of(side0, int(side[slot + sides[1]]), flags, reach)
                elif side0 == _NEGATIVE:
                    kind = FIRST_IS_NEGATIVE
                elif side0 == _POSITIVE:
                    kind = 0
                if kind != -1:
                    a = projected[row + edge_ends[e][0]]
                    b = projected[row + edge_ends[e][1]]
                    if a[3] >= near or b[3] >= near:
                        if kind == -2:
                            c0 = projected[row + opposite[e][0]]
                            c1 = projected[row + opposite[e][1]]
                            kind = fold_kind(nearer_side(a, b, c0, c1, side0), side0, flags, reach)
                        if kind >= 0:
                            found = walk(
                                a, b, near, v, keys, tile, rows, columns, e, kind, -1, cell, ends, depth, owner
                            )
                            if found > 0:
                                chosen[block * _BLOCK + n] = wp.vec2i(e, kind)
                                n += 1
                                total += found
            chosen_count[block] = n
            piece_count[block] = total
        else:
            put = piece_stop[block] - piece_count[block]
            for i in range(block * _BLOCK, block * _BLOCK + chosen_count[block]):
                e = chosen[i][0]
                a = projected[row + edge_ends[e][0]]
                b = projected[row + edge_ends[e][1]]
                put += walk(
                    a, b, near, v, keys, tile, rows, columns, e, chosen[i][1], put, cell, ends, depth, owner
                )

    return SimpleNamespace(facing=facing, pieces=pieces)


def facing(projected: Tensor, batch: Batch) -> Tensor:
    """(S,) uint8 of each slot: 0 where (b - a) x (c - a) of the face's image is positive, 1 negative, 2 edge-on or
    behind the camera."""
    real = real_of(projected)
    side = torch.empty(batch.slots, dtype=torch.uint8, device=projected.device)
    inputs = [
        warp_view(projected, wp.types.vector(4, real)), warp_view(batch.faces, wp.vec3i), warp_view(batch.first_slot),
        warp_view(batch.first_face), warp_view(batch.row_offset), warp_view(side),
    ]  # fmt: skip
    dispatch(_kernels(real).facing, batch.slots, inputs, projected.device)
    return side


class EdgePieces:
    """N pieces in the order of `cell`, the pixels counted tile by tile: `ends` (N, 4) their end points a, b in pixels;
    `depth` (N, 4) the edge's perspective-correct parameter at a, b, and the depth keys there; `owner` (N, 2) int32 the
    edge, and the kind."""

    def __init__(self, count: int, like: Tensor) -> None:
        self.cell = torch.empty(count, dtype=torch.int32, device=like.device)
        self.ends, self.depth = like.new_empty(count, 4), like.new_empty(count, 4)
        self.owner = torch.empty(count, 2, dtype=torch.int32, device=like.device)

    def views(self) -> list[wp.array]:
        """For kernels."""
        vec4 = wp.types.vector(4, real_of(self.ends))
        return [
            warp_view(self.cell), warp_view(self.ends, vec4), warp_view(self.depth, vec4),
            warp_view(self.owner, wp.vec2i),
        ]  # fmt: skip


def edge_pieces(projected: Tensor, batch: Batch, raster: Raster, edges: EdgeBatch, near: float) -> EdgePieces:
    """All pieces that the z-buffer does not hide at once, in the order of the edges."""
    real, device = real_of(projected), projected.device
    bins, mesh = raster.bins, edges.edges
    side = facing(projected, batch)
    behind = (projected[:, 3] < near).any().to(torch.uint8).view(1)
    counts = torch.empty(3, edges.blocks, dtype=torch.int32, device=device)
    chosen = torch.empty(edges.blocks * EDGES_PER_BLOCK, 2, dtype=torch.int32, device=device)
    none = EdgePieces(0, projected)
    inputs = [
        near, bins.tile, bins.rows, bins.columns, warp_view(projected, wp.types.vector(4, real)),
        warp_view(raster.key), warp_view(behind), warp_view(side), warp_view(mesh.ends, wp.vec2i),
        warp_view(mesh.faces, wp.vec2i), warp_view(mesh.opposite, wp.vec2i), warp_view(mesh.flags),
        warp_view(edges.first_edge), warp_view(edges.edge_count), warp_view(edges.first_block),
        warp_view(batch.first_slot), warp_view(batch.first_face), warp_view(batch.row_offset),
        warp_view(chosen, wp.vec2i), *(warp_view(c) for c in counts),
    ]  # fmt: skip
    kernel = _kernels(real).pieces
    dispatch(kernel, edges.blocks, [*inputs, 0, *none.views()], device, band_items=1 + edges.blocks // 32)
    torch.cumsum(counts[1], 0, out=counts[2])
    found = EdgePieces(int(counts[2, -1]) if edges.blocks else 0, projected)
    if len(found.cell):
        dispatch(kernel, edges.blocks, [*inputs, 1, *found.views()], device, band_items=1 + edges.blocks // 32)
    return found
