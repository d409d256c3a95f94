"""The rasteriser's two kernels: bands of rows, face by face, for a CPU; pixel by pixel for CUDA. Both give the same."""

from functools import cache
from types import SimpleNamespace

import warp as wp

from sharpvision.kernels.bins import TILE
from sharpvision.kernels.dispatch import kernel_module
from sharpvision.kernels.launch import start_warp
from sharpvision.kernels.near_plane import OFF, near_plane_functions
from sharpvision.kernels.raster_scan import scan_functions

start_warp()


@cache
def raster_kernels(real: type) -> SimpleNamespace:
    """`bands` and `pixels`, for coordinates of type `real`."""
    vec4 = wp.types.vector(4, real)
    module = kernel_module(__name__, real)
    module.options["fuse_fp"] = False  # the same roundings on every machine, so that nearly equal keys compare the same
    functions = near_plane_functions(real)
    cut_face, cut_key = functions.cut_face, functions.cut_key
    scan = scan_functions(real)
    scan_small, scan_large, fetch, clear = scan.small, scan.large, scan.fetch, scan.clear

    @wp.func
    def bias(dx: wp.int64, dy: wp.int64) -> wp.int64:
        """0 for a top or left edge, which owns the pixels on it, else -1."""
        value = wp.int64(-1)
        if dy < wp.int64(0) or (dy == wp.int64(0) and dx > wp.int64(0)):
            value = wp.int64(0)
        return value

    @wp.func
    def slopes(ux: wp.int64, uy: wp.int64, vx: wp.int64, vy: wp.int64, area: wp.int64, ku: real, kv: real):
        """Change of the key for a step of 1/256 pixel to the right, and down."""
        inverse = real(1.0) / real(area)
        return (real(vy) * ku - real(uy) * kv) * inverse, (real(ux) * kv - real(vx) * ku) * inverse

    @wp.func
    def centres(a: wp.vec2i, b: wp.vec2i, c: wp.vec2i) -> wp.vec4i:
        """First and last column and row whose centres lie in the box of three places."""
        # Centre 256 x + 128 lies in [min, max] for x from ceil((min - 128) / 256) to floor((max - 128) / 256).
        return wp.vec4i(
            (wp.min(wp.min(a[0], b[0]), c[0]) + 127) >> 8, (wp.min(wp.min(a[1], b[1]), c[1]) + 127) >> 8,
            (wp.max(wp.max(a[0], b[0]), c[0]) - 128) >> 8, (wp.max(wp.max(a[1], b[1]), c[1]) - 128) >> 8,
        )  # fmt: skip

    @wp.func
    def draw(
        a: wp.vec2i, b: wp.vec2i, c: wp.vec2i, ka: real, ku: real, kv: real, face: int, entry: int, rows: wp.vec2i,
        base: int, width: int, key_buffer: wp.array(dtype=real), face_buffer: wp.array(dtype=int),
        entry_buffer: wp.array(dtype=int),
    ):  # fmt: skip
        """Tests a triangle at the pixel centres of rows[0] <= y < rows[1]."""
        around = centres(a, b, c)
        box = wp.vec4i(
            wp.max(around[0], 0), wp.max(around[1], rows[0]), wp.min(around[2], width - 1),
            wp.min(around[3], rows[1] - 1),
        )  # fmt: skip
        ux = wp.int64(b[0] - a[0])
        uy = wp.int64(b[1] - a[1])
        vx = wp.int64(c[0] - a[0])
        vy = wp.int64(c[1] - a[1])
        area = ux * vy - uy * vx
        if box[0] <= box[2] and box[1] <= box[3] and area != wp.int64(0):
            slope_x, slope_y = slopes(ux, uy, vx, vy, area, ku, kv)
            if area < wp.int64(0):
                ux = -ux
                uy = -uy
                vx = -vx
                vy = -vy
            # Edges of the counter-clockwise triangle: e2 from a along u, e1 from c to a along -v, e0 from b to c.
            wx = vx - ux
            wy = vy - uy
            px = wp.int64(box[0] * 256 + 128)
            py = wp.int64(box[1] * 256 + 128)
            qx = px - wp.int64(a[0])
            qy = py - wp.int64(a[1])
            e2 = ux * qy - uy * qx + bias(ux, uy)
            e1 = vy * qx - vx * qy + bias(-vx, -vy)
            e0 = wx * (py - wp.int64(b[1])) - wy * (px - wp.int64(b[0])) + bias(wx, wy)
            if width >= 8 and around[2] - around[0] < 62 and around[3] - around[1] < 62:
                scan_small(
                    box, a, int(e0), int(e1), int(e2), int(wy) * 256, int(vy) * -256, int(uy) * 256, int(wx) * 256,
                    int(vx) * -256, int(ux) * 256, ka, slope_x, slope_y, face, entry, base, width, key_buffer,
                    face_buffer, entry_buffer,
                )  # fmt: skip
            else:
                step = wp.int64(256)
                scan_large(
                    box, a, e0, e1, e2, wy * step, -vy * step, uy * step, wx * step, -vx * step, ux * step, ka, slope_x,
                    slope_y, face, entry, base, width, key_buffer, face_buffer, entry_buffer,
                )  # fmt: skip

    @wp.kernel(module=module, enable_backward=False)
    def bands(
        first: int, projected: wp.array(dtype=vec4), place: wp.array(dtype=wp.vec2i), key: wp.array(dtype=real),
        faces: wp.array(dtype=wp.vec3i), first_face: wp.array(dtype=int), row_offset: wp.array(dtype=int),
        first_slot: wp.array(dtype=int), near: real, box: wp.array(dtype=wp.vec4i), slot_entry: wp.array(dtype=int),
        grid: wp.vec2i, size: wp.vec2i, key_buffer: wp.array(dtype=real), face_buffer: wp.array(dtype=int),
        entry_buffer: wp.array(dtype=int), band_first: wp.array(dtype=int), band_slot: wp.array(dtype=int),
    ):  # fmt: skip
        """A band of `TILE` rows: its faces one after the other, each over its own pixels."""
        t = first + wp.tid()
        view = t // grid[1]
        ty = t - view * grid[1]
        rows = wp.vec2i(ty * TILE, wp.min(ty * TILE + TILE, size[1]))
        base = view * size[0] * size[1]
        clear(
            base + rows[0] * size[0], base + rows[1] * size[0], real(wp.inf), key_buffer, face_buffer, entry_buffer
        )  # fmt: skip
        shift = first_face[view] - first_slot[view]
        o = row_offset[view]
        stop = band_first[t + 1]
        for i in range(band_first[t], stop):
            fetch(i, stop, shift, o, band_slot, faces, box, slot_entry, place, key)
            s = band_slot[i]
            f = faces[shift + s]
            a = place[f[0] + o]
            b = place[f[1] + o]
            c = place[f[2] + o]
            r = box[s]
            entry = slot_entry[s] + (ty - r[1]) * (r[2] - r[0] + 1) - r[0]
            if a[0] != OFF and b[0] != OFF and c[0] != OFF:
                ka = key[f[0] + o]
                draw(
                    a, b, c, ka, key[f[1] + o] - ka, key[f[2] + o] - ka, shift + s, entry, rows, base, size[0],
                    key_buffer, face_buffer, entry_buffer,
                )  # fmt: skip
            else:
                cut = cut_face(
                    projected[f[0] + o], projected[f[1] + o], projected[f[2] + o], a, b, c,
                    wp.vec3i(f[0] + o, f[1] + o, f[2] + o),
                )  # fmt: skip
                for y in range(rows[0], rows[1]):
                    for x in range(r[0] * TILE, wp.min(r[2] * TILE + TILE, size[0])):
                        z = cut_key(cut, x, y, near)
                        p = base + y * size[0] + x
                        if z < key_buffer[p]:
                            key_buffer[p] = z
                            face_buffer[p] = shift + s
                            entry_buffer[p] = entry + x // TILE

    @wp.func
    def key_at(a: wp.vec2i, b: wp.vec2i, c: wp.vec2i, ka: real, ku: real, kv: real, x: int, y: int) -> real:
        """The key of a triangle at a pixel's centre; infinite where it does not cover it."""
        ux = wp.int64(b[0] - a[0])
        uy = wp.int64(b[1] - a[1])
        vx = wp.int64(c[0] - a[0])
        vy = wp.int64(c[1] - a[1])
        area = ux * vy - uy * vx
        key = real(wp.inf)
        if area != wp.int64(0):
            slope_x, slope_y = slopes(ux, uy, vx, vy, area, ku, kv)
            if area < wp.int64(0):
                ux = -ux
                uy = -uy
                vx = -vx
                vy = -vy
            wx = vx - ux
            wy = vy - uy
            qx = wp.int64(x * 256 + 128 - a[0])
            qy = wp.int64(y * 256 + 128 - a[1])
            e2 = ux * qy - uy * qx + bias(ux, uy)
            e1 = vy * qx - vx * qy + bias(-vx, -vy)
            e0 = wx * wp.int64(y * 256 + 128 - b[1]) - wy * wp.int64(x * 256 + 128 - b[0]) + bias(wx, wy)
            if (e0 | e1 | e2) >= wp.int64(0):
                row_key = ka + slope_y * real(y * 256 + 128 - a[1])
                key = row_key + slope_x * real(x * 256 + 128 - a[0])
        return key

    @wp.kernel(module=module, enable_backward=False)
    def pixels(
        first: int, projected: wp.array(dtype=vec4), place: wp.array(dtype=wp.vec2i), key: wp.array(dtype=real),
        faces: wp.array(dtype=wp.vec3i), first_face: wp.array(dtype=int), row_offset: wp.array(dtype=int),
        first_slot: wp.array(dtype=int), near: real, box: wp.array(dtype=wp.vec4i), slot_entry: wp.array(dtype=int),
        grid: wp.vec2i, size: wp.vec2i, key_buffer: wp.array(dtype=real), face_buffer: wp.array(dtype=int),
        entry_buffer: wp.array(dtype=int), tile_first: wp.array(dtype=int), tile_entry: wp.array(dtype=int),
        entry_slot: wp.array(dtype=int),
    ):  # fmt: skip
        """A pixel: every face of its tile. Neighbours in a block of threads read the same faces."""
        i = first + wp.tid()
        tile = i // (TILE * TILE)
        inner = i - tile * TILE * TILE
        view = tile // (grid[0] * grid[1])
        ty = tile // grid[0] - view * grid[1]
        x = (tile % grid[0]) * TILE + inner % TILE
        y = ty * TILE + inner // TILE
        if x < size[0] and y < size[1]:
            shift = first_face[view] - first_slot[view]
            o = row_offset[view]
            nearest = real(wp.inf)
            found = int(-1)
            for n in range(tile_first[tile], tile_first[tile + 1]):
                e = tile_entry[n]
                f = faces[shift + entry_slot[e]]
                a = place[f[0] + o]
                b = place[f[1] + o]
                c = place[f[2] + o]
                z = real(wp.inf)
                if a[0] != OFF and b[0] != OFF and c[0] != OFF:
                    ka = key[f[0] + o]
                    z = key_at(a, b, c, ka, key[f[1] + o] - ka, key[f[2] + o] - ka, x, y)
                else:
                    cut = cut_face(
                        projected[f[0] + o], projected[f[1] + o], projected[f[2] + o], a, b, c,
                        wp.vec3i(f[0] + o, f[1] + o, f[2] + o),
                    )  # fmt: skip
                    z = cut_key(cut, x, y, near)
                if z < nearest:
                    nearest = z
                    found = e
            p = (view * size[1] + y) * size[0] + x
            key_buffer[p] = nearest
            entry_buffer[p] = found
            face_buffer[p] = -1
            if found >= 0:
                face_buffer[p] = shift + entry_slot[found]

    return SimpleNamespace(bands=bands, pixels=pixels)
