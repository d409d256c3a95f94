"""Irradiance at points of faces: the normal interpolated, made unit and lit in one kernel; all first derivatives."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
import warp as wp
from jaxtyping import Float, Int
from torch import Tensor

from sharpvision.core.vectors import unit
from sharpvision.kernels.batch import Batch
from sharpvision.kernels.dispatch import dispatch, real_of
from sharpvision.kernels.face_points import FacePoints
from sharpvision.kernels.first_order import first_order
from sharpvision.kernels.gather import CornerValues, in_few_bands
from sharpvision.kernels.irradiance_form import form_of
from sharpvision.kernels.raster_types import Points
from sharpvision.kernels.shade_kernels import CHUNK, shade_kernels
from sharpvision.kernels.shade_lanes import shade_lanes
from sharpvision.kernels.views import warp_view

ORDERS = (0, 1, 2, 3, 4)


def irradiance_sh(
    points: Points,
    projected: Float[Tensor, "rows 4"],
    batch: Batch,
    normals: Float[Tensor, "n 3"],
    normal_faces: Int[Tensor, "f 3"],
    coefficients: Float[Tensor, "k c"],
    normal_offset: Int[Tensor, " b"] | None = None,
    *,
    damped: bool = True,
) -> Float[Tensor, "p c"]:
    """Irradiance at points from distant radiance given in real spherical harmonics.

        E(n) = sum A_l c_lm Y_lm(n), A = pi, 2 pi / 3, pi / 4, 0, -pi / 24,

    with n the interpolated normal made unit, `coefficients` ((order + 1)^2, C) of the radiance, order <= 4, in the
    normals' frame, c_lm at l^2 + l + m, Y orthonormal without the Condon-Shortley sign. Nothing is clamped: E can be
    negative. `normal_faces` (F, 3) int32 and `normal_offset` as in `interpolate`. First derivatives to coordinates
    (biased by `damped`, see `interpolate`), normals and coefficients, reverse and forward mode; where corners' normals
    cancel, n counts as zero and has none. The same bytes for any number of threads. Raises `ValueError` for another
    number of coefficients. Ramamoorthi and Hanrahan 2001, An Efficient Representation for Irradiance Environment Maps.
    """
    if math.isqrt(len(coefficients)) ** 2 != len(coefficients) or math.isqrt(len(coefficients)) - 1 not in ORDERS:
        raise ValueError(f"coefficients must have 1, 4, 9, 16 or 25 rows, not {len(coefficients)}")
    setting = (FacePoints(points, batch, damped), CornerValues.of(normal_faces, normal_offset, batch))
    return _operation(setting, projected, normals, form_of(coefficients))


def irradiance_directional(
    points: Points,
    projected: Float[Tensor, "rows 4"],
    batch: Batch,
    normals: Float[Tensor, "n 3"],
    normal_faces: Int[Tensor, "f 3"],
    light: tuple[Float[Tensor, " 3"], Float[Tensor, " c"]],
    normal_offset: Int[Tensor, " b"] | None = None,
    *,
    damped: bool = True,
) -> Float[Tensor, "p c"]:
    """Irradiance E max(n.d, 0) at points from a distant light; `light` is (d, E).

    d (3,) from the surface to the light, any length but zero; E (C,) irradiance at normal incidence; n, and all else,
    as in `irradiance_sh`. The derivative at n.d = 0 is that of the dark side.
    """
    direction = unit(light[0])
    form = torch.cat([light[1][:, None] * direction, direction[None]])
    setting = (FacePoints(points, batch, damped), CornerValues.of(normal_faces, normal_offset, batch))
    return _operation(setting, projected, normals, form)


_Setting = tuple[FacePoints, CornerValues]


def _kernels(form: Tensor) -> Any:
    rows, terms = form.shape
    return shade_kernels(real_of(form), rows - 1 if terms == 3 else rows, terms)


def _fast_kernels(form: Tensor) -> Any:
    """`shade` and `pull` for the device of the form."""
    if form.device.type != "cpu":
        return _kernels(form)
    rows, terms = form.shape
    return shade_lanes(real_of(form), rows - 1 if terms == 3 else rows, terms)


def _views(setting: _Setting, projected: Tensor, normals: Tensor, form: Tensor) -> list[Any]:
    place, corners = setting
    real = real_of(projected)
    vec3, row = wp.types.vector(3, real), wp.types.vector(form.shape[1], real)
    return [*place.views(projected), *corners.views(), warp_view(normals, vec3), warp_view(form, row)]


def _value(setting: _Setting, projected: Tensor, normals: Tensor, form: Tensor) -> tuple[Tensor, ...]:
    kernels, place = _kernels(form), setting[0]
    out = normals.new_empty(len(place.points), kernels.color._length_)
    inputs = [*_views(setting, projected, normals, form), warp_view(out, kernels.color)]
    in_few_bands(_fast_kernels(form).shade, len(place.groups), inputs, projected.device)
    return (out,)


def _gradient(
    setting: _Setting, wanted: Sequence[bool], gradient: Tensor, projected: Tensor, normals: Tensor, form: Tensor,
    _: Tensor,
) -> tuple[Tensor | None, ...]:  # fmt: skip
    kernels, (place, corners) = _kernels(form), setting
    groups, device = len(place.groups), projected.device
    inputs = [*_views(setting, projected, normals, form), warp_view(gradient, kernels.color)]
    found: list[Tensor | None] = [None, None, None]
    if wanted[0] or wanted[1]:
        vec4 = wp.types.vector(4, real_of(projected))
        rows = projected.new_empty(2, 3 * groups, 4)
        pull = _fast_kernels(form).pull
        in_few_bands(pull, groups, [*inputs, warp_view(rows[0], vec4), warp_view(rows[1], vec4)], device)
        sums = {0: (rows[0], place.coordinates, len(projected), 4), 1: (rows[1], corners, len(normals), 3)}
        for i, total in place.sums({i: s for i, s in sums.items() if wanted[i]}).items():
            found[i] = total
    if wanted[2]:
        chunks = -(-groups // CHUNK)
        parts = form.new_empty(chunks, gradient.shape[1], form.shape[1])
        dispatch(kernels.collect, chunks, [*inputs, warp_view(parts, kernels.form_matrix)], device, band_items=8)
        found[2] = torch.cat([parts.sum(0), form.new_zeros(len(form) - gradient.shape[1], form.shape[1])])
    return tuple(found)


def _tangent(
    setting: _Setting, tangents: list[Tensor | None], projected: Tensor, normals: Tensor, form: Tensor, _: Tensor
) -> Tensor:
    kernels, place = _kernels(form), setting[0]
    real = real_of(projected)
    vec3, vec4 = wp.types.vector(3, real), wp.types.vector(4, real)
    moved, turned, change = (
        torch.zeros_like(v) if d is None else d.contiguous()
        for v, d in zip((projected, normals, form), tangents, strict=True)
    )
    out = normals.new_empty(len(place.points), kernels.color._length_)
    inputs = [
        *_views(setting, projected, normals, form), warp_view(moved, vec4), warp_view(turned, vec3),
        warp_view(change, wp.types.vector(form.shape[1], real)), warp_view(out, kernels.color),
    ]  # fmt: skip
    in_few_bands(kernels.push, len(place.groups), inputs, projected.device)
    return out


def _shapes(setting: _Setting, projected: Tensor, normals: Tensor, form: Tensor) -> list[tuple[int, ...]]:
    rows, terms = form.shape
    return [(setting[0].points.face.shape[0], rows - 1 if terms == 3 else rows)]


_operation = first_order("irradiance", _value, _gradient, _tangent, _shapes)
