"""NumPy twins of shadows and form factors over a height field; see `sharpvision.kernels.height_field`."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import map_coordinates

FIRST_STEP = 2.0


def clearance(depth: np.ndarray, origin: np.ndarray, direction: np.ndarray, reach: float) -> float:
    """Largest height in pixels of the surface above a ray, sampled at each pixel of its course from two pixels off.

    `depth` (H, W) NaN where there is no surface; `origin` (column, row, depth); `direction` unit, OpenCV frame.
    Bilinear where four cells are there, otherwise the nearest; -1000 where nothing is met.
    """
    flat = np.hypot(direction[0], direction[1])
    if flat <= 1e-6:
        return -1e3
    steps = np.arange(FIRST_STEP, reach + 1e-9)
    x, y, z = (origin[:, None] + np.outer(direction / flat, steps)).astype(np.float64)
    inside = (x >= -0.49) & (y >= -0.49) & (x <= depth.shape[1] - 0.51) & (y <= depth.shape[0] - 0.51)
    x, y, z = x[inside], y[inside], z[inside]
    surface = map_coordinates(depth, [y, x], order=1, mode="constant", cval=np.nan)
    nearest = depth[np.floor(y + 0.5).astype(int), np.floor(x + 0.5).astype(int)]
    surface = np.where(np.isnan(surface), nearest, surface)
    above = (z - surface)[~np.isnan(surface)]
    return float(above.max(initial=-1e3))


def cast_shadows(
    depth: np.ndarray, mask: np.ndarray, lights: np.ndarray, points: np.ndarray, shares: np.ndarray | None = None
) -> np.ndarray:
    """Soft visibility (P, N): 1 / (1 + exp((c - 1) / 0.5)) with c the `clearance` of the ray to the light."""
    surface, cells = _field(depth, mask)
    out = np.empty((len(cells), len(lights)))
    for p, cell in enumerate(cells):
        for j, light in enumerate(lights - (1.0 if shares is None else shares[:, None]) * points[p]):
            c = clearance(surface, cell, light / np.linalg.norm(light), float(sum(depth.shape)))
            out[p, j] = 1 / (1 + np.exp(np.clip((c - 1.0) / 0.5, -30, 30)))
    return out


def form_factors(depth: np.ndarray, mask: np.ndarray, normals: np.ndarray) -> np.ndarray:
    """Form factors (P, P): cos_p cos_q A_q / (pi (r^2 + A_q / 2)), no pair nearer than sqrt(1.5), rows at most 0.7."""
    surface, cells = _field(depth, mask)
    out = np.zeros((len(cells), len(cells)))
    areas = 1 / np.maximum(-normals[:, 2], 0.15)
    for p, cell in enumerate(cells):
        for q, other in enumerate(cells):
            r = other - cell
            square = float(r @ r)
            if square <= 1.5:
                continue
            direction = r / np.sqrt(square)
            cos_p, cos_q = normals[p] @ direction, -normals[q] @ direction
            if min(cos_p, cos_q) > 0.02 and clearance(surface, cell, direction, np.hypot(r[0], r[1]) - 1.5) < 1.0:
                out[p, q] = cos_p * cos_q * areas[q] / (np.pi * (square + 0.5 * areas[q]))
    return out * np.minimum(1.0, 0.7 / np.maximum(out.sum(1, keepdims=True), 1e-30))


def _field(depth: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Depth with NaN outside the mask, and the mask's cells (column, row, depth)."""
    rows, columns = np.nonzero(mask)
    cells = np.stack([columns, rows, depth[mask]], 1).astype(np.float64)
    return np.where(mask, depth, np.nan).astype(np.float64), cells
