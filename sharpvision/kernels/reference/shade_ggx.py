"""Plain-torch twin of `kernels.shade_ggx`, differentiable by torch itself."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from sharpvision.core.vectors import dot, unit
from sharpvision.kernels.batch import Batch
from sharpvision.kernels.raster_types import Points
from sharpvision.kernels.reference.interpolate import interpolate
from sharpvision.kernels.shade_ggx import GlossySurface, LitLobe


def ggx_directional(
    points: Points, projected: Tensor, batch: Batch, surface: GlossySurface, eyes: Tensor, lobe: LitLobe,
    brdf: Callable[..., Tensor], *, damped: bool = True,
) -> Tensor:  # fmt: skip
    """See `kernels.shade_ggx.ggx_directional`; `brdf(n, wi, wo, lobe)` as `materials.lobes_brdf`, which is above."""
    faces, offset = surface.normal_faces, surface.normal_offset
    n = unit(interpolate(points, projected, batch, surface.normals, faces, offset, damped=damped))
    place = interpolate(points, projected, batch, surface.vertices, batch.faces, damped=damped)
    eye = eyes[points.view.long()]
    wo, wi = unit(eye[:, :3] - eye[:, 3:] * place), unit(lobe.direction).expand_as(n)
    reflected = brdf(n, wi, wo, lobe)
    return reflected * torch.clamp(dot(n, wi), min=0)[:, None] * lobe.irradiance
