"""Irradiance as a form in the normal, for kernels: a matrix of terms, to which it is linear.

Radiance in spherical harmonics: E(n) = sum A_l c_lm Y_lm(n) with A = pi, 2 pi / 3, pi / 4, 0, -pi / 24 (Ramamoorthi and
Hanrahan 2001, An Efficient Representation for Irradiance Environment Maps). Real orthonormal Y_lm at l^2 + l + m.
Orders 0 to 2 make ten terms 1, x, y, z, xx, xy, xz, yy, yz, zz; order 3 adds nothing; order 4 adds the nine
A_4 k_m p_m(n) with p_m the polynomials in `terms_at`. A directional light: E(n) = E max(n.d, 0), three terms x, y, z.
"""

import math
from functools import cache
from types import SimpleNamespace

import torch
import warp as wp
from torch import Tensor

from sharpvision.kernels.launch import start_warp

start_warp()

COSINE_LOBE = (math.pi, 2 * math.pi / 3, math.pi / 4, 0.0, -math.pi / 24)
QUADRATIC_TERMS, QUARTIC_TERMS = 10, 9


def _matrix(order: int) -> Tensor:
    """(terms, (order + 1)^2) float64: terms of the polynomial = matrix @ coefficients."""
    terms = QUADRATIC_TERMS + (QUARTIC_TERMS if order == 4 else 0)
    matrix = torch.zeros(terms, 25, dtype=torch.float64)
    a0, a1, a2, _, a4 = COSINE_LOBE
    matrix[0, 0] = a0 * math.sqrt(1 / (4 * math.pi))
    for term, m in ((2, -1), (3, 0), (1, 1)):
        matrix[term, 2 + m] = a1 * math.sqrt(3 / (4 * math.pi))
    k = a2 * math.sqrt(15 / (4 * math.pi))
    matrix[5, 4] = matrix[8, 5] = matrix[6, 7] = k
    matrix[4, 8], matrix[7, 8] = k / 2, -k / 2
    k = a2 * math.sqrt(5 / (16 * math.pi))
    matrix[9, 6], matrix[0, 6] = 3 * k, -k
    if order == 4:
        root = math.sqrt(1 / math.pi)
        r35, h35, r5, h5 = math.sqrt(35), math.sqrt(35 / 2), math.sqrt(5), math.sqrt(5 / 2)
        constants = (12 * r35, 12 * h35, 12 * r5, 12 * h5, 3, 12 * h5, 6 * r5, 12 * h35, 3 * r35)
        for i, c in enumerate(constants):
            matrix[QUADRATIC_TERMS + i, 16 + i] = a4 * root * c / 16
    return matrix[:, : (order + 1) ** 2]


_MATRICES = tuple(_matrix(order) for order in range(5))  # now: a compiler does not trace through `cache`


def form_of(coefficients: Tensor) -> Tensor:
    """Terms (C, 10 or 19) of the irradiance of coefficients ((order + 1)^2, C); linear."""
    order = math.isqrt(len(coefficients)) - 1
    matrix = _MATRICES[order].to(coefficients)
    return (matrix * coefficients.mT[:, None]).sum(-1)  # a sum of few terms: no threads, whose number might show


@cache
def directional_functions(real: type) -> SimpleNamespace:
    """As `harmonic_functions`; rows of a form are irradiance * direction of each channel, and the direction last."""
    vec3 = wp.types.vector(3, real)
    zero = wp.constant(real(0.0))

    @wp.func
    def value(form: wp.array(dtype=vec3), k: vec3, n: vec3) -> real:
        e = zero
        if wp.dot(form[form.shape[0] - 1], n) > zero:
            e = wp.dot(k, n)
        return e

    @wp.func
    def slope(form: wp.array(dtype=vec3), k: vec3, n: vec3) -> vec3:
        g = vec3()
        if wp.dot(form[form.shape[0] - 1], n) > zero:
            g = k
        return g

    @wp.func
    def terms_at(form: wp.array(dtype=vec3), n: vec3) -> vec3:
        t = vec3()
        if wp.dot(form[form.shape[0] - 1], n) > zero:
            t = n
        return t

    return SimpleNamespace(value=value, slope=slope, terms_at=terms_at)


@cache
def harmonic_functions(real: type, terms: int) -> SimpleNamespace:
    """To be called in kernels: `terms_at`, the vector t(n) with which a row k of a form gives k . t(n), `value`, that
    number, and `slope`, its gradient to n. All are given the form, its rows as vectors."""
    vec3 = wp.types.vector(3, real)
    term_vector = wp.types.vector(terms, real)
    quartic = terms > QUADRATIC_TERMS
    one, two, three, four = (wp.constant(real(float(i))) for i in (1, 2, 3, 4))
    seven = wp.constant(real(7.0))

    @wp.func
    def value(form: wp.array(dtype=term_vector), k: term_vector, n: vec3) -> real:
        x = n[0]
        y = n[1]
        z = n[2]
        ex = x * (k[1] + x * k[4] + y * k[5] + z * k[6])
        ey = y * (k[2] + y * k[7] + z * k[8])
        e = k[0] + z * (k[3] + z * k[9]) + ex + ey
        if wp.static(quartic):
            xx = x * x
            yy = y * y
            zz = z * z
            e += x * y * (k[10] * (xx - yy) + k[12] * (seven * zz - one))
            e += y * z * (k[11] * (three * xx - yy) + k[13] * (seven * zz - three))
            e += k[14] * (real(35.0) * zz * zz - real(30.0) * zz + three)
            e += x * z * (k[15] * (seven * zz - three) + k[17] * (xx - three * yy))
            e += k[16] * (xx - yy) * (seven * zz - one) + k[18] * (xx * xx - real(6.0) * xx * yy + yy * yy)
        return e

    @wp.func
    def slope(form: wp.array(dtype=term_vector), k: term_vector, n: vec3) -> vec3:
        x = n[0]
        y = n[1]
        z = n[2]
        gx = k[1] + two * x * k[4] + y * k[5] + z * k[6]
        gy = k[2] + x * k[5] + two * y * k[7] + z * k[8]
        gz = k[3] + x * k[6] + y * k[8] + two * z * k[9]
        if wp.static(quartic):
            xx = x * x
            yy = y * y
            zz = z * z
            gx += k[10] * y * (three * xx - yy) + k[11] * real(6.0) * x * y * z + k[12] * y * (seven * zz - one)
            gx += k[15] * z * (seven * zz - three) + k[16] * two * x * (seven * zz - one)
            gx += k[17] * three * z * (xx - yy) + k[18] * four * x * (xx - three * yy)
            gy += k[10] * x * (xx - three * yy) + k[11] * three * z * (xx - yy) + k[12] * x * (seven * zz - one)
            gy += k[13] * z * (seven * zz - three) - k[16] * two * y * (seven * zz - one)
            gy += k[18] * four * y * (yy - three * xx) - k[17] * real(6.0) * x * y * z
            gz += k[11] * y * (three * xx - yy) + k[12] * real(14.0) * x * y * z
            gz += k[13] * three * y * (seven * zz - one) + k[14] * real(20.0) * z * (seven * zz - three)
            gz += k[15] * three * x * (seven * zz - one) + k[16] * real(14.0) * z * (xx - yy)
            gz += k[17] * x * (xx - three * yy)
        return vec3(gx, gy, gz)

    @wp.func
    def terms_at(form: wp.array(dtype=term_vector), n: vec3) -> term_vector:
        x = n[0]
        y = n[1]
        z = n[2]
        t = term_vector()
        t[0] = one
        t[1] = x
        t[2] = y
        t[3] = z
        t[4] = x * x
        t[5] = x * y
        t[6] = x * z
        t[7] = y * y
        t[8] = y * z
        t[9] = z * z
        if wp.static(quartic):
            xx = x * x
            yy = y * y
            zz = z * z
            t[10] = x * y * (xx - yy)
            t[11] = y * z * (three * xx - yy)
            t[12] = x * y * (seven * zz - one)
            t[13] = y * z * (seven * zz - three)
            t[14] = real(35.0) * zz * zz - real(30.0) * zz + three
            t[15] = x * z * (seven * zz - three)
            t[16] = (xx - yy) * (seven * zz - one)
            t[17] = x * z * (xx - three * yy)
            t[18] = xx * xx - real(6.0) * xx * yy + yy * yy
        return t

    return SimpleNamespace(value=value, slope=slope, terms_at=terms_at)
