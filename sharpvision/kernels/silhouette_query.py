"""The z-buffer's answer at chosen points: samples of contour pixels, and the outer sides of pieces.

The points of a tile are tested against the tile's faces in the order of their entries, with edge functions linear in
the image and relative to the tile's centre. An edge function is computed from the vertex of lower index to that of
higher index, so that two faces on both sides of an edge see the same bits and, since a point on the edge counts as
inside of both, none falls between. A piece is hidden where a face other than its own two is nearer than the edge.
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
from sharpvision.kernels.silhouette_bundles import band_size, bundle, bundle_types
from sharpvision.kernels.silhouette_facing import UNSEEN
from sharpvision.kernels.silhouette_select import INNER_IS_SECOND, IS_HARD
from sharpvision.kernels.silhouette_split import PixelPieces
from sharpvision.kernels.views import warp_view

start_warp()

_INNER_IS_SECOND, _IS_HARD = wp.constant(INNER_IS_SECOND), wp.constant(IS_HARD)
_UNSEEN = wp.constant(UNSEEN)


# A tile's faces lie apart in memory, each found through its entry and its slot: ask for those that come next.
_FETCH = """
#if !defined(__CUDA_ARCH__)
    const int* slots = scene.entry_slot.data;
    const int* entries = scene.tile_entry.data;
    if (i + 24 < stop)
        __builtin_prefetch(slots + entries[i + 24]);
    if (i + 16 < stop) {
        const int slot = slots[entries[i + 16]];
        __builtin_prefetch(side.data + slot);
        __builtin_prefetch(scene.faces.data + slot - offset);
    }
    if (i + 8 < stop) {
        const int slot = slots[entries[i + 8]];
        const auto& corners = scene.faces.data[slot - offset];
        if (!(side.data[slot] & UNSEEN))
            for (int k = 0; k < 3; ++k)
                __builtin_prefetch(scene.projected.data + row + corners[k]);
    }
#endif
""".replace("UNSEEN", str(UNSEEN))


@dataclass(frozen=True, eq=False)
class Answers:
    """`offsets` (K, 2) of the samples from the pixel's centre; `sample` (Q, K) int32: entry seen at each sample, -1
    background; `outer`, `inner` (M,) int32: entries that hold the sides of each piece, `outer` -1 background, `inner`
    -1 where the piece is hidden."""

    offsets: Tensor
    sample: Tensor
    outer: Tensor
    inner: Tensor


@cache
def _kernels(real: type) -> SimpleNamespace:
    vec2 = wp.types.vector(2, real)
    vec3 = wp.types.vector(3, real)
    vec4 = wp.types.vector(4, real)
    module = kernel_module(__name__, real)
    types = bundle_types(real)
    Scene, Edges, PixelPieces, Answers = types.Scene, types.Edges, types.PixelPieces, types.Answers
    close, far, margin = wp.constant(real(1e-5)), wp.constant(real(wp.inf)), wp.constant(real(0.51))
    widest = wp.constant(real(0.51))

    @wp.func_native(_FETCH)
    def fetch(i: int, stop: int, offset: int, row: int, side: wp.array(dtype=wp.uint8), scene: Scene): ...

    @wp.func
    def entry_in_tile(face: int, place: wp.vec3i, scene: Scene) -> int:
        """The entry of a face in the tile (view, column, row) `place`, -1 where it has none."""
        found = int(-1)
        if face >= 0:
            s = face + scene.first_slot[place[0]] - scene.first_face[place[0]]
            box = scene.slot_box[s]
            if place[1] >= box[0] and place[1] <= box[2] and place[2] >= box[1] and place[2] <= box[3]:
                row = (place[2] - box[1]) * (box[2] - box[0] + 1)
                found = scene.slot_entry[s] + row + place[1] - box[0]
        return found

    @wp.func
    def centred(p: vec4, cx: real, cy: real) -> vec4:
        return vec4(p[0] - cx * p[3], p[1] - cy * p[3], p[2], p[3])

    @wp.func
    def outline_box(a: vec4, b: vec4, c: vec4) -> vec4:
        """Box x0, y0, x1, y1 of a triangle, half a pixel and a hair wider: for the centres of pixels it may touch."""
        ra = real(1.0) / a[3]
        rb = real(1.0) / b[3]
        rc = real(1.0) / c[3]
        ax = a[0] * ra
        ay = a[1] * ra
        bx = b[0] * rb
        by = b[1] * rb
        cx = c[0] * rc
        cy = c[1] * rc
        return vec4(
            wp.min(wp.min(ax, bx), cx) - margin, wp.min(wp.min(ay, by), cy) - margin,
            wp.max(wp.max(ax, bx), cx) + margin, wp.max(wp.max(ay, by), cy) + margin,
        )  # fmt: skip

    @wp.func
    def edge_function(a: vec4, b: vec4, ia: int, ib: int) -> vec3:
        """Coefficients (1, x, y) of det [a, b, (x, y, 1)]; swapping a and b changes the sign and nothing else."""
        p = a
        q = b
        sign = real(1.0)
        if ia > ib:
            p = b
            q = a
            sign = real(-1.0)
        return sign * vec3(p[0] * q[1] - p[1] * q[0], p[1] * q[3] - p[3] * q[1], p[3] * q[0] - p[0] * q[3])

    @wp.func
    def key_at(e: vec3, q: vec3, w: vec3, near: real) -> real:
        """Depth key where the three edge functions, not negative inside, are `e`; infinite outside and in front of the
        near plane. A mean of the corners' keys with weights e w >= 0, so right for the thinnest triangle."""
        found = far
        if e[0] >= real(0.0) and e[1] >= real(0.0) and e[2] >= real(0.0):
            depth = wp.dot(e, w)
            if depth > real(0.0) and depth >= near * (e[0] + e[1] + e[2]):
                found = wp.dot(e, q) / depth
        return found

    @wp.func
    def begin(
        start: int, stop: int, sample_key: wp.array2d(dtype=real), piece_key: wp.array(dtype=real),
        pixels: PixelPieces, out: Answers,
    ) -> wp.vec4i:  # fmt: skip
        """Nothing seen yet at the points of pixels `start` to `stop` - 1; their box x0, y0, x1, y1."""
        bounds = wp.vec4i(pixels.place[start][0], pixels.place[start][1], 0, pixels.place[stop - 1][1])
        for p in range(start, stop):
            bounds[0] = wp.min(bounds[0], pixels.place[p][0])
            bounds[2] = wp.max(bounds[2], pixels.place[p][0])
            for k in range(out.offsets.shape[0]):
                sample_key[p, k] = far
                out.sample[p, k] = -1
        for n in range(pixels.first[start], pixels.first[stop]):
            piece_key[n] = far
            out.outer[n] = -1
        return bounds

    @wp.func
    def find_sides(
        start: int, stop: int, place: wp.vec3i, piece_key: wp.array(dtype=real), scene: Scene, edges: Edges,
        pixels: PixelPieces, out: Answers,
    ):  # fmt: skip
        """Entries of both sides of pieces `start` to `stop` - 1, in the tile (view, column, row) `place`."""
        for n in range(start, stop):
            kind = pixels.owner[n][1]
            sides = edges.faces[pixels.owner[n][0]]
            seen = out.outer[n]
            own = int(sides[0])
            other = int(sides[1])
            if (kind & _INNER_IS_SECOND) != 0:
                own = sides[1]
                other = sides[0]
            found = entry_in_tile(own, place, scene)
            if seen >= 0:
                hit = scene.entry_slot[seen] - scene.first_slot[place[0]] + scene.first_face[place[0]]
                key = pixels.middle[n][1]
                if hit != own and hit != other and piece_key[n] < key - close * wp.abs(key):
                    found = -1
            if (kind & _IS_HARD) != 0:
                out.outer[n] = entry_in_tile(other, place, scene)
                if out.outer[n] < 0:
                    found = -1
            out.inner[n] = found

    @wp.func
    def pixels_near(
        start: int, stop: int, bounds: wp.vec4i, box: vec4, centre: vec2, half_tile: real, pixels: PixelPieces
    ) -> wp.vec4i:  # fmt: skip
        """Of pixels `start` to `stop` - 1 those to test against a face with this box: the first, the end, how many to
        skip at the end of a row, and where the first row ends (-1: none is skipped)."""
        p = int(start)
        last = int(stop)
        if real(bounds[0]) - centre[0] > box[2] or real(bounds[2] + 1) - centre[0] < box[0]:
            last = start
        if real(bounds[1]) - centre[1] > box[3] or real(bounds[3] + 1) - centre[1] < box[1]:
            last = start
        skip = int(0)
        row_stop = int(-1)
        side = int(half_tile + half_tile)
        if last - start == side * side:  # a full tile: straight to the box's rows and columns
            x0 = wp.max(int(wp.ceil(box[0] + half_tile - real(0.5))), 0)
            x1 = wp.min(int(wp.floor(box[2] + half_tile + real(0.5))), side)
            p = start + side * wp.max(int(wp.ceil(box[1] + half_tile - real(0.5))), 0) + x0
            skip = side - (x1 - x0)
            row_stop = p + x1 - x0
            if x1 <= x0:
                last = p
        elif last > start:  # to the first pixel of the box's rows
            high = int(last)
            while p < high:
                between = (p + high) // 2
                if real(pixels.place[between][1]) + real(0.5) - centre[1] < box[1]:
                    p = between + 1
                else:
                    high = between
        return wp.vec4i(p, last, skip, row_stop)

    @wp.kernel(module=module, enable_backward=False)
    def query(
        first: int, scene: Scene, edges: Edges, pixels: PixelPieces, side: wp.array(dtype=wp.uint8),
        sample_key: wp.array2d(dtype=real), piece_key: wp.array(dtype=real), out: Answers,
    ):  # fmt: skip
        t = first + wp.tid()
        start = pixels.tile_pixel[t]
        stop = pixels.tile_pixel[t + 1]
        if start < stop:
            near = scene.near
            v = t // (scene.rows * scene.columns)
            ty = (t - v * scene.rows * scene.columns) // scene.columns
            tx = t - (v * scene.rows + ty) * scene.columns
            row = scene.row_offset[v]
            offset = scene.first_slot[v] - scene.first_face[v]
            half_tile = real(0.5) * real(scene.tile)
            cx = real(tx * scene.tile) + half_tile
            cy = real(ty * scene.tile) + half_tile
            count = out.offsets.shape[0]
            bounds = begin(start, stop, sample_key, piece_key, pixels, out)
            end = scene.tile_first[t + 1]
            for i in range(scene.tile_first[t], end):
                fetch(i, end, offset, row, side, scene)
                entry = scene.tile_entry[i]
                s = scene.entry_slot[entry]
                if (int(side[s]) & _UNSEEN) != 0:
                    continue
                face = scene.faces[s - offset]
                a = centred(scene.projected[row + face[0]], cx, cy)
                b = centred(scene.projected[row + face[1]], cx, cy)
                c = centred(scene.projected[row + face[2]], cx, cy)
                box = vec4(real(-1e6), real(-1e6), real(1e6), real(1e6))
                if a[3] >= near and b[3] >= near and c[3] >= near:
                    box = outline_box(a, b, c)
                keys = vec3(a[2], b[2], c[2])
                depths = vec3(a[3], b[3], c[3])
                part = pixels_near(start, stop, bounds, box, vec2(cx, cy), half_tile, pixels)
                p = int(part[0])
                last = int(part[1])
                skip = int(part[2])
                row_stop = int(part[3])
                if p < last:
                    e0 = edge_function(b, c, face[1], face[2])
                    e1 = edge_function(c, a, face[2], face[0])
                    e2 = edge_function(a, b, face[0], face[1])
                    base = vec3(e0[0], e1[0], e2[0])
                    dx = vec3(e0[1], e1[1], e2[1])
                    dy = vec3(e0[2], e1[2], e2[2])
                    if wp.dot(base, depths) < real(0.0):  # the determinant of the corners: now positive inside
                        base = -base
                        dx = -dx
                        dy = -dy
                    reach = vec3()
                    for k in range(3):
                        reach[k] = widest * (wp.abs(dx[k]) + wp.abs(dy[k]))
                    while p < last:
                        px = real(pixels.place[p][0]) + real(0.5) - cx
                        py = real(pixels.place[p][1]) + real(0.5) - cy
                        if py > box[3]:
                            last = p
                        elif px >= box[0] and px <= box[2] and py >= box[1]:
                            e = base + px * dx + py * dy
                            f = e + reach
                            if f[0] >= real(0.0) and f[1] >= real(0.0) and f[2] >= real(0.0):
                                for k in range(count):
                                    o = out.offsets[k]
                                    key = key_at(e + o[0] * dx + o[1] * dy, keys, depths, near)
                                    if key < sample_key[p, k]:
                                        sample_key[p, k] = key
                                        out.sample[p, k] = entry
                                for n in range(pixels.first[p], pixels.first[p + 1]):
                                    m = pixels.middle[n]
                                    key = key_at(e + m[2] * dx + m[3] * dy, keys, depths, near)
                                    if key < piece_key[n]:
                                        piece_key[n] = key
                                        out.outer[n] = entry
                        p += 1
                        if p == row_stop:
                            p += skip
                            row_stop += scene.tile
            find_sides(
                pixels.first[start], pixels.first[stop], wp.vec3i(v, tx, ty), piece_key, scene, edges, pixels, out
            )

    return SimpleNamespace(query=query)


def answers(
    pixels: PixelPieces, side: Tensor, offsets: Tensor, tiles: int, scene: Any, edge_bundle: Any
) -> Answers:  # fmt: skip
    """What samples and pieces of the pixels see; `side` of `facing`, `offsets` (K, 2) of the samples from the pixel's
    centre."""
    real, device = real_of(offsets), offsets.device
    types = bundle_types(real)
    sample = torch.empty(len(pixels.place), len(offsets), dtype=torch.int32, device=device)
    sides = torch.empty(2, len(pixels.ends), dtype=torch.int32, device=device)
    found = Answers(offsets, sample, sides[0], sides[1])
    sample_key, piece_key = offsets.new_empty(sample.shape), offsets.new_empty(len(pixels.ends))
    inputs = [
        scene, edge_bundle, bundle(types.PixelPieces, pixels), warp_view(side), warp_view(sample_key),
        warp_view(piece_key), bundle(types.Answers, found),
    ]  # fmt: skip
    dispatch(_kernels(real).query, tiles, inputs, device, band_size(tiles))
    return found
