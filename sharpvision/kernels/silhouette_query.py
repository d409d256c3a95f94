"""The z-buffer's answer at chosen points: samples of contour pixels, and the outer sides of pieces.

The points of a tile are tested against the tile's faces in the order of their entries, with edge functions linear in
the image and relative to the tile's centre. An edge function is computed from the vertex of lower index to that of
higher index, so that two faces on both sides of an edge see the same bits and, since a point on the edge counts as
inside of both, none falls between. A piece is hidden where a face other than its own two is nearer than the edge.
"""

from dataclasses import dataclass
from functools import cache
from types import SimpleNamespace

import torch
import warp as wp
from torch import Tensor

from sharpvision.kernels.batch import Batch
from sharpvision.kernels.dispatch import dispatch, kernel_module, real_of, warp_view
from sharpvision.kernels.launch import start_warp
from sharpvision.kernels.raster_types import Raster
from sharpvision.kernels.silhouette_edges import EdgeBatch
from sharpvision.kernels.silhouette_select import INNER_IS_SECOND, IS_HARD
from sharpvision.kernels.silhouette_split import PixelPieces

start_warp()

_INNER_IS_SECOND, _IS_HARD = wp.constant(INNER_IS_SECOND), wp.constant(IS_HARD)


@wp.func
def entry_in_tile(
    face: int, slot_offset: int, tx: int, ty: int, slot_box: wp.array(dtype=wp.vec4i), slot_entry: wp.array(dtype=int)
) -> int:  # fmt: skip
    """The entry of a face in tile (ty, tx), -1 where it has none; `slot_offset` = its slot - its index."""
    found = int(-1)
    if face >= 0:
        box = slot_box[face + slot_offset]
        if tx >= box[0] and tx <= box[2] and ty >= box[1] and ty <= box[3]:
            found = slot_entry[face + slot_offset] + (ty - box[1]) * (box[2] - box[0] + 1) + tx - box[0]
    return found


@dataclass(frozen=True, eq=False)
class Answers:
    """`sample` (Q, K) int32: entry seen at each sample, -1 background; `outer`, `inner` (M,) int32: entries that hold
    the sides of each piece, `outer` -1 background, `inner` -1 where the piece is hidden."""

    sample: Tensor
    outer: Tensor
    inner: Tensor


@cache
def _kernels(real: type) -> SimpleNamespace:
    vec3 = wp.types.vector(3, real)
    vec4 = wp.types.vector(4, real)
    vec2 = wp.types.vector(2, real)
    module = kernel_module(__name__, real)
    close, far, margin = wp.constant(real(1e-5)), wp.constant(real(wp.inf)), wp.constant(real(0.01))

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
    def key_at(x: real, y: real, e0: vec3, e1: vec3, e2: vec3, q: vec3, w: vec3, near: real) -> real:
        """Depth key of a triangle at (x, y), infinite outside of it and in front of the near plane."""
        b0 = e0[0] + x * e0[1] + y * e0[2]
        b1 = e1[0] + x * e1[1] + y * e1[2]
        b2 = e2[0] + x * e2[1] + y * e2[2]
        found = far
        least = wp.min(wp.min(b0, b1), b2)
        most = wp.max(wp.max(b0, b1), b2)
        if least >= real(0.0) or most <= real(0.0):
            total = b0 + b1 + b2
            depth = b0 * w[0] + b1 * w[1] + b2 * w[2]
            if total < real(0.0):
                total = -total
                depth = -depth
                b0 = -b0
                b1 = -b1
                b2 = -b2
            if depth > real(0.0) and depth >= near * total:
                found = (b0 * q[0] + b1 * q[1] + b2 * q[2]) / depth
        return found

    @wp.kernel(module=module, enable_backward=False)
    def query(
        first: int, near: real, tile: int, rows: int, columns: int, projected: wp.array(dtype=vec4),
        faces: wp.array(dtype=wp.vec3i), first_slot: wp.array(dtype=int), first_face: wp.array(dtype=int),
        row_offset: wp.array(dtype=int), slot_box: wp.array(dtype=wp.vec4i), slot_entry: wp.array(dtype=int),
        entry_slot: wp.array(dtype=int), tile_first: wp.array(dtype=int), tile_entry: wp.array(dtype=int),
        edge_faces: wp.array(dtype=wp.vec2i), tile_pixel: wp.array(dtype=int), place: wp.array(dtype=wp.vec2i),
        pixel_first: wp.array(dtype=int), middle: wp.array(dtype=vec4), owner: wp.array(dtype=wp.vec2i),
        offsets: wp.array(dtype=vec2), sample_key: wp.array2d(dtype=real), sample: wp.array2d(dtype=int),
        piece_key: wp.array(dtype=real), outer: wp.array(dtype=int), inner: wp.array(dtype=int),
    ):  # fmt: skip
        t = first + wp.tid()
        start = tile_pixel[t]
        stop = tile_pixel[t + 1]
        if start < stop:
            v = t // (rows * columns)
            ty = (t - v * rows * columns) // columns
            tx = t - (v * rows + ty) * columns
            cx = real(tx * tile) + real(0.5) * real(tile)
            cy = real(ty * tile) + real(0.5) * real(tile)
            count = offsets.shape[0]
            for p in range(start, stop):
                for k in range(count):
                    sample_key[p, k] = far
                    sample[p, k] = -1
            for n in range(pixel_first[start], pixel_first[stop]):
                piece_key[n] = far
                outer[n] = -1
            for i in range(tile_first[t], tile_first[t + 1]):
                entry = tile_entry[i]
                face = faces[entry_slot[entry] - first_slot[v] + first_face[v]]
                a = projected[row_offset[v] + face[0]]
                b = projected[row_offset[v] + face[1]]
                c = projected[row_offset[v] + face[2]]
                a = vec4(a[0] - cx * a[3], a[1] - cy * a[3], a[2], a[3])
                b = vec4(b[0] - cx * b[3], b[1] - cy * b[3], b[2], b[3])
                c = vec4(c[0] - cx * c[3], c[1] - cy * c[3], c[2], c[3])
                x0 = real(-1e9)
                y0 = real(-1e9)
                x1 = real(1e9)
                y1 = real(1e9)
                if a[3] >= near and b[3] >= near and c[3] >= near:
                    ax = a[0] / a[3]
                    ay = a[1] / a[3]
                    bx = b[0] / b[3]
                    by = b[1] / b[3]
                    dx = c[0] / c[3]
                    dy = c[1] / c[3]
                    x0 = wp.min(wp.min(ax, bx), dx) - margin
                    y0 = wp.min(wp.min(ay, by), dy) - margin
                    x1 = wp.max(wp.max(ax, bx), dx) + margin
                    y1 = wp.max(wp.max(ay, by), dy) + margin
                e0 = edge_function(b, c, face[1], face[2])
                e1 = edge_function(c, a, face[2], face[0])
                e2 = edge_function(a, b, face[0], face[1])
                keys = vec3(a[2], b[2], c[2])
                depths = vec3(a[3], b[3], c[3])
                for p in range(start, stop):
                    px = real(place[p][0]) + real(0.5) - cx
                    py = real(place[p][1]) + real(0.5) - cy
                    inside = px >= x0 - real(0.5) and px <= x1 + real(0.5)
                    if inside and py >= y0 - real(0.5) and py <= y1 + real(0.5):
                        for k in range(count):
                            o = offsets[k]
                            key = key_at(px + o[0], py + o[1], e0, e1, e2, keys, depths, near)
                            if key < sample_key[p, k]:
                                sample_key[p, k] = key
                                sample[p, k] = entry
                        for n in range(pixel_first[p], pixel_first[p + 1]):
                            m = middle[n]
                            key = key_at(px + m[2], py + m[3], e0, e1, e2, keys, depths, near)
                            if key < piece_key[n]:
                                piece_key[n] = key
                                outer[n] = entry
            offset = first_slot[v] - first_face[v]
            for n in range(pixel_first[start], pixel_first[stop]):
                kind = owner[n][1]
                sides = edge_faces[owner[n][0]]
                seen = outer[n]
                own = int(sides[0])
                other = int(sides[1])
                if (kind & _INNER_IS_SECOND) != 0:
                    own = sides[1]
                    other = sides[0]
                found = entry_in_tile(own, offset, tx, ty, slot_box, slot_entry)
                if seen >= 0:
                    hit = entry_slot[seen] - offset
                    if hit != own and hit != other and piece_key[n] < middle[n][1] - close * wp.abs(middle[n][1]):
                        found = -1
                if (kind & _IS_HARD) != 0:
                    outer[n] = entry_in_tile(other, offset, tx, ty, slot_box, slot_entry)
                    if outer[n] < 0:
                        found = -1
                inner[n] = found

    return SimpleNamespace(query=query)


def answers(
    projected: Tensor, batch: Batch, raster: Raster, edges: EdgeBatch, pixels: PixelPieces, offsets: Tensor, near: float
) -> Answers:  # fmt: skip
    """What samples and pieces of the pixels see; `offsets` (K, 2) of the samples from the pixel's centre."""
    real, device, bins = real_of(projected), projected.device, raster.bins
    vec2, vec4 = wp.types.vector(2, real), wp.types.vector(4, real)
    sample = torch.empty(len(pixels.place), len(offsets), dtype=torch.int32, device=device)
    found = torch.empty(2, len(pixels.ends), dtype=torch.int32, device=device)
    sample_key, piece_key = projected.new_empty(sample.shape), projected.new_empty(len(pixels.ends))
    inputs = [
        near, bins.tile, bins.rows, bins.columns, warp_view(projected, vec4), warp_view(batch.faces, wp.vec3i),
        warp_view(batch.first_slot), warp_view(batch.first_face), warp_view(batch.row_offset),
        warp_view(bins.slot_box, wp.vec4i), warp_view(bins.slot_entry), warp_view(bins.entry_slot),
        warp_view(bins.tile_first), warp_view(bins.tile_entry), warp_view(edges.edges.faces, wp.vec2i),
        warp_view(pixels.tile_pixel), warp_view(pixels.place, wp.vec2i), warp_view(pixels.first),
        warp_view(pixels.middle, vec4), warp_view(pixels.owner, wp.vec2i), warp_view(offsets, vec2),
        warp_view(sample_key), warp_view(sample), warp_view(piece_key), warp_view(found[0]), warp_view(found[1]),
    ]  # fmt: skip
    dispatch(_kernels(real).query, len(bins.tile_first) - 1, inputs, device)
    return Answers(sample, found[0], found[1])
