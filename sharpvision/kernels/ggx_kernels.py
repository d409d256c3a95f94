"""Kernels of a GGX lobe over a diffuse base under a distant light, with interpolation: value, adjoint and tangent.

A point's radiance is E (q (f0 + (1 - f0) fresnel) + d base), see `ggx_lobe.py`, d = albedo (1 - f0) / pi. A lobe is
one vector: wi (unit), roughness, then E, f0 and d of each channel. An eye (x, y, z, w) gives wo = unit((x, y, z) -
w place).
"""

from functools import cache
from types import SimpleNamespace

import warp as wp

from sharpvision.kernels.barycentric import barycentric_functions
from sharpvision.kernels.dispatch import kernel_module
from sharpvision.kernels.ggx_lobe import ggx_lobe_functions
from sharpvision.kernels.launch import start_warp
from sharpvision.kernels.surface_functions import surface_functions

start_warp()

LEAST_ROUGHNESS = 1e-3


@cache
def ggx_kernels(real: type, channels: int) -> SimpleNamespace:
    """The kernels for a number of channels."""
    vec2 = wp.types.vector(2, real)
    vec3 = wp.types.vector(3, real)
    vec4 = wp.types.vector(4, real)
    mat33 = wp.types.matrix((3, 3), real)
    color = wp.types.vector(channels, real)
    module = kernel_module(f"{__name__}.{channels}", real)
    place, surface = barycentric_functions(real), surface_functions(real)
    local_corners, weights, edge_weights = place.local_corners, place.weights, place.edge_weights
    damping, pulled = place.damping, place.pulled
    inverse_length, rejected, corner_values = surface.inverse_length, surface.rejected, surface.corner_values
    toward, toward_pulled = surface.toward, surface.toward_pulled
    point = ggx_lobe_functions(real)
    reflection, reflection_pulled, reflection_pushed = (
        point.reflection, point.reflection_pulled, point.reflection_pushed
    )  # fmt: skip
    count = wp.constant(channels)
    zero, one, two = (wp.constant(real(v)) for v in (0.0, 1.0, 2.0))
    least_roughness = wp.constant(real(LEAST_ROUGHNESS))

    @wp.kernel(module=module, enable_backward=False)
    def shade(
        first: int, damped: int, group_first: wp.array(dtype=int), group_count: wp.array(dtype=int),
        face: wp.array(dtype=int), view: wp.array(dtype=int), position: wp.array(dtype=vec2),
        moves: wp.array(dtype=wp.uint8), edge: wp.array(dtype=wp.uint8), along: wp.array(dtype=real),
        row_offset: wp.array(dtype=int), faces: wp.array(dtype=wp.vec3i), projected: wp.array(dtype=vec4),
        normal_offset: wp.array(dtype=int), normal_faces: wp.array(dtype=wp.vec3i), normals: wp.array(dtype=vec3),
        vertices: wp.array(dtype=vec3), eyes: wp.array(dtype=vec4), lobe: wp.array(dtype=real),
        out: wp.array(dtype=color),
    ):  # fmt: skip
        g = first + wp.tid()
        start = group_first[g]
        origin = position[start]
        v = view[g]
        f = face[g]
        s = faces[f]
        a, b, c = local_corners(projected, s, row_offset[v], origin)
        e0 = wp.cross(b, c)
        e1 = wp.cross(c, a)
        e2 = wp.cross(a, b)
        t = normal_faces[f]
        shift = normal_offset[v]
        n0, n1, n2 = corner_values(normals, t, shift)
        eye = eyes[v]
        wi = vec3(lobe[0], lobe[1], lobe[2])
        roughness = wp.max(lobe[3], least_roughness)
        a2 = roughness * roughness
        for p in range(start, start + group_count[g]):
            d = position[p] - origin
            w = weights(e0, e1, e2, d[0], d[1])
            k = int(edge[p])
            if k < 3:
                w = edge_weights(k, along[p])
            m = w[0] * n0 + w[1] * n1 + w[2] * n2
            x = w[0] * vertices[s[0]] + w[1] * vertices[s[1]] + w[2] * vertices[s[2]]
            n = inverse_length(m) * m
            to_eye = toward(eye, x)
            wo = inverse_length(to_eye) * to_eye
            q, fresnel, base = reflection(n, wi, wo, a2)
            e = color()
            for i in range(count):
                f0 = lobe[4 + count + i]
                e[i] = lobe[4 + i] * (q * (f0 + (one - f0) * fresnel) + lobe[4 + 2 * count + i] * base)
            out[p] = e

    @wp.func
    def write_rows(start: int, values: mat33, out: wp.array(dtype=vec4)):
        for i in range(3):
            out[start + i] = vec4(values[i, 0], values[i, 1], values[i, 2], zero)

    @wp.kernel(module=module, enable_backward=False)
    def pull(
        first: int, damped: int, group_first: wp.array(dtype=int), group_count: wp.array(dtype=int),
        face: wp.array(dtype=int), view: wp.array(dtype=int), position: wp.array(dtype=vec2),
        moves: wp.array(dtype=wp.uint8), edge: wp.array(dtype=wp.uint8), along: wp.array(dtype=real),
        row_offset: wp.array(dtype=int), faces: wp.array(dtype=wp.vec3i), projected: wp.array(dtype=vec4),
        normal_offset: wp.array(dtype=int), normal_faces: wp.array(dtype=wp.vec3i), normals: wp.array(dtype=vec3),
        vertices: wp.array(dtype=vec3), eyes: wp.array(dtype=vec4), lobe: wp.array(dtype=real),
        gradient: wp.array(dtype=color), of_projected: wp.array(dtype=vec4), of_normals: wp.array(dtype=vec4),
        of_vertices: wp.array(dtype=vec4), of_rest: wp.array2d(dtype=real),
    ):  # fmt: skip
        """Gradients of a group's corners; `of_rest` holds those to the eye and to the lobe."""
        g = first + wp.tid()
        start = group_first[g]
        origin = position[start]
        v = view[g]
        f = face[g]
        s = faces[f]
        a, b, c = local_corners(projected, s, row_offset[v], origin)
        e0, e1, e2 = wp.cross(b, c), wp.cross(c, a), wp.cross(a, b)
        n0, n1, n2 = corner_values(normals, normal_faces[f], normal_offset[v])
        x0, x1, x2 = corner_values(vertices, s, 0)
        factor = one
        if damped != 0:
            factor = damping(a, b, c)
        eye = eyes[v]
        wi = vec3(lobe[0], lobe[1], lobe[2])
        roughness = wp.max(lobe[3], least_roughness)
        a2 = roughness * roughness
        moments = mat33()
        to_normals = mat33()
        to_places = mat33()
        of_eye = vec4()
        of_wi = vec3()
        of_a2 = zero
        of_light = color()
        of_f0 = color()
        of_base = color()
        for p in range(start, start + group_count[g]):
            d = position[p] - origin
            w = weights(e0, e1, e2, d[0], d[1])
            k = int(edge[p])
            if k < 3:
                w = edge_weights(k, along[p])
            m = w[0] * n0 + w[1] * n1 + w[2] * n2
            x = w[0] * x0 + w[1] * x1 + w[2] * x2
            rm = inverse_length(m)
            n = rm * m
            to_eye = toward(eye, x)
            rv = inverse_length(to_eye)
            wo = rv * to_eye
            q, fresnel, base = reflection(n, wi, wo, a2)
            if q > zero:
                y = gradient[p]
                d_q = zero
                d_fresnel = zero
                d_base = zero
                for i in range(count):
                    f0 = lobe[4 + count + i]
                    share = f0 + (one - f0) * fresnel
                    lit = y[i] * lobe[4 + i]
                    d_q += lit * share
                    d_fresnel += q * lit * (one - f0)
                    below = lobe[4 + 2 * count + i]
                    d_base += lit * below
                    of_base[i] = of_base[i] + lit * base
                    of_light[i] = of_light[i] + y[i] * (q * share + below * base)
                    of_f0[i] = of_f0[i] + q * lit * (one - fresnel)
                d_n, d_wi, d_wo, d_a2 = reflection_pulled(n, wi, wo, a2, d_q, d_fresnel, d_base)
                of_a2 += d_a2
                of_wi += d_wi
                d_to_eye = rv * rejected(d_wo, wo)
                of_eye += toward_pulled(x, d_to_eye)
                d_x = -eye[3] * d_to_eye
                d_m = rm * rejected(d_n, n)
                to_normals += wp.outer(vec3(w[0], w[1], w[2]), d_m)
                to_places += wp.outer(vec3(w[0], w[1], w[2]), d_x)
                if moves[p] != wp.uint8(0):
                    r = w[3] * factor
                    mean = wp.dot(d_m, m) + wp.dot(d_x, x)
                    y0 = wp.dot(d_m, n0) + wp.dot(d_x, x0) - mean
                    y1 = wp.dot(d_m, n1) + wp.dot(d_x, x1) - mean
                    y2 = wp.dot(d_m, n2) + wp.dot(d_x, x2) - mean
                    moments += wp.outer(r * vec3(y0, y1, y2), vec3(d[0], d[1], one))
        j = 3 * g
        of_projected[j] = pulled(wp.cross(b, moments[2]) + wp.cross(moments[1], c), origin)
        of_projected[j + 1] = pulled(wp.cross(c, moments[0]) + wp.cross(moments[2], a), origin)
        of_projected[j + 2] = pulled(wp.cross(a, moments[1]) + wp.cross(moments[0], b), origin)
        write_rows(j, to_normals, of_normals)
        write_rows(j, to_places, of_vertices)
        for i in range(4):
            of_rest[g, i] = of_eye[i]
        for i in range(3):
            of_rest[g, 4 + i] = of_wi[i]
        of_rest[g, 7] = zero
        if lobe[3] > least_roughness:
            of_rest[g, 7] = two * roughness * of_a2
        for i in range(count):
            of_rest[g, 8 + i] = of_light[i]
            of_rest[g, 8 + count + i] = of_f0[i]
            of_rest[g, 8 + 2 * count + i] = of_base[i]

    @wp.kernel(module=module, enable_backward=False)
    def push(
        first: int, damped: int, group_first: wp.array(dtype=int), group_count: wp.array(dtype=int),
        face: wp.array(dtype=int), view: wp.array(dtype=int), position: wp.array(dtype=vec2),
        moves: wp.array(dtype=wp.uint8), edge: wp.array(dtype=wp.uint8), along: wp.array(dtype=real),
        row_offset: wp.array(dtype=int), faces: wp.array(dtype=wp.vec3i), projected: wp.array(dtype=vec4),
        normal_offset: wp.array(dtype=int), normal_faces: wp.array(dtype=wp.vec3i), normals: wp.array(dtype=vec3),
        vertices: wp.array(dtype=vec3), eyes: wp.array(dtype=vec4), lobe: wp.array(dtype=real),
        moved: wp.array(dtype=vec4), turned: wp.array(dtype=vec3), shifted: wp.array(dtype=vec3),
        eye_changes: wp.array(dtype=vec4), lobe_change: wp.array(dtype=real), out: wp.array(dtype=color),
    ):  # fmt: skip
        """Change of the radiance when coordinates, normals, places, eyes and lobe change."""
        g = first + wp.tid()
        start = group_first[g]
        origin = position[start]
        v = view[g]
        f = face[g]
        s = faces[f]
        o = row_offset[v]
        a, b, c = local_corners(projected, s, o, origin)
        da, db, dc = local_corners(moved, s, o, origin)
        e0 = wp.cross(b, c)
        e1 = wp.cross(c, a)
        e2 = wp.cross(a, b)
        d0 = wp.cross(db, c) + wp.cross(b, dc)
        d1 = wp.cross(dc, a) + wp.cross(c, da)
        d2 = wp.cross(da, b) + wp.cross(a, db)
        t = normal_faces[f]
        shift = normal_offset[v]
        i0 = t[0] + shift
        i1 = t[1] + shift
        i2 = t[2] + shift
        factor = one
        if damped != 0:
            factor = damping(a, b, c)
        eye = eyes[v]
        d_eye = eye_changes[v]
        wi = vec3(lobe[0], lobe[1], lobe[2])
        d_wi = vec3(lobe_change[0], lobe_change[1], lobe_change[2])
        roughness = wp.max(lobe[3], least_roughness)
        a2 = roughness * roughness
        d_a2 = zero
        if lobe[3] > least_roughness:
            d_a2 = two * roughness * lobe_change[3]
        for p in range(start, start + group_count[g]):
            d = position[p] - origin
            w = weights(e0, e1, e2, d[0], d[1])
            k = int(edge[p])
            if k < 3:
                w = edge_weights(k, along[p])
            m = w[0] * normals[i0] + w[1] * normals[i1] + w[2] * normals[i2]
            x = w[0] * vertices[s[0]] + w[1] * vertices[s[1]] + w[2] * vertices[s[2]]
            d_m = w[0] * turned[i0] + w[1] * turned[i1] + w[2] * turned[i2]
            d_x = w[0] * shifted[s[0]] + w[1] * shifted[s[1]] + w[2] * shifted[s[2]]
            if moves[p] != wp.uint8(0):
                at = vec3(d[0], d[1], one)
                r = w[3] * factor
                u0 = r * wp.dot(d0, at)
                u1 = r * wp.dot(d1, at)
                u2 = r * wp.dot(d2, at)
                total = u0 + u1 + u2
                d_m += u0 * normals[i0] + u1 * normals[i1] + u2 * normals[i2] - total * m
                d_x += u0 * vertices[s[0]] + u1 * vertices[s[1]] + u2 * vertices[s[2]] - total * x
            rm = inverse_length(m)
            n = rm * m
            d_n = rm * rejected(d_m, n)
            to_eye = toward(eye, x)
            rv = inverse_length(to_eye)
            wo = rv * to_eye
            d_wo = rv * rejected(toward(d_eye, x) - eye[3] * d_x, wo)
            q, fresnel, base = reflection(n, wi, wo, a2)
            e = color()
            if q > zero:
                log_q, d_fresnel, d_base = reflection_pushed(n, wi, wo, a2, d_n, d_wi, d_wo, d_a2)
                for i in range(count):
                    f0 = lobe[4 + count + i]
                    share = f0 + (one - f0) * fresnel
                    d_share = lobe_change[4 + count + i] * (one - fresnel) + (one - f0) * d_fresnel
                    below = lobe[4 + 2 * count + i]
                    d_whole = q * (share * log_q + d_share) + below * d_base + lobe_change[4 + 2 * count + i] * base
                    e[i] = lobe[4 + i] * d_whole + lobe_change[4 + i] * (q * share + below * base)
            out[p] = e

    return SimpleNamespace(shade=shade, pull=pull, push=push, color=color)
