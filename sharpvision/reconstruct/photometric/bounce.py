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

    with F the form factors of the height field, D = `direct` (P, N) irradiance from the lights and rho = `albedo`
    (P, 3) in [0, 1]. Computed on a grid of at most `cells` cells and interpolated, since bounced light is smooth; pairs
    of cells that touch are left out, so it is too low within a cell of a concave edge. depth (P,) in cells of `grid`.
    Paper: Nayar, Ikeuchi, Kanade, Shape from Interreflections, 1991.

    >>> grid = PixelGrid(np.ones((20, 8), bool))  # a groove of 90 degrees along the rows
    >>> x = grid.index[1] - 3.5
    >>> normals = np.stack([-np.sign(x), 0 * x, -np.ones_like(x)], 1) / np.sqrt(2)
    >>> light, albedo = np.ones((grid.size, 1), np.float32), np.full((grid.size, 3), 0.5, np.float32)
    >>> received = grid.image(bounced_irradiance(grid, -np.abs(x), normals, light, albedo, cells=200)[:, 0, 0])
    >>> bool(received[10, 2] > received[10, 0] > 0)
    True
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
