"""Where each face may touch the image: its box of tiles, and lists of faces for bands of rows and for tiles.

Lists are filled in parallel and in a fixed order: slots are cut into a fixed number of chunks, each counts its own
entries in every list, a running sum gives each chunk its places, and each fills them in.
"""

from functools import cache
from types import SimpleNamespace

import torch
import warp as wp
from torch import Tensor

from sharpvision.kernels.batch import Batch
from sharpvision.kernels.dispatch import dispatch, kernel_module, real_of, warp_view
from sharpvision.kernels.launch import start_warp
from sharpvision.kernels.near_plane import near_plane_functions
from sharpvision.kernels.raster_types import Bins

start_warp()

TILE = 16
CHUNKS = 16
OFF = -2147483648
"""Fixed-point x of a vertex whose faces must be cut before they are drawn."""


@cache
def _kernels(real: type) -> SimpleNamespace:
    vec4 = wp.types.vector(4, real)
    module = kernel_module(__name__, real)
    functions = near_plane_functions(real)
    outline_of, within, fixed = functions.outline_of, functions.within, functions.fixed

    @wp.func
    def view_of(first_slot: wp.array(dtype=int), slot: int) -> int:
        low = int(0)
        high = int(first_slot.shape[0] - 1)
        while high - low > 1:
            middle = (low + high) // 2
            if first_slot[middle] <= slot:
                low = middle
            else:
                high = middle
        return low

    @wp.kernel(module=module, enable_backward=False)
    def screen(
        first: int, projected: wp.array(dtype=vec4), near: real, place: wp.array(dtype=wp.vec2i),
        key: wp.array(dtype=real),
    ):  # fmt: skip
        """Pixel coordinates of a vertex in 1/256 pixel, and its depth key."""
        i = first + wp.tid()
        p = projected[i]
        if p[3] >= near and within(p):
            r = real(1.0) / p[3]
            place[i] = wp.vec2i(fixed(p[0] * r), fixed(p[1] * r))
            key[i] = p[2] * r
        else:
            place[i] = wp.vec2i(OFF, 0)

    @wp.func
    def cut_extent(a: vec4, b: vec4, c: vec4, near: real) -> wp.vec4i:
        """Least and greatest coordinates of an outline that has to be cut; first beyond last if nothing is left."""
        outline = outline_of(a, b, c, near)
        extent = wp.vec4i(2147483647, 2147483647, OFF, OFF)
        for k in range(outline.corners):
            extent[0] = wp.min(extent[0], outline.x[k])
            extent[1] = wp.min(extent[1], outline.y[k])
            extent[2] = wp.max(extent[2], outline.x[k])
            extent[3] = wp.max(extent[3], outline.y[k])
        return extent

    @wp.kernel(module=module, enable_backward=False)
    def boxes(
        first: int, projected: wp.array(dtype=vec4), place: wp.array(dtype=wp.vec2i), faces: wp.array(dtype=wp.vec3i),
        first_face: wp.array(dtype=int), row_offset: wp.array(dtype=int), first_slot: wp.array(dtype=int), near: real,
        size: wp.vec2i, box: wp.array(dtype=wp.vec4i), bands: wp.array(dtype=wp.vec2i), view: wp.array(dtype=int),
        count: wp.array(dtype=int),
    ):  # fmt: skip
        """Box of tiles of a slot, number of its tiles, and the bands of rows in which it may cover a pixel's centre."""
        s = first + wp.tid()
        b = view_of(first_slot, s)
        view[s] = b
        t = faces[first_face[b] + s - first_slot[b]]
        o = row_offset[b]
        p = place[t[0] + o]
        q = place[t[1] + o]
        r = place[t[2] + o]
        x0 = wp.min(wp.min(p[0], q[0]), r[0])
        y0 = wp.min(wp.min(p[1], q[1]), r[1])
        x1 = wp.max(wp.max(p[0], q[0]), r[0])
        y1 = wp.max(wp.max(p[1], q[1]), r[1])
        box[s] = wp.vec4i(0, 0, -1, -1)
        bands[s] = wp.vec2i(0, -1)
        count[s] = 0
        if x0 == OFF:
            extent = cut_extent(projected[t[0] + o], projected[t[1] + o], projected[t[2] + o], near)
            x0 = extent[0]
            y0 = extent[1]
            x1 = extent[2]
            y1 = extent[3]
        if x1 >= x0:
            # One unit more: rounding to fixed point moved the corners by up to half of one.
            px0 = (x0 - 1) >> 8
            py0 = (y0 - 1) >> 8
            px1 = (x1 + 1) >> 8
            py1 = (y1 + 1) >> 8
            if px1 >= 0 and py1 >= 0 and px0 < size[0] and py0 < size[1]:
                tx0 = wp.max(px0, 0) >> 4
                ty0 = wp.max(py0, 0) >> 4
                tx1 = wp.min(px1, size[0] - 1) >> 4
                ty1 = wp.min(py1, size[1] - 1) >> 4
                box[s] = wp.vec4i(tx0, ty0, tx1, ty1)
                count[s] = (tx1 - tx0 + 1) * (ty1 - ty0 + 1)
                # Centre 256 x + 128 lies in [x0, x1] for x from ceil((x0 - 128) / 256) to floor((x1 - 128) / 256).
                cx0 = wp.max((x0 + 127) >> 8, 0)
                cx1 = wp.min((x1 - 128) >> 8, size[0] - 1)
                cy0 = wp.max((y0 + 127) >> 8, 0)
                cy1 = wp.min((y1 - 128) >> 8, size[1] - 1)
                if cx0 <= cx1 and cy0 <= cy1:
                    bands[s] = wp.vec2i(cy0 >> 4, cy1 >> 4)

    @wp.kernel(module=module, enable_backward=False)
    def count_bands(
        first: int, bands: wp.array(dtype=wp.vec2i), view: wp.array(dtype=int), chunk: int, rows: int,
        counts: wp.array2d(dtype=int),
    ):  # fmt: skip
        c = first + wp.tid()
        for s in range(c * chunk, wp.min((c + 1) * chunk, bands.shape[0])):
            r = bands[s]
            for band in range(r[0], r[1] + 1):
                t = view[s] * rows + band
                counts[c, t] = counts[c, t] + 1

    @wp.kernel(module=module, enable_backward=False)
    def fill_bands(
        first: int, bands: wp.array(dtype=wp.vec2i), view: wp.array(dtype=int), chunk: int, rows: int,
        band_first: wp.array(dtype=int), counts: wp.array2d(dtype=int), band_slot: wp.array(dtype=int),
    ):  # fmt: skip
        c = first + wp.tid()
        for s in range(c * chunk, wp.min((c + 1) * chunk, bands.shape[0])):
            r = bands[s]
            for band in range(r[0], r[1] + 1):
                t = view[s] * rows + band
                place = counts[c, t]
                counts[c, t] = place + 1
                band_slot[band_first[t] + place] = s

    @wp.kernel(module=module, enable_backward=False)
    def count_tiles(
        first: int, box: wp.array(dtype=wp.vec4i), view: wp.array(dtype=int), chunk: int, grid: wp.vec2i,
        counts: wp.array2d(dtype=int),
    ):  # fmt: skip
        c = first + wp.tid()
        for s in range(c * chunk, wp.min((c + 1) * chunk, box.shape[0])):
            r = box[s]
            for ty in range(r[1], r[3] + 1):
                row = (view[s] * grid[1] + ty) * grid[0]
                for tx in range(r[0], r[2] + 1):
                    counts[c, row + tx] = counts[c, row + tx] + 1

    @wp.kernel(module=module, enable_backward=False)
    def offsets(first: int, counts: wp.array2d(dtype=int), total: wp.array(dtype=int)):
        """Turns the counts of a list into places before each chunk's; their sum into `total`."""
        t = first + wp.tid()
        so_far = int(0)
        for c in range(counts.shape[0]):
            n = counts[c, t]
            counts[c, t] = so_far
            so_far += n
        total[t] = so_far

    @wp.kernel(module=module, enable_backward=False)
    def fill_tiles(
        first: int, box: wp.array(dtype=wp.vec4i), view: wp.array(dtype=int), slot_entry: wp.array(dtype=int),
        chunk: int, grid: wp.vec2i, tile_first: wp.array(dtype=int), counts: wp.array2d(dtype=int),
        tile_entry: wp.array(dtype=int), entry_slot: wp.array(dtype=int),
    ):  # fmt: skip
        c = first + wp.tid()
        for s in range(c * chunk, wp.min((c + 1) * chunk, box.shape[0])):
            r = box[s]
            e = slot_entry[s]
            for ty in range(r[1], r[3] + 1):
                row = (view[s] * grid[1] + ty) * grid[0]
                for tx in range(r[0], r[2] + 1):
                    t = row + tx
                    place = counts[c, t]
                    counts[c, t] = place + 1
                    tile_entry[tile_first[t] + place] = e
                    entry_slot[e] = s
                    e += 1

    return SimpleNamespace(
        screen=screen, boxes=boxes, count_bands=count_bands, fill_bands=fill_bands, count_tiles=count_tiles,
        offsets=offsets, fill_tiles=fill_tiles,
    )  # fmt: skip


class Screen:
    """Vertices in fixed point, `place` (rows, 2) int32 and `key` (rows,), and lists of slots for bands of `TILE` rows:
    band t = view * bands + row // TILE holds `band_slot[band_first[t] : band_first[t + 1]]`, ascending. `cut`: some
    vertex lies before the near plane or beyond the guard band."""

    def __init__(self, place: Tensor, key: Tensor, band_first: Tensor, band_slot: Tensor) -> None:
        self.place, self.key, self.band_first, self.band_slot = place, key, band_first, band_slot
        self.cut = len(place) > 0 and int(place[:, 0].min()) == OFF


def running_sum(counts: Tensor) -> Tensor:
    """(N + 1,) int32: 0 and the sums of the first 1, 2, .. N counts."""
    sums = torch.empty(len(counts) + 1, dtype=torch.int32, device=counts.device)
    sums[0] = 0
    torch.cumsum(counts, 0, dtype=torch.int32, out=sums[1:])
    return sums


def bin_faces(projected: Tensor, batch: Batch, near: float) -> tuple[Screen, Bins]:
    """Fixed-point vertices with lists of slots for the rasteriser, and the bins of `batch`, see `raster_types.Bins`."""
    device, count, real = projected.device, batch.slots, real_of(projected)
    kernels = _kernels(real)
    columns, rows = -(-batch.width // TILE), -(-batch.height // TILE)

    def ints(*shape: int) -> Tensor:
        return torch.empty(shape, dtype=torch.int32, device=device)

    place, key = ints(len(projected), 2), projected.new_empty(len(projected))
    rows4, placed = warp_view(projected, wp.types.vector(4, real)), warp_view(place, wp.vec2i)
    dispatch(kernels.screen, len(projected), [rows4, real(near), placed, warp_view(key)], device)
    box, bands, view, entries = ints(count, 4), ints(count, 2), ints(count), ints(count)
    boxed, banded, viewed = warp_view(box, wp.vec4i), warp_view(bands, wp.vec2i), warp_view(view)
    inputs = [
        rows4, placed, warp_view(batch.faces, wp.vec3i), warp_view(batch.first_face), warp_view(batch.row_offset),
        warp_view(batch.first_slot), real(near), wp.vec2i(batch.width, batch.height), boxed, banded, viewed,
        warp_view(entries),
    ]  # fmt: skip
    dispatch(kernels.boxes, count, inputs, device)
    slot_entry = running_sum(entries)
    chunk, lists = -(-count // CHUNKS), batch.views * rows
    counts, sizes = torch.zeros(CHUNKS, lists, dtype=torch.int32, device=device), ints(lists)
    counted = warp_view(counts)
    dispatch(kernels.count_bands, CHUNKS, [banded, viewed, chunk, rows, counted], device, 1)
    dispatch(kernels.offsets, lists, [counted, warp_view(sizes)], device)
    band_first = running_sum(sizes)
    band_slot = ints(int(band_first[-1]))
    inputs = [banded, viewed, chunk, rows, warp_view(band_first), counted, warp_view(band_slot)]
    dispatch(kernels.fill_bands, CHUNKS, inputs, device, 1)

    def lists_of_tiles() -> tuple[Tensor, Tensor, Tensor]:
        return tile_lists(real, box, view, slot_entry, (batch.views, rows, columns))

    return Screen(place, key, band_first, band_slot), Bins(TILE, rows, columns, box, slot_entry, view, lists_of_tiles)


def tile_lists(
    real: type, box: Tensor, view: Tensor, slot_entry: Tensor, grid: tuple[int, int, int]
) -> tuple[Tensor, Tensor, Tensor]:
    """`tile_first`, `tile_entry` and `entry_slot` of `raster_types.Bins`; `grid` is (views, rows, columns)."""
    device, kernels, tiles = box.device, _kernels(real), grid[0] * grid[1] * grid[2]
    counts = torch.zeros(CHUNKS, tiles, dtype=torch.int32, device=device)
    sizes = torch.empty(tiles, dtype=torch.int32, device=device)
    boxed, viewed, counted = warp_view(box, wp.vec4i), warp_view(view), warp_view(counts)
    chunk, cells = -(-len(box) // CHUNKS), wp.vec2i(grid[2], grid[1])
    dispatch(kernels.count_tiles, CHUNKS, [boxed, viewed, chunk, cells, counted], device, 1)
    dispatch(kernels.offsets, tiles, [counted, warp_view(sizes)], device)
    tile_first = running_sum(sizes)
    tile_entry, entry_slot = (torch.empty(int(slot_entry[-1]), dtype=torch.int32, device=device) for _ in range(2))
    inputs = [
        boxed, viewed, warp_view(slot_entry), chunk, cells, warp_view(tile_first), counted, warp_view(tile_entry),
        warp_view(entry_slot),
    ]  # fmt: skip
    dispatch(kernels.fill_tiles, CHUNKS, inputs, device, 1)
    return tile_first, tile_entry, entry_slot
