"""Per-pixel fit of a normal and non-negative reflectance weights: variable projection inside Levenberg-Marquardt.

For a pixel with observations I_jc (light j, channel c), weights w_j and basis b_j(n) (see `reflectance_basis`),

    cost(n, x) = sum_j w_j log(1 + m_c (I_jc - g_j V_j b_j(n).x_c)^2 / s_j^2) / sum_j w_j + w_p |n - n_p|^2
                 + lambda sum_c x_c1,     s_j^2 = s^2 (1 + relative m_c I_jc^2),     x_c >= 0,

m_c the mean over channels, lambda = `sparsity` on the rough diffuse weight. The normal moves by two tangent numbers;
the weights are eliminated by their Gauss-Newton Schur complement (weights at zero frozen) and re-fitted after every
trial step by iteratively reweighted non-negative least squares (one pass of coordinate descent, then Cholesky on the
free set). The robust weight is shared by the channels, so one 6x6 normal matrix serves all three. Paper for the
elimination: Golub & Pereyra 1973; for the loss: Black & Anandan 1996; for the free set: Lawson & Hanson 1974.
"""

from __future__ import annotations

import warp as wp

from sharpvision.kernels.non_negative import factor, forward, non_negative
from sharpvision.kernels.reflectance_basis import basis, basis_gradient, light_at, mat36, mat66, vec6

wp.set_module_options({"enable_backward": False})

MAX_TURN = wp.constant(0.3)
MIN_FACING = wp.constant(0.05)


@wp.struct
class PixelData:
    """What the fit of all pixels reads: observations (P, N) RGB, weights (P, N), visibility (P, N), squared scale (P,),
    light directions (N,), points in light distances (P,), unit vectors to the viewer (P,), prior normals (P,)."""

    observed: wp.array2d(dtype=wp.vec3)
    weight: wp.array2d(dtype=float)
    visibility: wp.array2d(dtype=float)
    scale2: wp.array(dtype=float)
    lights: wp.array(dtype=wp.vec3)
    points: wp.array(dtype=wp.vec3)
    viewers: wp.array(dtype=wp.vec3)
    prior: wp.array(dtype=wp.vec3)
    prior_weight: float
    relative: float
    sparsity: float
    tolerance: float


@wp.struct
class WeightFit:
    """Weights of the three channels and the cost they reach."""

    x: mat36
    cost: float


@wp.func
def tabulate(data: PixelData, p: int, n: wp.vec3, table: wp.array2d(dtype=vec6), slot: int):
    """Fill the scratch table with the scaled basis of pixel p at normal n, for the lights that count."""
    v = data.viewers[p]
    q = data.points[p]
    for j in range(data.lights.shape[0]):
        if data.weight[p, j] > 0.0:
            light = light_at(data.lights[j], q)
            table[slot, j] = basis(n, light.direction, v) * (light.gain * data.visibility[p, j])


@wp.func
def mean_square(r: wp.vec3) -> float:
    """Mean over channels of the squared residual."""
    return wp.dot(r, r) / 3.0


@wp.func
def fit_weights(
    data: PixelData, p: int, table: wp.array2d(dtype=vec6), slot: int, start: mat36, passes: int
) -> WeightFit:
    """Iteratively reweighted non-negative least squares for the weights of pixel p, and the data cost at the end."""
    fit = WeightFit()
    x = start
    s2 = data.scale2[p]
    for _pass in range(passes):
        gram = mat66()
        right = mat36()
        mass = float(0.0)
        for j in range(data.lights.shape[0]):
            w = data.weight[p, j]
            if w > 0.0:
                b = table[slot, j]
                o = data.observed[p, j]
                r = o - x * b
                mass += w
                w = w / (s2 * (1.0 + data.relative * mean_square(o)) + mean_square(r))
                wb = w * b
                gram += wp.outer(wb, b)
                right += wp.outer(o, wb)
        for c in range(3):
            right[c, 1] = right[c, 1] - 1.5 * data.sparsity * mass
            row = non_negative(gram, right[c], x[c])
            for k in range(6):
                x[c, k] = row[k]
    cost = float(0.0)
    total = float(0.0)
    for j in range(data.lights.shape[0]):
        w = data.weight[p, j]
        if w > 0.0:
            o = data.observed[p, j]
            scale2 = s2 * (1.0 + data.relative * mean_square(o))
            cost += w * wp.log(1.0 + mean_square(o - x * table[slot, j]) / scale2)
            total += w
    fit.x = x
    fit.cost = cost / wp.max(total, 1.0e-12) + data.sparsity * (x[0, 1] + x[1, 1] + x[2, 1])
    return fit


@wp.struct
class TangentSystem:
    """Reduced normal equations of the two tangent numbers: matrix entries and right-hand side."""

    h11: float
    h12: float
    h22: float
    g1: float
    g2: float


@wp.func
def tangent_system(data: PixelData, p: int, n: wp.vec3, t1: wp.vec3, t2: wp.vec3, x: mat36) -> TangentSystem:
    """Gauss-Newton system of the data cost in the normal's tangents, reflectance weights eliminated."""
    s2 = data.scale2[p]
    v = data.viewers[p]
    q = data.points[p]
    gram = mat66()
    cross1 = mat36()
    cross2 = mat36()
    gradient = mat36()
    out = TangentSystem()
    total = float(0.0)
    for j in range(data.lights.shape[0]):
        w = data.weight[p, j]
        if w > 0.0:
            total += w
            light = light_at(data.lights[j], q)
            gain = light.gain * data.visibility[p, j]
            b = basis_gradient(n, t1, t2, light.direction, v)
            value = b.value * gain
            o = data.observed[p, j]
            r = o - x * value
            w = w / (s2 * (1.0 + data.relative * mean_square(o)) + mean_square(r))
            d1 = x * b.along_1 * gain
            d2 = x * b.along_2 * gain
            out.h11 += w * wp.dot(d1, d1)
            out.h12 += w * wp.dot(d1, d2)
            out.h22 += w * wp.dot(d2, d2)
            out.g1 += w * wp.dot(d1, r)
            out.g2 += w * wp.dot(d2, r)
            wb = w * value
            gram += wp.outer(wb, value)
            cross1 += wp.outer(d1, wb)
            cross2 += wp.outer(d2, wb)
            gradient += wp.outer(r, wb)
    for c in range(3):
        # the penalty's slope, without which the eliminated weights seem to want to grow
        gradient[c, 1] = gradient[c, 1] - 1.5 * data.sparsity * total
        # weights at zero are frozen: they drop out of the elimination
        lower = factor(gram, x[c])
        u1 = forward(lower, cross1[c], x[c])
        u2 = forward(lower, cross2[c], x[c])
        ug = forward(lower, gradient[c], x[c])
        out.h11 -= wp.dot(u1, u1)
        out.h12 -= wp.dot(u1, u2)
        out.h22 -= wp.dot(u2, u2)
        out.g1 -= wp.dot(u1, ug)
        out.g2 -= wp.dot(u2, ug)
    # in the units of the cost: mean over lights and over channels
    unit = 1.0 / (3.0 * wp.max(total, 1.0e-12))
    out.h11 *= unit
    out.h12 *= unit
    out.h22 *= unit
    out.g1 *= unit
    out.g2 *= unit
    return out


@wp.func
def tangent(n: wp.vec3) -> wp.vec3:
    """A unit vector orthogonal to n."""
    axis = wp.vec3(1.0, 0.0, 0.0)
    if wp.abs(n[0]) > 0.7:
        axis = wp.vec3(0.0, 1.0, 0.0)
    return wp.normalize(wp.cross(n, axis))


@wp.kernel
def fit_pixels(
    data: PixelData, first: int, slot: int, max_steps: int, table: wp.array2d(dtype=vec6),
    normals: wp.array(dtype=wp.vec3), weights: wp.array(dtype=mat36), costs: wp.array(dtype=float),
):  # fmt: skip
    """Levenberg-Marquardt on the normals, in place; `costs` receives the total cost (with the prior)."""
    p = first + wp.tid()
    n = normals[p]
    tabulate(data, p, n, table, slot)
    fit = fit_weights(data, p, table, slot, weights[p], 3)
    offset = n - data.prior[p]
    cost = fit.cost + data.prior_weight * wp.dot(offset, offset)
    damping = float(1.0e-3)
    going = bool(True)
    step_count = int(0)
    while going and step_count < max_steps:
        step_count += 1
        t1 = tangent(n)
        t2 = wp.cross(n, t1)
        system = tangent_system(data, p, n, t1, t2, fit.x)
        pull = data.prior[p] - n
        h11 = system.h11 + data.prior_weight
        h22 = system.h22 + data.prior_weight
        g1 = system.g1 + data.prior_weight * wp.dot(pull, t1)
        g2 = system.g2 + data.prior_weight * wp.dot(pull, t2)
        h11 = h11 * (1.0 + damping) + 1.0e-6
        h22 = h22 * (1.0 + damping) + 1.0e-6
        det = wp.max(h11 * h22 - system.h12 * system.h12, 1.0e-14)
        u1 = (h22 * g1 - system.h12 * g2) / det
        u2 = (h11 * g2 - system.h12 * g1) / det
        turn = wp.sqrt(u1 * u1 + u2 * u2)
        if turn > MAX_TURN:
            u1 *= MAX_TURN / turn
            u2 *= MAX_TURN / turn
            turn = MAX_TURN
        accepted = bool(False)
        factor = float(1.0)
        tries = int(0)
        while (not accepted) and tries < 3:
            trial = wp.normalize(n + t1 * (u1 * factor) + t2 * (u2 * factor))
            if wp.dot(trial, data.viewers[p]) > MIN_FACING:
                tabulate(data, p, trial, table, slot)
                trial_fit = fit_weights(data, p, table, slot, fit.x, 2)
                offset = trial - data.prior[p]
                trial_cost = trial_fit.cost + data.prior_weight * wp.dot(offset, offset)
                if trial_cost < cost:
                    accepted = True
                    if cost - trial_cost < data.tolerance * cost or turn * factor < 3.0e-4:
                        going = False
                    n = trial
                    fit = trial_fit
                    cost = trial_cost
            tries += 1
            factor *= 0.4
        if accepted:
            damping = wp.where(tries == 1, damping * 0.3, damping * 2.0)
        else:
            damping *= 10.0
            if damping > 1.0 or turn < 3.0e-4:
                going = False
    normals[p] = n
    weights[p] = fit.x
    costs[p] = cost


@wp.kernel
def fit_weights_only(
    data: PixelData, first: int, slot: int, passes: int, table: wp.array2d(dtype=vec6),
    normals: wp.array(dtype=wp.vec3), weights: wp.array(dtype=mat36), costs: wp.array(dtype=float),
):  # fmt: skip
    """Re-fit the reflectance weights at fixed normals, in place; `costs` receives the data cost."""
    p = first + wp.tid()
    tabulate(data, p, normals[p], table, slot)
    fit = fit_weights(data, p, table, slot, weights[p], passes)
    weights[p] = fit.x
    costs[p] = fit.cost


@wp.kernel
def predict_pixels(
    data: PixelData, first: int, normals: wp.array(dtype=wp.vec3), weights: wp.array(dtype=mat36),
    out: wp.array2d(dtype=wp.vec3),
):  # fmt: skip
    """Predicted radiance of every pixel under every light."""
    p = first + wp.tid()
    n = normals[p]
    x = weights[p]
    v = data.viewers[p]
    for j in range(data.lights.shape[0]):
        light = light_at(data.lights[j], data.points[p])
        out[p, j] = x * basis(n, light.direction, v) * (light.gain * data.visibility[p, j])


@wp.kernel
def tangent_curvature(
    data: PixelData, first: int, normals: wp.array(dtype=wp.vec3), weights: wp.array(dtype=mat36),
    out: wp.array(dtype=wp.vec3),
):  # fmt: skip
    """Reduced Gauss-Newton matrix (h11, h12, h22) of the data cost in each pixel's tangents."""
    p = first + wp.tid()
    n = normals[p]
    t1 = tangent(n)
    t2 = wp.cross(n, t1)
    system = tangent_system(data, p, n, t1, t2, weights[p])
    out[p] = wp.vec3(system.h11, system.h12, system.h22)
