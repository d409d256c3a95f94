"""Which faces may touch which tile of the image: counted, summed up and filled in, in parallel and in a fixed order."""

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
SUBPIXELS = 256


@cache
def _kernels(real: type) -> SimpleNamespace:
    vec2 = wp.types.vector(2, real)
    vec4 = wp.types.vector(4, real)
    module = kernel_module(__name__, real)
    near_plane = near_plane_functions(real)
    Outline, outline_of = near_plane.Outline, near_plane.outline_of

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
        first: int, projected: wp.array(dtype=vec4), faces: wp.array(dtype=wp.vec3i), first_face: wp.array(dtype=int),
        row_offset: wp.array(dtype=int), first_slot: wp.array(dtype=int), near: real, size: wp.vec2i, tile: int,
        corners: wp.array2d(dtype=int), keys: wp.array2d(dtype=real), box: wp.array(dtype=wp.vec4i),
        view: wp.array(dtype=int), count: wp.array(dtype=int),
    ):  # fmt: skip
        """Fixed-point corners, keys, box of tiles and number of tiles of a slot."""
        s = first + wp.tid()
        b = view_of(first_slot, s)
        view[s] = b
        t = faces[first_face[b] + s - first_slot[b]]
        offset = row_offset[b]
        outline = outline_of(projected[t[0] + offset], projected[t[1] + offset], projected[t[2] + offset], near)
        box[s] = wp.vec4i(0, 0, -1, -1)
        count[s] = 0
        # A first corner that can't be marks the outlines that the rasteriser has to cut again.
        corners[s, 0] = -2147483647
        if outline.corners >= 3:
            if outline.corners == 3 and outline.cut == 0:
                for k in range(3):
                    corners[s, 2 * k] = outline.x[k]
                    corners[s, 2 * k + 1] = outline.y[k]
                    keys[s, k] = outline.key[k]
            x0 = outline.x[0]
            x1 = outline.x[0]
            y0 = outline.y[0]
            y1 = outline.y[0]
            for k in range(1, outline.corners):
                x0 = wp.min(x0, outline.x[k])
                x1 = wp.max(x1, outline.x[k])
                y0 = wp.min(y0, outline.y[k])
                y1 = wp.max(y1, outline.y[k])
            # One unit more: rounding to fixed point moved the corners by up to half of one.
            px0 = (x0 - 1) >> 8
            py0 = (y0 - 1) >> 8
            px1 = (x1 + 1) >> 8
            py1 = (y1 + 1) >> 8
            if px1 >= 0 and py1 >= 0 and px0 < size[0] and py0 < size[1]:
                tx0 = wp.max(px0, 0) // tile
                ty0 = wp.max(py0, 0) // tile
                tx1 = wp.min(px1, size[0] - 1) // tile
                ty1 = wp.min(py1, size[1] - 1) // tile
                box[s] = wp.vec4i(tx0, ty0, tx1, ty1)
                count[s] = (tx1 - tx0 + 1) * (ty1 - ty0 + 1)

    @wp.kernel(module=module, enable_backward=False)
    def histogram(
        first: int, box: wp.array(dtype=wp.vec4i), view: wp.array(dtype=int), chunk: int, grid: wp.vec2i,
        counts: wp.array2d(dtype=int),
    ):  # fmt: skip
        """Entries of a chunk of slots in each tile; `counts` (chunks, tiles) starts at zero."""
        c = first + wp.tid()
        for s in range(c * chunk, wp.min((c + 1) * chunk, box.shape[0])):
            r = box[s]
            for ty in range(r[1], r[3] + 1):
                row = (view[s] * grid[1] + ty) * grid[0]
                for tx in range(r[0], r[2] + 1):
                    counts[c, row + tx] = counts[c, row + tx] + 1

    @wp.kernel(module=module, enable_backward=False)
    def offsets(first: int, counts: wp.array2d(dtype=int), total: wp.array(dtype=int)):
        """Turns the counts of a tile into places before each chunk's; their sum into `total`."""
        t = first + wp.tid()
        so_far = int(0)
        for c in range(counts.shape[0]):
            n = counts[c, t]
            counts[c, t] = so_far
            so_far += n
        total[t] = so_far

    @wp.kernel(module=module, enable_backward=False)
    def fill(
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

    return SimpleNamespace(boxes=boxes, histogram=histogram, offsets=offsets, fill=fill)


class Slots:
    """Set-up of all slots: fixed-point `corners` (S, 6) int32, depth `keys` (S, 3), `view` (S,) int32."""

    def __init__(self, corners: Tensor, keys: Tensor, view: Tensor) -> None:
        self.corners, self.keys, self.view = corners, keys, view


def running_sum(counts: Tensor) -> Tensor:
    """(N + 1,) int32: 0 and the sums of the first 1, 2, .. N counts."""
    sums = torch.empty(len(counts) + 1, dtype=torch.int32, device=counts.device)
    sums[0] = 0
    torch.cumsum(counts, 0, dtype=torch.int32, out=sums[1:])
    return sums


def bin_faces(projected: Tensor, batch: Batch, near: float) -> tuple[Slots, Bins]:
    """Set-up of each slot and the bins of `batch`; see `raster_types.Bins`."""
    device, count = projected.device, batch.slots
    real = real_of(projected)
    kernels = _kernels(real)
    columns, rows = -(-batch.width // TILE), -(-batch.height // TILE)
    corners = torch.empty(count, 6, dtype=torch.int32, device=device)
    keys = projected.new_empty(count, 3)
    box, view, entries = (torch.empty(count, *inner, dtype=torch.int32, device=device) for inner in ((4,), (), ()))
    boxed, viewed = warp_view(box, wp.vec4i), warp_view(view)
    inputs = [
        warp_view(projected, wp.types.vector(4, real)), warp_view(batch.faces, wp.vec3i), warp_view(batch.first_face),
        warp_view(batch.row_offset), warp_view(batch.first_slot), real(near), wp.vec2i(batch.width, batch.height), TILE,
        warp_view(corners), warp_view(keys), boxed, viewed, warp_view(entries),
    ]  # fmt: skip
    dispatch(kernels.boxes, count, inputs, device)
    slot_entry = running_sum(entries)
    tiles, total = batch.views * rows * columns, int(slot_entry[-1])
    counts = torch.zeros(CHUNKS, tiles, dtype=torch.int32, device=device)
    sizes = torch.empty(tiles, dtype=torch.int32, device=device)
    chunk, grid, counted = -(-count // CHUNKS), wp.vec2i(columns, rows), warp_view(counts)
    dispatch(kernels.histogram, CHUNKS, [boxed, viewed, chunk, grid, counted], device, 1)
    dispatch(kernels.offsets, tiles, [counted, warp_view(sizes)], device)
    tile_first = running_sum(sizes)
    tile_entry, entry_slot = (torch.empty(total, dtype=torch.int32, device=device) for _ in range(2))
    inputs = [
        boxed, viewed, warp_view(slot_entry), chunk, grid, warp_view(tile_first), counted, warp_view(tile_entry),
        warp_view(entry_slot),
    ]  # fmt: skip
    dispatch(kernels.fill, CHUNKS, inputs, device, 1)
    return Slots(corners, keys, view), Bins(TILE, rows, columns, box, slot_entry, entry_slot, tile_first, tile_entry)
