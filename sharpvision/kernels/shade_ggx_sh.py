"""Radiance of a GGX lobe over a diffuse base under spherical harmonics, fused with interpolation; first derivatives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import warp as wp
from jaxtyping import Float
from torch import Tensor

from sharpvision.kernels.batch import Batch
from sharpvision.kernels.dispatch import dispatch, real_of
from sharpvision.kernels.face_points import FacePoints
from sharpvision.kernels.first_order import first_order
from sharpvision.kernels.gather import CornerValues, in_few_bands
from sharpvision.kernels.ggx_sh_kernels import CHUNK, ggx_sh_kernels
from sharpvision.kernels.irradiance_form import form_of
from sharpvision.kernels.lobe_fit import lobe_fit
from sharpvision.kernels.radiance_form import CUBIC_TERMS, radiance_forms
from sharpvision.kernels.raster_types import Points
from sharpvision.kernels.row_sums import column_sums, sums_by_owner
from sharpvision.kernels.shade_ggx import GlossySurface
from sharpvision.kernels.views import warp_view

UNIFORM_SHARE = 20 / 21
ORDERS = {9: 2, 16: 3, 25: 4}


@dataclass(frozen=True, eq=False)
class SkyLitLobe:
    """A GGX lobe and the light all around it: `coefficients` ((order + 1)^2, C) of radiance in spherical harmonics,
    order 2 to 4; `roughness` () GGX's alpha, `f0` (C,) reflectance at normal incidence; `albedo` (C,) of a diffuse base
    below the lobe, None without."""

    coefficients: Float[Tensor, "k c"]
    roughness: Float[Tensor, ""]
    f0: Float[Tensor, " c"]
    albedo: Float[Tensor, " c"] | None = None


def ggx_sh(
    points: Points,
    projected: Float[Tensor, "rows 4"],
    batch: Batch,
    surface: GlossySurface,
    eyes: Float[Tensor, "b 4"],
    lobe: SkyLitLobe,
    *,
    damped: bool = True,
) -> Float[Tensor, "p c"]:
    """Radiance of a lobe, and of the base below it, under light from all around, at points.

        L = (f0 A(c) + (1 - f0) B(c)) sum exp(-(alpha l)^2) c_lm Y_lm(d)
            + (1 - f0) (1 - (1 - c)^5) 20/21 albedo E(n) / pi

    c = n.wo, n the interpolated normal made unit; A, B and d, which lies between n and the mirror direction, as in
    `lobe_fit`, E as in `irradiance_sh`, `eyes` as in `ggx_directional`: what `DistributedLight.specular` and
    `Lobes.matte_albedo` give, and as far from the integral over the hemisphere as they. Zero where c <= 0. First
    derivatives to `projected` (biased by `damped`, see `interpolate`), vertices, normals, eyes and all of `lobe`,
    reverse and forward mode; none from the border of what is seen, at c = 0. The same bytes for any number of threads.
    Raises `ValueError` where eyes aren't one a view or coefficients not of order 2 to 4. Lagarde and de Rousiers 2014,
    Moving Frostbite to physically based rendering.
    """
    if len(eyes) != batch.views:
        raise ValueError(f"eyes must be one a view, {batch.views}, not {len(eyes)}")
    if len(lobe.coefficients) not in ORDERS:
        raise ValueError(f"coefficients must have 9, 16 or 25 rows, not {len(lobe.coefficients)}")
    light, cubic = radiance_forms(lobe.coefficients, lobe.roughness)
    if lobe.albedo is not None:
        below = (UNIFORM_SHARE / torch.pi) * lobe.albedo * (1 - lobe.f0)
        light = torch.cat([light, form_of(lobe.coefficients * below)])
    numbers = torch.cat([torch.stack(lobe_fit(lobe.roughness)), lobe.f0])
    corners = CornerValues.of(surface.normal_faces, surface.normal_offset, batch)
    setting = (FacePoints(points, batch, damped), corners, ORDERS[len(lobe.coefficients)])
    return _operation(setting, projected, surface.normals, surface.vertices, eyes, light, cubic, numbers)


_Setting = tuple[FacePoints, CornerValues, int]


def _kernels(setting: _Setting, cubic: Tensor) -> Any:
    return ggx_sh_kernels(real_of(cubic), len(cubic), setting[2])


def _types(like: Tensor, terms: int) -> list[Any]:
    """Warp's types of the seven inputs."""
    real = real_of(like)
    return [*(wp.types.vector(n, real) for n in (4, 3, 3, 4, terms, CUBIC_TERMS)), None]


def _views(setting: _Setting, inputs: Sequence[Tensor]) -> list[Any]:
    place, corners, _ = setting
    rest = zip(inputs[1:], _types(inputs[0], inputs[4].shape[1])[1:], strict=True)
    return [*place.views(inputs[0]), *corners.views(), *(warp_view(v, kind) for v, kind in rest)]


def _value(setting: _Setting, *inputs: Tensor) -> tuple[Tensor, ...]:
    kernels, place = _kernels(setting, inputs[5]), setting[0]
    out = inputs[0].new_empty(len(place.points), len(inputs[5]))
    arguments = [*_views(setting, inputs), warp_view(out, kernels.color)]
    in_few_bands(kernels.shade, len(place.groups), arguments, out.device)
    return (out,)


def _gradient(
    setting: _Setting, wanted: Sequence[bool], gradient: Tensor, *inputs: Tensor
) -> tuple[Tensor | None, ...]:
    inputs = inputs[:7]
    arguments = [*_views(setting, inputs), warp_view(gradient, _kernels(setting, inputs[5]).color)]
    shape = _of_shape(setting, wanted, arguments, inputs) if any(wanted[:4]) else [None] * 4
    light = _of_light(setting, arguments, inputs) if any(wanted[4:]) else [None] * 3
    return (*shape, *light)


def _of_shape(
    setting: _Setting, wanted: Sequence[bool], arguments: list[Any], inputs: Sequence[Tensor]
) -> list[Tensor | None]:
    """Gradients to coordinates, normals, vertices and eyes."""
    (place, corners, _), (projected, normals, vertices, eyes) = setting, inputs[:4]
    vec4, groups = wp.types.vector(4, real_of(projected)), place.groups
    rows, of_eyes = projected.new_empty(3, 3 * len(groups), 4), projected.new_empty(len(groups), 4)
    outputs = [*(warp_view(r, vec4) for r in rows), warp_view(of_eyes, vec4)]
    in_few_bands(_kernels(setting, inputs[5]).pull, len(groups), [*arguments, *outputs], projected.device)
    found: list[Tensor | None] = [None] * 4
    owners = [place.coordinates, corners, CornerValues.of(place.batch.faces, None, place.batch)]
    counts = [len(projected), len(normals), len(vertices)]
    sums = {i: (rows[i], owners[i], counts[i], 3 if i else 4) for i in range(3) if wanted[i]}
    for i, total in place.sums(sums).items():
        found[i] = total
    if wanted[3]:
        found[3] = sums_by_owner(of_eyes, groups.view, len(eyes))
    return found


def _of_light(setting: _Setting, arguments: list[Any], inputs: Sequence[Tensor]) -> list[Tensor]:
    """Gradients to both forms and the lobe's numbers."""
    light, cubic, numbers = inputs[4:]
    kernels, groups, channels = _kernels(setting, cubic), len(setting[0].groups), len(cubic)
    chunks = -(-groups // CHUNK)
    of_light = light.new_empty(chunks, len(light) // channels, channels, light.shape[1])
    of_cubic, of_numbers = cubic.new_empty(chunks, *cubic.shape), numbers.new_empty(chunks, len(numbers))
    outputs = [
        warp_view(of_light, kernels.form_matrix), warp_view(of_cubic, kernels.cubic_matrix), warp_view(of_numbers)
    ]  # fmt: skip
    dispatch(kernels.collect, chunks, [*arguments, *outputs], light.device, band_items=8)
    parts = ((of_light, light), (of_cubic, cubic), (of_numbers, numbers))
    return [column_sums(rows.view(chunks, like.numel())).view_as(like) for rows, like in parts]


def _tangent(setting: _Setting, tangents: list[Tensor | None], *inputs: Tensor) -> Tensor:
    inputs, place = inputs[:7], setting[0]
    kernels, out = _kernels(setting, inputs[5]), inputs[0].new_empty(len(place.points), len(inputs[5]))
    changes = [
        torch.zeros_like(v) if d is None else d.contiguous() for v, d in zip(inputs, tangents, strict=True)
    ]  # fmt: skip
    kinds = _types(inputs[0], inputs[4].shape[1])
    arguments = [
        *_views(setting, inputs), *(warp_view(d, kind) for d, kind in zip(changes, kinds, strict=True)),
        warp_view(out, kernels.color),
    ]  # fmt: skip
    in_few_bands(kernels.push, len(place.groups), arguments, out.device)
    return out


def _shapes(setting: _Setting, *inputs: Tensor) -> list[tuple[int, ...]]:
    return [(setting[0].points.face.shape[0], inputs[5].shape[0])]


_operation = first_order("ggx_sh", _value, _gradient, _tangent, _shapes)
