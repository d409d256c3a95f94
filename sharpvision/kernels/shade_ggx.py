"""Radiance of a GGX lobe over a diffuse base under a distant light, fused with interpolation; first derivatives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import warp as wp
from jaxtyping import Float, Int
from torch import Tensor

from sharpvision.core.vectors import unit
from sharpvision.kernels.batch import Batch
from sharpvision.kernels.dispatch import real_of
from sharpvision.kernels.face_points import FacePoints
from sharpvision.kernels.first_order import first_order
from sharpvision.kernels.gather import CornerValues, in_few_bands
from sharpvision.kernels.ggx_kernels import ggx_kernels
from sharpvision.kernels.raster_types import Points
from sharpvision.kernels.row_sums import sums_by_owner
from sharpvision.kernels.views import warp_view


@dataclass(frozen=True, eq=False)
class GlossySurface:
    """Places and normals of a surface: `vertices` (V, 3), the same for all views, indexed by the batch's faces;
    `normals` (N, 3) with `normal_faces` (F, 3) and `normal_offset` (B,) as in `interpolate`."""

    vertices: Float[Tensor, "v 3"]
    normals: Float[Tensor, "n 3"]
    normal_faces: Int[Tensor, "f 3"]
    normal_offset: Int[Tensor, " b"] | None = None


@dataclass(frozen=True, eq=False)
class LitLobe:
    """One GGX lobe and the distant light on it: `direction` (3,) to the light, any length but zero; `irradiance` (C,)
    at normal incidence; `roughness` () GGX's alpha, `f0` (C,) reflectance at normal incidence; `albedo` (C,) of a
    diffuse base below the lobe, None without."""

    direction: Float[Tensor, " 3"]
    irradiance: Float[Tensor, " c"]
    roughness: Float[Tensor, ""]
    f0: Float[Tensor, " c"]
    albedo: Float[Tensor, " c"] | None = None


def ggx_directional(
    points: Points,
    projected: Float[Tensor, "rows 4"],
    batch: Batch,
    surface: GlossySurface,
    eyes: Float[Tensor, "b 4"],
    lobe: LitLobe,
    *,
    damped: bool = True,
) -> Float[Tensor, "p c"]:
    """Radiance f(n, wi, wo) E max(n.wi, 0) at points, f the BRDF of `materials.lobes_brdf`: of GGX (separable Smith G)
    over a diffuse base.

    n the interpolated normal made unit; `eyes` (B, 4): (x, y, z, 1) a view's centre of projection in the frame of the
    vertices, or (x, y, z, 0) the direction to an orthographic camera; wo = unit((x, y, z) - w place). Zero where n.wi
    or n.wo is not positive. First derivatives to `projected` (biased by `damped`, see `interpolate`), vertices,
    normals, eyes and all of `lobe`, reverse and forward mode; none to a roughness below 1e-3, which counts as 1e-3, and
    none from the borders of what is lit and seen. The same bytes for any number of threads. Raises `ValueError` where
    eyes aren't one a view. Walter et al. 2007, Microfacet Models for Refraction through Rough Surfaces.
    """
    if len(eyes) != batch.views:
        raise ValueError(f"eyes must be one a view, {batch.views}, not {len(eyes)}")
    base = torch.zeros_like(lobe.f0) if lobe.albedo is None else lobe.albedo * (1 - lobe.f0) / torch.pi
    packed = torch.cat([unit(lobe.direction), lobe.roughness[None], lobe.irradiance, lobe.f0, base])
    corners = CornerValues.of(surface.normal_faces, surface.normal_offset, batch)
    setting = (FacePoints(points, batch, damped), corners, len(lobe.f0))
    return _operation(setting, projected, surface.normals, surface.vertices, eyes, packed)


_Setting = tuple[FacePoints, CornerValues, int]


def _views(setting: _Setting, inputs: Sequence[Tensor]) -> list[Any]:
    projected, normals, vertices, eyes, lobe = inputs
    place, corners, _ = setting
    real = real_of(projected)
    vec3, vec4 = wp.types.vector(3, real), wp.types.vector(4, real)
    return [
        *place.views(projected), *corners.views(), warp_view(normals, vec3), warp_view(vertices, vec3),
        warp_view(eyes, vec4), warp_view(lobe),
    ]  # fmt: skip


def _value(setting: _Setting, *inputs: Tensor) -> tuple[Tensor, ...]:
    place, _, channels = setting
    kernels, out = ggx_kernels(real_of(inputs[0]), channels), inputs[0].new_empty(len(place.points), channels)
    arguments = [*_views(setting, inputs), warp_view(out, kernels.color)]
    in_few_bands(kernels.shade, len(place.groups), arguments, out.device)
    return (out,)


def _gradient(
    setting: _Setting, wanted: Sequence[bool], gradient: Tensor, *inputs: Tensor
) -> tuple[Tensor | None, ...]:
    (place, corners, channels), inputs = setting, inputs[:5]
    projected, normals, vertices, eyes, _ = inputs
    real, groups, device = real_of(projected), place.groups, projected.device
    kernels, vec4 = ggx_kernels(real, channels), wp.types.vector(4, real)
    rows, rest = projected.new_empty(3, 3 * len(groups), 4), projected.new_empty(len(groups), 8 + 3 * channels)
    arguments = [
        *_views(setting, inputs), warp_view(gradient, kernels.color), *(warp_view(r, vec4) for r in rows),
        warp_view(rest),
    ]  # fmt: skip
    in_few_bands(kernels.pull, len(groups), arguments, device)
    found: list[Tensor | None] = [None] * 5
    owners = [place.coordinates, corners, CornerValues.of(place.batch.faces, None, place.batch)]
    counts = [len(projected), len(normals), len(vertices)]
    sums = {i: (rows[i], owners[i], counts[i], 3 if i else 4) for i in range(3) if wanted[i]}
    for i, total in place.sums(sums).items():
        found[i] = total
    if wanted[3] or wanted[4]:
        sums = sums_by_owner(rest, groups.view, len(eyes))
        found[3], found[4] = sums[:, :4], sums[:, 4:].sum(0)
    return tuple(found)


def _tangent(setting: _Setting, tangents: list[Tensor | None], *inputs: Tensor) -> Tensor:
    (place, _, channels), inputs = setting, inputs[:5]
    real = real_of(inputs[0])
    vec3, vec4 = wp.types.vector(3, real), wp.types.vector(4, real)
    moved, turned, shifted, eyes, lobe = (
        torch.zeros_like(v) if d is None else d.contiguous() for v, d in zip(inputs, tangents, strict=True)
    )
    kernels, out = ggx_kernels(real, channels), inputs[0].new_empty(len(place.points), channels)
    arguments = [
        *_views(setting, inputs), warp_view(moved, vec4), warp_view(turned, vec3), warp_view(shifted, vec3),
        warp_view(eyes, vec4), warp_view(lobe), warp_view(out, kernels.color),
    ]  # fmt: skip
    in_few_bands(kernels.push, len(place.groups), arguments, out.device)
    return out


def _shapes(setting: _Setting, *inputs: Tensor) -> list[tuple[int, ...]]:
    return [(setting[0].points.face.shape[0], setting[2])]


_operation = first_order("ggx_directional", _value, _gradient, _tangent, _shapes)
