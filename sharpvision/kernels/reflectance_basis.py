"""Warp functions: the reflectance basis of a pixel under one light, and its derivative along the normal's tangents.

The radiance of a pixel under light j is linear in six non-negative weights x:

    L = g V (x_0 n.l + x_1 ON(n, l, v) + sum_k x_k D_k(n.h) V_k(n.l) V_k(n.v) n.l)

with Oren-Nayar's shape at sigma^2 = 0.5, four GGX lobes with separable Smith shadowing and no Fresnel term, g the
light's fall-off and V its visibility. Lights below the horizon give zero. Papers: Oren & Nayar 1994; Walter et al.
2007.
"""

from __future__ import annotations

import math

import warp as wp

LOBE_ROUGHNESS = (0.08, 0.14, 0.22, 0.35)
OREN_NAYAR_SIGMA2 = 0.5
BASIS_SIZE = 2 + len(LOBE_ROUGHNESS)

vec6 = wp.types.vector(length=6, dtype=wp.float32)
mat66 = wp.types.matrix(shape=(6, 6), dtype=wp.float32)
mat36 = wp.types.matrix(shape=(3, 6), dtype=wp.float32)

_A2 = wp.constant(wp.vec4(*(alpha * alpha for alpha in LOBE_ROUGHNESS)))
_ON_A = wp.constant(1.0 - 0.5 * OREN_NAYAR_SIGMA2 / (OREN_NAYAR_SIGMA2 + 0.33))
_ON_B = wp.constant(0.45 * OREN_NAYAR_SIGMA2 / (OREN_NAYAR_SIGMA2 + 0.09))
_ON_C = wp.constant(0.125 * OREN_NAYAR_SIGMA2 / (OREN_NAYAR_SIGMA2 + 0.09))
_ON_D = wp.constant(0.17 * 0.5 * OREN_NAYAR_SIGMA2 / (OREN_NAYAR_SIGMA2 + 0.13))
_PI = wp.constant(math.pi)
# the model's tangents grow without bound where light and viewer graze together; cut at the same angle in every term
_LARGEST_TANGENT = wp.constant(math.tan(1.5))
_LEAST_COSINE = wp.constant(math.cos(1.5))


@wp.struct
class BasisGradient:
    """Basis values and their derivatives along two tangents of the normal."""

    value: vec6
    along_1: vec6
    along_2: vec6


@wp.struct
class LightAtPoint:
    """Unit direction to the light and its fall-off 1 / distance^2 (1 where the light is at infinity)."""

    direction: wp.vec3
    gain: float


@wp.func
def light_at(direction: wp.vec3, q: wp.vec3) -> LightAtPoint:
    """Light at unit distance along `direction`, seen from the point q (in light distances; zero for distant lights)."""
    to_light = direction - q
    square = wp.dot(to_light, to_light)
    light = LightAtPoint()
    light.direction = to_light / wp.sqrt(square)
    light.gain = 1.0 / square
    return light


@wp.struct
class RoughShape:
    """Oren-Nayar's model over Lambert's cosine, and its derivatives by n.l, n.v and s."""

    value: float
    by_l: float
    by_v: float
    by_s: float


@wp.func
def angle_of(cosine: float, sine: float) -> float:
    """Angle in [0, pi/2] within 3e-7 of the arc cosine, by sin theta / sqrt(1 + cos theta) times a polynomial.

    Abramowitz & Stegun 1964, equation 4.4.46. The library's acos and tan took half the time of a prediction.
    """
    c = cosine
    series = ((-0.0012624911 * c + 0.0066700901) * c - 0.0170881256) * c + 0.0308918810
    series = (((series * c - 0.0501743046) * c + 0.0889789874) * c - 0.2145988016) * c + 1.5707963050
    return sine / wp.sqrt(1.0 + c) * series


@wp.func
def rough_value(nl: float, nv: float, s: float) -> float:
    """Oren and Nayar's full model over Lambert's cosine: single and double reflection, s = l.v - n.l n.v.

    Tangents by cosines: tan b = sin b / cos b, tan((a + b) / 2) = (sin a + sin b) / (cos a + cos b).
    """
    sine_l = wp.sqrt(wp.max(1.0 - nl * nl, 0.0))
    sine_v = wp.sqrt(wp.max(1.0 - nv * nv, 0.0))
    theta_l = angle_of(nl, sine_l)
    theta_v = angle_of(nv, sine_v)
    azimuth = wp.clamp(s / wp.max(sine_l * sine_v, 1.0e-6), -1.0, 1.0)
    small = 2.0 / _PI * wp.min(theta_l, theta_v)
    widest = wp.max(wp.max(nl, nv), _LEAST_COSINE)
    value = _ON_A + _ON_B * s / widest
    if s < 0.0:
        tangent = wp.min(wp.min(sine_l, sine_v) / widest, _LARGEST_TANGENT)
        value -= _ON_B * azimuth * tangent * small * small * small
    both = 4.0 / (_PI * _PI) * theta_l * theta_v
    half_tan = wp.min((sine_l + sine_v) / (nl + nv), _LARGEST_TANGENT)
    value += _ON_C * both * both * (1.0 - wp.abs(azimuth)) * half_tan
    return value + _ON_D * (1.0 - azimuth * small * small)


@wp.func
def rough_shape(nl: float, nv: float, s: float) -> RoughShape:
    """`rough_value` and its derivatives, every term counted; one-sided at the model's kinks (n.l = n.v, s = 0)."""
    out = RoughShape()
    sine_l = wp.sqrt(wp.max(1.0 - nl * nl, 1.0e-6))
    sine_v = wp.sqrt(wp.max(1.0 - nv * nv, 1.0e-6))
    theta_l = angle_of(nl, sine_l)
    theta_v = angle_of(nv, sine_v)
    azimuth = wp.clamp(s / (sine_l * sine_v), -1.0, 1.0)
    azimuth_s = float(0.0)
    if wp.abs(azimuth) < 1.0:
        azimuth_s = 1.0 / (sine_l * sine_v)
    azimuth_l = azimuth_s * s * nl / (sine_l * sine_l)
    azimuth_v = azimuth_s * s * nv / (sine_v * sine_v)
    theta_by_l = -1.0 / sine_l
    theta_by_v = -1.0 / sine_v
    # the smaller angle, of the larger cosine
    light_is_narrow = nl > nv
    narrow = wp.where(light_is_narrow, theta_l, theta_v)
    narrow_l = wp.where(light_is_narrow, theta_by_l, 0.0)
    narrow_v = wp.where(light_is_narrow, 0.0, theta_by_v)
    widest = wp.max(nl, nv)
    cosine = wp.max(widest, _LEAST_COSINE)
    near = _ON_B * s / cosine
    near_by_cosine = wp.where(widest > _LEAST_COSINE, -near / cosine, 0.0)
    by_azimuth = float(0.0)
    by_narrow = float(0.0)
    small = 2.0 * narrow / _PI
    out.value = _ON_A + near + _ON_D * (1.0 - azimuth * small * small)
    by_azimuth -= _ON_D * small * small
    by_narrow -= _ON_D * azimuth * 2.0 * small * 2.0 / _PI
    if s < 0.0:
        tangent = wp.min(wp.min(sine_l, sine_v) / cosine, _LARGEST_TANGENT)
        slope = wp.where(widest > _LEAST_COSINE, 1.0 + tangent * tangent, 0.0)
        cube = small * small * small
        out.value -= _ON_B * azimuth * tangent * cube
        by_azimuth -= _ON_B * tangent * cube
        by_narrow -= _ON_B * azimuth * (slope * cube + tangent * 3.0 * small * small * 2.0 / _PI)
    half_tan = wp.min((sine_l + sine_v) / (nl + nv), _LARGEST_TANGENT)
    half_slope = wp.where(half_tan < _LARGEST_TANGENT, 0.5 * (1.0 + half_tan * half_tan), 0.0)
    both = 4.0 * theta_l * theta_v / (_PI * _PI)
    square = _ON_C * both * both
    aside = 1.0 - wp.abs(azimuth)
    out.value += square * aside * half_tan
    by_azimuth -= square * half_tan * wp.sign(azimuth)
    # d(both^2) = 8 both theta_other / pi^2
    by_both = _ON_C * 8.0 * both / (_PI * _PI) * aside * half_tan
    by_theta_l = by_both * theta_v + square * aside * half_slope
    by_theta_v = by_both * theta_l + square * aside * half_slope
    out.by_s = _ON_B / cosine + by_azimuth * azimuth_s
    out.by_l = by_azimuth * azimuth_l + by_narrow * narrow_l + by_theta_l * theta_by_l
    out.by_v = by_azimuth * azimuth_v + by_narrow * narrow_v + by_theta_v * theta_by_v
    if light_is_narrow:
        out.by_l += near_by_cosine
    else:
        out.by_v += near_by_cosine
    return out


@wp.func
def basis(n: wp.vec3, l: wp.vec3, v: wp.vec3) -> vec6:
    """The six basis values, cosine included; zero where the light or the viewer is below the horizon."""
    b = vec6()
    nl = wp.dot(n, l)
    nv = wp.dot(n, v)
    if nl > 0.0 and nv > 0.0:
        nh = wp.min(wp.dot(n, wp.normalize(l + v)), 1.0)
        b[0] = nl
        b[1] = nl * rough_value(nl, nv, wp.dot(l, v) - nl * nv)
        for k in range(4):
            a2 = _A2[k]
            d = nh * nh * (a2 - 1.0) + 1.0
            shadow = 1.0 / (nl + wp.sqrt(a2 + (1.0 - a2) * nl * nl))
            mask = 1.0 / (nv + wp.sqrt(a2 + (1.0 - a2) * nv * nv))
            b[2 + k] = a2 / (_PI * d * d) * nl * shadow * mask
    return b


@wp.func
def basis_gradient(n: wp.vec3, t1: wp.vec3, t2: wp.vec3, l: wp.vec3, v: wp.vec3) -> BasisGradient:
    """The basis and its derivatives for n moving along the tangents t1, t2."""
    out = BasisGradient()
    nl = wp.dot(n, l)
    nv = wp.dot(n, v)
    if nl > 0.0 and nv > 0.0:
        h = wp.normalize(l + v)
        nh = wp.min(wp.dot(n, h), 1.0)
        l1 = wp.dot(t1, l)
        l2 = wp.dot(t2, l)
        v1 = wp.dot(t1, v)
        v2 = wp.dot(t2, v)
        h1 = wp.dot(t1, h)
        h2 = wp.dot(t2, h)
        out.value[0] = nl
        out.along_1[0] = l1
        out.along_2[0] = l2
        s = wp.dot(l, v) - nl * nv
        rough = rough_shape(nl, nv, s)
        rough_l = rough.value + nl * (rough.by_l - rough.by_s * nv)
        rough_v = nl * (rough.by_v - rough.by_s * nl)
        out.value[1] = nl * rough.value
        out.along_1[1] = rough_l * l1 + rough_v * v1
        out.along_2[1] = rough_l * l2 + rough_v * v2
        for k in range(4):
            a2 = _A2[k]
            d = nh * nh * (a2 - 1.0) + 1.0
            dist = a2 / (_PI * d * d)
            root_l = wp.sqrt(a2 + (1.0 - a2) * nl * nl)
            root_v = wp.sqrt(a2 + (1.0 - a2) * nv * nv)
            shadow = 1.0 / (nl + root_l)
            mask = 1.0 / (nv + root_v)
            value = dist * nl * shadow * mask
            by_h = value * (-4.0 * (a2 - 1.0) * nh / d)
            by_l = dist * mask * shadow * (1.0 - nl * shadow * (1.0 + (1.0 - a2) * nl / root_l))
            by_v = -value * mask * (1.0 + (1.0 - a2) * nv / root_v)
            out.value[2 + k] = value
            out.along_1[2 + k] = by_h * h1 + by_l * l1 + by_v * v1
            out.along_2[2 + k] = by_h * h2 + by_l * l2 + by_v * v2
    return out
