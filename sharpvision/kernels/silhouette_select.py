"""Which edges make the image jump, and where: silhouettes, boundaries and hard edges, cut into single pixels.

A *piece* is a straight part of the image of an edge inside one pixel. An edge is a *fold* where one of its faces shows
its front and the other its back: then both lie on its inner side, and the image jumps to whatever is behind. Facing is
decided once for each face and the inner side follows from it, so folds form closed chains however thin the faces are.
On closed, consistently wound parts a fold is concave where the face that shows its back is the nearer one; such a fold
is hidden always, and dropped (unless something reaches behind the near plane, which opens the part).
"""

from dataclasses import dataclass
from functools import cache
from types import SimpleNamespace
from typing import Any

import torch
import warp as wp
from torch import Tensor

from sharpvision.kernels.dispatch import dispatch, kernel_module, real_of
from sharpvision.kernels.launch import start_warp
from sharpvision.kernels.silhouette_bundles import band_size, bundle, bundle_types, unfilled
from sharpvision.kernels.silhouette_edges import EDGES_PER_BLOCK, HARD, INWARD, OUTWARD, SAME_WAY, EdgeBatch
from sharpvision.kernels.silhouette_facing import EDGE_ON, NEGATIVE, POSITIVE, UNSEEN, view_of
from sharpvision.kernels.views import warp_view

start_warp()

INNER_IS_SECOND, IS_HARD, FIRST_IS_NEGATIVE, IS_COVERED = 1, 2, 4, 8
"""Bits of a piece's kind: which side is the inner one; both sides are seen; the first face's image has a negative area,
(b - a) x (c - a) with y down; the z-buffer shows something far nearer at all of the
3 x 3 pixels around."""

_BLOCK = wp.constant(EDGES_PER_BLOCK)
_SAME_WAY, _HARD = wp.constant(SAME_WAY), wp.constant(HARD)
_OUTWARD, _INWARD = wp.constant(OUTWARD), wp.constant(INWARD)
_IS_COVERED = wp.constant(IS_COVERED)
_UNSEEN = wp.constant(UNSEEN)
_POSITIVE, _NEGATIVE, _EDGE_ON = wp.constant(POSITIVE), wp.constant(NEGATIVE), wp.constant(EDGE_ON)


@cache
def _kernels(real: type) -> SimpleNamespace:
    vec2 = wp.types.vector(2, real)
    vec3 = wp.types.vector(3, real)
    vec4 = wp.types.vector(4, real)
    module = kernel_module(__name__, real)
    types = bundle_types(real)
    Scene, Edges, EdgePieces = types.Scene, types.Edges, types.EdgePieces
    shortest, close, sure = wp.constant(real(1e-6)), wp.constant(real(1e-5)), wp.constant(real(1e-5))

    @wp.func
    def relative(p: vec4, origin: vec4) -> vec4:
        """Coordinates with `origin` moved to (0, 0, 0, w): small where the two are near each other, so exact."""
        return vec4(
            p[0] - origin[0] / origin[3] * p[3], p[1] - origin[1] / origin[3] * p[3],
            p[2] - origin[2] / origin[3] * p[3], p[3],
        )  # fmt: skip

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
    def kind_of(side0: int, side1: int, flags: int) -> int:
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
    def covered_around(keys: wp.array3d(dtype=real), v: int, x: int, y: int, key: real) -> bool:
        """Whether the 3 x 3 pixels around (x, y) show something far nearer than `key`, compared with how their own
        depths differ: the bottom of a valley is not covered by its slopes."""
        nearest = real(wp.inf)
        farthest = real(-wp.inf)
        for j in range(wp.max(y - 1, 0), wp.min(y + 2, keys.shape[1])):
            for i in range(wp.max(x - 1, 0), wp.min(x + 2, keys.shape[2])):
                nearest = wp.min(nearest, keys[v, j, i])
                farthest = wp.max(farthest, keys[v, j, i])
        return farthest + real(2.0) * (farthest - nearest) < key - close * wp.abs(key)

    @wp.func
    def walk(a: vec4, b: vec4, v: int, scene: Scene, edge: int, kind: int, put: int, out: EdgePieces) -> int:
        """Cuts an edge at the near plane, the frame and the borders of pixels; writes its pieces from item `put` on,
        or, with `put` < 0, none. Returns their number."""
        height = scene.key.shape[1]
        width = scene.key.shape[2]
        tile = scene.tile
        t = vec2(real(0.0), real(1.0))
        t = clipped(t, a[3] - scene.near, b[3] - scene.near)
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
                line = vec4(px + s * dx, py + s * dy, px + after * dx, py + after * dy)
                # A corner on a border of pixels: rounding may leave a piece no length, and then no normal.
                if (after - s) * length > shortest and (line[0] != line[2] or line[1] != line[3]):
                    middle = real(0.5) * (s + after)
                    x = wp.clamp(int(wp.floor(px + middle * dx)), 0, width - 1)
                    y = wp.clamp(int(wp.floor(py + middle * dy)), 0, height - 1)
                    if put >= 0:
                        n = put + count
                        ty = y // tile
                        tx = x // tile
                        out.cell[n] = (
                            ((v * scene.rows + ty) * scene.columns + tx) * tile * tile
                            + (y - ty * tile) * tile + x - tx * tile
                        )  # fmt: skip
                        out.ends[n] = line
                        u0 = s * p[3] / (s * p[3] + (real(1.0) - s) * q[3])
                        u1 = after * p[3] / (after * p[3] + (real(1.0) - after) * q[3])
                        out.depth[n] = vec4(
                            t[0] + u0 * (t[1] - t[0]), t[0] + u1 * (t[1] - t[0]), key + s * rise, key + after * rise
                        )
                        covered = int(0)
                        if covered_around(scene.key, v, x, y, key + rise * wp.where(rise < real(0.0), after, s)):
                            covered = _IS_COVERED
                        out.owner[n] = wp.vec2i(edge, kind + covered)
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
        first: int, scene: Scene, edges: Edges, behind: wp.array(dtype=wp.uint8), side: wp.array(dtype=wp.uint8),
        chosen: wp.array(dtype=wp.vec2i), counts: wp.array2d(dtype=int), writes: int, out: EdgePieces,
    ):  # fmt: skip
        """One block of edges: chooses and counts (`writes` 0), or writes what the same kernel counted before.

        `counts`: chosen edges, pieces, and pieces up to this block and with it.
        """
        block = first + wp.tid()
        v = view_of(edges.first_block, block)
        row = scene.row_offset[v]
        total = int(0)
        if writes == 0:
            start = (block - edges.first_block[v]) * _BLOCK
            stop = wp.min(start + _BLOCK, edges.edge_count[v])
            slot = scene.first_slot[v] - scene.first_face[v]
            reach = int(behind[0])
            n = int(0)
            for e in range(edges.first_edge[v] + start, edges.first_edge[v] + stop):
                sides = edges.faces[e]
                flags = int(edges.flags[e])
                code = int(side[slot + sides[0]])
                side0 = code & 3
                kind = int(-1)
                if sides[1] >= 0:
                    other = int(side[slot + sides[1]])
                    if (code & other & _UNSEEN) == 0:
                        kind = kind_of(side0, other & 3, flags)
                elif side0 == _NEGATIVE:
                    kind = FIRST_IS_NEGATIVE
                elif side0 == _POSITIVE:
                    kind = 0
                if kind != -1:
                    a = scene.projected[row + edges.ends[e][0]]
                    b = scene.projected[row + edges.ends[e][1]]
                    if a[3] >= scene.near or b[3] >= scene.near:
                        if kind == -2:
                            c0 = scene.projected[row + edges.opposite[e][0]]
                            c1 = scene.projected[row + edges.opposite[e][1]]
                            kind = fold_kind(nearer_side(a, b, c0, c1, side0), side0, flags, reach)
                        if kind >= 0:
                            found = walk(a, b, v, scene, e, kind, -1, out)
                            if found > 0:
                                chosen[block * _BLOCK + n] = wp.vec2i(e, kind)
                                n += 1
                                total += found
            counts[0, block] = n
            counts[1, block] = total
        else:
            put = counts[2, block] - counts[1, block]
            for i in range(block * _BLOCK, block * _BLOCK + counts[0, block]):
                e = chosen[i][0]
                a = scene.projected[row + edges.ends[e][0]]
                b = scene.projected[row + edges.ends[e][1]]
                put += walk(a, b, v, scene, e, chosen[i][1], put, out)

    return SimpleNamespace(pieces=pieces)


@dataclass(frozen=True, eq=False)
class EdgePieces:
    """N pieces in the order of their edges. `cell` (N,) int32 the pixel, counted tile by tile; `ends` (N, 4) end points
    a, b in pixels; `depth` (N, 4) the edge's perspective-correct parameter at a, b, and the depth keys there; `owner`
    (N, 2) int32 the edge, and the kind."""

    cell: Tensor
    ends: Tensor
    depth: Tensor
    owner: Tensor

    @classmethod
    def empty(cls, count: int, like: Tensor) -> "EdgePieces":
        """Room for `count` pieces."""
        places = like.new_empty(2, count, 4)
        owner = torch.empty(count, 2, dtype=torch.int32, device=like.device)
        return cls(torch.empty(count, dtype=torch.int32, device=like.device), places[0], places[1], owner)


def edge_pieces(
    projected: Tensor, behind: Tensor, side: Tensor, edges: EdgeBatch, scene: Any, edge_bundle: Any
) -> EdgePieces:  # fmt: skip
    """All pieces, given `behind_near` and `facing`."""
    real, device, blocks = real_of(projected), projected.device, edges.blocks
    kernel, kind = _kernels(real).pieces, bundle_types(real).EdgePieces
    counts = torch.empty(3, blocks, dtype=torch.int32, device=device)
    chosen = torch.empty(blocks * EDGES_PER_BLOCK, 2, dtype=torch.int32, device=device)
    inputs = [
        scene, edge_bundle, warp_view(behind), warp_view(side), warp_view(chosen, wp.vec2i), warp_view(counts)
    ]  # fmt: skip
    dispatch(kernel, blocks, [*inputs, 0, unfilled(kind)], device, band_size(blocks))
    torch.cumsum(counts[1], 0, out=counts[2])
    found = EdgePieces.empty(int(counts[2, -1]) if blocks else 0, projected)
    if len(found.cell):
        dispatch(kernel, blocks, [*inputs, 1, bundle(kind, found)], device, band_size(blocks))
    return found
