"""The z-buffer: which face is nearest at each pixel's centre.

Corners are rounded to 1/256 pixel and edge functions are integers, with the top-left rule, so a pixel on a shared edge
belongs to one face and the face ids are the same on every machine. The depth key q / w is affine in the image.
"""

from functools import cache
from types import SimpleNamespace

import torch
import warp as wp
from jaxtyping import Float
from torch import Tensor

from sharpvision.kernels.batch import Batch
from sharpvision.kernels.bins import Slots, bin_faces
from sharpvision.kernels.dispatch import dispatch, kernel_module, real_of, warp_view
from sharpvision.kernels.launch import start_warp
from sharpvision.kernels.near_plane import near_plane_functions
from sharpvision.kernels.raster_types import Bins, Raster

start_warp()


@cache
def _kernels(real: type) -> SimpleNamespace:
    vec3 = wp.types.vector(3, real)
    vec4 = wp.types.vector(4, real)
    vec6i = wp.types.vector(6, wp.int32)
    module = kernel_module(__name__, real)
    outline_of = near_plane_functions(real).outline_of

    @wp.func
    def bias(dx: wp.int64, dy: wp.int64) -> wp.int64:
        """0 for a top or left edge, which owns the pixels on it, else -1."""
        value = wp.int64(-1)
        if dy < wp.int64(0) or (dy == wp.int64(0) and dx > wp.int64(0)):
            value = wp.int64(0)
        return value

    @wp.func
    def draw(
        corners: vec6i, keys: vec3, e: int, face: int, bounds: wp.vec4i, base: int, width: int,
        key_buffer: wp.array(dtype=real), face_buffer: wp.array(dtype=int), entry_buffer: wp.array(dtype=int),
    ):  # fmt: skip
        """Tests the triangle at the pixel centres inside `bounds` (x0, y0, x1, y1), inclusive."""
        ax = corners[0]
        ay = corners[1]
        bx = corners[2]
        by = corners[3]
        cx = corners[4]
        cy = corners[5]
        # Pixel centre x * 256 + 128 lies in [min, max]: first x = ceil((min - 128) / 256).
        x0 = wp.max((wp.min(wp.min(ax, bx), cx) + 127) >> 8, bounds[0])
        x1 = wp.min((wp.max(wp.max(ax, bx), cx) - 128) >> 8, bounds[2])
        y0 = wp.max((wp.min(wp.min(ay, by), cy) + 127) >> 8, bounds[1])
        y1 = wp.min((wp.max(wp.max(ay, by), cy) - 128) >> 8, bounds[3])
        if x0 <= x1 and y0 <= y1:
            area = wp.int64(bx - ax) * wp.int64(cy - ay) - wp.int64(by - ay) * wp.int64(cx - ax)
            kb = keys[1]
            kc = keys[2]
            if area < wp.int64(0):
                area = -area
                swap = bx
                bx = cx
                cx = swap
                swap = by
                by = cy
                cy = swap
                kb = keys[2]
                kc = keys[1]
            if area != wp.int64(0):
                px = wp.int64(x0 * 256 + 128)
                py = wp.int64(y0 * 256 + 128)
                d0x = wp.int64(cx - bx)
                d0y = wp.int64(cy - by)
                d1x = wp.int64(ax - cx)
                d1y = wp.int64(ay - cy)
                d2x = wp.int64(bx - ax)
                d2y = wp.int64(by - ay)
                r0 = d0x * (py - wp.int64(by)) - d0y * (px - wp.int64(bx)) + bias(d0x, d0y)
                r1 = d1x * (py - wp.int64(cy)) - d1y * (px - wp.int64(cx)) + bias(d1x, d1y)
                r2 = d2x * (py - wp.int64(ay)) - d2y * (px - wp.int64(ax)) + bias(d2x, d2y)
                s0x = d0y * wp.int64(256)
                s1x = d1y * wp.int64(256)
                s2x = d2y * wp.int64(256)
                s0y = d0x * wp.int64(256)
                s1y = d1x * wp.int64(256)
                s2y = d2x * wp.int64(256)
                inverse = real(1.0) / real(area)
                slope_x = -(real(d1y) * (kb - keys[0]) + real(d2y) * (kc - keys[0])) * inverse
                slope_y = (real(d1x) * (kb - keys[0]) + real(d2x) * (kc - keys[0])) * inverse
                for y in range(y0, y1 + 1):
                    e0 = r0
                    e1 = r1
                    e2 = r2
                    row_key = keys[0] + slope_y * real(y * 256 + 128 - ay)
                    row = base + y * width
                    for x in range(x0, x1 + 1):
                        if (e0 | e1 | e2) >= wp.int64(0):
                            key = row_key + slope_x * real(x * 256 + 128 - ax)
                            if key < key_buffer[row + x]:
                                key_buffer[row + x] = key
                                entry_buffer[row + x] = e
                                face_buffer[row + x] = face
                        e0 -= s0x
                        e1 -= s1x
                        e2 -= s2x
                    r0 += s0y
                    r1 += s1y
                    r2 += s2y

    @wp.kernel(module=module, enable_backward=False)
    def draw_tile(
        first: int, corners: wp.array(dtype=vec6i), keys: wp.array(dtype=vec3), projected: wp.array(dtype=vec4),
        faces: wp.array(dtype=wp.vec3i), first_face: wp.array(dtype=int), row_offset: wp.array(dtype=int),
        first_slot: wp.array(dtype=int), near: real, entry_slot: wp.array(dtype=int), tile_first: wp.array(dtype=int),
        tile_entry: wp.array(dtype=int), grid: wp.vec3i, size: wp.vec2i, key_buffer: wp.array(dtype=real),
        face_buffer: wp.array(dtype=int), entry_buffer: wp.array(dtype=int),
    ):  # fmt: skip
        t = first + wp.tid()
        tile = grid[2]
        view = t // (grid[0] * grid[1])
        local = t - view * grid[0] * grid[1]
        ty = local // grid[0]
        tx = local - ty * grid[0]
        bounds = wp.vec4i(
            tx * tile, ty * tile, wp.min((tx + 1) * tile, size[0]) - 1, wp.min((ty + 1) * tile, size[1]) - 1
        )
        base = view * size[0] * size[1]
        for y in range(bounds[1], bounds[3] + 1):
            for x in range(bounds[0], bounds[2] + 1):
                key_buffer[base + y * size[0] + x] = real(wp.inf)
                face_buffer[base + y * size[0] + x] = -1
                entry_buffer[base + y * size[0] + x] = -1
        for i in range(tile_first[t], tile_first[t + 1]):
            e = tile_entry[i]
            s = entry_slot[e]
            face = first_face[view] + s - first_slot[view]
            points = corners[s]
            if points[0] != -2147483647:
                draw(points, keys[s], e, face, bounds, base, size[0], key_buffer, face_buffer, entry_buffer)
            else:
                f = faces[face]
                o = row_offset[view]
                outline = outline_of(projected[f[0] + o], projected[f[1] + o], projected[f[2] + o], near)
                for k in range(1, outline.corners - 1):
                    part = vec6i()
                    part[0] = outline.x[0]
                    part[1] = outline.y[0]
                    part[2] = outline.x[k]
                    part[3] = outline.y[k]
                    part[4] = outline.x[k + 1]
                    part[5] = outline.y[k + 1]
                    part_keys = vec3(outline.key[0], outline.key[k], outline.key[k + 1])
                    draw(part, part_keys, e, face, bounds, base, size[0], key_buffer, face_buffer, entry_buffer)

    return SimpleNamespace(draw_tile=draw_tile)


def rasterize(projected: Float[Tensor, "rows 4"], batch: Batch, near: float) -> Raster:
    """The face nearest to the camera at each pixel's centre, both windings drawn; no derivative.

    `projected` as in `raster_types`; parts with w < `near` are cut off. Faces without area in the image are skipped; of
    faces at the same depth the one of lower index is taken. The same bytes for any number of threads.

    >>> corners = torch.tensor([[0.0, 0, 1], [4, 0, 1], [0, 4, 1]])
    >>> rows = torch.cat([corners[:, :2], -torch.ones(3, 1), corners[:, 2:]], 1)
    >>> batch = Batch.of_one_mesh(torch.tensor([[0, 1, 2]]), 3, views=1, height=2, width=3)
    >>> rasterize(rows, batch, 0.1).face.tolist()
    [[[0, 0, 0], [0, 0, -1]]]
    """
    projected = projected.detach().contiguous()
    slots, bins = bin_faces(projected, batch, near)
    shape = (batch.views, batch.height, batch.width)
    face, entry = (torch.empty(shape, dtype=torch.int32, device=projected.device) for _ in range(2))
    key = projected.new_empty(shape)
    _draw(projected, batch, near, slots, bins, (key, face, entry))
    return Raster(face, entry, key, bins)


def _draw(
    projected: Tensor, batch: Batch, near: float, slots: Slots, bins: Bins, buffers: tuple[Tensor, Tensor, Tensor]
) -> None:
    real = real_of(projected)
    inputs = [
        warp_view(slots.corners, wp.types.vector(6, wp.int32)), warp_view(slots.keys, wp.types.vector(3, real)),
        warp_view(projected, wp.types.vector(4, real)), warp_view(batch.faces, wp.vec3i), warp_view(batch.first_face),
        warp_view(batch.row_offset), warp_view(batch.first_slot), real(near), warp_view(bins.entry_slot),
        warp_view(bins.tile_first), warp_view(bins.tile_entry), wp.vec3i(bins.columns, bins.rows, bins.tile),
        wp.vec2i(batch.width, batch.height), *(warp_view(b.view(-1)) for b in buffers),
    ]  # fmt: skip
    dispatch(_kernels(real).draw_tile, len(bins.tile_first) - 1, inputs, projected.device)
