"""Visibility over a height field: cast shadows of near or distant lights, and form factors between its cells.

The height field is a depth map z (H, W) in pixels, growing away from the camera, NaN where there is no surface. Rays
march in steps of one pixel from two pixels off; a ray that leaves the surface's depth range towards the camera is free.
"""

from __future__ import annotations

import math

import numpy as np
import warp as wp

from sharpvision.kernels.launch import as_warp, in_bands, launch, start_warp

start_warp()

from sharpvision.kernels.reflectance_basis import light_at  # noqa: E402

wp.set_module_options({"enable_backward": False})

_PI = wp.constant(math.pi)
SHADOW_SOFTNESS = wp.constant(0.5)
SHADOW_MARGIN = wp.constant(1.0)
MIN_FACING = wp.constant(0.15)
BAND_ROWS = 64


@wp.func
def depth_at(depth: wp.array2d(dtype=float), x: float, y: float) -> float:
    """Bilinear depth at pixel coordinates (centres at integers); the nearest cell where a neighbour is missing."""
    x0 = int(wp.floor(x))
    y0 = int(wp.floor(y))
    z = depth[int(wp.floor(y + 0.5)), int(wp.floor(x + 0.5))]
    if x0 >= 0 and y0 >= 0 and x0 + 1 < depth.shape[1] and y0 + 1 < depth.shape[0]:
        fx = x - float(x0)
        fy = y - float(y0)
        above = depth[y0, x0] * (1.0 - fx) + depth[y0, x0 + 1] * fx
        below = depth[y0 + 1, x0] * (1.0 - fx) + depth[y0 + 1, x0 + 1] * fx
        blend = above * (1.0 - fy) + below * fy
        if not wp.isnan(blend):
            z = blend
    return z


@wp.func
def clearance(
    depth: wp.array2d(dtype=float), origin: wp.vec3, direction: wp.vec3, reach: float, nearest: float
) -> float:
    """Largest height of the surface above the ray over `reach` pixels of its course, in pixels; negative where free."""
    worst = float(-1.0e3)
    flat = wp.sqrt(direction[0] * direction[0] + direction[1] * direction[1])
    if flat > 1.0e-6:
        step = direction / flat
        s = float(2.0)
        going = bool(True)
        while going and s <= reach:
            x = origin[0] + step[0] * s
            y = origin[1] + step[1] * s
            z = origin[2] + step[2] * s
            right = float(depth.shape[1]) - 0.51
            bottom = float(depth.shape[0]) - 0.51
            if x < -0.49 or y < -0.49 or x > right or y > bottom or z < nearest - 3.0:
                going = False
            else:
                surface = depth_at(depth, x, y)
                if not wp.isnan(surface):
                    worst = wp.max(worst, z - surface)
            s += 1.0
    return worst


@wp.kernel
def shadow_kernel(
    depth: wp.array2d(dtype=float), cells: wp.array(dtype=wp.vec3), lights: wp.array(dtype=wp.vec3),
    points: wp.array(dtype=wp.vec3), shares: wp.array(dtype=float), nearest: float, first: int,
    out: wp.array2d(dtype=float),
):  # fmt: skip
    """Soft visibility of every light from one cell; see `cast_shadows`."""
    p = first + wp.tid()
    for j in range(lights.shape[0]):
        light = light_at(lights[j], points[p] * shares[j])
        blocked = clearance(depth, cells[p], light.direction, 1.0e4, nearest)
        out[p, j] = 1.0 / (1.0 + wp.exp(wp.clamp((blocked - SHADOW_MARGIN) / SHADOW_SOFTNESS, -30.0, 30.0)))


@wp.kernel
def form_factor_kernel(
    depth: wp.array2d(dtype=float), cells: wp.array(dtype=wp.vec3), normals: wp.array(dtype=wp.vec3),
    nearest: float, first: int, out: wp.array2d(dtype=float),
):  # fmt: skip
    """One row of the matrix; see `form_factors`."""
    p = first + wp.tid()
    here = cells[p]
    n = normals[p]
    total = float(0.0)
    for q in range(cells.shape[0]):
        r = cells[q] - here
        square = wp.dot(r, r)
        value = float(0.0)
        if square > 1.5:
            direction = r / wp.sqrt(square)
            cos_p = wp.dot(n, direction)
            cos_q = -wp.dot(normals[q], direction)
            if cos_p > 0.02 and cos_q > 0.02:
                reach = wp.sqrt(r[0] * r[0] + r[1] * r[1]) - 1.5
                if clearance(depth, here, direction, reach, nearest) < SHADOW_MARGIN:
                    area = 1.0 / wp.max(-normals[q][2], MIN_FACING)
                    value = cos_p * cos_q * area / (_PI * (square + 0.5 * area))
        out[p, q] = value
        total += value
    if total > 0.7:
        for q in range(cells.shape[0]):
            out[p, q] = out[p, q] * (0.7 / total)


def cells_of(depth: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Coordinates (P, 3) float32 of the mask's cells: column, row, depth, all in pixels."""
    rows, columns = np.nonzero(mask)
    return np.stack([columns, rows, depth[mask]], axis=1).astype(np.float32)


def cast_shadows(
    depth: np.ndarray, mask: np.ndarray, lights: np.ndarray, points: np.ndarray, shares: np.ndarray | None = None
) -> np.ndarray:
    """Soft visibility (P, N) in [0, 1] of each light from each cell of the mask.

    V = 1 / (1 + exp((c - 1) / 0.5)) with c the largest height in pixels of the surface above the ray to the light: a
    ray that touches the surface (c = 0) has V = 0.88. `depth` (H, W) in pixels; `mask` (H, W) bool; `lights` (N, 3)
    float32 unit, OpenCV frame; `points` (P, 3) float32 positions in light distances (zeros for distant lights). The
    direction to a light is that of lights_j - share_j points_p: `shares` (N,) float32, by default one, make `lights`
    homogeneous for heights that are a projective map of a surface. The horizon of the cell itself is not counted: that
    is the cosine's part. Raises `ValueError` for arrays that are not
    contiguous.

    >>> depth = np.zeros((1, 30), np.float32)
    >>> depth[0, 20] = -4.0
    >>> low = np.array([[0.8, 0.0, -0.6]], np.float32)
    >>> seen = cast_shadows(depth, np.ones((1, 30), bool), low, np.zeros((30, 3), np.float32))[:, 0]
    >>> bool(seen[18] < 0.1), bool(seen[10] > 0.99), bool(seen[25] > 0.8)
    (True, True, True)
    """
    cells = cells_of(depth, mask)
    out = np.empty((len(cells), len(lights)), np.float32)
    if len(cells) == 0:
        return out
    surface = np.ascontiguousarray(np.where(mask, depth, np.nan), np.float32)
    nearest = float(cells[:, 2].min())
    shares = np.ones(len(lights), np.float32) if shares is None else shares
    arrays = (
        as_warp(surface, wp.float32), as_warp(cells, wp.vec3), as_warp(lights, wp.vec3), as_warp(points, wp.vec3),
        as_warp(shares, wp.float32),
    )  # fmt: skip
    target = as_warp(out, wp.float32)

    def band(first: int, last: int, _worker: int) -> None:
        launch(shadow_kernel, last - first, [*arrays, nearest, first, target])

    in_bands(band, len(cells))
    return out


def form_factors(depth: np.ndarray, mask: np.ndarray, normals: np.ndarray) -> np.ndarray:
    """Form factors (P, P) between the cells of a height field, occlusion by the field itself counted.

    F_pq = cos_p cos_q A_q / (pi (r^2 + A_q / 2)), A_q = 1 / max(-n_z, 0.15) the area in pixels^2 of a cell seen by the
    camera as one pixel; a row sums to at most 0.7, which bounds the error of the pairs that touch. `depth` (H, W) in
    pixels; `mask` (H, W) bool; `normals` (P, 3) unit, OpenCV frame. Reciprocal, A_p F_pq = A_q F_qp, up to that bound,
    to the different areas in the denominators, and to a march that starts two pixels off its own end.
    Cohen & Greenberg 1985; the disc in the denominator: Wallace et al. 1989.

    >>> flat = np.full((9, 3), (0.0, 0.0, -1.0), np.float32)
    >>> bool((form_factors(np.zeros((3, 3)), np.ones((3, 3), bool), flat) == 0.0).all())
    True
    """
    cells = cells_of(depth, mask)
    out = np.empty((len(cells), len(cells)), np.float32)
    if len(cells) == 0:
        return out
    surface = np.ascontiguousarray(np.where(mask, depth, np.nan), np.float32)
    nearest = float(cells[:, 2].min())
    facing = np.ascontiguousarray(normals, np.float32)
    arrays = (as_warp(surface, wp.float32), as_warp(cells, wp.vec3), as_warp(facing, wp.vec3))
    target = as_warp(out, wp.float32)

    def band(first: int, last: int, _worker: int) -> None:
        launch(form_factor_kernel, last - first, [*arrays, nearest, first, target])

    in_bands(band, len(cells), BAND_ROWS)
    return out
