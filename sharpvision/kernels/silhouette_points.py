"""From what samples and pieces see to the points to shade, and the weights with which they make the image.

Points are grouped by entry. An entry belongs to one tile, so a tile's points are counted and placed by the tile alone.
"""

from functools import cache
from types import SimpleNamespace
from typing import Any

import torch
import warp as wp
from torch import Tensor

from sharpvision.kernels.dispatch import dispatch, kernel_module, real_of
from sharpvision.kernels.gather import Groups, keep_groups
from sharpvision.kernels.launch import start_warp
from sharpvision.kernels.raster_types import Pieces, Plan, Points, Raster
from sharpvision.kernels.silhouette_bundles import band_size, bundle, bundle_plan, bundle_types, unfilled
from sharpvision.kernels.silhouette_edges import SAME_WAY
from sharpvision.kernels.silhouette_query import Answers
from sharpvision.kernels.silhouette_select import FIRST_IS_NEGATIVE, INNER_IS_SECOND, IS_HARD
from sharpvision.kernels.silhouette_split import PixelPieces
from sharpvision.kernels.views import warp_view

start_warp()

_INNER_IS_SECOND, _IS_HARD = wp.constant(INNER_IS_SECOND), wp.constant(IS_HARD)
_FIRST_IS_NEGATIVE, _SAME_WAY = wp.constant(FIRST_IS_NEGATIVE), wp.constant(SAME_WAY)


# What belongs to a tile's entries lies apart in memory: ask for that of those that come next.
_FETCH = """
#if !defined(__CUDA_ARCH__)
    if (i + 16 < stop) {
        const int e = scene.tile_entry.data[i + 16];
        __builtin_prefetch(out.entry_count.data + e);
        if (writes) {
            __builtin_prefetch(out.entry_first.data + e);
            __builtin_prefetch(scene.entry_slot.data + e);
        }
    }
#endif
"""


@cache
def _kernels(real: type) -> SimpleNamespace:
    vec2 = wp.types.vector(2, real)
    vec4 = wp.types.vector(4, real)
    module = kernel_module(__name__, real)
    types = bundle_types(real)
    Scene, Edges, PixelPieces, Answers = types.Scene, types.Edges, types.PixelPieces, types.Answers
    Points, Plan = types.Points, types.Plan
    half = wp.constant(real(0.5))
    off_centre = 1e-5 if real is wp.float32 else 1e-9
    apex_x, apex_y = wp.constant(real(1.1 * off_centre)), wp.constant(real(0.4 * off_centre))

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

    @wp.func_native(_FETCH)
    def fetch(i: int, stop: int, writes: int, scene: Scene, out: Points): ...

    @wp.func
    def open_groups(t: int, writes: int, place: int, scene: Scene, out: Points):
        """No points counted yet in a tile's entries; or, when writing, where each entry's points start."""
        at = int(place)
        stop = scene.tile_first[t + 1]
        for i in range(scene.tile_first[t], stop):
            fetch(i, stop, writes, scene, out)
            e = scene.tile_entry[i]
            if writes == 0:
                out.entry_count[e] = 0
            else:
                out.entry_first[e] = at
                at += out.entry_count[e]

    @wp.func
    def counted(t: int, scene: Scene, out: Points) -> wp.vec2i:
        """Points counted in a tile, and entries that hold any."""
        total = int(0)
        filled = int(0)
        for i in range(scene.tile_first[t], scene.tile_first[t + 1]):
            n = out.entry_count[scene.tile_entry[i]]
            total += n
            if n > 0:
                filled += 1
        return wp.vec2i(total, filled)

    @wp.func
    def close_groups(t: int, view: int, place: int, scene: Scene, out: Points):
        """Back to the starts, which writing has moved on; faces of points; the tile's groups from `place` on."""
        offset = scene.first_slot[view] - scene.first_face[view]
        g = int(place)
        for i in range(scene.tile_first[t], scene.tile_first[t + 1]):
            e = scene.tile_entry[i]
            count = out.entry_count[e]
            start = out.entry_first[e] - count
            out.entry_first[e] = start
            if count > 0:
                face = scene.entry_slot[e] - offset
                for k in range(start, start + count):
                    out.face[k] = face
                out.groups[0, g] = start
                out.groups[1, g] = count
                out.groups[2, g] = face
                out.groups[3, g] = view
                g += 1

    @wp.func
    def next_of(entry: int, writes: int, entry_count: wp.array(dtype=int), entry_first: wp.array(dtype=int)) -> int:
        """Counts a point of an entry, or says where to write it; -1 for the background."""
        p = int(-1)
        if entry >= 0:
            if writes == 0:
                entry_count[entry] = entry_count[entry] + 1
                p = 0
            else:
                p = entry_first[entry]
                entry_first[entry] = p + 1
        return p

    @wp.func
    def put_on_edge(p: int, second: int, flags: int, along: real, out: Points):
        """Point p lies on its face's edge, the first or `second` of its sides, at `along` from A to B."""
        u = along
        corner = flags & 3
        if second != 0:
            corner = (flags >> 2) & 3
            if (flags & _SAME_WAY) == 0:
                u = real(1.0) - along
        out.moves[p] = wp.uint8(0)
        out.edge[p] = wp.uint8(corner)
        out.along[p] = u

    @wp.func
    def write_sides(
        n: int, p: int, r: int, pixel: int, centre: vec2, edges: Edges, pixels: PixelPieces, out: Points
    ):  # fmt: skip
        """Points p, r of the inner and the outer side of piece n; r = -1 where the background is outside."""
        line = pixels.ends[n]
        m = pixels.middle[n]
        kind = pixels.owner[n][1]
        second = kind & _INNER_IS_SECOND
        flags = int(edges.flags[pixels.owner[n][0]])
        out.pixel[p] = pixel
        out.position[p] = centre + half * vec2(line[0] + line[2], line[1] + line[3])
        put_on_edge(p, second, flags, m[0], out)
        if r >= 0:
            out.pixel[r] = pixel
            out.position[r] = centre + vec2(m[2], m[3])
            out.moves[r] = wp.uint8(0)
            if (kind & _IS_HARD) != 0:
                put_on_edge(r, 1 - second, flags, m[0], out)

    @wp.func
    def write_piece(
        n: int, k: int, pixel: int, row: int, edges: Edges, pixels: PixelPieces, offsets: wp.array(dtype=vec2),
        out: Plan,
    ):  # fmt: skip
        """Piece n of the pixels becomes piece k of the plan; `row` of the view's first vertex."""
        line = pixels.ends[n]
        kind = pixels.owner[n][1]
        out.pixel[k] = pixel
        out.rows[k] = edges.ends[pixels.owner[n][0]] + wp.vec2i(row, row)
        out.along[k] = pixels.middle[n][0]
        d = vec2(line[2] - line[0], line[3] - line[1])
        length = wp.length(d)
        out.length[k] = length
        if (kind & _FIRST_IS_NEGATIVE) != 0:
            length = -length
        out.normal[k] = vec2(real(0.0), real(0.0))
        if length != real(0.0):  # between two cuts, rounding may leave nothing
            out.normal[k] = vec2(d[1] / length, -d[0] / length)
        out.coefficient[k] = weight_of(line, kind, offsets)

    @wp.kernel(module=module, enable_backward=False)
    def points(
        first: int, scene: Scene, edges: Edges, pixels: PixelPieces, found: Answers, everywhere: int, writes: int,
        count: wp.array2d(dtype=int), before: wp.array2d(dtype=int), out: Points, plan: Plan,
    ):  # fmt: skip
        """One tile: counts points, pixels with several samples and visible pieces, or writes them from `before` on."""
        t = first + wp.tid()
        v = t // (scene.rows * scene.columns)
        ty = (t - v * scene.rows * scene.columns) // scene.columns
        tx = t - (v * scene.rows + ty) * scene.columns
        kept = int(0)
        cut = int(0)
        if writes != 0:
            kept = before[1, t]
            cut = before[2, t]
        open_groups(t, writes, before[0, t], scene, out)
        c = pixels.tile_pixel[t]
        stop = pixels.tile_pixel[t + 1]
        height = scene.key.shape[1]
        width = scene.key.shape[2]
        next = int(-1)
        if c < stop:
            next = (v * height + pixels.place[c][1]) * width + pixels.place[c][0]
        y_stop = (ty + 1) * scene.tile
        if y_stop > height:
            y_stop = height
        x_stop = (tx + 1) * scene.tile
        if x_stop > width:
            x_stop = width
        if c == stop and scene.tile_first[t] == scene.tile_first[t + 1]:  # nothing here: common, and quick
            if writes != 0:
                for y in range(ty * scene.tile, y_stop):
                    for x in range(tx * scene.tile, x_stop):
                        plan.sample[(v * height + y) * width + x] = -1
            y_stop = 0
        for y in range(ty * scene.tile, y_stop):
            row = (v * height + y) * width
            for x in range(tx * scene.tile, x_stop):
                pixel = row + x
                centre = vec2(real(x) + half, real(y) + half)
                single = bool(True)
                if pixel == next:
                    single = everywhere == 0
                    for n in range(pixels.first[c], pixels.first[c + 1]):
                        single = single and found.inner[n] < 0
                    if not single:
                        if writes != 0:
                            plan.sample[pixel] = -2 - kept
                            plan.piece_first[kept] = cut
                        for k in range(found.offsets.shape[0]):
                            p = next_of(found.sample[c, k], writes, out.entry_count, out.entry_first)
                            if writes != 0:
                                plan.samples[kept, k] = p
                                if p >= 0:
                                    out.pixel[p] = pixel
                                    out.position[p] = centre + found.offsets[k]
                        for n in range(pixels.first[c], pixels.first[c + 1]):
                            if found.inner[n] >= 0:
                                p = next_of(found.inner[n], writes, out.entry_count, out.entry_first)
                                r = next_of(found.outer[n], writes, out.entry_count, out.entry_first)
                                if writes != 0:
                                    write_sides(n, p, r, pixel, centre, edges, pixels, out)
                                    write_piece(n, cut, pixel, scene.row_offset[v], edges, pixels, found.offsets, plan)
                                    plan.inner[cut] = p
                                    plan.outer[cut] = r
                                cut += 1
                        kept += 1
                    c += 1
                    if c < stop:
                        next = (v * height + pixels.place[c][1]) * width + pixels.place[c][0]
                if single:
                    p = next_of(scene.entry[pixel], writes, out.entry_count, out.entry_first)
                    if writes != 0:
                        plan.sample[pixel] = p
                        if p >= 0:
                            out.pixel[p] = pixel
                            out.position[p] = centre
        if writes == 0:
            total = counted(t, scene, out)
            count[0, t] = total[0]
            count[1, t] = kept
            count[2, t] = cut
            count[3, t] = total[1]
        else:
            close_groups(t, v, before[3, t], scene, out)
            if t == scene.tiles - 1:
                plan.piece_first[kept] = cut

    return SimpleNamespace(points=points)


def assembled(
    raster: Raster, pixels: PixelPieces, found: Answers, everywhere: bool, scene: Any, edge_bundle: Any
) -> Plan:
    """The plan: points grouped by entry, pieces, and what each pixel is made of."""
    like, bins = raster.key, raster.bins
    real, device, tiles = real_of(like), like.device, len(bins.tile_first) - 1
    types = bundle_types(real)
    count = torch.empty(4, tiles, dtype=torch.int32, device=device)
    before = torch.zeros(4, tiles + 1, dtype=torch.int32, device=device)
    entries = torch.empty(2, len(bins.entry_slot), dtype=torch.int32, device=device)
    sample = torch.empty_like(raster.entry)
    inputs = [
        scene, edge_bundle, bundle(types.PixelPieces, pixels), bundle(types.Answers, found), int(everywhere)
    ]  # fmt: skip
    counts = [warp_view(count), warp_view(before)]

    def room(points: int, kept: int, pieces: int, view: Tensor) -> Plan:
        def ints(*shape: int) -> Tensor:
            return torch.empty(shape, dtype=torch.int32, device=device)

        def reals(*shape: int) -> Tensor:
            return like.new_empty(shape)

        # Most points are samples; the kernel marks the others.
        marks = torch.ones(2, points, dtype=torch.uint8, device=device)
        marks[1] = 3
        places = Points(
            entries[0], entries[1], ints(points), view, ints(points), reals(points, 2), marks[0], marks[1],
            reals(points),
        )  # fmt: skip
        cuts = Pieces(
            ints(pieces), ints(pieces, 2), reals(pieces), reals(pieces, 2), reals(pieces), reals(pieces), ints(pieces),
            ints(pieces),
        )  # fmt: skip
        return Plan(places, cuts, sample, ints(kept, len(found.offsets)), ints(kept + 1))

    kernel, size = _kernels(real).points, band_size(tiles)
    counted = unfilled(types.Points, entry_count=entries[1])
    dispatch(kernel, tiles, [*inputs, 0, *counts, counted, unfilled(types.Plan)], device, size)
    torch.cumsum(count, 1, dtype=torch.int32, out=before[:, 1:])
    points, kept, pieces, filled = before[:, -1].tolist()
    plan = room(points, kept, pieces, _views(before[0], len(raster.entry), points))
    groups = torch.empty(4, filled, dtype=torch.int32, device=device)
    dispatch(kernel, tiles, [*inputs, 1, *counts, *bundle_plan(plan, groups)], device, size)
    if device.type == "cpu":  # on CUDA sums want them in the order of entries
        keep_groups(plan.points, Groups(*groups))
    return plan


def _views(before: Tensor, views: int, points: int) -> Tensor:
    """(P,) int32 the view of each point: tiles come view by view."""
    if views == 1:
        return torch.zeros(points, dtype=torch.int32, device=before.device)
    each = before[:: (len(before) - 1) // views].diff()
    names = torch.arange(views, dtype=torch.int32, device=before.device)
    return torch.repeat_interleave(names, each, output_size=points)
