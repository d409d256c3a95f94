"""Bundle adjustment of lights and pixels, the part of each pixel: reflectance re-fitted, and its unknowns eliminated.

Grey observations I_pj of pixel p under light j with weights w_pj, basis b (see `reflectance_basis`):

    cost = sum_p [ sum_j w_pj log(1 + r_pj^2 / s_pj^2) / sum_j w_pj + lambda x_p1 ],
    r_pj = I_pj - e_j g V b(n_p, l_j).x_p,    s_pj^2 = s_p^2 (1 + relative I_pj^2),    x_p >= 0.

Unknown are the lights' directions l_j (two tangents each) and log e_j, the normals n_p (two tangents) and the weights
x_p (six). A Gauss-Newton step eliminates the eight unknowns of each pixel (Schur complement), weights at zero frozen;
what is left is a system in 3 N unknowns. Papers: Triggs et al., Bundle adjustment, 1999; Golub & Pereyra 1973.
"""

from __future__ import annotations

import warp as wp

from sharpvision.kernels.bundle_basis import basis_by_light
from sharpvision.kernels.non_negative import factor, forward, non_negative
from sharpvision.kernels.pixel_fit import tangent
from sharpvision.kernels.reflectance_basis import basis, basis_gradient, light_at, mat66, vec6

wp.set_module_options({"enable_backward": False})

vec8 = wp.types.vector(length=8, dtype=wp.float32)
mat26 = wp.types.matrix(shape=(2, 6), dtype=wp.float32)


@wp.struct
class BundleData:
    """What is read: observations, weights and visibility (P, N), squared scale (P,), lights (N,) and their intensities
    (N,), points in light distances (P,), unit vectors to the viewer (P,)."""

    observed: wp.array2d(dtype=float)
    weight: wp.array2d(dtype=float)
    visibility: wp.array2d(dtype=float)
    scale2: wp.array(dtype=float)
    lights: wp.array(dtype=wp.vec3)
    intensity: wp.array(dtype=float)
    points: wp.array(dtype=wp.vec3)
    viewers: wp.array(dtype=wp.vec3)
    relative: float
    sparsity: float


@wp.struct
class Eliminated:
    """What is written for each pixel, in units of its own mean log cost.

    `rows` (P, 8, 3 N) is L^-1 H_pl with H_pp = L L', `right` (P, 8) is L^-1 g_p, `lower` (P,) the tangents' block of L,
    `slope` (P, N) of vec3 and `residual` (P, N) the weighted derivatives by the light's unknowns and residuals.
    """

    rows: wp.array3d(dtype=float)
    right: wp.array(dtype=vec8)
    lower: wp.array(dtype=wp.vec3)
    slope: wp.array2d(dtype=wp.vec3)
    residual: wp.array2d(dtype=float)


@wp.kernel
def fit_reflectance(
    data: BundleData, first: int, slot: int, passes: int, table: wp.array2d(dtype=vec6),
    normals: wp.array(dtype=wp.vec3), weights: wp.array(dtype=vec6), costs: wp.array(dtype=float),
):  # fmt: skip
    """Re-fit the weights at fixed normals and lights, in place; `costs` receives each pixel's cost."""
    p = first + wp.tid()
    n = normals[p]
    v = data.viewers[p]
    s2 = data.scale2[p]
    x = weights[p]
    total = float(0.0)
    for j in range(data.lights.shape[0]):
        if data.weight[p, j] > 0.0:
            light = light_at(data.lights[j], data.points[p])
            gain = light.gain * data.visibility[p, j] * data.intensity[j]
            table[slot, j] = basis(n, light.direction, v) * gain
            total += data.weight[p, j]
    for _pass in range(passes):
        gram = mat66()
        right = vec6()
        for j in range(data.lights.shape[0]):
            w = data.weight[p, j]
            if w > 0.0:
                b = table[slot, j]
                o = data.observed[p, j]
                r = o - wp.dot(x, b)
                w = w / (s2 * (1.0 + data.relative * o * o) + r * r)
                gram += wp.outer(w * b, b)
                right += w * o * b
        right[1] = right[1] - 0.5 * data.sparsity * total
        x = non_negative(gram, right, x)
    cost = float(0.0)
    for j in range(data.lights.shape[0]):
        w = data.weight[p, j]
        if w > 0.0:
            o = data.observed[p, j]
            r = o - wp.dot(x, table[slot, j])
            cost += w * wp.log(1.0 + r * r / (s2 * (1.0 + data.relative * o * o)))
    weights[p] = x
    costs[p] = cost / wp.max(total, 1.0e-12) + data.sparsity * x[1]


@wp.kernel
def eliminate_pixels(
    data: BundleData, first: int, damping: float, normals: wp.array(dtype=wp.vec3), weights: wp.array(dtype=vec6),
    axes: wp.array2d(dtype=wp.vec3), out: Eliminated,
):  # fmt: skip
    """The pixel's block of the Gauss-Newton system, factored; `axes` (N, 2) are the tangents of the lights."""
    p = first + wp.tid()
    n = normals[p]
    v = data.viewers[p]
    q = data.points[p]
    x = weights[p]
    s2 = data.scale2[p]
    t1 = tangent(n)
    t2 = wp.cross(n, t1)
    gram = mat66()
    cross = mat26()
    slope = vec6()
    h11 = float(0.0)
    h12 = float(0.0)
    h22 = float(0.0)
    g1 = float(0.0)
    g2 = float(0.0)
    total = float(1.0e-12)
    for j in range(data.lights.shape[0]):
        total += data.weight[p, j]
    for j in range(data.lights.shape[0]):
        w = data.weight[p, j]
        if w > 0.0:
            light = light_at(data.lights[j], q)
            seen = data.visibility[p, j] * data.intensity[j]
            gain = light.gain * seen
            b = basis_gradient(n, t1, t2, light.direction, v)
            value = b.value * gain
            o = data.observed[p, j]
            r = o - wp.dot(x, value)
            w = w / ((s2 * (1.0 + data.relative * o * o) + r * r) * total)
            d1 = wp.dot(x, b.along_1) * gain
            d2 = wp.dot(x, b.along_2) * gain
            h11 += w * d1 * d1
            h12 += w * d1 * d2
            h22 += w * d2 * d2
            g1 += w * d1 * r
            g2 += w * d2 * r
            wb = w * value
            gram += wp.outer(wb, value)
            for k in range(6):
                cross[0, k] = cross[0, k] + d1 * wb[k]
                cross[1, k] = cross[1, k] + d2 * wb[k]
            slope += wb * r
            moved = basis_by_light(n, v, light, b.value, axes[j, 0], axes[j, 1])
            root = wp.sqrt(w)
            out.residual[p, j] = root * r
            out.slope[p, j] = root * wp.vec3(
                wp.dot(x, moved.along_1) * seen, wp.dot(x, moved.along_2) * seen, wp.dot(x, value)
            )
        else:
            out.residual[p, j] = 0.0
            out.slope[p, j] = wp.vec3()
    slope[1] = slope[1] - 0.5 * data.sparsity
    for k in range(6):
        gram[k, k] = gram[k, k] * (1.0 + damping) + 1.0e-6
    lower = factor(gram, x)
    u1 = forward(lower, cross[0], x)
    u2 = forward(lower, cross[1], x)
    ug = forward(lower, slope, x)
    h11 = h11 * (1.0 + damping) + 1.0e-6 - wp.dot(u1, u1)
    h22 = h22 * (1.0 + damping) + 1.0e-6 - wp.dot(u2, u2)
    h12 -= wp.dot(u1, u2)
    l11 = wp.sqrt(wp.max(h11, 1.0e-6))
    l21 = h12 / l11
    l22 = wp.sqrt(wp.max(h22 - l21 * l21, 1.0e-6))
    r1 = (g1 - wp.dot(u1, ug)) / l11
    r2 = (g2 - wp.dot(u2, ug) - l21 * r1) / l22
    out.lower[p] = wp.vec3(l11, l21, l22)
    out.right[p] = vec8(ug[0], ug[1], ug[2], ug[3], ug[4], ug[5], r1, r2)
    for j in range(data.lights.shape[0]):
        w = data.weight[p, j]
        if w > 0.0:
            light = light_at(data.lights[j], q)
            gain = light.gain * data.visibility[p, j] * data.intensity[j]
            b = basis_gradient(n, t1, t2, light.direction, v)
            value = b.value * gain
            o = data.observed[p, j]
            r = o - wp.dot(x, value)
            root = wp.sqrt(w / ((s2 * (1.0 + data.relative * o * o) + r * r) * total))
            u = forward(lower, value * root, x)
            y1 = (wp.dot(x, b.along_1) * gain * root - wp.dot(u1, u)) / l11
            y2 = (wp.dot(x, b.along_2) * gain * root - wp.dot(u2, u) - l21 * y1) / l22
            a = out.slope[p, j]
            for c in range(3):
                for k in range(6):
                    out.rows[p, k, 3 * j + c] = u[k] * a[c]
                out.rows[p, 6, 3 * j + c] = y1 * a[c]
                out.rows[p, 7, 3 * j + c] = y2 * a[c]
        else:
            for c in range(3):
                for k in range(8):
                    out.rows[p, k, 3 * j + c] = 0.0


@wp.kernel
def turn_normals(
    first: int, normals: wp.array(dtype=wp.vec3), steps: wp.array(dtype=wp.vec2), viewers: wp.array(dtype=wp.vec3),
    least_facing: float, out: wp.array(dtype=wp.vec3),
):  # fmt: skip
    """Normals moved by steps along their two tangents; where one would turn away from the viewer it stays."""
    p = first + wp.tid()
    n = normals[p]
    t1 = tangent(n)
    t2 = wp.cross(n, t1)
    moved = wp.normalize(n + t1 * steps[p][0] + t2 * steps[p][1])
    out[p] = wp.where(wp.dot(moved, viewers[p]) > least_facing, moved, n)
