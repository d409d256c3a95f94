"""Pieces cut where they cross each other, and the pixels that hold them.

Along an edge, what hides it or lies behind it changes only where the image of another fold or boundary crosses it.
Between such places one query is enough for a piece. In a pixel all pairs of pieces are tried; edges that share a vertex
do not cross.

A piece that the z-buffer covers at all 3 x 3 pixels around is dropped, but not in a pixel with folds or boundaries that
are not covered: there it may be seen through a gap narrower than a pixel.
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
from sharpvision.kernels.silhouette_select import FIRST_IS_NEGATIVE, IS_COVERED, IS_HARD, EdgePieces
from sharpvision.kernels.views import warp_view

start_warp()

NUDGE_PX = 1e-3
"""How far outside of a fold or boundary the query for its outer side stands."""

_IS_HARD, _FIRST_IS_NEGATIVE = wp.constant(IS_HARD), wp.constant(FIRST_IS_NEGATIVE)
_IS_COVERED = wp.constant(IS_COVERED)


@dataclass(frozen=True, eq=False)
class PixelPieces:
    """The Q pixels that get several samples, tile by tile, and their M pieces.

    `tile_pixel` (tiles + 1,): pixels of a tile; `place` (Q, 2) the pixel's column and row; `cell` (Q,) its number
    counted tile by tile; `first` (Q + 1,) its pieces; `ends` (M, 4) the end points a, b relative to the pixel's centre;
    `middle` (M, 4) perspective-correct parameter and depth key at the middle, and the query point relative to the
    centre; `owner` (M, 2) edge and kind. Integers are int32.
    """

    tile_pixel: Tensor
    place: Tensor
    cell: Tensor
    first: Tensor
    ends: Tensor
    middle: Tensor
    owner: Tensor

    @classmethod
    def empty(cls, tile_pixel: Tensor, pixels: int, pieces: int, like: Tensor) -> "PixelPieces":
        """Room for so many."""

        def ints(*shape: int) -> Tensor:
            return torch.empty(shape, dtype=torch.int32, device=like.device)

        places = like.new_empty(2, pieces, 4)
        return cls(tile_pixel, ints(pixels, 2), ints(pixels), ints(pixels + 1), places[0], places[1], ints(pieces, 2))


@cache
def _kernels(real: type) -> SimpleNamespace:
    vec4 = wp.types.vector(4, real)
    module = kernel_module(__name__, real)
    types = bundle_types(real)
    Scene, Edges, EdgePieces, PixelPieces = types.Scene, types.Edges, types.EdgePieces, types.PixelPieces
    nudge, margin = wp.constant(real(NUDGE_PX)), wp.constant(real(1e-5))
    half = wp.constant(real(0.5))

    @wp.func
    def next_cut(
        i: int, start: int, stop: int, after: real, order: wp.array(dtype=int), pieces: EdgePieces, edges: Edges
    ) -> real:
        """The first parameter beyond `after` at which another piece of the pixel crosses piece i, or 1."""
        line = pieces.ends[order[i]]
        vertices = edges.ends[pieces.owner[order[i]][0]]
        dx = line[2] - line[0]
        dy = line[3] - line[1]
        skip = margin / wp.sqrt(dx * dx + dy * dy)  # cuts that close to an end or to each other cut nothing off
        found = real(1.0)
        for j in range(start, stop):
            o = pieces.owner[order[j]]
            if j != i and (o[1] & _IS_HARD) == 0:
                others = edges.ends[o[0]]
                apart = vertices[0] != others[0] and vertices[0] != others[1]
                if apart and vertices[1] != others[0] and vertices[1] != others[1]:
                    other = pieces.ends[order[j]]
                    ex = other[2] - other[0]
                    ey = other[3] - other[1]
                    fx = other[0] - line[0]
                    fy = other[1] - line[1]
                    across = dx * ey - dy * ex
                    if across != real(0.0):
                        u = (fx * ey - fy * ex) / across
                        w = (fx * dy - fy * dx) / across
                        if w > real(-1e-4) and w < real(1.0001) and u > after + skip and u < real(1.0) - skip:
                            found = wp.min(found, u)
        return found

    @wp.func
    def lower_bound(cell: wp.array(dtype=int), order: wp.array(dtype=int), value: int) -> int:
        """The first place of the ascending values cell[order] that is not below `value`."""
        low = int(0)
        high = int(order.shape[0])
        while low < high:
            middle = (low + high) // 2
            if cell[order[middle]] < value:
                low = middle + 1
            else:
                high = middle
        return low

    @wp.func
    def covered_around(v: int, x: int, y: int, height: int, width: int, entry: wp.array(dtype=int)) -> bool:
        """Whether one of the 3 x 3 pixels around (x, y) shows a face."""
        for j in range(wp.max(y - 1, 0), wp.min(y + 2, height)):
            for i in range(wp.max(x - 1, 0), wp.min(x + 2, width)):
                if entry[(v * height + j) * width + i] >= 0:
                    return True
        return False

    @wp.kernel(module=module, enable_backward=False)
    def split(
        first: int, scene: Scene, edges: Edges, pieces: EdgePieces, order: wp.array(dtype=int), everywhere: int,
        counts: wp.array2d(dtype=int), before: wp.array2d(dtype=int), writes: int, out: PixelPieces,
    ):  # fmt: skip
        """One tile: counts pixels and pieces into `counts`, or writes them from `before` on."""
        t = first + wp.tid()
        tile = scene.tile
        height = scene.key.shape[1]
        width = scene.key.shape[2]
        v = t // (scene.rows * scene.columns)
        ty = (t - v * scene.rows * scene.columns) // scene.columns
        tx = t - (v * scene.rows + ty) * scene.columns
        base = t * tile * tile
        i = lower_bound(pieces.cell, order, base)
        last = lower_bound(pieces.cell, order, base + tile * tile)
        q = int(0)
        n = int(0)
        if writes != 0:
            q = before[0, t]
            n = before[1, t]
        local = int(-1)
        going = bool(i < last or everywhere != 0)
        while going:
            if everywhere != 0:
                local += 1
            else:
                local = pieces.cell[order[i]] - base
            stop = int(i)
            gap = bool(False)
            seen = bool(False)
            while stop < last and pieces.cell[order[stop]] == base + local:
                kind = pieces.owner[order[stop]][1]
                if (kind & _IS_COVERED) == 0:
                    seen = True
                    gap = gap or (kind & _IS_HARD) == 0
                stop += 1
            y = ty * tile + local // tile
            x = tx * tile + local % tile
            taken = bool(seen)
            if everywhere != 0 and not seen and y < height and x < width:
                taken = scene.entry[(v * height + y) * width + x] >= 0
                if not taken:
                    taken = covered_around(v, x, y, height, width, scene.entry)
            if taken:
                if writes != 0:
                    out.place[q] = wp.vec2i(x, y)
                    out.cell[q] = base + local
                    out.first[q] = n
                q += 1
                cx = real(x) + half
                cy = real(y) + half
                for k in range(i, stop):
                    line = pieces.ends[order[k]]
                    ab = pieces.depth[order[k]]
                    kind = pieces.owner[order[k]][1]
                    at = real(0.0)
                    if (kind & _IS_COVERED) != 0 and not gap:
                        at = real(1.0)
                    while at < real(1.0):
                        after = real(1.0)
                        if gap and stop - i > 1:
                            after = next_cut(k, i, stop, at, order, pieces, edges)
                        if writes != 0:
                            dx = line[2] - line[0]
                            dy = line[3] - line[1]
                            m = half * (at + after)
                            mx = line[0] + m * dx - cx
                            my = line[1] + m * dy - cy
                            vertices = edges.ends[pieces.owner[order[k]][0]]
                            w = scene.projected[scene.row_offset[v] + vertices[0]][3]
                            dw = scene.projected[scene.row_offset[v] + vertices[1]][3] - w
                            wa = w + ab[0] * dw
                            wb = w + ab[1] * dw
                            u = m * wa / (m * wa + (real(1.0) - m) * wb)
                            out.ends[n] = vec4(
                                line[0] + at * dx - cx, line[1] + at * dy - cy,
                                line[0] + after * dx - cx, line[1] + after * dy - cy,
                            )  # fmt: skip
                            out.owner[n] = pieces.owner[order[k]]
                            if (kind & _IS_HARD) == 0:
                                step = nudge / wp.sqrt(dx * dx + dy * dy)
                                if (kind & _FIRST_IS_NEGATIVE) != 0:
                                    step = -step
                                mx += step * dy
                                my -= step * dx
                            out.middle[n] = vec4(
                                ab[0] + u * (ab[1] - ab[0]), ab[2] + m * (ab[3] - ab[2]), mx, my
                            )
                        n += 1
                        at = after
            i = stop
            if everywhere != 0:
                going = local < tile * tile - 1
            else:
                going = i < last
        if writes == 0:
            counts[0, t] = q
            counts[1, t] = n
        elif t == scene.tiles - 1:
            out.first[q] = n

    return SimpleNamespace(split=split)


def split_pieces(
    pieces: EdgePieces, everywhere: bool, tiles: int, scene: Any, edge_bundle: Any
) -> PixelPieces:
    """Pieces sorted by pixel and cut at crossings; with `everywhere`, all covered pixels and their neighbours too."""
    like = pieces.ends
    real, device = real_of(like), like.device
    types = bundle_types(real)
    order = torch.argsort(pieces.cell, stable=True).to(torch.int32)
    counts = torch.empty(2, tiles, dtype=torch.int32, device=device)
    before = torch.zeros(2, tiles + 1, dtype=torch.int32, device=device)
    inputs = [
        scene, edge_bundle, bundle(types.EdgePieces, pieces), warp_view(order), int(everywhere), warp_view(counts),
        warp_view(before),
    ]  # fmt: skip

    kernel, size = _kernels(real).split, band_size(tiles)
    dispatch(kernel, tiles, [*inputs, 0, unfilled(types.PixelPieces)], device, size)
    torch.cumsum(counts, 1, dtype=torch.int32, out=before[:, 1:])
    pixels, parts = before[:, -1].tolist()
    found = PixelPieces.empty(before[0], pixels, parts, like)
    dispatch(kernel, tiles, [*inputs, 1, bundle(types.PixelPieces, found)], device, size)
    return found
