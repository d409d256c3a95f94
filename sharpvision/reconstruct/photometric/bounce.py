"""Interreflection on one surface: the irradiance that its own diffuse reflection adds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sharpvision.kernels.height_field import form_factors
from sharpvision.reconstruct.photometric.grid import PixelGrid

BOUNCES = 3


def bounced_irradiance(
    grid: PixelGrid, depth: NDArray, normals: NDArray, direct: NDArray, albedo: NDArray, cells: int
) -> NDArray[np.float32]:
    """Irradiance (P, N, 3) that reaches each pixel from the rest of the surface, in the units of `direct`.

        E = F rho (D + E),  three terms of its Neumann series,

    with F the form factors of the height field, D = `direct` (P, N) irradiance from the lights and rho = `albedo` (P, 3).
    Computed on a grid of at most `cells` cells and interpolated: bounced light is smooth. depth (P,) in cells of `grid`.
    Paper: Nayar, Ikeuchi, Kanade, Shape from Interreflections, 1991.
    """
    coarse = grid.reduced(cells, coverage=0.5)
    step = coarse.factor // grid.factor
    small_normals = grid.average(normals, coarse)
    small_normals /= np.maximum(np.linalg.norm(small_normals, axis=1, keepdims=True), 1e-9)
    surface = coarse.image(grid.average(depth, coarse).astype(np.float64) / step, np.nan)
    factors = form_factors(surface, coarse.mask, small_normals)
    rho = grid.average(albedo.astype(np.float32), coarse)[:, None]
    source = grid.average(direct, coarse)[..., None]
    count = coarse.size
    bounced = np.zeros((count, direct.shape[1], 3), np.float32)
    for _ in range(BOUNCES):
        bounced = (factors @ (rho * (source + bounced)).reshape(count, -1)).reshape(bounced.shape)
    return coarse.interpolate(bounced, grid).astype(np.float32)
