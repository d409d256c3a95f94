"""Interpolated normals and places of a face's points, with their adjoint, for kernels that look from an eye."""

from functools import cache
from types import SimpleNamespace

import warp as wp

from sharpvision.kernels.launch import start_warp

start_warp()


@cache
def surface_functions(real: type) -> SimpleNamespace:
    """The functions in one precision, to be called in kernels. An eye (x, y, z, w) is seen from a place along
    (x, y, z) - w place."""
    vec3 = wp.types.vector(3, real)
    vec4 = wp.types.vector(4, real)
    zero, one = wp.constant(real(0.0)), wp.constant(real(1.0))
    least = wp.constant(real(1e-30))

    @wp.func
    def inverse_length(m: vec3) -> real:
        """0 where m is zero."""
        q = wp.dot(m, m)
        r = zero
        if q > least:
            r = one / wp.sqrt(q)
        return r

    @wp.func
    def rejected(v: vec3, n: vec3) -> vec3:
        """v without its part along the unit n; times 1 / |m| the adjoint, and the tangent, of n = m / |m|."""
        return v - wp.dot(n, v) * n

    @wp.func
    def corner_values(values: wp.array(dtype=vec3), t: wp.vec3i, shift: int):
        return values[t[0] + shift], values[t[1] + shift], values[t[2] + shift]

    @wp.func
    def toward(eye: vec4, x: vec3) -> vec3:
        return vec3(eye[0], eye[1], eye[2]) - eye[3] * x

    @wp.func
    def toward_pulled(x: vec3, d: vec3) -> vec4:
        """Gradient to the eye from that to `toward`."""
        return vec4(d[0], d[1], d[2], -wp.dot(x, d))

    return SimpleNamespace(
        inverse_length=inverse_length, rejected=rejected, corner_values=corner_values, toward=toward,
        toward_pulled=toward_pulled,
    )  # fmt: skip
