"""Radiance and irradiance in spherical harmonics as forms in a direction, for kernels.

The forms of `irradiance_form.py` hold bands 0, 1, 2 and 4 of a radiance as well, with other factors of the bands.
Band 3, of which irradiance says nothing, makes seven cubic terms, in order of m: y (3xx - yy), xyz, y (5zz - 1),
z (5zz - 3), x (5zz - 1), z (xx - yy), x (xx - 3yy).
"""

import math
from functools import cache
from types import SimpleNamespace

import torch
import warp as wp
from torch import Tensor

from sharpvision.kernels.irradiance_form import COSINE_LOBE, form_of
from sharpvision.kernels.launch import start_warp

start_warp()

CUBIC_TERMS = 7
_CUBIC = tuple(math.sqrt(v / math.pi) for v in (35 / 32, 105 / 4, 21 / 32, 7 / 16, 21 / 32, 105 / 16, 35 / 32))


def radiance_forms(coefficients: Tensor, roughness: Tensor) -> tuple[Tensor, Tensor]:
    """Forms (C, 10 or 19) and (C, 7) of the radiance sum exp(-(alpha l)^2) c_lm Y_lm(d), order 2 to 4, alpha a lobe's
    `roughness` (); the second zero at order 2."""
    order = math.isqrt(len(coefficients)) - 1
    bands = [l for l in range(order + 1) for _ in range(2 * l + 1)]
    shares = coefficients.new_tensor([1 / COSINE_LOBE[l] if COSINE_LOBE[l] else 0.0 for l in bands])
    damping = torch.exp(-((roughness * coefficients.new_tensor([float(l) for l in bands])) ** 2))
    form = form_of((damping * shares)[:, None] * coefficients)
    if order < 3:
        return form, coefficients.new_zeros(form.shape[0], CUBIC_TERMS)
    return form, (coefficients.new_tensor(_CUBIC) * damping[9:16])[None] * coefficients[9:16].mT


@cache
def cubic_functions(real: type) -> SimpleNamespace:
    """`value`, `slope` and `terms_at` of a row of the cubic form, as `irradiance_form.harmonic_functions`."""
    vec3 = wp.types.vector(3, real)
    cubic_vector = wp.types.vector(CUBIC_TERMS, real)
    one, two, three, five, six = (wp.constant(real(float(i))) for i in (1, 2, 3, 5, 6))

    @wp.func
    def terms_at(n: vec3) -> cubic_vector:
        x = n[0]
        y = n[1]
        z = n[2]
        xx = x * x
        yy = y * y
        ring = five * z * z - one
        return cubic_vector(
            y * (three * xx - yy), x * y * z, y * ring, z * (ring - two), x * ring, z * (xx - yy), x * (xx - three * yy)
        )

    @wp.func
    def value(k: cubic_vector, n: vec3) -> real:
        return wp.dot(k, terms_at(n))

    @wp.func
    def slope(k: cubic_vector, n: vec3) -> vec3:
        x = n[0]
        y = n[1]
        z = n[2]
        across = three * (x * x - y * y)
        twice = six * x * y
        ring = five * z * z - one
        gx = k[0] * twice + k[1] * y * z + k[4] * ring + k[5] * two * x * z + k[6] * across
        gy = k[0] * across + k[1] * x * z + k[2] * ring - k[5] * two * y * z - k[6] * twice
        gz = k[1] * x * y + two * five * z * (k[2] * y + k[4] * x) + k[3] * three * ring + k[5] * (x * x - y * y)
        return vec3(gx, gy, gz)

    return SimpleNamespace(value=value, slope=slope, terms_at=terms_at)
