"""Plain-torch twin of `kernels.shade_ggx_sh`, differentiable by torch itself; harmonics by recurrence, no forms."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from sharpvision.core.vectors import dot, unit
from sharpvision.kernels.batch import Batch
from sharpvision.kernels.irradiance_form import COSINE_LOBE
from sharpvision.kernels.raster_types import Points
from sharpvision.kernels.reference.interpolate import interpolate
from sharpvision.kernels.reference.shade import real_harmonics
from sharpvision.kernels.shade_ggx import GlossySurface
from sharpvision.kernels.shade_ggx_sh import SkyLitLobe


def ggx_sh(
    points: Points, projected: Tensor, batch: Batch, surface: GlossySurface, eyes: Tensor, lobe: SkyLitLobe,
    lobe_albedo: Callable[..., Tensor], *, damped: bool = True,
) -> Tensor:  # fmt: skip
    """See `kernels.shade_ggx_sh.ggx_sh`; `lobe_albedo` is `illumination.distributed`'s, which stands above."""
    faces, offset = surface.normal_faces, surface.normal_offset
    n = unit(interpolate(points, projected, batch, surface.normals, faces, offset, damped=damped))
    place = interpolate(points, projected, batch, surface.vertices, batch.faces, damped=damped)
    eye, alpha = eyes[points.view.long()], lobe.roughness
    wo = unit(eye[:, :3] - eye[:, 3:] * place)
    seen = dot(n, wo) > 0
    cosine = torch.where(seen, dot(n, wo), 1.0)[:, None]
    mirror = 2 * cosine * n - wo
    bend = (1 - alpha) * ((1 - alpha).clamp(min=1e-6).sqrt() + alpha)
    order = math.isqrt(len(lobe.coefficients)) - 1
    band = torch.tensor([float(l) for l in range(order + 1) for _ in range(2 * l + 1)], dtype=n.dtype)
    harmonics = real_harmonics(unit((1 - bend) * n + bend * mirror), order) * torch.exp(-((alpha * band) ** 2))
    radiance = lobe_albedo(cosine[:, 0], alpha, lobe.f0) * (harmonics @ lobe.coefficients)
    if lobe.albedo is not None:
        arriving = torch.tensor(COSINE_LOBE, dtype=n.dtype)[band.long()]
        irradiance = (real_harmonics(n, order) * arriving) @ lobe.coefficients
        passed = 20 / 21 * (1 - (1 - cosine).clamp(0, 1) ** 5)
        radiance = radiance + lobe.albedo * (1 - lobe.f0) * passed * irradiance / torch.pi
    return torch.where(seen[:, None], radiance, 0.0)
