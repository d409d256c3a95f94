"""Warp functions: how the reflectance basis of a pixel changes as the light moves, its normal held.

For a light at the unit vector L from the origin and a point q (in light distances), d = (L - q) / |L - q| and the
fall-off g = 1 / |L - q|^2 move with L along two tangents; the basis is that of `reflectance_basis`.
"""

from __future__ import annotations

import math

import warp as wp

from sharpvision.kernels.reflectance_basis import LOBE_ROUGHNESS, LightAtPoint, rough_shape, vec6

wp.set_module_options({"enable_backward": False})

_A2 = wp.constant(wp.vec4(*(alpha * alpha for alpha in LOBE_ROUGHNESS)))
_PI = wp.constant(math.pi)


@wp.struct
class LightGradient:
    """Derivatives of basis times fall-off along two tangents of the light's direction."""

    along_1: vec6
    along_2: vec6


@wp.func
def basis_by_light(
    n: wp.vec3, v: wp.vec3, light: LightAtPoint, value: vec6, t1: wp.vec3, t2: wp.vec3
) -> LightGradient:
    """Derivatives of g b(n, d, v) for L moving along t1, t2; `value` is b(n, d, v). Zero below the horizon."""
    out = LightGradient()
    d = light.direction
    nl = wp.dot(n, d)
    nv = wp.dot(n, v)
    if nl > 0.0 and nv > 0.0:
        near = wp.sqrt(light.gain)
        d1 = (t1 - d * wp.dot(d, t1)) * near
        d2 = (t2 - d * wp.dot(d, t2)) * near
        fall1 = -2.0 * near * wp.dot(d, t1)
        fall2 = -2.0 * near * wp.dot(d, t2)
        both = d + v
        size = wp.max(wp.length(both), 1.0e-6)
        h = both / size
        nh = wp.min(wp.dot(n, h), 1.0)
        l1 = wp.dot(n, d1)
        l2 = wp.dot(n, d2)
        h1 = (l1 - nh * wp.dot(h, d1)) / size
        h2 = (l2 - nh * wp.dot(h, d2)) / size
        s = wp.dot(d, v) - nl * nv
        rough = rough_shape(nl, nv, s)
        by_l = rough.value + nl * (rough.by_l - rough.by_s * nv)
        by_lv = nl * rough.by_s
        out.along_1[0] = l1
        out.along_2[0] = l2
        out.along_1[1] = by_l * l1 + by_lv * wp.dot(v, d1)
        out.along_2[1] = by_l * l2 + by_lv * wp.dot(v, d2)
        for k in range(4):
            a2 = _A2[k]
            root = wp.sqrt(a2 + (1.0 - a2) * nl * nl)
            lobe_l = value[2 + k] * (1.0 / nl - (1.0 + (1.0 - a2) * nl / root) / (nl + root))
            lobe_h = value[2 + k] * (-4.0 * (a2 - 1.0) * nh / (nh * nh * (a2 - 1.0) + 1.0))
            out.along_1[2 + k] = lobe_h * h1 + lobe_l * l1
            out.along_2[2 + k] = lobe_h * h2 + lobe_l * l2
        out.along_1 = (out.along_1 + value * fall1) * light.gain
        out.along_2 = (out.along_2 + value * fall2) * light.gain
    return out
