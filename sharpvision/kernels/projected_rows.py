"""Projected coordinates of points by two affine maps in one pass: into the camera's frame, then to its rows."""

from collections.abc import Sequence
from functools import cache
from types import SimpleNamespace

import torch
import warp as wp
from jaxtyping import Float
from torch import Tensor

from sharpvision.kernels.dispatch import dispatch, kernel_module, real_of
from sharpvision.kernels.first_order import first_order
from sharpvision.kernels.launch import start_warp
from sharpvision.kernels.views import warp_view

start_warp()

CHUNK = 64
"""Points of an item: what belongs to the maps is read once for all."""


@cache
def _kernels(real: type) -> SimpleNamespace:
    vec3 = wp.types.vector(3, real)
    vec4 = wp.types.vector(4, real)
    module = kernel_module(__name__, real)
    chunk = wp.constant(CHUNK)

    @wp.kernel(module=module, enable_backward=False)
    def place(
        first: int, maps: wp.array(dtype=vec4), points: wp.array(dtype=vec3), out: wp.array(dtype=vec4)
    ):  # fmt: skip
        """Points `CHUNK` i to `CHUNK` (i + 1) - 1 in all views; a view's maps are eight rows."""
        start = (first + wp.tid()) * chunk
        count = points.shape[0]
        for view in range(maps.shape[0] // 8):
            a0 = maps[8 * view]
            a1 = maps[8 * view + 1]
            a2 = maps[8 * view + 2]
            a3 = maps[8 * view + 3]
            b0 = maps[8 * view + 4]
            b1 = maps[8 * view + 5]
            b2 = maps[8 * view + 6]
            b3 = maps[8 * view + 7]
            for i in range(start, wp.min(start + chunk, count)):
                p = points[i]
                q = p[0] * a0 + p[1] * a1 + p[2] * a2 + a3
                out[view * count + i] = q[0] * b0 + q[1] * b1 + q[2] * b2 + b3

    @wp.kernel(module=module, enable_backward=False)
    def pull(
        first: int, maps: wp.array(dtype=vec4), gradient: wp.array(dtype=vec4), out: wp.array(dtype=vec3)
    ):  # fmt: skip
        """Gradients of points, summed over the views."""
        start = (first + wp.tid()) * chunk
        count = out.shape[0]
        stop = wp.min(start + chunk, count)
        for view in range(maps.shape[0] // 8):
            a0 = maps[8 * view]
            a1 = maps[8 * view + 1]
            a2 = maps[8 * view + 2]
            b0 = maps[8 * view + 4]
            b1 = maps[8 * view + 5]
            b2 = maps[8 * view + 6]
            for i in range(start, stop):
                g = gradient[view * count + i]
                q = vec3(wp.dot(b0, g), wp.dot(b1, g), wp.dot(b2, g))
                p = vec3(
                    a0[0] * q[0] + a0[1] * q[1] + a0[2] * q[2], a1[0] * q[0] + a1[1] * q[1] + a1[2] * q[2],
                    a2[0] * q[0] + a2[1] * q[1] + a2[2] * q[2],
                )  # fmt: skip
                if view > 0:
                    p += out[i]
                out[i] = p

    return SimpleNamespace(place=place, pull=pull)


def projected_rows(
    points: Float[Tensor, "n 3"], frame: Float[Tensor, "*batch 4 3"], rows: Float[Tensor, "*batch 4 4"]
) -> Float[Tensor, "*batch n 4"]:
    """Rows q = ((p, 1) F, 1) R of points p, F = `frame` and R = `rows` one map a view, batch () or (B,).

    The last row of F and of R is the offset. Like two products of matrices, in one pass over the points and without
    what lies between; float32 and float64. First derivatives to all three, reverse and forward mode.

    >>> frame, rows = torch.eye(4)[:, :3], torch.eye(4)
    >>> projected_rows(torch.tensor([[1.0, 2.0, 3.0]]), frame, rows).tolist()
    [[1.0, 2.0, 3.0, 1.0]]
    """
    return rows_by(points, joined(frame, rows))


def joined(frame: Float[Tensor, "*batch 4 3"], rows: Float[Tensor, "*batch 4 4"]) -> Float[Tensor, "*batch 8 4"]:
    """Both maps of `projected_rows` as one tensor, for `rows_by`."""
    batch = torch.broadcast_shapes(frame.shape[:-2], rows.shape[:-2])
    return torch.cat([torch.nn.functional.pad(frame, (0, 1)).expand(*batch, 4, 4), rows.expand(*batch, 4, 4)], -2)


def rows_by(points: Float[Tensor, "n 3"], maps: Float[Tensor, "*batch 8 4"]) -> Float[Tensor, "*batch n 4"]:
    """`projected_rows` by maps that are `joined`."""
    return _operation((), points, maps).view(*maps.shape[:-2], len(points), 4)


_Setting = tuple[()]


def _value(setting: _Setting, points: Tensor, maps: Tensor) -> tuple[Tensor, ...]:
    real = real_of(points)
    vec3, vec4 = wp.types.vector(3, real), wp.types.vector(4, real)
    out = points.new_empty(maps.numel() // 32 * len(points), 4)
    inputs = [warp_view(maps.view(-1, 4), vec4), warp_view(points, vec3), warp_view(out, vec4)]
    dispatch(_kernels(real).place, -(-len(points) // CHUNK), inputs, points.device, band_items=16)
    return (out,)


def _gradient(
    setting: _Setting, wanted: Sequence[bool], gradient: Tensor, points: Tensor, maps: Tensor, _: Tensor
) -> tuple[Tensor | None, ...]:
    found: list[Tensor | None] = [None, None]
    real = real_of(points)
    if wanted[0]:
        vec3, vec4 = wp.types.vector(3, real), wp.types.vector(4, real)
        found[0] = torch.empty_like(points)
        inputs = [warp_view(maps.view(-1, 4), vec4), warp_view(gradient, vec4), warp_view(found[0], vec3)]
        dispatch(_kernels(real).pull, -(-len(points) // CHUNK), inputs, points.device, band_items=16)
    if wanted[1]:
        frame, rows = maps.view(-1, 8, 4).split(4, 1)
        between = _with_ones(_with_ones(points) @ frame[..., :3])
        arriving = gradient.view(len(frame), -1, 4)
        of_rows = between.mT @ arriving
        of_frame = _with_ones(points).mT @ (arriving @ rows[:, :3].mT)
        of_frame = torch.nn.functional.pad(of_frame, (0, 1))
        found[1] = torch.cat([of_frame, of_rows], 1).view(maps.shape)
    return tuple(found)


def _tangent(setting: _Setting, tangents: list[Tensor | None], points: Tensor, maps: Tensor, out: Tensor) -> Tensor:
    moved, changed = tangents
    frame, rows = maps.view(-1, 8, 4).split(4, 1)
    between = _with_ones(points) @ frame[..., :3]
    step = torch.zeros_like(between)
    total = torch.zeros_like(out).view(len(frame), -1, 4)
    if moved is not None:
        step = step + moved @ frame[:, :3, :3]
    if changed is not None:
        of_frame, of_rows = changed.reshape(-1, 8, 4).split(4, 1)
        step = step + _with_ones(points) @ of_frame[..., :3]
        total = total + _with_ones(between) @ of_rows
    return (total + step @ rows[:, :3]).view(out.shape)


def _with_ones(points: Tensor) -> Tensor:
    return torch.cat([points, torch.ones_like(points[..., :1])], -1)


def _shapes(setting: _Setting, points: Tensor, maps: Tensor) -> list[tuple[int, ...]]:
    return [(maps.numel() // 32 * points.shape[0], 4)]


_operation = first_order("projected_rows", _value, _gradient, _tangent, _shapes)
