"""Pieces cut where they cross each other, and the pixels that hold them.

Along an edge, what hides it or lies behind it changes only where the image of another fold or boundary crosses it.
Between such places one query is enough for a piece. In a pixel all pairs of pieces are tried; edges that share a vertex
do not cross.
"""

from dataclasses import dataclass
from functools import cache
from types import SimpleNamespace

import torch
import warp as wp
from torch import Tensor

from sharpvision.kernels.batch import Batch
from sharpvision.kernels.bins import running_sum
from sharpvision.kernels.dispatch import dispatch, kernel_module, real_of, warp_view
from sharpvision.kernels.launch import start_warp
from sharpvision.kernels.raster_types import Raster
from sharpvision.kernels.silhouette_edges import EdgeBatch
from sharpvision.kernels.silhouette_select import FIRST_IS_NEGATIVE, IS_HARD, EdgePieces

start_warp()

NUDGE_PX = 1e-3
"""How far outside of a fold or boundary the query for its outer side stands."""

_IS_HARD, _FIRST_IS_NEGATIVE = wp.constant(IS_HARD), wp.constant(FIRST_IS_NEGATIVE)


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
    def empty(cls, tiles: int, pixels: int, pieces: int, like: Tensor) -> "PixelPieces":
        """Room for so many, not filled in but for zeros in `tile_pixel`."""

        def ints(*shape: int) -> Tensor:
            return torch.empty(shape, dtype=torch.int32, device=like.device)

        none = torch.zeros(tiles + 1, dtype=torch.int32, device=like.device)
        places = like.new_empty(2, pieces, 4)
        return cls(none, ints(pixels, 2), ints(pixels), ints(pixels + 1), places[0], places[1], ints(pieces, 2))


@cache
def _kernels(real: type) -> SimpleNamespace:
    vec4 = wp.types.vector(4, real)
    module = kernel_module(__name__, real)
    nudge, margin = wp.constant(real(NUDGE_PX)), wp.constant(real(1e-5))
    half = wp.constant(real(0.5))

    @wp.func
    def next_cut(
        i: int, start: int, stop: int, after: real, order: wp.array(dtype=int), ends: wp.array(dtype=vec4),
        owner: wp.array(dtype=wp.vec2i), edge_ends: wp.array(dtype=wp.vec2i),
    ) -> real:  # fmt: skip
        """The first parameter beyond `after` at which another piece of the pixel crosses piece i, or 1."""
        line = ends[order[i]]
        vertices = edge_ends[owner[order[i]][0]]
        dx = line[2] - line[0]
        dy = line[3] - line[1]
        skip = margin / wp.sqrt(dx * dx + dy * dy)  # cuts that close to an end or to each other cut nothing off
        found = real(1.0)
        for j in range(start, stop):
            o = owner[order[j]]
            if j != i and (o[1] & _IS_HARD) == 0:
                others = edge_ends[o[0]]
                apart = vertices[0] != others[0] and vertices[0] != others[1]
                if apart and vertices[1] != others[0] and vertices[1] != others[1]:
                    other = ends[order[j]]
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
    def covered_around(entry: wp.array3d(dtype=int), v: int, x: int, y: int) -> bool:
        """Whether one of the 3 x 3 pixels around (x, y) shows a face."""
        for j in range(wp.max(y - 1, 0), wp.min(y + 2, entry.shape[1])):
            for i in range(wp.max(x - 1, 0), wp.min(x + 2, entry.shape[2])):
                if entry[v, j, i] >= 0:
                    return True
        return False

    @wp.kernel(module=module, enable_backward=False)
    def split(
        first: int, tile: int, rows: int, columns: int, everywhere: int, entry: wp.array3d(dtype=int),
        tile_piece: wp.array(dtype=int), order: wp.array(dtype=int), cell: wp.array(dtype=int),
        ends: wp.array(dtype=vec4), depth: wp.array(dtype=vec4), owner: wp.array(dtype=wp.vec2i),
        edge_ends: wp.array(dtype=wp.vec2i), projected: wp.array(dtype=vec4), row_offset: wp.array(dtype=int),
        writes: int,
        pixel_count: wp.array(dtype=int), piece_count: wp.array(dtype=int), tile_pixel: wp.array(dtype=int),
        tile_split: wp.array(dtype=int), place: wp.array(dtype=wp.vec2i), pixel_cell: wp.array(dtype=int),
        pixel_first: wp.array(dtype=int), out_ends: wp.array(dtype=vec4), out_middle: wp.array(dtype=vec4),
        out_owner: wp.array(dtype=wp.vec2i),
    ):  # fmt: skip
        t = first + wp.tid()
        v = t // (rows * columns)
        ty = (t - v * rows * columns) // columns
        tx = t - (v * rows + ty) * columns
        base = t * tile * tile
        i = tile_piece[t]
        last = tile_piece[t + 1]
        q = int(0)
        n = int(0)
        if writes != 0:
            q = tile_pixel[t]
            n = tile_split[t]
        local = int(-1)
        going = bool(i < last or everywhere != 0)
        while going:
            if everywhere != 0:
                local += 1
            else:
                local = cell[order[i]] - base
            stop = int(i)
            while stop < last and cell[order[stop]] == base + local:
                stop += 1
            y = ty * tile + local // tile
            x = tx * tile + local % tile
            taken = stop > i
            if not taken and y < entry.shape[1] and x < entry.shape[2]:
                taken = covered_around(entry, v, x, y)
            if taken:
                if writes != 0:
                    place[q] = wp.vec2i(x, y)
                    pixel_cell[q] = base + local
                    pixel_first[q] = n
                q += 1
                cx = real(x) + half
                cy = real(y) + half
                for k in range(i, stop):
                    at = real(0.0)
                    line = ends[order[k]]
                    ab = depth[order[k]]
                    while at < real(1.0):
                        after = real(1.0)
                        if stop - i > 1:
                            after = next_cut(k, i, stop, at, order, ends, owner, edge_ends)
                        if writes != 0:
                            dx = line[2] - line[0]
                            dy = line[3] - line[1]
                            m = half * (at + after)
                            mx = line[0] + m * dx - cx
                            my = line[1] + m * dy - cy
                            vertices = edge_ends[owner[order[k]][0]]
                            w = projected[row_offset[v] + vertices[0]][3]
                            dw = projected[row_offset[v] + vertices[1]][3] - w
                            wa = w + ab[0] * dw
                            wb = w + ab[1] * dw
                            u = m * wa / (m * wa + (real(1.0) - m) * wb)
                            out_ends[n] = vec4(
                                line[0] + at * dx - cx, line[1] + at * dy - cy,
                                line[0] + after * dx - cx, line[1] + after * dy - cy,
                            )  # fmt: skip
                            out_owner[n] = owner[order[k]]
                            kind = owner[order[k]][1]
                            if (kind & _IS_HARD) == 0:
                                step = nudge / wp.sqrt(dx * dx + dy * dy)
                                if (kind & _FIRST_IS_NEGATIVE) != 0:
                                    step = -step
                                mx += step * dy
                                my -= step * dx
                            out_middle[n] = vec4(
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
            pixel_count[t] = q
            piece_count[t] = n
        elif t == tile_pixel.shape[0] - 2:
            pixel_first[q] = n

    return SimpleNamespace(split=split)


def split_pieces(
    projected: Tensor, batch: Batch, raster: Raster, edges: EdgeBatch, pieces: EdgePieces, everywhere: bool
) -> PixelPieces:
    """Pieces sorted by pixel and cut at crossings; with `everywhere`, all covered pixels and their neighbours too."""
    bins, like = raster.bins, raster.key
    tiles, device = len(bins.tile_first) - 1, like.device
    vec4 = wp.types.vector(4, real_of(like))
    cell, order = torch.sort(pieces.cell, stable=True)
    borders = torch.arange(tiles + 1, dtype=torch.int32, device=device) * bins.tile**2
    tile_piece = torch.searchsorted(cell, borders, out_int32=True)
    order = order.to(torch.int32)
    counts = torch.empty(2, tiles, dtype=torch.int32, device=device)
    inputs = [
        bins.tile, bins.rows, bins.columns, int(everywhere), warp_view(raster.entry), warp_view(tile_piece),
        warp_view(order), *pieces.views(), warp_view(edges.edges.ends, wp.vec2i),
        warp_view(projected, vec4), warp_view(batch.row_offset),
    ]  # fmt: skip
    counted = [warp_view(c) for c in counts]

    def run(writes: int, found: PixelPieces, tile_split: Tensor) -> None:
        outputs = [
            warp_view(found.tile_pixel), warp_view(tile_split), warp_view(found.place, wp.vec2i),
            warp_view(found.cell), warp_view(found.first), warp_view(found.ends, vec4), warp_view(found.middle, vec4),
            warp_view(found.owner, wp.vec2i),
        ]  # fmt: skip
        dispatch(_kernels(real_of(like)).split, tiles, [*inputs, writes, *counted, *outputs], device)

    none = PixelPieces.empty(tiles, 0, 0, like)
    run(0, none, none.tile_pixel)
    tile_pixel, tile_split = running_sum(counts[0]), running_sum(counts[1])
    pixels, parts = torch.stack([tile_pixel[-1], tile_split[-1]]).tolist()
    room = PixelPieces.empty(0, pixels, parts, like)
    found = PixelPieces(tile_pixel, room.place, room.cell, room.first, room.ends, room.middle, room.owner)
    run(1, found, tile_split)
    return found
