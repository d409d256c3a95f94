"""Inflated normals of a mask, and the 3x3 matrix that brings a factorisation closest to them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares
from scipy.sparse import coo_matrix, eye
from scipy.sparse.linalg import spsolve

from sharpvision.reconstruct.photometric.grid import PixelGrid

_SOFT = 0.1
_SAMPLE = 1500
_LEAST_FACING = 0.05


def inflated_normals(grid: PixelGrid) -> NDArray[np.float64]:
    """Normals (P, 3), OpenCV frame, of the surface that a mask suggests: a membrane z under constant load, its root.

        laplace(z) = -1 inside, z = 0 outside;   height = sqrt(2 z),   n ~ (-dz/dx, -dz/dy, -sqrt(2 z))

    Exact up to the grid for a sphere, and convex wherever the mask is. Paper: the membrane of Poisson inflation, e.g.
    Joshi & Carr, Repousse: automatic inflation of 2D artwork, 2008.

    >>> y, x = np.mgrid[-31:32, -31:32]
    >>> inside = x**2 + y**2 < 31**2
    >>> n = inflated_normals(PixelGrid(inside))
    >>> truth = np.stack([x, y, -np.sqrt(np.maximum(31**2 - x**2 - y**2, 0))], -1)[inside] / 31.0
    >>> bool(np.degrees(np.arccos(np.clip((n * truth).sum(1), -1, 1))).mean() < 2.0)
    True
    """
    padded = np.pad(grid.mask, 1)
    number = np.cumsum(padded.ravel()).reshape(padded.shape) - 1
    rows, columns = np.nonzero(padded)
    count = len(rows)
    own = np.arange(count)
    matrix = 4.0 * eye(count, format="csr")
    for dy, dx in ((0, 1), (0, -1), (1, 0), (-1, 0)):
        inside = padded[rows + dy, columns + dx]
        pairs = (own[inside], number[rows[inside] + dy, columns[inside] + dx])
        matrix = matrix - coo_matrix((np.ones(len(pairs[0])), pairs), shape=(count, count))
    z = np.zeros(padded.shape)
    z[rows, columns] = spsolve(matrix.tocsc(), np.full(count, 4.0))
    # Laplace(z) = -4 makes z = R^2 - r^2 for a disc: the square of the sphere's height
    slope_x = 0.5 * (z[rows, columns + 1] - z[rows, columns - 1])
    slope_y = 0.5 * (z[rows + 1, columns] - z[rows - 1, columns])
    normals = np.stack([-0.5 * slope_x, -0.5 * slope_y, -np.sqrt(np.maximum(z[rows, columns], 1e-6))], 1)
    return normals / np.linalg.norm(normals, axis=1, keepdims=True)


def towards_normals(scaled: NDArray, normals: NDArray, seed: int = 0) -> NDArray[np.float64]:
    """The matrix A (3, 3) for which A b / |A b| comes closest to `normals` (P, 3), b the rows of `scaled` (P, 3).

    Minimises a soft L1 norm of the difference at 0.1 over a sample of pixels, from the linear least-squares solution.
    A's scale is that of unit |b|, so only its direction in 9-space is determined.
    """
    size = np.linalg.norm(scaled, axis=1)
    known = np.flatnonzero(size > 1e-9)
    if len(known) > _SAMPLE:
        known = np.sort(np.random.default_rng(seed).permutation(known)[:_SAMPLE])
    unit, target = scaled[known] / size[known, None], normals[known]
    start = np.linalg.lstsq(unit, target, rcond=None)[0].T

    def misfit(flat: NDArray) -> NDArray:
        turned = unit @ flat.reshape(3, 3).T
        turned = turned / np.maximum(np.linalg.norm(turned, axis=1, keepdims=True), 1e-9)
        return ((turned - target) / _SOFT).ravel()

    found = least_squares(misfit, start.ravel(), loss="soft_l1", max_nfev=60)
    matrix: NDArray[np.float64] = found.x.reshape(3, 3)
    return matrix


def facing(vectors: NDArray, least: float = _LEAST_FACING) -> NDArray[np.float64]:
    """Unit vectors (P, 3) whose part towards the camera is at least `least`."""
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    unit[:, 2] = np.minimum(unit[:, 2], -least)
    return unit / np.linalg.norm(unit, axis=1, keepdims=True)
