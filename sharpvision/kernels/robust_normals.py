"""Per-pixel robust Lambertian normals: graduated M-estimation from a rank-trimmed start.

With grey observations g_j over the pixel's 90th percentile and dark weights d_j = clip(g_j / 0.3, 0.1, 1), over the
lights whose observation ranks in the darker 80 % (highlights are brighter),

    min over m of  sum_j d_j rho(g_j - max(m.l_j, 0)),      rho = s^2 log(1 + (r / s)^2) (Cauchy) or |r| (L1),

by iteratively reweighted least squares over the lights that the estimate faces; s falls from 0.3 to 0.05. The start is
least squares over the ranks 25 to 80 %. Fewer than five usable observations are not trimmed. m = albedo n. Papers:
Woodham 1980; Black & Anandan 1996; for trimming Wu et al. 2010.
"""

from __future__ import annotations

import numpy as np
import warp as wp

from sharpvision.kernels.launch import as_warp, in_bands, launch, start_warp, thread_count

start_warp()

wp.set_module_options({"enable_backward": False})

CAUCHY, L1 = 0, 1
DARK = wp.constant(0.3)
START_LOW = wp.constant(0.25)
HIGH = wp.constant(0.8)
LEAST_TRIMMED = wp.constant(5)
GRADUATED = wp.constant(4)
ITERATIONS = wp.constant(14)
FIRST_SCALE = wp.constant(0.3)
LAST_SCALE = wp.constant(0.05)
BAND_PIXELS = 1024


@wp.struct
class RobustData:
    """What it reads: observations (P, N) RGB, usable (P, N) 0 or 1, lights (N,), and the loss."""

    observed: wp.array2d(dtype=wp.vec3)
    usable: wp.array2d(dtype=wp.uint8)
    lights: wp.array(dtype=wp.vec3)
    formulation: int


@wp.struct
class RobustResult:
    """What it writes: normals, albedo, standard error of a tangent coordinate in radians, each (P,)."""

    normal: wp.array(dtype=wp.vec3)
    albedo: wp.array(dtype=wp.vec3)
    spread: wp.array(dtype=float)


@wp.struct
class NormalEquations:
    """Weighted least squares for m: matrix, right-hand side, sum of weights, squared residuals, lights used."""

    a: wp.mat33
    b: wp.vec3
    total: float
    square: float
    lit: int


@wp.func
def solve3(a: wp.mat33, b: wp.vec3) -> wp.vec3:
    """Solution of a symmetric 3x3 system with a small ridge; zero where it has none."""
    ridge = 1.0e-6 * (a[0, 0] + a[1, 1] + a[2, 2]) + 1.0e-12
    m = a + ridge * wp.identity(n=3, dtype=float)
    det = wp.determinant(m)
    if wp.abs(det) < 1.0e-30:
        return wp.vec3(0.0, 0.0, 0.0)
    return wp.inverse(m) * b


@wp.func
def count_usable(data: RobustData, p: int) -> int:
    """How many observations of pixel p are usable."""
    used = int(0)
    for j in range(data.lights.shape[0]):
        if data.usable[p, j] != wp.uint8(0):
            used += 1
    return used


@wp.func
def rank_greys(data: RobustData, p: int, used: int, scratch: wp.array3d(dtype=float), slot: int) -> float:
    """Fill the scratch with grey observations (row 0) and their ranks in [0, 1] among the usable ones (row 1).

    Returns the 90th percentile. Equal greys rank in the order of the lights.
    """
    count = data.lights.shape[0]
    for j in range(count):
        o = data.observed[p, j]
        scratch[slot, 0, j] = 0.2989 * o[0] + 0.5870 * o[1] + 0.1140 * o[2]
    last = wp.max(float(used - 1), 1.0)
    top = float(0.0)
    for j in range(count):
        g = scratch[slot, 0, j]
        below = int(0)
        for k in range(count):
            other = scratch[slot, 0, k]
            if data.usable[p, k] != wp.uint8(0) and (other < g or (other == g and k < j)):
                below += 1
        rank = float(below) / last
        scratch[slot, 1, j] = rank
        if data.usable[p, j] != wp.uint8(0) and rank <= 0.9001:
            top = wp.max(top, g)
    return wp.max(top, 1.0e-6)


@wp.func
def trimmed_start(
    data: RobustData, p: int, used: int, top: float, scratch: wp.array3d(dtype=float), slot: int
) -> wp.vec3:
    """Least squares over the middle ranks; the scratch then holds g / top (row 0) and the dark weights (row 1).

    All ranks where fewer than five observations are usable: the middle of four are two, which determine nothing.
    """
    low = float(START_LOW)
    high = float(HIGH)
    if used < LEAST_TRIMMED:
        low = 0.0
        high = 1.0
    a = wp.mat33()
    b = wp.vec3()
    for j in range(data.lights.shape[0]):
        g = scratch[slot, 0, j] / top
        scratch[slot, 0, j] = g
        rank = scratch[slot, 1, j]
        weight = float(0.0)
        if data.usable[p, j] != wp.uint8(0) and rank <= high:
            weight = wp.clamp(g / DARK, 0.1, 1.0)
            if rank >= low:
                a += wp.outer(data.lights[j], data.lights[j])
                b += g * data.lights[j]
        scratch[slot, 1, j] = weight
    return solve3(a, b)


@wp.func
def reweighted(
    data: RobustData, m: wp.vec3, scale: float, scratch: wp.array3d(dtype=float), slot: int
) -> NormalEquations:
    """Normal equations of the loss at m: weights d / (1 + (r / s)^2) (Cauchy) or d / |r| (L1), over lights m faces."""
    system = NormalEquations()
    for j in range(data.lights.shape[0]):
        expected = wp.dot(m, data.lights[j])
        weight = scratch[slot, 1, j]
        if expected > 0.0 and weight > 0.0:
            g = scratch[slot, 0, j]
            r = g - expected
            if data.formulation == 0:
                weight = weight / (1.0 + r * r / (scale * scale))
            else:
                weight = weight / wp.max(wp.abs(r), 1.0e-3)
            system.a += weight * wp.outer(data.lights[j], data.lights[j])
            system.b += weight * g * data.lights[j]
            system.square += weight * r * r
            system.total += weight
            system.lit += 1
    return system


@wp.func
def facing_normal(m: wp.vec3) -> wp.vec3:
    """m / |m|, turned to n_z <= -0.05 where it looks away from the camera; straight at the camera where m is zero."""
    size = wp.length(m)
    n = wp.vec3(0.0, 0.0, -1.0)
    if size > 1.0e-9:
        n = m / size
    if n[2] > -0.05:
        n = wp.normalize(wp.vec3(n[0], n[1], -0.05))
    return n


@wp.func
def projected_albedo(
    data: RobustData, p: int, n: wp.vec3, m: wp.vec3, scratch: wp.array3d(dtype=float), slot: int
) -> wp.vec3:
    """Albedo of the three channels: sum_j w_j (n.l_j) I_j / sum_j w_j (n.l_j)^2 with the weights of the last scale."""
    above = wp.vec3()
    under = float(1.0e-12)
    for j in range(data.lights.shape[0]):
        shade = wp.dot(n, data.lights[j])
        if shade > 0.0 and scratch[slot, 1, j] > 0.0:
            r = (scratch[slot, 0, j] - wp.dot(m, data.lights[j])) / LAST_SCALE
            weight = scratch[slot, 1, j] / (1.0 + r * r)
            above += weight * shade * data.observed[p, j]
            under += weight * shade * shade
    return above / under


@wp.func
def tangent_spread(system: NormalEquations, m: wp.vec3, n: wp.vec3) -> float:
    """Standard error of a tangent coordinate in radians: variance times the inverse of A, over the tangents."""
    ridge = 1.0e-6 * (system.a[0, 0] + system.a[1, 1] + system.a[2, 2]) + 1.0e-12
    inverse = wp.inverse(system.a + ridge * wp.identity(n=3, dtype=float))
    freedom = system.total * (1.0 - 3.0 / wp.max(float(system.lit), 4.0))
    variance = system.square / wp.max(freedom, 1.0e-9)
    across = inverse[0, 0] + inverse[1, 1] + inverse[2, 2] - wp.dot(n, inverse * n)
    return wp.sqrt(wp.max(0.5 * across * variance, 0.0)) / wp.max(wp.length(m), 1.0e-6)


@wp.kernel
def robust_kernel(data: RobustData, first: int, slot: int, scratch: wp.array3d(dtype=float), out: RobustResult):
    """The estimate of one pixel; `scratch` (threads, 2, N) at `slot` is this thread's own."""
    p = first + wp.tid()
    used = count_usable(data, p)
    top = rank_greys(data, p, used, scratch, slot)
    m = trimmed_start(data, p, used, top, scratch, slot)
    system = NormalEquations()
    for i in range(ITERATIONS):
        scale = LAST_SCALE
        if i < GRADUATED:
            scale = FIRST_SCALE * wp.pow(LAST_SCALE / FIRST_SCALE, float(i) / float(GRADUATED - 1))
        system = reweighted(data, m, scale, scratch, slot)
        if system.lit >= 4:
            m = solve3(system.a, system.b)
    n = facing_normal(m)
    out.normal[p] = n
    out.albedo[p] = projected_albedo(data, p, n, m, scratch, slot)
    out.spread[p] = tangent_spread(system, m, n)


def robust_normals(
    observed: np.ndarray, usable: np.ndarray, lights: np.ndarray, formulation: int = CAUCHY
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Normals (P, 3), albedo (P, 3) and standard error in radians of a tangent coordinate (P,), before calibration.

    `observed` (P, N, 3) float32 radiance over the light's intensity; `usable` (P, N) uint8; `lights` (N, 3) float32
    unit, OpenCV frame; `formulation` `CAUCHY` or `L1`. Every normal faces the camera (n_z <= -0.05); (0, 0, -1) where
    nothing is known. Gauge: scaling a pixel's observations by c > 0 scales its albedo by c and leaves its normal.
    Raises `ValueError` for arrays that are not contiguous.

    >>> lights = np.array([[0.6, 0, -0.8], [-0.6, 0, -0.8], [0, 0.6, -0.8], [0, -0.6, -0.8], [0, 0, -1]], np.float32)
    >>> observed = np.repeat(0.5 * lights @ np.float32([0, 0, -1])[:, None], 3, 1)[None]
    >>> normals, albedo, spread = robust_normals(observed, np.ones((1, 5), np.uint8), lights)
    >>> normals.round(3).tolist(), albedo.round(3).tolist()
    ([[0.0, 0.0, -1.0]], [[0.5, 0.5, 0.5]])
    """
    count = len(observed)
    normals, albedo = np.empty((count, 3), np.float32), np.empty((count, 3), np.float32)
    spread = np.empty(count, np.float32)
    data, out = RobustData(), RobustResult()
    data.observed, data.usable = as_warp(observed, wp.vec3), as_warp(usable, wp.uint8)
    data.lights, data.formulation = as_warp(lights, wp.vec3), formulation
    out.normal, out.albedo = as_warp(normals, wp.vec3), as_warp(albedo, wp.vec3)
    out.spread = as_warp(spread, wp.float32)
    scratch = wp.empty((thread_count(), 2, len(lights)), dtype=wp.float32, device="cpu")

    def band(first: int, last: int, worker: int) -> None:
        launch(robust_kernel, last - first, [data, first, worker, scratch, out])

    in_bands(band, count, BAND_PIXELS)
    return normals, albedo, spread
