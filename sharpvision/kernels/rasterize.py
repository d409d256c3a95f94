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
from sharpvision.kernels.bins import OFF, TILE, bin_faces
from sharpvision.kernels.dispatch import dispatch, kernel_module, real_of, warp_view
from sharpvision.kernels.launch import start_warp
from sharpvision.kernels.near_plane import near_plane_functions
from sharpvision.kernels.raster_types import Raster

start_warp()


@cache
def _kernels(real: type) -> SimpleNamespace:
    vec4 = wp.types.vector(4, real)
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
        a: wp.vec2i, b: wp.vec2i, c: wp.vec2i, ka: real, kb: real, kc: real, slot: int, rows: wp.vec2i, base: int,
        width: int, key_buffer: wp.array(dtype=real), slot_buffer: wp.array(dtype=int),
    ):  # fmt: skip
        """Tests a triangle at the pixel centres of rows[0] <= y < rows[1]."""
        # Centre 256 x + 128 lies in [min, max] for x from ceil((min - 128) / 256) to floor((max - 128) / 256).
        x0 = wp.max((wp.min(wp.min(a[0], b[0]), c[0]) + 127) >> 8, 0)
        x1 = wp.min((wp.max(wp.max(a[0], b[0]), c[0]) - 128) >> 8, width - 1)
        y0 = wp.max((wp.min(wp.min(a[1], b[1]), c[1]) + 127) >> 8, rows[0])
        y1 = wp.min((wp.max(wp.max(a[1], b[1]), c[1]) - 128) >> 8, rows[1] - 1)
        ux = wp.int64(b[0] - a[0])
        uy = wp.int64(b[1] - a[1])
        vx = wp.int64(c[0] - a[0])
        vy = wp.int64(c[1] - a[1])
        area = ux * vy - uy * vx
        if x0 <= x1 and y0 <= y1 and area != wp.int64(0):
            inverse = real(1.0) / real(area)
            slope_x = (real(vy) * (kb - ka) - real(uy) * (kc - ka)) * inverse
            slope_y = (real(ux) * (kc - ka) - real(vx) * (kb - ka)) * inverse
            sign = wp.int64(1)
            if area < wp.int64(0):
                sign = wp.int64(-1)
            # Edges of the counter-clockwise triangle: e2 from a along u, e1 from c to a along -v, e0 from b to c.
            ux = ux * sign
            uy = uy * sign
            vx = vx * sign
            vy = vy * sign
            px = wp.int64(x0 * 256 + 128)
            py = wp.int64(y0 * 256 + 128)
            qx = px - wp.int64(a[0])
            qy = py - wp.int64(a[1])
            r2 = ux * qy - uy * qx + bias(ux, uy)
            r1 = vy * qx - vx * qy + bias(-vx, -vy)
            wx = vx - ux
            wy = vy - uy
            r0 = wx * (py - wp.int64(b[1])) - wy * (px - wp.int64(b[0])) + bias(wx, wy)
            s0 = wy * wp.int64(256)
            s1 = -vy * wp.int64(256)
            s2 = uy * wp.int64(256)
            t0 = wx * wp.int64(256)
            t1 = -vx * wp.int64(256)
            t2 = ux * wp.int64(256)
            for y in range(y0, y1 + 1):
                e0 = r0
                e1 = r1
                e2 = r2
                row_key = ka + slope_y * real(y * 256 + 128 - a[1])
                row = base + y * width
                for x in range(x0, x1 + 1):
                    if (e0 | e1 | e2) >= wp.int64(0):
                        key = row_key + slope_x * real(x * 256 + 128 - a[0])
                        if key < key_buffer[row + x]:
                            key_buffer[row + x] = key
                            slot_buffer[row + x] = slot
                    e0 -= s0
                    e1 -= s1
                    e2 -= s2
                r0 += t0
                r1 += t1
                r2 += t2

    # The body of `draw` stands here once more: arrays and vectors handed to a function are copied, and here that counts.
    @wp.kernel(module=module, enable_backward=False)
    def draw_band(
        first: int, place: wp.array(dtype=wp.vec2i), key: wp.array(dtype=real), faces: wp.array(dtype=wp.vec3i),
        first_face: wp.array(dtype=int), row_offset: wp.array(dtype=int), first_slot: wp.array(dtype=int),
        band_first: wp.array(dtype=int), band_slot: wp.array(dtype=int), bands: int, size: wp.vec2i,
        key_buffer: wp.array(dtype=real), slot_buffer: wp.array(dtype=int),
    ):  # fmt: skip
        """The slots of a band of rows that need no cutting, into a fresh z-buffer."""
        t = first + wp.tid()
        view = t // bands
        top = (t - view * bands) * TILE
        bottom = wp.min(top + TILE, size[1]) - 1
        width = size[0]
        base = view * width * size[1]
        for i in range(base + top * width, base + (bottom + 1) * width):
            key_buffer[i] = real(wp.inf)
            slot_buffer[i] = -1
        face_shift = first_face[view] - first_slot[view]
        o = row_offset[view]
        for i in range(band_first[t], band_first[t + 1]):
            s = band_slot[i]
            f = faces[face_shift + s]
            fa = f[0] + o
            fb = f[1] + o
            fc = f[2] + o
            ax = place[fa][0]
            ay = place[fa][1]
            bx = place[fb][0]
            by = place[fb][1]
            cx = place[fc][0]
            cy = place[fc][1]
            if ax != OFF and bx != OFF and cx != OFF:
                x0 = wp.max((wp.min(wp.min(ax, bx), cx) + 127) >> 8, 0)
                x1 = wp.min((wp.max(wp.max(ax, bx), cx) - 128) >> 8, width - 1)
                y0 = wp.max((wp.min(wp.min(ay, by), cy) + 127) >> 8, top)
                y1 = wp.min((wp.max(wp.max(ay, by), cy) - 128) >> 8, bottom)
                ux = wp.int64(bx - ax)
                uy = wp.int64(by - ay)
                vx = wp.int64(cx - ax)
                vy = wp.int64(cy - ay)
                area = ux * vy - uy * vx
                if x0 <= x1 and y0 <= y1 and area != wp.int64(0):
                    ka = key[fa]
                    inverse = real(1.0) / real(area)
                    kb = (key[fb] - ka) * inverse
                    kc = (key[fc] - ka) * inverse
                    slope_x = real(vy) * kb - real(uy) * kc
                    slope_y = real(ux) * kc - real(vx) * kb
                    if area < wp.int64(0):
                        ux = -ux
                        uy = -uy
                        vx = -vx
                        vy = -vy
                    qx = wp.int64(x0 * 256 + 128 - ax)
                    qy = wp.int64(y0 * 256 + 128 - ay)
                    wx = vx - ux
                    wy = vy - uy
                    r2 = ux * qy - uy * qx + bias(ux, uy)
                    r1 = vy * qx - vx * qy + bias(-vx, -vy)
                    r0 = wx * (wp.int64(y0 * 256 + 128 - by)) - wy * (wp.int64(x0 * 256 + 128 - bx)) + bias(wx, wy)
                    s0 = wy << wp.int64(8)
                    s1 = -(vy << wp.int64(8))
                    s2 = uy << wp.int64(8)
                    t0 = wx << wp.int64(8)
                    t1 = -(vx << wp.int64(8))
                    t2 = ux << wp.int64(8)
                    for y in range(y0, y1 + 1):
                        e0 = r0
                        e1 = r1
                        e2 = r2
                        row_key = ka + slope_y * real(y * 256 + 128 - ay)
                        row = base + y * width
                        for x in range(x0, x1 + 1):
                            if (e0 | e1 | e2) >= wp.int64(0):
                                z = row_key + slope_x * real(x * 256 + 128 - ax)
                                if z < key_buffer[row + x]:
                                    key_buffer[row + x] = z
                                    slot_buffer[row + x] = s
                            e0 -= s0
                            e1 -= s1
                            e2 -= s2
                        r0 += t0
                        r1 += t1
                        r2 += t2

    @wp.kernel(module=module, enable_backward=False)
    def draw_cut(
        first: int, projected: wp.array(dtype=vec4), place: wp.array(dtype=wp.vec2i), faces: wp.array(dtype=wp.vec3i),
        first_face: wp.array(dtype=int), row_offset: wp.array(dtype=int), first_slot: wp.array(dtype=int), near: real,
        band_first: wp.array(dtype=int), band_slot: wp.array(dtype=int), bands: int, size: wp.vec2i,
        key_buffer: wp.array(dtype=real), slot_buffer: wp.array(dtype=int),
    ):  # fmt: skip
        """The slots of a band that the near plane or the guard band cuts, after the others."""
        t = first + wp.tid()
        view = t // bands
        top = (t - view * bands) * TILE
        rows = wp.vec2i(top, wp.min(top + TILE, size[1]))
        base = view * size[0] * size[1]
        face_shift = first_face[view] - first_slot[view]
        o = row_offset[view]
        for i in range(band_first[t], band_first[t + 1]):
            s = band_slot[i]
            f = faces[face_shift + s]
            if place[f[0] + o][0] == OFF or place[f[1] + o][0] == OFF or place[f[2] + o][0] == OFF:
                outline = outline_of(projected[f[0] + o], projected[f[1] + o], projected[f[2] + o], near)
                for k in range(1, outline.corners - 1):
                    draw(
                        wp.vec2i(outline.x[0], outline.y[0]), wp.vec2i(outline.x[k], outline.y[k]),
                        wp.vec2i(outline.x[k + 1], outline.y[k + 1]), outline.key[0], outline.key[k],
                        outline.key[k + 1], s, rows, base, size[0], key_buffer, slot_buffer,
                    )  # fmt: skip

    @wp.kernel(module=module, enable_backward=False)
    def name_faces(
        first: int, first_face: wp.array(dtype=int), first_slot: wp.array(dtype=int), box: wp.array(dtype=wp.vec4i),
        slot_entry: wp.array(dtype=int), size: wp.vec2i, face_buffer: wp.array(dtype=int),
        entry_buffer: wp.array(dtype=int),
    ):  # fmt: skip
        """Turns the slots of one row of pixels into faces and entries."""
        row = first + wp.tid()
        view = row // size[1]
        ty = (row - view * size[1]) // TILE
        face_shift = first_face[view] - first_slot[view]
        for x in range(size[0]):
            i = row * size[0] + x
            s = entry_buffer[i]
            face = int(-1)
            if s >= 0:
                face = face_shift + s
                r = box[s]
                entry_buffer[i] = slot_entry[s] + (ty - r[1]) * (r[2] - r[0] + 1) + x // TILE - r[0]
            face_buffer[i] = face

    return SimpleNamespace(draw_band=draw_band, draw_cut=draw_cut, name_faces=name_faces)


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
    screen, bins = bin_faces(projected, batch, near)
    shape = (batch.views, batch.height, batch.width)
    face, entry = (torch.empty(shape, dtype=torch.int32, device=projected.device) for _ in range(2))
    key = projected.new_empty(shape)
    real = real_of(projected)
    kernels, size = _kernels(real), wp.vec2i(batch.width, batch.height)
    placed, faces = warp_view(screen.place, wp.vec2i), warp_view(batch.faces, wp.vec3i)
    views = [warp_view(batch.first_face), warp_view(batch.row_offset), warp_view(batch.first_slot)]
    lists = [warp_view(screen.band_first), warp_view(screen.band_slot), bins.rows, size]
    keys, slots = warp_view(key.view(-1)), warp_view(entry.view(-1))
    inputs = [placed, warp_view(screen.key), faces, *views, *lists, keys, slots]
    dispatch(kernels.draw_band, batch.views * bins.rows, inputs, projected.device, 1)
    if screen.cut:
        vertices = warp_view(projected, wp.types.vector(4, real))
        inputs = [vertices, placed, faces, *views, real(near), *lists, keys, slots]
        dispatch(kernels.draw_cut, batch.views * bins.rows, inputs, projected.device, 1)
    boxes = [warp_view(bins.slot_box, wp.vec4i), warp_view(bins.slot_entry)]
    inputs = [views[0], views[2], *boxes, size, warp_view(face.view(-1)), slots]
    dispatch(kernels.name_faces, batch.views * batch.height, inputs, projected.device)
    return Raster(face, entry, key, bins)
