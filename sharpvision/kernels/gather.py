"""Sums over the points of faces, brought to vertices without atomics, in an order that no thread can change.

A *group* is an entry that holds points. A kernel that runs over groups leaves what its three corners get in rows 3 g to
3 g + 2. On a CPU one thread adds them up, group by group: few faces are seen, and asking all faces around all vertices
costs ten times as much on a large mesh. On CUDA every vertex of every view asks the faces around it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from types import SimpleNamespace
from typing import Any, Self

import torch
import warp as wp
from torch import Tensor
from torch.utils.weak import WeakIdKeyDictionary

from sharpvision.kernels.batch import Batch
from sharpvision.kernels.corners import corners_of
from sharpvision.kernels.dispatch import dispatch, kernel_module, real_of
from sharpvision.kernels.launch import start_warp
from sharpvision.kernels.raster_types import Points
from sharpvision.kernels.views import warp_view

start_warp()

BANDS = 16
LEAST_BAND = 256
# Views have the same rows and see the same faces; have the same rows, but no face in common; have rows of their own.
_SHARED, _DISJOINT, _OFFSET = wp.constant(0), wp.constant(1), wp.constant(2)


@dataclass(frozen=True, eq=False)
class Groups:
    """G entries that hold points, in a fixed order, on CUDA that of entries: group g holds the `count[g]` points from
    `first[g]` on, on `face[g]` in `view[g]`. All int32."""

    first: Tensor
    count: Tensor
    face: Tensor
    view: Tensor

    def __len__(self) -> int:
        return len(self.first)

    def of_slots(self, batch: Batch) -> Tensor:
        """(S + 1,) int32: slot s has groups `[s]` to `[s + 1]` - 1."""
        slot = (batch.first_slot[:-1] - batch.first_face)[self.view] + self.face
        starts = torch.zeros(batch.slots + 1, dtype=torch.int32, device=slot.device)
        starts[1:] = torch.bincount(slot, minlength=batch.slots).cumsum(0)
        return starts


_groups: WeakIdKeyDictionary = WeakIdKeyDictionary()


def keep_groups(points: Points, groups: Groups) -> None:
    """Spare `groups_of` the search: the maker of points knows their groups."""
    _groups[points] = groups


def groups_of(points: Points) -> Groups:
    """The groups of points; found once and kept with them."""
    groups: Groups | None = _groups.get(points)
    if groups is None:
        with torch.no_grad():
            filled = points.entry_count.nonzero()[:, 0]
            first, count = (v.index_select(0, filled) for v in (points.entry_first, points.entry_count))
            face, view = (v.index_select(0, first) for v in (points.face, points.view))
            groups = Groups(first, count, face, view)
        _groups[points] = groups
    return groups


def in_few_bands(kernel: wp.Kernel, items: int, inputs: list[Any], device: torch.device) -> None:
    """`dispatch` in at most `BANDS` bands: for kernels that take a few milliseconds at most."""
    dispatch(kernel, items, inputs, device, band_items=max(LEAST_BAND, -(-items // BANDS)))


# Rows of neighbouring groups lie apart in memory: ask for those that come next.
_FETCH = """
#if !defined(__CUDA_ARCH__)
    if (g + 16 < face.shape[0])
        __builtin_prefetch(faces.data + face.data[g + 16]);
    if (g + 8 < face.shape[0]) {
        const auto& corners = faces.data[face.data[g + 8]];
        for (int k = 0; k < 3; ++k)
            __builtin_prefetch(out.data + (long long)(corners[k] + shift) * out.shape[1] + column);
    }
#endif
"""


@cache
def _kernels(real: type) -> SimpleNamespace:
    vec3, vec4 = wp.types.vector(3, real), wp.types.vector(4, real)
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

    @wp.func_native(_FETCH)
    def fetch(
        g: int, shift: int, column: int, face: wp.array(dtype=int), faces: wp.array(dtype=wp.vec3i),
        out: wp.array2d(dtype=vec4),
    ): ...  # fmt: skip

    @wp.func_native(_FETCH)
    def fetch_narrow(
        g: int, shift: int, column: int, face: wp.array(dtype=int), faces: wp.array(dtype=wp.vec3i),
        out: wp.array2d(dtype=vec3),
    ): ...  # fmt: skip

    @wp.func
    def add_rows(
        w: int, face: wp.array(dtype=int), view: wp.array(dtype=int), offset: wp.array(dtype=int),
        faces: wp.array(dtype=wp.vec3i), rows: wp.array2d(dtype=vec4), out: wp.array2d(dtype=vec4),
        narrow: wp.array2d(dtype=vec3),
    ):  # fmt: skip
        """All groups one after the other, for column w of four; of three where `narrow` has room."""
        for r in range(narrow.shape[0]):
            narrow[r, 0] = vec3()
        if narrow.shape[0] > 0:
            for g in range(face.shape[0]):
                t = faces[face[g]]
                shift = offset[view[g]]
                fetch_narrow(g, shift, 0, face, faces, narrow)
                for k in range(3):
                    row = rows[3 * g + k, 0]
                    narrow[t[k] + shift, 0] = narrow[t[k] + shift, 0] + vec3(row[0], row[1], row[2])
            return
        for r in range(out.shape[0]):
            out[r, w] = vec4()
        for g in range(face.shape[0]):
            t = faces[face[g]]
            shift = offset[view[g]]
            fetch(g, shift, w, face, faces, out)
            for k in range(3):
                r = t[k] + shift
                out[r, w] = out[r, w] + rows[3 * g + k, w]

    @wp.kernel(module=module, enable_backward=False)
    def scatter(
        first: int, face: wp.array(dtype=int), view: wp.array(dtype=int), offset: wp.array(dtype=int),
        faces: wp.array(dtype=wp.vec3i), rows: wp.array2d(dtype=vec4), out: wp.array2d(dtype=vec4),
        narrow: wp.array2d(dtype=vec3), other_offset: wp.array(dtype=int), other_faces: wp.array(dtype=wp.vec3i),
        other_rows: wp.array2d(dtype=vec4), other_out: wp.array2d(dtype=vec4), other_narrow: wp.array2d(dtype=vec3),
    ):  # fmt: skip
        """An item is four columns, of `rows` or, after these, of `other_rows`."""
        i = first + wp.tid()
        if i < rows.shape[1]:
            add_rows(i, face, view, offset, faces, rows, out, narrow)
        else:
            i -= rows.shape[1]
            add_rows(i, face, view, other_offset, other_faces, other_rows, other_out, other_narrow)

    return SimpleNamespace(gather=gather, scatter=scatter)


@dataclass(frozen=True, eq=False)
class CornerValues:
    """Which row of some values a corner has: `faces` (F, 3) int32, plus `offset` (B,) int32 of the view."""

    faces: Tensor
    offset: Tensor

    @classmethod
    def of(cls, faces: Tensor, offset: Tensor | None, batch: Batch) -> Self:
        """No offset counts as zeros. Raises `ValueError` where `faces` differ in number from the batch's."""
        if faces.shape != batch.faces.shape:
            found, wanted = tuple(faces.shape), tuple(batch.faces.shape)
            raise ValueError(f"the faces of values must be {wanted} as the batch's, not {found}")
        return cls(faces.contiguous(), torch.zeros_like(batch.row_offset) if offset is None else offset.contiguous())

    def views(self) -> list[Any]:
        """Arguments of the kernels."""
        return [warp_view(self.offset), warp_view(self.faces, wp.vec3i)]


Sum = tuple[Tensor, CornerValues, int, int]
"""Rows (3 G, 4 W) of the groups, the rows that their corners have in the sums, how many sums there are, and how many of
the columns are wanted."""


def scattered(sums: Sequence[Sum], groups: Groups) -> list[Tensor]:
    """Sums (count, columns) of the groups' rows at the corners' rows: one thread for each four columns."""
    found = [rows.new_empty(count, 3 if wanted == 3 else rows.shape[1]) for rows, _, count, wanted in sums]
    for first in range(0, len(sums), 2):
        pair = [*zip(sums[first : first + 2], found[first : first + 2], strict=True)]
        real = real_of(found[first])
        vec3, vec4 = wp.types.vector(3, real), wp.types.vector(4, real)
        inputs, items, none = [warp_view(groups.face), warp_view(groups.view)], 0, found[first].new_empty(0)
        for (rows, corners, count, wanted), out in pair:
            width = rows.shape[1] // 4
            wide, narrow = (none.view(0, 1, 4), out.view(count, 1, 3)) if wanted == 3 else (
                out.view(count, width, 4), none.view(0, 1, 3)
            )  # fmt: skip
            inputs += [*corners.views(), warp_view(rows.view(-1, width, 4), vec4)]
            inputs += [warp_view(wide, vec4), warp_view(narrow, vec3)]
            items += width
        if len(pair) == 1:
            inputs += inputs[2:]
        dispatch(_kernels(real).scatter, items, inputs, found[first].device, band_items=1)
    return [value[:, :wanted] for value, (*_, wanted) in zip(found, sums, strict=True)]


def gathered(rows: Tensor, groups: Groups, corners: CornerValues, batch: Batch, count: int) -> Tensor:
    """As a sum of `scattered`, with one thread for each row of the result, in the order of faces, then of entries.

    Raises `ValueError` where the views' offsets differ and descend.
    """
    real, width = real_of(rows), rows.shape[1] // 4
    vec4 = wp.types.vector(4, real)
    if len(groups) == 0:
        return rows.new_zeros(count, rows.shape[1])
    out = rows.new_empty(count, rows.shape[1])
    around, slots = corners_of(corners.faces), groups.of_slots(batch)
    inputs = [
        _relation(batch, corners.offset), warp_view(around.first), warp_view(around.corner), warp_view(corners.offset),
        warp_view(batch.first_face), warp_view(batch.face_count), warp_view(batch.first_slot),
        warp_view(slots), warp_view(rows.view(-1, width, 4), vec4),
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
