"""Perspective-correct barycentrics of a face in projected coordinates, with their adjoint and tangent, for kernels.

Corners (x w, y w, w) enter relative to an origin (ox, oy) near the points: a = (x w - ox w, y w - oy w, w), so float32
loses nothing to large pixel coordinates. With e0 = b x c, e1 = c x a, e2 = a x b (cross products), the barycentric i of
a point at offset (dx, dy) from the origin is e_i . (dx, dy, 1) / sum of the three. Corners behind the camera are fine.

Adjoint: with u_i the gradient to the numerator i and M_i = sum over points of u_i (dx, dy, 1), corner a gets
b x M2 + M1 x c, and so on round.
"""

from functools import cache
from types import SimpleNamespace

import warp as wp

from sharpvision.kernels.launch import start_warp

start_warp()

LEAST_HEIGHT = 0.1
"""Pixels; below it, and below LEAST_COSINE, the derivative of barycentrics is damped."""
LEAST_COSINE = 0.05


@cache
def barycentric_functions(real: type) -> SimpleNamespace:
    """The functions in one precision, to be called in kernels."""
    vec2 = wp.types.vector(2, real)
    vec3 = wp.types.vector(3, real)
    vec4 = wp.types.vector(4, real)
    zero, one, third = wp.constant(real(0.0)), wp.constant(real(1.0)), wp.constant(real(1.0 / 3.0))
    outside = wp.constant(real(-0.25))
    height2 = wp.constant(real(LEAST_HEIGHT**2))
    steepness = wp.constant(real((2.0 / 3.0**0.5 / LEAST_COSINE) ** 2))

    @wp.func
    def local_corner(row: vec4, origin: vec2) -> vec3:
        return vec3(row[0] - origin[0] * row[3], row[1] - origin[1] * row[3], row[3])

    @wp.func
    def weights(e0: vec3, e1: vec3, e2: vec3, dx: real, dy: real) -> vec4:
        """Barycentrics, and 1 / (sum of the numerators); that is 0 where they have no derivative.

        A point well outside its face (rounding, on a face seen edge-on) is moved to the face's outline, or to the
        middle of a face without any area in the image.
        """
        b0 = e0[0] * dx + e0[1] * dy + e0[2]
        b1 = e1[0] * dx + e1[1] * dy + e1[2]
        b2 = e2[0] * dx + e2[1] * dy + e2[2]
        s = b0 + b1 + b2
        r = zero
        if s != zero:
            r = one / s
        w0 = b0 * r
        w1 = b1 * r
        w2 = b2 * r
        if not (w0 >= outside and w1 >= outside and w2 >= outside and r * zero == zero and r != zero):
            w0 = wp.max(w0, zero)
            w1 = wp.max(w1, zero)
            w2 = wp.max(w2, zero)
            s = w0 + w1 + w2
            if s > zero and s * zero == zero:  # and finite
                w0 = w0 / s
                w1 = w1 / s
                w2 = w2 / s
            else:
                w0 = third
                w1 = third
                w2 = third
            r = zero
        return vec4(w0, w1, w2, r)

    @wp.func
    def edge_weights(edge: int, along: real) -> vec4:
        """Of a point on the edge from corner `edge` to the next, as `weights`; no derivative."""
        w = vec4(zero, along, one - along, zero)
        if edge == 0:
            w = vec4(one - along, along, zero, zero)
        elif edge == 2:
            w = vec4(along, zero, one - along, zero)
        else:
            w = vec4(zero, one - along, along, zero)
        return w

    @wp.func
    def local_corners(projected: wp.array(dtype=vec4), t: wp.vec3i, offset: int, origin: vec2):
        """The three local corners of a face."""
        a = local_corner(projected[offset + t[0]], origin)
        b = local_corner(projected[offset + t[1]], origin)
        c = local_corner(projected[offset + t[2]], origin)
        return a, b, c

    @wp.func
    def damping(a: vec3, b: vec3, c: vec3) -> real:
        """min(1, max(h / LEAST_HEIGHT, cosine / LEAST_COSINE)) of a face, see `interpolate`; 1 where it reaches behind
        the camera."""
        found = one
        if a[2] > zero and b[2] > zero and c[2] > zero:
            ra = one / a[2]
            rb = one / b[2]
            rc = one / c[2]
            ux = b[0] * rb - a[0] * ra
            uy = b[1] * rb - a[1] * ra
            vx = c[0] * rc - a[0] * ra
            vy = c[1] * rc - a[1] * ra
            longest = wp.max(ux * ux + uy * uy, vx * vx + vy * vy)
            longest = wp.max(longest, (vx - ux) * (vx - ux) + (vy - uy) * (vy - uy))
            twice_area = ux * vy - uy * vx
            area2 = twice_area * twice_area
            if area2 < height2 * longest:  # h = twice_area / sqrt(longest)
                h2 = area2 / longest
                found = wp.min(one, wp.sqrt(wp.max(h2 / height2, steepness * h2 / longest)))
        return found

    @wp.func
    def pulled(g: vec3, origin: vec2) -> vec4:
        """Gradient to the row (x w, y w, q, w) of a corner from that to the local corner."""
        return vec4(g[0], g[1], zero, g[2] - origin[0] * g[0] - origin[1] * g[1])

    return SimpleNamespace(
        local_corner=local_corner, local_corners=local_corners, weights=weights, edge_weights=edge_weights,
        damping=damping, pulled=pulled,
    )  # fmt: skip
