"""Integrability of the normals: the tilt and turn of normals and lights that the images leave open and a surface does
not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from sharpvision.kernels.bundle_pixels import BundlePixels
from sharpvision.reconstruct.photometric.grid import PixelGrid
from sharpvision.reconstruct.photometric.uncalibrated.bundle import BundleState, moved

_LEAST_FACING = 0.3
_SLOPE_FLOOR = 0.03
_LOSS = 0.2
_COST = 0.5


@dataclass(frozen=True, eq=False)
class Quads:
    """The 2x2 blocks of pixels inside a mask: `corners` (Q, 4) pixel numbers (top left, top right, bottom left, right),
    and the parts of `rays` (P, 3) that slopes are taken along."""

    corners: NDArray[np.intp]
    rays: NDArray[np.float64]

    @classmethod
    def of(cls, grid: PixelGrid, viewers: NDArray) -> Quads:
        """All quads of a grid whose pixels are seen along -`viewers` (P, 3)."""
        number = np.full(grid.mask.shape, -1)
        number[grid.index] = np.arange(grid.size)
        corners = np.stack([number[:-1, :-1], number[:-1, 1:], number[1:, :-1], number[1:, 1:]], -1).reshape(-1, 4)
        rays = -np.asarray(viewers, np.float64)
        return cls(corners[(corners >= 0).all(1)], rays / rays[:, 2:])


def relative_curl(normals: NDArray, quads: Quads, confidence: NDArray) -> float:
    """Mean robust curl of the slopes over the quads that face the camera, relative to how much the slopes change there.

        c = loop sum of slopes (trapezoid),  g^2 = sum of squared changes of the slopes,  r^2 = c^2 / (0.03^2 + g^2),
        sum_q w_q log(1 + r^2 / 0.2^2) / sum_q w_q,    w_q the least confidence of its pixels

    over quads with -n.ray >= 0.3 at each corner. normals (P, 3) unit; confidence (P,). Dividing by g takes away the
    scale: without it a flattened surface, whose curl is small, wins. Zero where no quad counts.

    >>> grid = PixelGrid(np.ones((20, 20), bool))
    >>> x, y = (grid.index[1] - 9.5) / 20, (grid.index[0] - 9.5) / 20
    >>> bowl = np.stack([x, y, -np.ones_like(x)], 1) / np.sqrt(1 + x**2 + y**2)[:, None]
    >>> swirl = np.stack([-y, x, -np.ones_like(x)], 1) / np.sqrt(1 + x**2 + y**2)[:, None]
    >>> quads = Quads.of(grid, np.tile([0.0, 0.0, -1.0], (400, 1)))
    >>> relative_curl(bowl, quads, np.ones(400)) < 1e-6 < 0.5 < relative_curl(swirl, quads, np.ones(400))
    True
    """
    return float((curl_residuals(normals, quads, confidence) ** 2).sum())


def curl_residuals(normals: NDArray, quads: Quads, confidence: NDArray) -> NDArray[np.float64]:
    """The terms of `relative_curl` (Q,): their squares sum up to it, their sign is that of the curl."""
    facing = -(normals * quads.rays).sum(1)
    weight = confidence[quads.corners].min(1) * (facing[quads.corners] >= _LEAST_FACING).all(1)
    total = weight.sum()
    if total <= 0:
        return np.zeros(len(quads.corners))
    slopes = normals[:, :2] / np.maximum(facing, 1e-3)[:, None]
    p, q = slopes[quads.corners, 0], slopes[quads.corners, 1]
    curl = 0.5 * (p[:, 0] + p[:, 1] - p[:, 2] - p[:, 3]) - 0.5 * (q[:, 0] + q[:, 2] - q[:, 1] - q[:, 3])
    change = 0.5 * sum(
        (slope[:, one] - slope[:, other]) ** 2 for slope in (p, q) for one, other in ((1, 0), (3, 2), (2, 0), (3, 1))
    )
    ratio = curl**2 / (_SLOPE_FLOOR**2 + change)
    signed: NDArray[np.float64] = np.sign(curl) * np.sqrt(weight * np.log1p(ratio / _LOSS**2) / total)
    return signed


def tilt_matrix(parameters: NDArray) -> NDArray[np.float64]:
    """R_z(phi) with rows (1, 0, 0), (0, 1, 0), (bx, by, 1) after it: what acts on scaled normals; inverse transposed on
    lights."""
    bx, by, phi = parameters
    turn = np.array([[np.cos(phi), -np.sin(phi), 0.0], [np.sin(phi), np.cos(phi), 0.0], [0.0, 0.0, 1.0]])
    return turn @ np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [bx, by, 1.0]])


def integrable_tilt(normals: NDArray, quads: Quads, confidence: NDArray, reach: float = 0.4) -> NDArray[np.float64]:
    """(bx, by, phi) for which the tilted normals are closest to those of a surface: least `relative_curl`.

    A grid of steps 0.1 over bx and by within `reach`, then Nelder-Mead.
    """
    n = np.asarray(normals, np.float64)

    def curl(parameters: NDArray) -> float:
        turned = n @ tilt_matrix(parameters).T
        return relative_curl(turned / np.linalg.norm(turned, axis=1, keepdims=True), quads, confidence)

    axis = np.arange(-reach, reach + 0.05, 0.1)
    grid = [np.array([bx, by, 0.0]) for bx in axis for by in axis] + [np.zeros(3)]
    best = min(grid, key=curl)
    simplex = best + np.array([[0, 0, 0], [0.05, 0, 0], [0, 0.05, 0], [0, 0, 0.05]])
    options = {"initial_simplex": simplex, "maxfev": 150, "xatol": 1e-4, "fatol": 1e-7}
    found: NDArray[np.float64] = minimize(curl, best, method="Nelder-Mead", options=options).x
    return found


def confidence_of(state: BundleState) -> NDArray[np.float64]:
    """How far each pixel (P,) is believed: exp(-cost / 0.5)."""
    confidence: NDArray[np.float64] = np.exp(-state.costs.astype(np.float64) / _COST)
    return confidence


def integrable(pixels: BundlePixels, state: BundleState, quads: Quads) -> BundleState:
    """The state tilted and turned so that its normals are those of a surface."""
    tilt = integrable_tilt(state.normals, quads, confidence_of(state))
    return moved(pixels, state, tilt_matrix(tilt))
