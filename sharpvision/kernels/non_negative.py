"""Warp functions: non-negative least squares in six unknowns, and Cholesky on the unknowns that are free (> 0).

    min over x >= 0 of  x'Gx / 2 - b'x,      G (6, 6) symmetric, positive semi-definite.

Paper for the free set: Lawson & Hanson 1974, Solving least squares problems.
"""

from __future__ import annotations

import warp as wp

from sharpvision.kernels.reflectance_basis import mat66, vec6

wp.set_module_options({"enable_backward": False})

NNLS_ROUNDS = wp.constant(3)
RIDGE = wp.constant(1.00001)


@wp.func
def factor(gram: mat66, x: vec6) -> mat66:
    """Cholesky factor of the block of `gram` where x > 0, with a small ridge; the other rows are the identity's."""
    lower = mat66()
    for i in range(6):
        if x[i] > 0.0:
            for k in range(i):
                if x[k] > 0.0:
                    entry = gram[i, k]
                    for m in range(k):
                        entry -= lower[i, m] * lower[k, m]
                    lower[i, k] = entry / lower[k, k]
            pivot = gram[i, i] * RIDGE + 1.0e-9
            for m in range(i):
                pivot -= lower[i, m] * lower[i, m]
            lower[i, i] = wp.sqrt(wp.max(pivot, 1.0e-6 * gram[i, i] + 1.0e-9))
        else:
            lower[i, i] = 1.0
    return lower


@wp.func
def forward(lower: mat66, right: vec6, x: vec6) -> vec6:
    """Solution u of L u = b on the rows where x > 0, zero elsewhere."""
    u = vec6()
    for i in range(6):
        if x[i] > 0.0:
            value = right[i]
            for k in range(i):
                value -= lower[i, k] * u[k]
            u[i] = value / lower[i, i]
    return u


@wp.func
def backward(lower: mat66, right: vec6, x: vec6) -> vec6:
    """Solution z of L' z = u on the rows where x > 0, zero elsewhere."""
    z = vec6()
    for back in range(6):
        i = 5 - back
        if x[i] > 0.0:
            value = right[i]
            for k in range(i + 1, 6):
                value -= lower[k, i] * z[k]
            z[i] = value / lower[i, i]
    return z


@wp.func
def sweep(gram: mat66, right: vec6, start: vec6) -> vec6:
    """One pass of coordinate descent for min x'Gx/2 - b'x, x >= 0."""
    x = start
    for k in range(6):
        diagonal = gram[k, k]
        if diagonal > 1.0e-12:
            slope = right[k]
            for m in range(6):
                slope -= gram[k, m] * x[m]
            x[k] = wp.max(x[k] + slope / diagonal, 0.0)
        else:
            x[k] = 0.0
    return x


@wp.func
def non_negative(gram: mat66, right: vec6, start: vec6) -> vec6:
    """Non-negative least squares: coordinate descent finds the free set, Cholesky solves on it.

    Lambert and Oren-Nayar are nearly collinear, so coordinate descent alone stops far from the minimum.
    """
    x = sweep(gram, right, start)
    going = bool(True)
    rounds = int(0)
    while going and rounds < NNLS_ROUNDS:
        rounds += 1
        lower = factor(gram, x)
        z = backward(lower, forward(lower, right, x), x)
        reach = float(1.0)
        for k in range(6):
            if x[k] > 0.0 and z[k] < 0.0:
                reach = wp.min(reach, x[k] / (x[k] - z[k]))
        going = reach < 1.0
        for k in range(6):
            if x[k] > 0.0:
                x[k] = wp.max(x[k] + reach * (z[k] - x[k]), 0.0)
                if z[k] < 0.0 and x[k] < 1.0e-6:
                    x[k] = 0.0
        # a weight at zero that wants to grow
        for k in range(6):
            if x[k] == 0.0 and gram[k, k] > 1.0e-12:
                slope = right[k]
                for m in range(6):
                    slope -= gram[k, m] * x[m]
                if slope > 1.0e-3 * gram[k, k]:
                    x[k] = slope / gram[k, k]
                    going = True
    return x
