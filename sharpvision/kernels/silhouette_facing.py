"""Which way each face looks, decided once for each face so that all its edges agree."""

from functools import cache
from types import SimpleNamespace
from typing import Any

import torch
import warp as wp
from torch import Tensor

from sharpvision.kernels.dispatch import dispatch, kernel_module, real_of
from sharpvision.kernels.launch import start_warp
from sharpvision.kernels.prefetch import corner_fetch
from sharpvision.kernels.silhouette_bundles import bundle_types
from sharpvision.kernels.silhouette_edges import INWARD, OUTWARD
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
def _kernels(real: type) -> SimpleNamespace:
    vec4 = wp.types.vector(4, real)
    module = kernel_module(__name__, real)
    types = bundle_types(real)
    Scene, Edges = types.Scene, types.Edges
    fetch = corner_fetch(vec4)

    @wp.kernel(module=module, enable_backward=False)
    def facing(
        first: int, scene: Scene, edges: Edges, behind: wp.array(dtype=wp.uint8), side: wp.array(dtype=wp.uint8)
    ):  # fmt: skip
        """The sign of each face's area as the camera sees it, right for faces that reach behind the camera too."""
        s = first + wp.tid()
        v = view_of(scene.first_slot, s)
        index = s - scene.first_slot[v] + scene.first_face[v]
        row = scene.row_offset[v]
        fetch(index, scene.faces.shape[0], row, scene.faces, scene.projected)
        face = scene.faces[index]
        a = vec4(scene.projected[row + face[0]])
        b = vec4(scene.projected[row + face[1]])
        c = vec4(scene.projected[row + face[2]])
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
        flags = int(edges.face_flags[index])
        back = (flags & _OUTWARD) != 0 and found == _POSITIVE
        if behind[0] == wp.uint8(0) and (back or ((flags & _INWARD) != 0 and found == _NEGATIVE)):
            found += _UNSEEN
        side[s] = wp.uint8(found)

    return SimpleNamespace(facing=facing)


def facing(projected: Tensor, behind: Tensor, slots: int, scene: Any, edge_bundle: Any) -> Tensor:
    """(S,) uint8 of each slot: `POSITIVE`, `NEGATIVE` or `EDGE_ON` (behind the camera too), plus `UNSEEN`; `behind` of
    `behind_near`."""
    side = torch.empty(slots, dtype=torch.uint8, device=projected.device)
    inputs = [scene, edge_bundle, warp_view(behind), warp_view(side)]
    dispatch(_kernels(real_of(projected)).facing, slots, inputs, projected.device)
    return side


def behind_near(projected: Tensor, near: float) -> Tensor:
    """(1,) uint8: whether anything reaches behind the near plane, where closed parts are cut open."""
    return (projected[:, 3] < near).any().to(torch.uint8).view(1)
