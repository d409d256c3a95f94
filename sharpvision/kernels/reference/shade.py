"""Plain-torch twin of `kernels.shade`, differentiable by torch itself; harmonics by recurrence, not by formulas."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from sharpvision.core.vectors import unit
from sharpvision.kernels.batch import Batch
from sharpvision.kernels.irradiance_form import COSINE_LOBE
from sharpvision.kernels.raster_types import Points
from sharpvision.kernels.reference.interpolate import interpolate


def real_harmonics(n: Tensor, order: int) -> Tensor:
    """(P, (order + 1)^2) real orthonormal spherical harmonics at unit n (P, 3); order l^2 + l + m."""
    x, y, z = n.unbind(-1)
    values: dict[tuple[int, int], Tensor] = {}
    cosine, sine = torch.ones_like(x), torch.zeros_like(x)  # r^m cos(m phi), r^m sin(m phi)
    for m in range(order + 1):
        older, old = torch.zeros_like(z), torch.full_like(z, math.prod(range(1, 2 * m, 2)))
        for l in range(m, order + 1):
            scale = math.sqrt((2 * l + 1) / (4 * math.pi) * math.factorial(l - m) / math.factorial(l + m))
            scale *= math.sqrt(2) if m else 1
            values[l, m], values[l, -m] = scale * old * cosine, scale * old * (sine if m else cosine)
            older, old = old, ((2 * l + 1) * z * old - (l + m) * older) / (l - m + 1)
        cosine, sine = x * cosine - y * sine, x * sine + y * cosine
    return torch.stack([values[l, m] for l in range(order + 1) for m in range(-l, l + 1)], -1)


def irradiance_sh(
    points: Points, projected: Tensor, batch: Batch, normals: Tensor, normal_faces: Tensor, coefficients: Tensor,
    normal_offset: Tensor | None = None, *, damped: bool = True,
) -> Tensor:  # fmt: skip
    """See `kernels.shade.irradiance_sh`."""
    n = unit(interpolate(points, projected, batch, normals, normal_faces, normal_offset, damped=damped))
    order = math.isqrt(len(coefficients)) - 1
    lobe = [COSINE_LOBE[l] for l in range(order + 1) for _ in range(2 * l + 1)]
    return (real_harmonics(n, order) * torch.tensor(lobe, dtype=n.dtype)) @ coefficients


def irradiance_directional(
    points: Points, projected: Tensor, batch: Batch, normals: Tensor, normal_faces: Tensor,
    light: tuple[Tensor, Tensor], normal_offset: Tensor | None = None, *, damped: bool = True,
) -> Tensor:  # fmt: skip
    """See `kernels.shade.irradiance_directional`."""
    n = unit(interpolate(points, projected, batch, normals, normal_faces, normal_offset, damped=damped))
    return (n @ unit(light[0])).clamp(min=0)[:, None] * light[1]
