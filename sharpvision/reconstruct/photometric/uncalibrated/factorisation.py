"""Robust rank-3 factorisation of shadings: scaled normals and lights up to an unknown 3x3 matrix."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_FIRST_SCALE, _LAST_SCALE = 0.3, 0.03
_FALLING = 0.6
_PASSES = 2
_RIDGE = 1e-6


def factorise(
    observed: NDArray, usable: NDArray[np.bool_], shadow_level: float = 0.2, rounds: int = 40
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """B (P, 3) and S (N, 3) with observed (P, N) = B S' where neither shadow nor highlight disturbs it.

        min over B, S of  sum over usable, lit p, j of  s^2 log(1 + (I_pj - b_p.s_j)^2 / s^2)

    by alternating reweighted least squares, s from 0.3 to 0.03, observations below `shadow_level` left out as shadowed.
    Gauge: B A and S A^-T for any invertible A fit the same; here S'S = N times the identity. Papers: Hayakawa 1994
    (the factorisation); Wiberg 1976 and Black & Anandan 1996 (missing data, robustness).

    >>> random = np.random.default_rng(0)
    >>> b, s = random.uniform(0.3, 1, (400, 3)), random.uniform(0.3, 1, (30, 3))
    >>> found_b, found_s = factorise(b @ s.T, np.ones((400, 30), bool))
    >>> bool(np.abs(found_b @ found_s.T - b @ s.T).max() < 1e-3)
    True
    """
    counted = (usable & (observed > shadow_level)).astype(np.float64)
    values = np.asarray(observed, np.float64)
    count = values.shape[1]
    start = np.where(counted > 0, values, np.maximum(values, 0.0))
    _, axes = np.linalg.eigh(np.minimum(start, 3.0).T @ np.minimum(start, 3.0))
    lights = axes[:, -3:] * np.sqrt(count)
    pixels = values @ lights / count
    for k in range(rounds):
        scale = _FIRST_SCALE * (_LAST_SCALE / _FIRST_SCALE) ** min(k / max(_FALLING * rounds, 1.0), 1.0)
        for _ in range(_PASSES):
            weight = counted / (1.0 + ((values - pixels @ lights.T) / scale) ** 2)
            pixels = _least_squares(weight, values, lights)
        for _ in range(_PASSES):
            weight = counted / (1.0 + ((values - pixels @ lights.T) / scale) ** 2)
            lights = _least_squares(weight.T, values.T, pixels)
        orthogonal, mixing = np.linalg.qr(lights)
        lights = orthogonal * np.sqrt(count)
        pixels = pixels @ mixing.T / np.sqrt(count)
    return pixels, lights


def _least_squares(weight: NDArray, values: NDArray, factors: NDArray) -> NDArray[np.float64]:
    """Rows x_p (P, 3) that minimise sum_j w_pj (v_pj - x_p.f_j)^2, with a small ridge."""
    outer = (factors[:, :, None] * factors[:, None, :]).reshape(len(factors), 9)
    matrix = (weight @ outer).reshape(-1, 3, 3)
    ridge = _RIDGE * (np.trace(matrix, axis1=1, axis2=2) + 1e-9)
    matrix += ridge[:, None, None] * np.eye(3)
    return np.linalg.solve(matrix, ((weight * values) @ factors)[..., None])[..., 0]
