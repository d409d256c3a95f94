"""Robust Lambertian normals where each pixel has light directions of its own: what the near model starts from."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LOSS_SCALE = 0.1
PASSES = 8


def lambertian_normals(
    grey: NDArray, weight: NDArray, arrival: NDArray, passes: int = PASSES
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Albedo times normal m (P, 3) and mean robust cost (P,) of

        min over m of  sum_j w_j log(1 + (g_j - a_j.m)^2 / s^2) / sum_j w_j,   s = 0.1

    by reweighted least squares from w. grey (P, N) relative to the pixel's brightness, weight (P, N), arrival
    (P, N, 3): vectors to the light as long as its irradiance. Attached shadows are outliers. A pixel that its lights do
    not determine gets the least-norm answer.

    >>> a = np.array([[[0.0, 0, -1], [0.6, 0, -0.8], [0, 0.6, -0.8], [-0.6, 0, -0.8]]])
    >>> m, cost = lambertian_normals(a @ [0.0, 0.3, -0.6], np.ones((1, 4)), a)
    >>> m[0].round(6).tolist(), float(cost[0].round(9))
    ([0.0, 0.3, -0.6], 0.0)
    """
    robust = weight.astype(np.float64)
    mass = np.maximum(weight.sum(1), 1e-12)
    m = np.zeros((len(grey), 3))
    for _ in range(passes):
        gram = np.einsum("pj,pja,pjb->pab", robust, arrival, arrival)
        right = np.einsum("pj,pja,pj->pa", robust, arrival, grey)
        ridge = 1e-9 * np.trace(gram, axis1=1, axis2=2) + 1e-300
        m = np.linalg.solve(gram + ridge[:, None, None] * np.eye(3), right[..., None])[..., 0]
        square = (grey - np.einsum("pja,pa->pj", arrival, m)) ** 2
        robust = weight / (1.0 + square / LOSS_SCALE**2)
    return m, (weight * np.log1p(square / LOSS_SCALE**2)).sum(1) / mass
