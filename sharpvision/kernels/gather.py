"""Sums over the points of faces, brought to vertices without atomics, in an order that no thread can change.

A *group* is an entry that holds points. A kernel that runs over groups leaves what its three corners get in rows 3 g to
3 g + 2; `gathered` sums, for every vertex of every view, the rows of the groups of the faces around it.
"""

from dataclasses import dataclass
from functools import cache
from types import SimpleNamespace

import torch
import warp as wp
from torch import Tensor
from torch.utils.weak import WeakIdKeyDictionary

from sharpvision.kernels.batch import Batch
from sharpvision.kernels.corners import Corners
from sharpvision.kernels.dispatch import dispatch, kernel_module, real_of, warp_view
from sharpvision.kernels.launch import start_warp
from sharpvision.kernels.raster_types import Points

start_warp()

BANDS = 8
LEAST_BAND = 256
# Views have the same rows and see the same faces; have the same rows, but no face in common; have rows of their own.
_SHARED, _DISJOINT, _OFFSET = wp.constant(0), wp.constant(1), wp.constant(2)


@dataclass(frozen=True, eq=False)
class Groups:
    """G entries that hold points, in the order of entries: group g holds points `first[g]` to `first[g] + count[g]` - 1
    and belongs to a slot; slot s has groups `slot_group[s]` to `slot_group[s + 1]` - 1. All int32."""

    first: Tensor
    count: Tensor
    slot_group: Tensor

    def __len__(self) -> int:
        return len(self.first)


_groups: WeakIdKeyDictionary = WeakIdKeyDictionary()


def groups_of(points: Points, batch: Batch) -> Groups:
    """The groups of a batch's points; found once and kept with the points."""
    kept = _groups.get(points)
    if kept is None or kept[0] is not batch:
        with torch.no_grad():
            kept = (batch, _compact(points, batch))
        _groups[points] = kept
    groups: Groups = kept[1]
    return groups


def _compact(points: Points, batch: Batch) -> Groups:
    filled = points.entry_count.nonzero()[:, 0]
    first, count = points.entry_first[filled], points.entry_count[filled]
    view = points.view[first]
    slot = (batch.first_slot[:-1] - batch.first_face)[view] + points.face[first]
    slot_group = torch.zeros(batch.slots + 1, dtype=torch.int32, device=first.device)
    torch.cumsum(torch.bincount(slot, minlength=batch.slots), 0, dtype=torch.int32, out=slot_group[1:])
    return Groups(first, count, slot_group)


def in_few_bands(kernel: wp.Kernel, items: int, inputs: list, device: torch.device) -> None:  # type: ignore[type-arg]
    """`dispatch` in at most `BANDS` bands: for kernels that take well under a millisecond."""
    dispatch(kernel, items, inputs, device, band_items=max(LEAST_BAND, -(-items // BANDS)))


@cache
def _kernels(real: type) -> SimpleNamespace:
    vec4 = wp.types.vector(4, real)
    module = kernel_module(__name__, real)

    @wp.func
    def slot_sum(rows: wp.array2d(dtype=vec4), slot_group: wp.array(dtype=int), slot: int, k: int, w: int) -> vec4:
        s = vec4()
        for g in range(slot_group[slot], slot_group[slot + 1]):
            s += rows[3 * g + k, w]
        return s

    @wp.func
    def last_not_above(values: wp.array(dtype=int), x: int) -> int:
        """Last index of ascending values with values[i] <= x, -1 where there is none."""
        low = int(-1)
        high = values.shape[0]
        while high - low > 1:
            middle = (low + high) // 2
            if values[middle] <= x:
                low = middle
            else:
                high = middle
        return low

    @wp.kernel(module=module, enable_backward=False)
    def gather(
        first: int, relation: int, corner_first: wp.array(dtype=int), corner: wp.array(dtype=int),
        offset: wp.array(dtype=int), first_face: wp.array(dtype=int), face_count: wp.array(dtype=int),
        first_slot: wp.array(dtype=int), slot_group: wp.array(dtype=int), rows: wp.array2d(dtype=vec4),
        out: wp.array2d(dtype=vec4),
    ):  # fmt: skip
        i = first + wp.tid()
        r = i // out.shape[1]
        w = i - r * out.shape[1]
        vertices = corner_first.shape[0] - 1
        s = vec4()
        if relation == _OFFSET:
            b = last_not_above(offset, r)
            while b >= 0 and r - offset[b] < vertices:
                v = r - offset[b]
                for j in range(corner_first[v], corner_first[v + 1]):
                    f = corner[j] // 3 - first_face[b]
                    if f >= 0 and f < face_count[b]:
                        s += slot_sum(rows, slot_group, first_slot[b] + f, corner[j] % 3, w)
                b -= 1
        else:
            v = r - offset[0]
            if v >= 0 and v < vertices:
                for j in range(corner_first[v], corner_first[v + 1]):
                    face = corner[j] // 3
                    b = int(0)
                    stop = first_face.shape[0]
                    if relation == _DISJOINT:
                        if stop > 1:
                            b = wp.max(last_not_above(first_face, face), 0)
                        stop = b + 1
                    while b < stop:
                        f = face - first_face[b]
                        if f >= 0 and f < face_count[b]:
                            s += slot_sum(rows, slot_group, first_slot[b] + f, corner[j] % 3, w)
                        b += 1
        out[r, w] = s

    return SimpleNamespace(gather=gather)


def gathered(rows: Tensor, groups: Groups, batch: Batch, corners: Corners, offset: Tensor, count: int) -> Tensor:
    """Sums (count, 4 W) of the rows (3 G, 4 W) over the groups and corners at each vertex.

    Vertex v of view b is row `offset[b]` + v of the result. `corners` of all the batch's faces. Raises `ValueError`
    where offsets differ and descend.
    """
    real = real_of(rows)
    vec4, width = wp.types.vector(4, real), rows.shape[1] // 4
    if len(groups) == 0:
        return rows.new_zeros(count, rows.shape[1])
    out = rows.new_empty(count, rows.shape[1])
    inputs = [
        _relation(batch, offset), warp_view(corners.first), warp_view(corners.corner), warp_view(offset),
        warp_view(batch.first_face), warp_view(batch.face_count), warp_view(batch.first_slot),
        warp_view(groups.slot_group), warp_view(rows.view(-1, width, 4), vec4),
        warp_view(out.view(-1, width, 4), vec4),
    ]  # fmt: skip
    in_few_bands(_kernels(real).gather, count * width, inputs, rows.device)
    return out


def _relation(batch: Batch, offset: Tensor) -> int:
    """How views share rows and faces: see the constants."""
    starts = offset.tolist()
    if starts.count(starts[0]) < len(starts):
        if starts != sorted(starts):
            raise ValueError(f"offsets of views must all be equal or ascend, not {starts}")
        return 2
    first, count = batch.first_face.tolist(), batch.face_count.tolist()
    ends = [f + c for f, c in zip(first, count, strict=True)]
    return int(all(end <= f for end, f in zip(ends, first[1:], strict=False)))
