"""Per-pixel robust Lambertian normals: graduated M-estimation from a rank-trimmed start.

With grey observations g_j over the pixel's 90th percentile and dark weights d_j = clip(g_j / 0.3, 0.1, 1), over the lights
whose observation ranks in the darker 80 % (highlights are brighter),

    min over m of  sum_j d_j rho(g_j - max(m.l_j, 0)),      rho = s^2 log(1 + (r / s)^2) (Cauchy) or |r| (L1),

by iteratively reweighted least squares over the lights that the estimate faces; s falls from 0.3 to 0.05. The start is
least squares over the ranks 25 to 80 %. m = albedo n. Papers: Woodham 1980; Black & Anandan 1996; for trimming Wu et al. 2010.
"""

from __future__ import annotations

import numpy as np
import warp as wp

from sharpvision.kernels.launch import as_warp, in_bands, start_warp, thread_count

start_warp()

wp.set_module_options({"enable_backward": False})

CAUCHY, L1 = 0, 1
DARK = wp.constant(0.3)
START_LOW = wp.constant(0.25)
HIGH = wp.constant(0.8)
GRADUATED = wp.constant(4)
ITERATIONS = wp.constant(14)
FIRST_SCALE = wp.constant(0.3)
LAST_SCALE = wp.constant(0.05)


@wp.func
def solve3(a: wp.mat33, b: wp.vec3) -> wp.vec3:
    """Solution of a symmetric 3x3 system with a small ridge; zero where it has none."""
    ridge = 1.0e-6 * (a[0, 0] + a[1, 1] + a[2, 2]) + 1.0e-12
    m = a + ridge * wp.identity(n=3, dtype=float)
    det = wp.determinant(m)
    if wp.abs(det) < 1.0e-30:
        return wp.vec3(0.0, 0.0, 0.0)
    return wp.inverse(m) * b


@wp.kernel
def robust_kernel(
    observed: wp.array2d(dtype=wp.vec3), usable: wp.array2d(dtype=wp.uint8), lights: wp.array(dtype=wp.vec3), formulation: int,
    first: int, slot: int, scratch: wp.array3d(dtype=float), scaled: wp.array(dtype=wp.vec3), albedo: wp.array(dtype=wp.vec3), spread: wp.array(dtype=float),
):  # fmt: skip
    p = first + wp.tid()
    count = lights.shape[0]
    used = int(0)
    for j in range(count):
        o = observed[p, j]
        scratch[slot, 0, j] = 0.2989 * o[0] + 0.5870 * o[1] + 0.1140 * o[2]
        if usable[p, j] != wp.uint8(0):
            used += 1
    last = wp.max(float(used - 1), 1.0)
    # ranks among the usable observations, and their 90th percentile
    top = float(0.0)
    for j in range(count):
        g = scratch[slot, 0, j]
        below = int(0)
        for k in range(count):
            other = scratch[slot, 0, k]
            if usable[p, k] != wp.uint8(0) and (other < g or (other == g and k < j)):
                below += 1
        rank = float(below) / last
        scratch[slot, 1, j] = rank
        if usable[p, j] != wp.uint8(0) and rank <= 0.9001:
            top = wp.max(top, g)
    top = wp.max(top, 1.0e-6)
    # start: least squares over the middle ranks
    a = wp.mat33()
    b = wp.vec3()
    for j in range(count):
        g = scratch[slot, 0, j] / top
        scratch[slot, 0, j] = g
        rank = scratch[slot, 1, j]
        weight = float(0.0)
        if usable[p, j] != wp.uint8(0) and rank <= HIGH:
            weight = wp.clamp(g / DARK, 0.1, 1.0)
            if rank >= START_LOW:
                a += wp.outer(lights[j], lights[j])
                b += g * lights[j]
        scratch[slot, 1, j] = weight
    m = solve3(a, b)
    a_robust = wp.mat33()
    square = float(0.0)
    total = float(0.0)
    for i in range(ITERATIONS):
        s = LAST_SCALE
        if i < GRADUATED:
            s = FIRST_SCALE * wp.pow(LAST_SCALE / FIRST_SCALE, float(i) / float(GRADUATED - 1))
        a_robust = wp.mat33()
        b = wp.vec3()
        square = float(0.0)
        total = float(0.0)
        lit = int(0)
        for j in range(count):
            expected = wp.dot(m, lights[j])
            if expected > 0.0 and scratch[slot, 1, j] > 0.0:
                r = scratch[slot, 0, j] - expected
                weight = scratch[slot, 1, j]
                if formulation == 0:
                    weight = weight / (1.0 + r * r / (s * s))
                else:
                    weight = weight / wp.max(wp.abs(r), 1.0e-3)
                a_robust += weight * wp.outer(lights[j], lights[j])
                b += weight * scratch[slot, 0, j] * lights[j]
                square += weight * r * r
                total += weight
                lit += 1
        if lit >= 4:
            m = solve3(a_robust, b)
    # facing the camera, and a unit vector whatever happened
    size = wp.length(m)
    n = wp.vec3(0.0, 0.0, -1.0)
    if size > 1.0e-9:
        n = m / size
    if n[2] > -0.05:
        n = wp.normalize(wp.vec3(n[0], n[1], -0.05))
    scaled[p] = n
    # albedo: robustly weighted projection of each channel
    above = wp.vec3()
    under = float(1.0e-12)
    for j in range(count):
        shade = wp.dot(n, lights[j])
        if shade > 0.0 and scratch[slot, 1, j] > 0.0:
            r = (scratch[slot, 0, j] - wp.dot(m, lights[j])) / LAST_SCALE
            weight = scratch[slot, 1, j] / (1.0 + r * r)
            above += weight * shade * observed[p, j]
            under += weight * shade * shade
    albedo[p] = above / under
    # standard error of a tangent coordinate: residual variance times the inverse of A, averaged over the two tangents
    inverse = wp.inverse(a_robust + (1.0e-6 * (a_robust[0, 0] + a_robust[1, 1] + a_robust[2, 2]) + 1.0e-12) * wp.identity(n=3, dtype=float))
    variance = square / wp.max(total, 1.0e-9) * wp.max(total, 1.0e-9) / wp.max(total - 3.0 * total / wp.max(float(used), 4.0), 1.0e-9)
    across = inverse[0, 0] + inverse[1, 1] + inverse[2, 2] - wp.dot(n, inverse * n)
    spread[p] = wp.sqrt(wp.max(0.5 * across * variance, 0.0)) / wp.max(size, 1.0e-6)


def robust_normals(observed: np.ndarray, usable: np.ndarray, lights: np.ndarray, formulation: int = CAUCHY) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Normals (P, 3), albedo (P, 3) and standard error in radians of a tangent coordinate (P,), before calibration.

    `observed` (P, N, 3) float32 radiance over the light's intensity; `usable` (P, N) uint8; `lights` (N, 3) float32 unit,
    OpenCV frame. Every normal faces the camera (n_z <= -0.05).
    """
    count = len(observed)
    normals, albedo, spread = np.empty((count, 3), np.float32), np.empty((count, 3), np.float32), np.empty(count, np.float32)
    scratch = wp.empty((thread_count(), 2, len(lights)), dtype=wp.float32, device="cpu")
    inputs = [as_warp(observed, wp.vec3), as_warp(usable, wp.uint8), as_warp(lights, wp.vec3), formulation]
    outputs = [as_warp(normals, wp.vec3), as_warp(albedo, wp.vec3), as_warp(spread, wp.float32)]

    def band(first: int, last: int, worker: int) -> None:
        wp.launch(robust_kernel, dim=last - first, inputs=[*inputs, first, worker, scratch, *outputs], device="cpu")

    in_bands(band, count, 1024)
    return normals, albedo, spread
