"""Where each face may touch the image: its box of tiles, and lists of faces for bands of rows and for tiles.

Lists are filled in parallel and in a fixed order without atomics: slots are cut into chunks, each counts its own
entries in every list, running sums give each chunk its places, and each fills them in. The lists come out ascending, so
they do not depend on the number of chunks, which is fixed for a CPU and larger for CUDA.
"""

from dataclasses import dataclass
from functools import cache
from types import SimpleNamespace

import torch
import warp as wp
from torch import Tensor

from sharpvision.core.errors import SharpVisionError
from sharpvision.kernels.batch import Batch
from sharpvision.kernels.dispatch import dispatch, kernel_module, real_of
from sharpvision.kernels.launch import start_warp
from sharpvision.kernels.near_plane import OFF, near_plane_functions
from sharpvision.kernels.prefetch import corner_fetch
from sharpvision.kernels.raster_types import Bins
from sharpvision.kernels.silhouette_facing import UNSEEN, facing_functions
from sharpvision.kernels.views import warp_view

start_warp()

TILE = 16
CPU_CHUNKS, CUDA_CHUNKS = 16, 1024
# Least of vertices, and of slots counted and filled, in a band: a band costs a microsecond, and another where a thread
# comes late to it.
_SNAPPED, _COUNTED, _FILLED = 4096, 1024, 2048
_LAUNCHES = 16


@cache
def _kernels(real: type) -> SimpleNamespace:
    vec4 = wp.types.vector(4, real)
    module = kernel_module(__name__, real)
    module.options["fuse_fp"] = False
    fetch, fetch_rows = corner_fetch(wp.vec2i), corner_fetch(vec4)
    side_of, unseen = facing_functions(real).side_of, wp.constant(UNSEEN)
    functions = near_plane_functions(real)
    fixed, within, cut_box = functions.fixed, functions.within, functions.cut_box

    @wp.kernel(module=module, enable_backward=False)
    def snap(
        first: int, projected: wp.array(dtype=vec4), near: real, place: wp.array(dtype=wp.vec2i),
        key: wp.array(dtype=real),
    ):  # fmt: skip
        """Pixel coordinates of a vertex in 1/256 pixel, and its depth key."""
        i = first + wp.tid()
        p = projected[i]
        found = wp.vec2i(OFF, 0)
        depth = real(0.0)
        if p[3] >= near:
            x = p[0] / p[3]
            y = p[1] / p[3]
            if within(x, y):
                found = wp.vec2i(fixed(x), fixed(y))
                depth = p[2] / p[3]
        place[i] = found
        key[i] = depth

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
    def boxes(
        first: int, chunk: int, projected: wp.array(dtype=vec4), place: wp.array(dtype=wp.vec2i),
        faces: wp.array(dtype=wp.vec3i), first_face: wp.array(dtype=int), row_offset: wp.array(dtype=int),
        first_slot: wp.array(dtype=int), face_flags: wp.array(dtype=wp.uint8), behind: wp.array(dtype=wp.uint8),
        near: real, size: wp.vec2i, grid: wp.vec2i, side: wp.array(dtype=wp.uint8), box: wp.array(dtype=wp.vec4i),
        bands: wp.array(dtype=int), view: wp.array(dtype=int), slot_entry: wp.array(dtype=int),
        entries: wp.array(dtype=int), counts: wp.array2d(dtype=int), tile_counts: wp.array2d(dtype=int),
    ):  # fmt: skip
        """Boxes of tiles of a chunk's slots, their entries numbered from 0 and counted by tile, and the bands of rows
        in which a slot may cover a pixel's centre, first + 65536 last, counted. With flags of faces also the sides of
        slots; those unseen touch nothing. `grid`: columns and rows of tiles."""
        c = first + wp.tid()
        for n in range(counts.shape[1]):
            counts[c, n] = 0
        for n in range(tile_counts.shape[1]):
            tile_counts[c, n] = 0
        slots = slot_entry.shape[0] - 1
        start = wp.min(c * chunk, slots)
        b = view_of(first_slot, start) - 1
        end = int(start)
        shift = int(0)
        o = int(0)
        number = int(0)
        stop = wp.min(start + chunk, slots)
        for s in range(start, stop):
            while s >= end:
                b += 1
                end = first_slot[b + 1]
                shift = first_face[b] - first_slot[b]
                o = row_offset[b]
            fetch(shift + s, wp.min(shift + stop, faces.shape[0]), o, faces, place)
            t = faces[shift + s]
            view[s] = b
            slot_entry[s] = number
            if face_flags.shape[0] > 0:
                fetch_rows(shift + s, wp.min(shift + stop, faces.shape[0]), o, faces, projected)
                found = side_of(
                    projected[t[0] + o], projected[t[1] + o], projected[t[2] + o], int(face_flags[shift + s]), behind[0]
                )  # fmt: skip
                side[s] = wp.uint8(found)
                if (found & unseen) != 0:
                    box[s] = wp.vec4i(0, 0, -1, -1)
                    bands[s] = 1
                    continue
            p = place[t[0] + o]
            q = place[t[1] + o]
            r = place[t[2] + o]
            x0 = wp.min(wp.min(p[0], q[0]), r[0])
            y0 = wp.min(wp.min(p[1], q[1]), r[1])
            x1 = wp.max(wp.max(p[0], q[0]), r[0])
            y1 = wp.max(wp.max(p[1], q[1]), r[1])
            # One unit more: rounding to fixed point moved the corners by up to half of one.
            pixels = wp.vec4i(
                wp.max((x0 - 1) >> 8, 0), wp.max((y0 - 1) >> 8, 0),
                wp.min((x1 + 1) >> 8, size[0] - 1), wp.min((y1 + 1) >> 8, size[1] - 1),
            )  # fmt: skip
            # Centre 256 x + 128 lies in [x0, x1] for x from ceil((x0 - 128) / 256) to floor((x1 - 128) / 256).
            centres = wp.vec4i(
                wp.max((x0 + 127) >> 8, 0), wp.max((y0 + 127) >> 8, 0),
                wp.min((x1 - 128) >> 8, size[0] - 1), wp.min((y1 - 128) >> 8, size[1] - 1),
            )  # fmt: skip
            if x0 == OFF:
                pixels = cut_box(projected[t[0] + o], projected[t[1] + o], projected[t[2] + o], near, size)
                centres = pixels
            tiles = wp.vec4i(0, 0, -1, -1)
            if pixels[0] <= pixels[2] and pixels[1] <= pixels[3]:
                tiles = wp.vec4i(pixels[0] >> 4, pixels[1] >> 4, pixels[2] >> 4, pixels[3] >> 4)
            y_first = int(1)
            y_last = int(0)
            if centres[0] <= centres[2] and centres[1] <= centres[3]:
                y_first = centres[1] >> 4
                y_last = centres[3] >> 4
            box[s] = tiles
            bands[s] = y_first | (y_last << 16)
            number += (tiles[2] - tiles[0] + 1) * (tiles[3] - tiles[1] + 1)
            for y in range(y_first, y_last + 1):
                counts[c, b * grid[1] + y] = counts[c, b * grid[1] + y] + 1
            for ty in range(tiles[1], tiles[3] + 1):
                row = (b * grid[1] + ty) * grid[0]
                for tx in range(tiles[0], tiles[2] + 1):
                    tile_counts[c, row + tx] = tile_counts[c, row + tx] + 1
        entries[c] = number

    @wp.kernel(module=module, enable_backward=False)
    def fill_bands(
        first: int, chunk: int, bands: wp.array(dtype=int), view: wp.array(dtype=int), rows: int,
        chunk_entry: wp.array(dtype=int), band_first: wp.array(dtype=int), counts: wp.array2d(dtype=int),
        slot_entry: wp.array(dtype=int), band_slot: wp.array(dtype=int),
    ):  # fmt: skip
        c = first + wp.tid()
        slots = bands.shape[0]
        base = chunk_entry[c]
        for s in range(c * chunk, wp.min((c + 1) * chunk, slots)):
            slot_entry[s] = slot_entry[s] + base
            both = bands[s]
            for y in range(both & 65535, (both >> 16) + 1):
                t = view[s] * rows + y
                place = counts[c, t]
                counts[c, t] = place + 1
                band_slot[band_first[t] + place] = s

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
        snap=snap, boxes=boxes, fill_bands=fill_bands, offsets=offsets, fill_tiles=fill_tiles
    )


@dataclass(frozen=True, eq=False)
class Screen:
    """Vertices in fixed point, `place` (rows, 2) int32 and `key` (rows,), and lists of slots for bands of `TILE` rows:
    band t = view * bands + row // TILE holds `band_slot[band_first[t] : band_first[t + 1]]`, ascending."""

    place: Tensor
    key: Tensor
    band_first: Tensor
    band_slot: Tensor


def running_sum(counts: Tensor) -> Tensor:
    """(N + 1,) int32: 0 and the sums of the first 1, 2, .. N counts."""
    sums = torch.empty(len(counts) + 1, dtype=torch.int32, device=counts.device)
    sums[0] = 0
    torch.cumsum(counts, 0, dtype=torch.int32, out=sums[1:])
    return sums


def _chunks(device: torch.device) -> int:
    return CPU_CHUNKS if device.type == "cpu" else CUDA_CHUNKS


def _band(items: int, size: int, least: int) -> int:
    """Items a launch: at least `least` / `size` of them, at most `_LAUNCHES` launches."""
    return max(-(-items // _LAUNCHES), -(-least // max(1, size)))


def bin_faces(
    projected: Tensor, batch: Batch, near: float, hidden: tuple[Tensor, Tensor] | None = None
) -> tuple[Screen, Bins, Tensor | None]:
    """Fixed-point vertices with lists of slots for the rasteriser, and the bins of `batch`, see `raster_types.Bins`.

    With `hidden`, `flags_of` edges and `behind_near`, without what is `UNSEEN`; and the sides of slots as `facing`.

    Raises `SharpVisionError` where there are more entries than 32 bits number.
    """
    device, count, real = projected.device, batch.slots, real_of(projected)
    kernels, chunks = _kernels(real), _chunks(projected.device)
    columns, rows = -(-batch.width // TILE), -(-batch.height // TILE)

    def ints(*shape: int) -> Tensor:
        return torch.empty(shape, dtype=torch.int32, device=device)

    place, key = ints(len(projected), 2), projected.new_empty(len(projected))
    rows4, placed = warp_view(projected, wp.types.vector(4, real)), warp_view(place, wp.vec2i)
    inputs = [rows4, real(near), placed, warp_view(key)]
    dispatch(kernels.snap, len(projected), inputs, device, _band(len(projected), 1, _SNAPPED))
    chunk, lists = -(-count // chunks), batch.views * rows
    box, bands, view, slot_entry = ints(count, 4), ints(count), ints(count), ints(count + 1)
    entries, counts, sizes = ints(chunks), ints(chunks, lists), ints(lists)
    tile_counts = ints(chunks, lists * columns)
    none = torch.empty(0, dtype=torch.uint8, device=device)
    side = none if hidden is None else none.new_empty(count)
    banded, viewed, numbered, counted = (warp_view(t) for t in (bands, view, slot_entry, counts))
    inputs = [
        chunk, rows4, placed, warp_view(batch.faces, wp.vec3i), warp_view(batch.first_face),
        warp_view(batch.row_offset), warp_view(batch.first_slot),
        *(warp_view(v) for v in hidden or (none, none)), real(near), wp.vec2i(batch.width, batch.height),
        wp.vec2i(columns, rows), warp_view(side), warp_view(box, wp.vec4i), banded, viewed, numbered,
        warp_view(entries), counted, warp_view(tile_counts),
    ]  # fmt: skip
    dispatch(kernels.boxes, chunks, inputs, device, _band(chunks, chunk, _COUNTED))
    dispatch(kernels.offsets, lists, [counted, warp_view(sizes)], device)
    chunk_entry, band_first = running_sum(entries), running_sum(sizes)
    total = int(entries.sum())
    if total >= 2**31:
        raise SharpVisionError(f"expected fewer than 2^31 pairs of face and tile, found {total}; render fewer views")
    slot_entry[count] = total
    band_slot = ints(int(band_first[-1]))
    inputs = [
        chunk, banded, viewed, rows, warp_view(chunk_entry), warp_view(band_first), counted, numbered,
        warp_view(band_slot),
    ]  # fmt: skip
    dispatch(kernels.fill_bands, chunks, inputs, device, _band(chunks, chunk, _FILLED))

    def lists_of_tiles() -> tuple[Tensor, Tensor, Tensor]:
        return tile_lists(real, (box, view, slot_entry), tile_counts, (columns, rows))

    bins = Bins(TILE, rows, columns, box, slot_entry, view, lists_of_tiles)
    return Screen(place, key, band_first, band_slot), bins, None if hidden is None else side


def tile_lists(
    real: type, slots: tuple[Tensor, Tensor, Tensor], counts: Tensor, grid: tuple[int, int]
) -> tuple[Tensor, Tensor, Tensor]:
    """`tile_first`, `tile_entry` and `entry_slot` of `raster_types.Bins`; `slots` its `slot_box`, `slot_view` and
    `slot_entry`, `counts` (chunks, tiles) entries, which are used up, `grid` columns and rows."""
    box, view, slot_entry = slots
    device, kernels, (chunks, tiles) = box.device, _kernels(real), counts.shape
    sizes = torch.empty(tiles, dtype=torch.int32, device=device)
    boxed, viewed, counted = warp_view(box, wp.vec4i), warp_view(view), warp_view(counts)
    chunk, cells = -(-len(box) // chunks), wp.vec2i(*grid)
    dispatch(kernels.offsets, tiles, [counted, warp_view(sizes)], device)
    tile_first = running_sum(sizes)
    tile_entry, entry_slot = (torch.empty(int(slot_entry[-1]), dtype=torch.int32, device=device) for _ in range(2))
    inputs = [
        boxed, viewed, warp_view(slot_entry), chunk, cells, warp_view(tile_first), counted, warp_view(tile_entry),
        warp_view(entry_slot),
    ]  # fmt: skip
    dispatch(kernels.fill_tiles, chunks, inputs, device, _band(chunks, chunk, _FILLED))
    return tile_first, tile_entry, entry_slot
