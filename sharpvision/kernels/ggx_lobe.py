"""A GGX lobe over a diffuse base at one point, lit from one direction, for kernels.

As `materials/ggx.py` and `materials/lobes.py`: with ci = n.wi, co = n.wo, a2 = roughness^2, where both are positive,

    q = D V ci, D = a2 / (pi S^2), S = a2 (n.h)^2 + |n x h|^2, V = 1 / ((ci + ri) (co + ro)),
    r(c) = sqrt(a2 + (1 - a2) c^2), Fresnel term (1 - wo.h)^5,
    base = ci T(ci) T(co), T(c) = 1 - (1 - c)^5.
"""

from functools import cache
from types import SimpleNamespace

import warp as wp

from sharpvision.kernels.launch import start_warp
from sharpvision.kernels.surface_functions import surface_functions

start_warp()


@cache
def ggx_lobe_functions(real: type) -> SimpleNamespace:
    """`reflection` (q, Fresnel term, base), its adjoint `reflection_pulled` and tangent `reflection_pushed`."""
    vec2 = wp.types.vector(2, real)
    vec3 = wp.types.vector(3, real)
    surface = surface_functions(real)
    inverse_length, rejected = surface.inverse_length, surface.rejected
    zero, one, two, five, half = (wp.constant(real(v)) for v in (0.0, 1.0, 2.0, 5.0, 0.5))
    pi = wp.constant(real(3.141592653589793))

    @wp.func
    def passed(c: real) -> vec2:
        """T and its slope."""
        u = wp.clamp(one - c, zero, one)
        u4 = u * u * u * u
        return vec2(one - u4 * u, five * u4)

    @wp.func
    def root(a2: real, c: real) -> real:
        return wp.sqrt(a2 + (one - a2) * c * c)

    @wp.func
    def reflection(n: vec3, wi: vec3, wo: vec3, a2: real):
        """q, the Fresnel term and base, 0 where unlit or unseen."""
        ci = wp.dot(n, wi)
        co = wp.dot(n, wo)
        q = zero
        fresnel = zero
        base = zero
        if ci > zero and co > zero:
            h = wi + wo
            h = inverse_length(h) * h
            nh = wp.dot(n, h)
            cross = wp.cross(n, h)
            spread = a2 * nh * nh + wp.dot(cross, cross)
            q = ci * a2 / (pi * spread * spread * (ci + root(a2, ci)) * (co + root(a2, co)))
            u = wp.clamp(one - wp.dot(wo, h), zero, one)
            fresnel = u * u * u * u * u
            base = ci * passed(ci)[0] * passed(co)[0]
        return q, fresnel, base

    @wp.func
    def reflection_pulled(n: vec3, wi: vec3, wo: vec3, a2: real, d_q: real, d_fresnel: real, d_base: real):
        """Gradients to n, wi, wo and a2 where q > 0, from those to `reflection`."""
        ci = wp.dot(n, wi)
        co = wp.dot(n, wo)
        h = wi + wo
        rh = inverse_length(h)
        h = rh * h
        nh = wp.dot(n, h)
        cross = wp.cross(n, h)
        spread = a2 * nh * nh + wp.dot(cross, cross)
        ri = root(a2, ci)
        ro = root(a2, co)
        facets = a2 / (pi * spread * spread * (ci + ri) * (co + ro))
        log_q = d_q * ci * facets  # gradient to log q
        d_spread = -two * log_q / spread
        d_ri = -log_q / (ci + ri)
        d_ro = -log_q / (co + ro)
        d_ci = d_q * facets + d_ri + d_ri * (one - a2) * ci / ri
        d_co = d_ro + d_ro * (one - a2) * co / ro
        ti = passed(ci)
        to = passed(co)
        d_ci += d_base * to[0] * (ti[0] + ci * ti[1])
        d_co += d_base * ci * ti[0] * to[1]
        d_a2 = log_q / a2 + d_spread * nh * nh
        d_a2 += half * (d_ri * (one - ci * ci) / ri + d_ro * (one - co * co) / ro)
        d_nh = two * d_spread * a2 * nh
        d_cross = two * d_spread * cross
        u = wp.clamp(one - wp.dot(wo, h), zero, one)
        d_u = five * u * u * u * u * d_fresnel
        d_h = wp.cross(d_cross, n) + d_nh * n - d_u * wo
        d_sum = rh * rejected(d_h, h)
        d_n = wp.cross(h, d_cross) + d_nh * h + d_ci * wi + d_co * wo
        return d_n, d_ci * n + d_sum, d_co * n - d_u * h + d_sum, d_a2

    @wp.func
    def reflection_pushed(n: vec3, wi: vec3, wo: vec3, a2: real, d_n: vec3, d_wi: vec3, d_wo: vec3, d_a2: real):
        """Relative change of q, and changes of the Fresnel term and of base, where q > 0."""
        ci = wp.dot(n, wi)
        co = wp.dot(n, wo)
        h = wi + wo
        rh = inverse_length(h)
        h = rh * h
        d_h = rh * rejected(d_wi + d_wo, h)
        nh = wp.dot(n, h)
        cross = wp.cross(n, h)
        spread = a2 * nh * nh + wp.dot(cross, cross)
        ri = root(a2, ci)
        ro = root(a2, co)
        d_ci = wp.dot(d_n, wi) + wp.dot(n, d_wi)
        d_co = wp.dot(d_n, wo) + wp.dot(n, d_wo)
        d_nh = wp.dot(d_n, h) + wp.dot(n, d_h)
        d_cross = wp.cross(d_n, h) + wp.cross(n, d_h)
        d_spread = d_a2 * nh * nh + two * (a2 * nh * d_nh + wp.dot(cross, d_cross))
        d_ri = (half * d_a2 * (one - ci * ci) + (one - a2) * ci * d_ci) / ri
        d_ro = (half * d_a2 * (one - co * co) + (one - a2) * co * d_co) / ro
        log_q = d_ci / ci + d_a2 / a2 - two * d_spread / spread
        log_q -= (d_ci + d_ri) / (ci + ri) + (d_co + d_ro) / (co + ro)
        u = wp.clamp(one - wp.dot(wo, h), zero, one)
        d_fresnel = -five * u * u * u * u * (wp.dot(d_wo, h) + wp.dot(wo, d_h))
        ti = passed(ci)
        to = passed(co)
        return log_q, d_fresnel, (ti[0] + ci * ti[1]) * to[0] * d_ci + ci * ti[0] * to[1] * d_co

    return SimpleNamespace(
        reflection=reflection, reflection_pulled=reflection_pulled, reflection_pushed=reflection_pushed
    )  # fmt: skip
