"""Which way each face looks, decided once for each face so that all its edges agree."""

from functools import cache
from types import SimpleNamespace

import torch
import warp as wp
from jaxtyping import Float, Int
from torch import Tensor

from sharpvision.kernels.batch import Batch
from sharpvision.kernels.dispatch import dispatch, kernel_module, real_of
from sharpvision.kernels.launch import start_warp
from sharpvision.kernels.least_depth import least_depth
from sharpvision.kernels.prefetch import corner_fetch
from sharpvision.kernels.silhouette_edges import INWARD, OUTWARD, EdgeBatch, MeshEdges
from sharpvision.kernels.views import warp_view

start_warp()

POSITIVE, NEGATIVE, EDGE_ON = 0, 1, 2
"""The sign of (b - a) x (c - a) of a face's image, y down: a face wound outward shows its front if it is negative."""

UNSEEN = 4
"""Bit of a slot's facing: the back of a closed part, which its front hides."""

_OUTWARD, _INWARD, _UNSEEN = wp.constant(OUTWARD), wp.constant(INWARD), wp.constant(UNSEEN)
_POSITIVE, _NEGATIVE, _EDGE_ON = wp.constant(POSITIVE), wp.constant(NEGATIVE), wp.constant(EDGE_ON)


@wp.func
def view_of(first: wp.array(dtype=int), item: int) -> int:
    """The view whose items `first[view]` to `first[view + 1]` - 1 hold `item`."""
    low = int(0)
    high = first.shape[0] - 2
    while low < high:
        middle = (low + high + 1) // 2
        if first[middle] <= item:
            low = middle
        else:
            high = middle - 1
    return low


@cache
def facing_functions(real: type) -> SimpleNamespace:
    """`side_of`, to be called in kernels."""
    vec4 = wp.types.vector(4, real)

    @wp.func
    def side_of(first: vec4, second: vec4, third: vec4, flags: int, behind: wp.uint8) -> int:
        """The sign of a face's area as the camera sees it, right for faces that reach behind the camera too; with
        `_UNSEEN`, given the face's `flags` and whether anything reaches `behind` the near plane."""
        a = vec4(first)
        b = vec4(second)
        c = vec4(third)
        if b[3] > a[3] and b[3] >= c[3]:  # the reference is a vertex in front; turning a triangle keeps its sign
            t = a
            a = b
            b = c
            c = t
        elif c[3] > a[3]:
            u = a
            a = c
            c = b
            b = u
        found = int(_EDGE_ON)
        if a[3] > real(0.0):
            # Both differences are multiplied by a's w > 0 instead of dividing by it.
            bx = b[0] * a[3] - a[0] * b[3]
            by = b[1] * a[3] - a[1] * b[3]
            cx = c[0] * a[3] - a[0] * c[3]
            cy = c[1] * a[3] - a[1] * c[3]
            area = bx * cy - by * cx
            if area > real(0.0):
                found = _POSITIVE
            elif area < real(0.0):
                found = _NEGATIVE
        back = (flags & _OUTWARD) != 0 and found == _POSITIVE
        if behind == wp.uint8(0) and (back or ((flags & _INWARD) != 0 and found == _NEGATIVE)):
            found += _UNSEEN
        return found

    return SimpleNamespace(side_of=side_of)


@cache
def _kernels(real: type) -> SimpleNamespace:
    vec4 = wp.types.vector(4, real)
    module = kernel_module(__name__, real)
    module.options["fuse_fp"] = False  # as `bins`, which decides the same
    fetch, side_of = corner_fetch(vec4), facing_functions(real).side_of

    @wp.kernel(module=module, enable_backward=False)
    def facing(
        first: int, projected: wp.array(dtype=vec4), faces: wp.array(dtype=wp.vec3i), first_face: wp.array(dtype=int),
        row_offset: wp.array(dtype=int), first_slot: wp.array(dtype=int), face_flags: wp.array(dtype=wp.uint8),
        behind: wp.array(dtype=wp.uint8), side: wp.array(dtype=wp.uint8),
    ):  # fmt: skip
        s = first + wp.tid()
        v = view_of(first_slot, s)
        index = s - first_slot[v] + first_face[v]
        row = row_offset[v]
        fetch(index, faces.shape[0], row, faces, projected)
        face = faces[index]
        side[s] = wp.uint8(
            side_of(
                projected[row + face[0]], projected[row + face[1]], projected[row + face[2]], int(face_flags[index]),
                behind[0],
            )
        )  # fmt: skip

    return SimpleNamespace(facing=facing)


def flags_of(edges: MeshEdges | EdgeBatch) -> Tensor:
    """`MeshEdges.face_flags` of all meshes."""
    return edges.edges.face_flags if isinstance(edges, EdgeBatch) else edges.face_flags


def facing(
    projected: Float[Tensor, "rows 4"], batch: Batch, edges: MeshEdges | EdgeBatch, near: float
) -> Int[Tensor, " s"]:
    """(S,) uint8 of each slot: `POSITIVE`, `NEGATIVE` or `EDGE_ON` (behind the camera too), plus `UNSEEN`."""
    side = torch.empty(batch.slots, dtype=torch.uint8, device=projected.device)
    behind = behind_near(projected, near)
    projected = projected.detach().contiguous()
    real = real_of(projected)
    inputs = [
        warp_view(projected, wp.types.vector(4, real)), warp_view(batch.faces, wp.vec3i), warp_view(batch.first_face),
        warp_view(batch.row_offset), warp_view(batch.first_slot), warp_view(flags_of(edges)), warp_view(behind),
        warp_view(side),
    ]  # fmt: skip
    dispatch(_kernels(real).facing, batch.slots, inputs, projected.device)
    return side


def behind_near(projected: Tensor, near: float) -> Tensor:
    """(1,) uint8: whether anything reaches behind the near plane, where closed parts are cut open."""
    return (least_depth(projected) < near).to(torch.uint8).view(1)
