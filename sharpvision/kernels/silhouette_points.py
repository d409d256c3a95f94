"""From what samples and pieces see to the points to shade, and the weights with which they make the image.

Points are grouped by entry. An entry belongs to one tile, so a tile's points are counted and placed by the tile alone.
"""

from functools import cache
from types import SimpleNamespace

import torch
import warp as wp
from torch import Tensor

from sharpvision.kernels.batch import Batch
from sharpvision.kernels.bins import running_sum
from sharpvision.kernels.dispatch import dispatch, kernel_module, real_of, warp_view
from sharpvision.kernels.launch import start_warp
from sharpvision.kernels.raster_types import Pieces, Plan, Points, Raster
from sharpvision.kernels.silhouette_edges import EdgeBatch
from sharpvision.kernels.silhouette_query import Answers
from sharpvision.kernels.silhouette_select import FIRST_IS_NEGATIVE, INNER_IS_SECOND, IS_HARD
from sharpvision.kernels.silhouette_split import PixelPieces

start_warp()

_INNER_IS_SECOND, _IS_HARD = wp.constant(INNER_IS_SECOND), wp.constant(IS_HARD)
_FIRST_IS_NEGATIVE = wp.constant(FIRST_IS_NEGATIVE)


@wp.func
def corner_of(flags: int, second: int) -> int:
    """The corner at which a face's pass of an edge starts."""
    found = flags & 3
    if second != 0:
        found = (flags >> 2) & 3
    return found


@cache
def _kernels(real: type) -> SimpleNamespace:
    vec2 = wp.types.vector(2, real)
    vec4 = wp.types.vector(4, real)
    module = kernel_module(__name__, real)
    half = wp.constant(real(0.5))
    apex_x, apex_y = wp.constant(real(1.1e-5)), wp.constant(real(0.4e-5))

    @wp.func
    def cross(a: vec2, b: vec2) -> real:
        return a[0] * b[1] - a[1] * b[0]

    @wp.func
    def along_outline(d: vec2) -> real:
        """Where the ray in direction d leaves the unit square around the origin: its place on the outline, 0 to 4."""
        ax = wp.abs(d[0])
        ay = wp.abs(d[1])
        found = real(0.0)
        if ax >= ay:
            if d[0] > real(0.0):
                found = half + half * d[1] / ax
            elif d[0] < real(0.0):
                found = real(2.5) - half * d[1] / ax
        elif d[1] > real(0.0):
            found = real(1.5) - half * d[0] / ay
        else:
            found = real(3.5) + half * d[0] / ay
        return found

    @wp.func
    def weight_of(line: vec4, kind: int, offsets: wp.array(dtype=vec2)) -> real:
        """Weight of (inner - outer) of a piece: sigma (A - n / K).

        A is the area of the part of the pixel that the piece hides from its centre, n the number of the K samples in
        it, sigma -1 where one leaves the inner side there, else 1. Summed over the pieces of a pixel this turns the
        mean of the samples into the mean over the area, however many pieces there are (flat colours).
        """
        # The apex stands off the centre by a hair: edges through the centre itself are common in made-up scenes.
        a = vec2(line[0] - apex_x, line[1] - apex_y)
        b = vec2(line[2] - apex_x, line[3] - apex_y)
        turn = cross(a, b)
        area = wp.abs(along_outline(a) - along_outline(b))
        if area > real(2.0):
            area = real(4.0) - area
        area = real(0.25) * area - half * wp.abs(turn)
        sign = real(1.0)
        if turn < real(0.0):
            sign = real(-1.0)
        leaves = (turn >= real(0.0)) == ((kind & _FIRST_IS_NEGATIVE) == 0)
        inside = real(0.0)
        d = b - a
        for k in range(offsets.shape[0]):
            o = offsets[k]
            p = vec2(o[0] - apex_x, o[1] - apex_y)
            if sign * cross(a, p) >= real(0.0) and sign * cross(p, b) > real(0.0):
                beyond = sign * cross(d, vec2(o[0] - line[0], o[1] - line[1]))
                if beyond < real(0.0) or (beyond == real(0.0) and not leaves):
                    inside += real(1.0)
        area -= inside / real(offsets.shape[0])
        if leaves:
            area = -area
        return area

    @wp.func
    def put(
        entry: int, pixel: int, view: int, x: real, y: real, moves: int, edge: int, along: real, slot_offset: int,
        writes: int, entry_slot: wp.array(dtype=int), entry_count: wp.array(dtype=int),
        entry_first: wp.array(dtype=int), face: wp.array(dtype=int), views: wp.array(dtype=int),
        pixels: wp.array(dtype=int), position: wp.array(dtype=vec2), moving: wp.array(dtype=wp.uint8),
        edges: wp.array(dtype=wp.uint8), alongs: wp.array(dtype=real),
    ) -> int:  # fmt: skip
        """Counts a point of an entry or writes it; its index, -1 for the background."""
        p = int(-1)
        if entry >= 0:
            if writes == 0:
                entry_count[entry] = entry_count[entry] + 1
                p = 0
            else:
                p = entry_first[entry]
                entry_first[entry] = p + 1
                face[p] = entry_slot[entry] - slot_offset
                views[p] = view
                pixels[p] = pixel
                position[p] = vec2(x, y)
                moving[p] = wp.uint8(moves)
                edges[p] = wp.uint8(edge)
                if edge < 3:
                    alongs[p] = along
        return p

    @wp.kernel(module=module, enable_backward=False)
    def points(
        first: int, tile: int, rows: int, columns: int, everywhere: int, entry: wp.array3d(dtype=int),
        first_slot: wp.array(dtype=int), first_face: wp.array(dtype=int), row_offset: wp.array(dtype=int),
        entry_slot: wp.array(dtype=int), tile_first: wp.array(dtype=int), tile_entry: wp.array(dtype=int),
        edge_ends: wp.array(dtype=wp.vec2i), edge_flags: wp.array(dtype=wp.uint8), tile_pixel: wp.array(dtype=int),
        cell: wp.array(dtype=int), pixel_first: wp.array(dtype=int), ends: wp.array(dtype=vec4),
        middle: wp.array(dtype=vec4), owner: wp.array(dtype=wp.vec2i), offsets: wp.array(dtype=vec2),
        hit: wp.array2d(dtype=int), outer_hit: wp.array(dtype=int), inner_hit: wp.array(dtype=int), writes: int,
        count: wp.array2d(dtype=int), before: wp.array2d(dtype=int), entry_count: wp.array(dtype=int),
        entry_first: wp.array(dtype=int), face: wp.array(dtype=int), views: wp.array(dtype=int),
        pixels: wp.array(dtype=int), position: wp.array(dtype=vec2), moving: wp.array(dtype=wp.uint8),
        edges: wp.array(dtype=wp.uint8), alongs: wp.array(dtype=real), sample: wp.array3d(dtype=int),
        samples: wp.array2d(dtype=int), piece_first: wp.array(dtype=int), piece_pixel: wp.array(dtype=int),
        piece_rows: wp.array(dtype=wp.vec2i), piece_along: wp.array(dtype=real), normal: wp.array(dtype=vec2),
        length: wp.array(dtype=real), coefficient: wp.array(dtype=real), inner: wp.array(dtype=int),
        outer: wp.array(dtype=int),
    ):  # fmt: skip
        t = first + wp.tid()
        v = t // (rows * columns)
        ty = (t - v * rows * columns) // columns
        tx = t - (v * rows + ty) * columns
        offset = first_slot[v] - first_face[v]
        total = int(0)
        kept = int(0)
        cut = int(0)
        if writes == 0:
            for i in range(tile_first[t], tile_first[t + 1]):
                entry_count[tile_entry[i]] = 0
        else:
            total = before[0, t]
            kept = before[1, t]
            cut = before[2, t]
            for i in range(tile_first[t], tile_first[t + 1]):
                e = tile_entry[i]
                entry_first[e] = total
                total += entry_count[e]
        c = tile_pixel[t]
        stop = tile_pixel[t + 1]
        next = int(-1)
        if c < stop:
            next = cell[c] - t * tile * tile
        for y in range(ty * tile, wp.min((ty + 1) * tile, entry.shape[1])):
            for x in range(tx * tile, wp.min((tx + 1) * tile, entry.shape[2])):
                pixel = (v * entry.shape[1] + y) * entry.shape[2] + x
                cx = real(x) + half
                cy = real(y) + half
                single = bool(True)
                if next == (y - ty * tile) * tile + x - tx * tile:
                    single = everywhere == 0
                    for n in range(pixel_first[c], pixel_first[c + 1]):
                        single = single and inner_hit[n] < 0
                    if not single:
                        if writes != 0:
                            sample[v, y, x] = -2 - kept
                            piece_first[kept] = cut
                        for k in range(offsets.shape[0]):
                            o = offsets[k]
                            p = put(
                                hit[c, k], pixel, v, cx + o[0], cy + o[1], 1, 3, real(0.0), offset, writes, entry_slot,
                                entry_count, entry_first, face, views, pixels, position, moving, edges, alongs,
                            )  # fmt: skip
                            if writes != 0:
                                samples[kept, k] = p
                            elif p >= 0:
                                total += 1
                        for n in range(pixel_first[c], pixel_first[c + 1]):
                            if inner_hit[n] >= 0:
                                line = ends[n]
                                m = middle[n]
                                e = owner[n][0]
                                kind = owner[n][1]
                                flags = int(edge_flags[e])
                                mx = cx + half * (line[0] + line[2])
                                my = cy + half * (line[1] + line[3])
                                second = kind & _INNER_IS_SECOND
                                u = m[0]
                                if second != 0 and (flags & 16) == 0:
                                    u = real(1.0) - u
                                p = put(
                                    inner_hit[n], pixel, v, mx, my, 0, corner_of(flags, second), u, offset, writes,
                                    entry_slot, entry_count, entry_first, face, views, pixels, position, moving, edges,
                                    alongs,
                                )  # fmt: skip
                                at_edge = int(3)
                                if (kind & _IS_HARD) != 0:
                                    at_edge = corner_of(flags, 1 - second)
                                    u = m[0]
                                    if second == 0 and (flags & 16) == 0:
                                        u = real(1.0) - u
                                r = put(
                                    outer_hit[n], pixel, v, cx + m[2], cy + m[3], 0, at_edge, u, offset, writes,
                                    entry_slot, entry_count, entry_first, face, views, pixels, position, moving, edges,
                                    alongs,
                                )  # fmt: skip
                                if writes == 0:
                                    total += 1
                                    if r >= 0:
                                        total += 1
                                else:
                                    piece_pixel[cut] = pixel
                                    piece_rows[cut] = edge_ends[e] + wp.vec2i(row_offset[v], row_offset[v])
                                    piece_along[cut] = m[0]
                                    d = vec2(line[2] - line[0], line[3] - line[1])
                                    size = wp.length(d)
                                    length[cut] = size
                                    if (kind & _FIRST_IS_NEGATIVE) != 0:
                                        normal[cut] = vec2(-d[1] / size, d[0] / size)
                                    else:
                                        normal[cut] = vec2(d[1] / size, -d[0] / size)
                                    coefficient[cut] = weight_of(line, kind, offsets)
                                    inner[cut] = p
                                    outer[cut] = r
                                cut += 1
                        kept += 1
                    c += 1
                    if c < stop:
                        next = cell[c] - t * tile * tile
                if single:
                    p = put(
                        entry[v, y, x], pixel, v, cx, cy, 1, 3, real(0.0), offset, writes, entry_slot, entry_count,
                        entry_first, face, views, pixels, position, moving, edges, alongs,
                    )  # fmt: skip
                    if writes != 0:
                        sample[v, y, x] = p
                    elif p >= 0:
                        total += 1
        if writes == 0:
            count[0, t] = total
            count[1, t] = kept
            count[2, t] = cut
        else:
            for i in range(tile_first[t], tile_first[t + 1]):
                e = tile_entry[i]
                entry_first[e] = entry_first[e] - entry_count[e]
            if t == tile_first.shape[0] - 2:
                piece_first[kept] = cut

    return SimpleNamespace(points=points)


def assembled(
    projected: Tensor, batch: Batch, raster: Raster, edges: EdgeBatch, pixels: PixelPieces, found: Answers,
    offsets: Tensor, everywhere: bool,
) -> Plan:  # fmt: skip
    """The plan: points grouped by entry, pieces, and what each pixel is made of."""
    real, device, bins = real_of(projected), projected.device, raster.bins
    vec2, vec4 = wp.types.vector(2, real), wp.types.vector(4, real)
    tiles, entries = len(bins.tile_first) - 1, len(bins.entry_slot)
    count = torch.empty(3, tiles, dtype=torch.int32, device=device)
    before = torch.zeros(3, tiles + 1, dtype=torch.int32, device=device)
    entry_count, entry_first = (torch.empty(entries, dtype=torch.int32, device=device) for _ in range(2))
    inputs = [
        bins.tile, bins.rows, bins.columns, int(everywhere), warp_view(raster.entry), warp_view(batch.first_slot),
        warp_view(batch.first_face), warp_view(batch.row_offset), warp_view(bins.entry_slot),
        warp_view(bins.tile_first), warp_view(bins.tile_entry), warp_view(edges.edges.ends, wp.vec2i),
        warp_view(edges.edges.flags), warp_view(pixels.tile_pixel), warp_view(pixels.cell), warp_view(pixels.first),
        warp_view(pixels.ends, vec4), warp_view(pixels.middle, vec4), warp_view(pixels.owner, wp.vec2i),
        warp_view(offsets, vec2), warp_view(found.sample), warp_view(found.outer), warp_view(found.inner),
    ]  # fmt: skip
    counted = [warp_view(count), warp_view(before), warp_view(entry_count), warp_view(entry_first)]

    def run(writes: int, plan: Plan) -> None:
        p, e = plan.points, plan.pieces
        outputs = [
            warp_view(p.face), warp_view(p.view), warp_view(p.pixel), warp_view(p.position, vec2), warp_view(p.moves),
            warp_view(p.edge), warp_view(p.along), warp_view(plan.sample), warp_view(plan.samples),
            warp_view(plan.piece_first), warp_view(e.pixel), warp_view(e.rows, wp.vec2i), warp_view(e.along),
            warp_view(e.normal, vec2), warp_view(e.length), warp_view(e.coefficient), warp_view(e.inner),
            warp_view(e.outer),
        ]  # fmt: skip
        dispatch(_kernels(real).points, tiles, [*inputs, writes, *counted, *outputs], device)

    def room(points: int, kept: int, pieces: int) -> Plan:
        def ints(*shape: int) -> Tensor:
            return torch.empty(shape, dtype=torch.int32, device=device)

        bytes_ = torch.empty(2, points, dtype=torch.uint8, device=device)
        places = Points(
            entry_first, entry_count, ints(points), ints(points), ints(points), projected.new_empty(points, 2),
            bytes_[0], bytes_[1], projected.new_empty(points),
        )  # fmt: skip
        cuts = Pieces(
            ints(pieces), ints(pieces, 2), projected.new_empty(pieces), projected.new_empty(pieces, 2),
            projected.new_empty(pieces), projected.new_empty(pieces), ints(pieces), ints(pieces),
        )  # fmt: skip
        sample = ints(batch.views, batch.height, batch.width) if kept >= 0 and points >= 0 else ints(0, 0, 0)
        return Plan(places, cuts, sample, ints(kept, len(offsets)), ints(kept + 1))

    run(0, room(0, 0, 0))
    torch.cumsum(count, 1, dtype=torch.int32, out=before[:, 1:])
    plan = room(*before[:, -1].tolist())
    run(1, plan)
    return plan
