"""Warp functions: the reflectance basis of a pixel under one light, and its derivative along the normal's tangents.

The radiance of a pixel under light j is linear in six non-negative weights x:

    L = g V (x_0 n.l + x_1 ON(n, l, v) + sum_k x_k D_k(n.h) V_k(n.l) V_k(n.v) n.l)

with Oren-Nayar's shape at sigma^2 = 0.5, four GGX lobes with separable Smith shadowing and no Fresnel term, g the light's
fall-off and V its visibility. Lights below the horizon give zero. Papers: Oren & Nayar 1994; Walter et al. 2007.
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
_PI = wp.constant(math.pi)


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


@wp.func
def basis(n: wp.vec3, l: wp.vec3, v: wp.vec3, mix: float) -> vec6:
    """The six basis values, cosine included; zero where the light or the viewer is below the horizon."""
    b = vec6()
    nl = wp.dot(n, l)
    nv = wp.dot(n, v)
    if nl > 0.0 and nv > 0.0:
        nh = wp.min(wp.dot(n, wp.normalize(l + v)), 1.0)
        b[0] = nl
        b[1] = nl * _ON_A + nl * _ON_B * wp.max(wp.dot(l, v) - nl * nv, 0.0) / wp.max(nl, nv)
        b[0] = (1.0 - mix) * b[0] + mix * b[1]
        for k in range(4):
            a2 = _A2[k]
            d = nh * nh * (a2 - 1.0) + 1.0
            shadow = 1.0 / (nl + wp.sqrt(a2 + (1.0 - a2) * nl * nl))
            mask = 1.0 / (nv + wp.sqrt(a2 + (1.0 - a2) * nv * nv))
            b[2 + k] = a2 / (_PI * d * d) * nl * shadow * mask
    return b


@wp.func
def basis_gradient(n: wp.vec3, t1: wp.vec3, t2: wp.vec3, l: wp.vec3, v: wp.vec3, mix: float) -> BasisGradient:
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
        # nl / max(nl, nv) * s: the larger cosine is the smaller angle
        rough = float(0.0)
        rough_l = float(0.0)
        rough_v = float(0.0)
        if s > 0.0:
            if nl > nv:
                rough = s
                rough_l = -nv
                rough_v = -nl
            else:
                rough = nl * s / nv
                rough_l = (s - nl * nv) / nv
                rough_v = -nl * nl / nv - nl * s / (nv * nv)
        out.value[1] = nl * _ON_A + _ON_B * rough
        out.along_1[1] = l1 * _ON_A + _ON_B * (rough_l * l1 + rough_v * v1)
        out.along_2[1] = l2 * _ON_A + _ON_B * (rough_l * l2 + rough_v * v2)
        out.value[0] = (1.0 - mix) * out.value[0] + mix * out.value[1]
        out.along_1[0] = (1.0 - mix) * out.along_1[0] + mix * out.along_1[1]
        out.along_2[0] = (1.0 - mix) * out.along_2[0] + mix * out.along_2[1]
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
