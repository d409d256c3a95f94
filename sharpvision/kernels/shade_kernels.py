"""Kernels that interpolate a normal, make it unit and evaluate a form in it, with adjoint and tangent, fused.

A point's value is form @ terms(n), see `irradiance_form.py`. Per group of points of a
face: the face is set up once, its corners' gradients are summed in registers and written once.
"""

from functools import cache
from types import SimpleNamespace

import warp as wp

from sharpvision.kernels.barycentric import barycentric_functions
from sharpvision.kernels.dispatch import kernel_module
from sharpvision.kernels.irradiance_form import directional_functions, harmonic_functions
from sharpvision.kernels.launch import start_warp

start_warp()

CHUNK = 256
"""Groups whose share of the form's gradient is summed by one item, whatever the number of threads."""


@cache
def shade_kernels(real: type, channels: int, terms: int) -> SimpleNamespace:
    """The kernels for a number of channels: 3 terms are a directional light, more are spherical harmonics."""
    vec2 = wp.types.vector(2, real)
    vec3 = wp.types.vector(3, real)
    vec4 = wp.types.vector(4, real)
    color = wp.types.vector(channels, real)
    module = kernel_module(f"{__name__}.{channels}.{terms}", real)
    place = barycentric_functions(real)
    local_corners, weights, edge_weights = place.local_corners, place.weights, place.edge_weights
    damping, pulled = place.damping, place.pulled
    form = directional_functions(real) if terms == 3 else harmonic_functions(real, terms)
    value, slope, terms_at = form.value, form.slope, form.terms_at
    term_vector, form_matrix = wp.types.vector(terms, real), wp.types.matrix((channels, terms), real)
    lights, chunk = wp.constant(channels), wp.constant(CHUNK)
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

    @wp.kernel(module=module, enable_backward=False)
    def shade(
        first: int, damped: int, group_first: wp.array(dtype=int), group_count: wp.array(dtype=int),
        face: wp.array(dtype=int), view: wp.array(dtype=int), position: wp.array(dtype=vec2),
        moves: wp.array(dtype=wp.uint8), edge: wp.array(dtype=wp.uint8), along: wp.array(dtype=real),
        row_offset: wp.array(dtype=int), faces: wp.array(dtype=wp.vec3i), projected: wp.array(dtype=vec4),
        normal_offset: wp.array(dtype=int), normal_faces: wp.array(dtype=wp.vec3i), normals: wp.array(dtype=vec3),
        light: wp.array(dtype=term_vector), out: wp.array(dtype=color),
    ):  # fmt: skip
        g = first + wp.tid()
        start = group_first[g]
        origin = position[start]
        v = view[g]
        f = face[g]
        a, b, c = local_corners(projected, faces[f], row_offset[v], origin)
        e0 = wp.cross(b, c)
        e1 = wp.cross(c, a)
        e2 = wp.cross(a, b)
        t = normal_faces[f]
        shift = normal_offset[v]
        n0 = normals[t[0] + shift]
        n1 = normals[t[1] + shift]
        n2 = normals[t[2] + shift]
        for p in range(start, start + group_count[g]):
            d = position[p] - origin
            w = weights(e0, e1, e2, d[0], d[1])
            k = int(edge[p])
            if k < 3:
                w = edge_weights(k, along[p])
            m = w[0] * n0 + w[1] * n1 + w[2] * n2
            n = inverse_length(m) * m
            e = color()
            for i in range(lights):
                e[i] = value(light, light[i], n)
            out[p] = e

    @wp.kernel(module=module, enable_backward=False)
    def pull(
        first: int, damped: int, group_first: wp.array(dtype=int), group_count: wp.array(dtype=int),
        face: wp.array(dtype=int), view: wp.array(dtype=int), position: wp.array(dtype=vec2),
        moves: wp.array(dtype=wp.uint8), edge: wp.array(dtype=wp.uint8), along: wp.array(dtype=real),
        row_offset: wp.array(dtype=int), faces: wp.array(dtype=wp.vec3i), projected: wp.array(dtype=vec4),
        normal_offset: wp.array(dtype=int), normal_faces: wp.array(dtype=wp.vec3i), normals: wp.array(dtype=vec3),
        light: wp.array(dtype=term_vector), gradient: wp.array(dtype=color), of_projected: wp.array(dtype=vec4),
        of_normals: wp.array(dtype=vec4),
    ):  # fmt: skip
        """Gradients of a group's corners to coordinates and normals."""
        g = first + wp.tid()
        start = group_first[g]
        origin = position[start]
        v = view[g]
        f = face[g]
        a, b, c = local_corners(projected, faces[f], row_offset[v], origin)
        e0 = wp.cross(b, c)
        e1 = wp.cross(c, a)
        e2 = wp.cross(a, b)
        t = normal_faces[f]
        shift = normal_offset[v]
        n0 = normals[t[0] + shift]
        n1 = normals[t[1] + shift]
        n2 = normals[t[2] + shift]
        factor = one
        if damped != 0:
            factor = damping(a, b, c)
        m0 = vec3()
        m1 = vec3()
        m2 = vec3()
        h0 = vec3()
        h1 = vec3()
        h2 = vec3()
        for p in range(start, start + group_count[g]):
            d = position[p] - origin
            w = weights(e0, e1, e2, d[0], d[1])
            k = int(edge[p])
            if k < 3:
                w = edge_weights(k, along[p])
            m = w[0] * n0 + w[1] * n1 + w[2] * n2
            r = inverse_length(m)
            n = r * m
            y = gradient[p]
            mix = term_vector()
            for i in range(lights):
                mix += y[i] * light[i]
            u = slope(light, mix, n)
            u = r * (u - wp.dot(u, n) * n)
            h0 += w[0] * u
            h1 += w[1] * u
            h2 += w[2] * u
            if moves[p] != wp.uint8(0):
                s = w[3] * factor
                mean = wp.dot(u, m)
                at = vec3(d[0], d[1], one)
                m0 += (wp.dot(u, n0) - mean) * s * at
                m1 += (wp.dot(u, n1) - mean) * s * at
                m2 += (wp.dot(u, n2) - mean) * s * at
        j = 3 * g
        of_projected[j] = pulled(wp.cross(b, m2) + wp.cross(m1, c), origin)
        of_projected[j + 1] = pulled(wp.cross(c, m0) + wp.cross(m2, a), origin)
        of_projected[j + 2] = pulled(wp.cross(a, m1) + wp.cross(m0, b), origin)
        of_normals[j] = vec4(h0[0], h0[1], h0[2], zero)
        of_normals[j + 1] = vec4(h1[0], h1[1], h1[2], zero)
        of_normals[j + 2] = vec4(h2[0], h2[1], h2[2], zero)

    @wp.kernel(module=module, enable_backward=False)
    def collect(
        first: int, damped: int, group_first: wp.array(dtype=int), group_count: wp.array(dtype=int),
        face: wp.array(dtype=int), view: wp.array(dtype=int), position: wp.array(dtype=vec2),
        moves: wp.array(dtype=wp.uint8), edge: wp.array(dtype=wp.uint8), along: wp.array(dtype=real),
        row_offset: wp.array(dtype=int), faces: wp.array(dtype=wp.vec3i), projected: wp.array(dtype=vec4),
        normal_offset: wp.array(dtype=int), normal_faces: wp.array(dtype=wp.vec3i), normals: wp.array(dtype=vec3),
        light: wp.array(dtype=term_vector), gradient: wp.array(dtype=color), parts: wp.array(dtype=form_matrix),
    ):  # fmt: skip
        """Gradient to the form, of `CHUNK` groups."""
        i = first + wp.tid()
        total = form_matrix()
        for g in range(i * chunk, wp.min((i + 1) * chunk, group_first.shape[0])):
            start = group_first[g]
            origin = position[start]
            v = view[g]
            f = face[g]
            a, b, c = local_corners(projected, faces[f], row_offset[v], origin)
            e0 = wp.cross(b, c)
            e1 = wp.cross(c, a)
            e2 = wp.cross(a, b)
            t = normal_faces[f]
            shift = normal_offset[v]
            n0 = normals[t[0] + shift]
            n1 = normals[t[1] + shift]
            n2 = normals[t[2] + shift]
            for p in range(start, start + group_count[g]):
                d = position[p] - origin
                w = weights(e0, e1, e2, d[0], d[1])
                k = int(edge[p])
                if k < 3:
                    w = edge_weights(k, along[p])
                m = w[0] * n0 + w[1] * n1 + w[2] * n2
                total += wp.outer(gradient[p], terms_at(light, inverse_length(m) * m))
        parts[i] = total

    @wp.kernel(module=module, enable_backward=False)
    def push(
        first: int, damped: int, group_first: wp.array(dtype=int), group_count: wp.array(dtype=int),
        face: wp.array(dtype=int), view: wp.array(dtype=int), position: wp.array(dtype=vec2),
        moves: wp.array(dtype=wp.uint8), edge: wp.array(dtype=wp.uint8), along: wp.array(dtype=real),
        row_offset: wp.array(dtype=int), faces: wp.array(dtype=wp.vec3i), projected: wp.array(dtype=vec4),
        normal_offset: wp.array(dtype=int), normal_faces: wp.array(dtype=wp.vec3i), normals: wp.array(dtype=vec3),
        light: wp.array(dtype=term_vector), moved: wp.array(dtype=vec4), turned: wp.array(dtype=vec3),
        light_change: wp.array(dtype=term_vector), out: wp.array(dtype=color),
    ):  # fmt: skip
        """Change of the values when coordinates, normals and form change."""
        g = first + wp.tid()
        start = group_first[g]
        origin = position[start]
        v = view[g]
        f = face[g]
        o = row_offset[v]
        a, b, c = local_corners(projected, faces[f], o, origin)
        da, db, dc = local_corners(moved, faces[f], o, origin)
        e0 = wp.cross(b, c)
        e1 = wp.cross(c, a)
        e2 = wp.cross(a, b)
        d0 = wp.cross(db, c) + wp.cross(b, dc)
        d1 = wp.cross(dc, a) + wp.cross(c, da)
        d2 = wp.cross(da, b) + wp.cross(a, db)
        t = normal_faces[f]
        shift = normal_offset[v]
        n0 = normals[t[0] + shift]
        n1 = normals[t[1] + shift]
        n2 = normals[t[2] + shift]
        factor = one
        if damped != 0:
            factor = damping(a, b, c)
        for p in range(start, start + group_count[g]):
            d = position[p] - origin
            w = weights(e0, e1, e2, d[0], d[1])
            k = int(edge[p])
            if k < 3:
                w = edge_weights(k, along[p])
            m = w[0] * n0 + w[1] * n1 + w[2] * n2
            dm = w[0] * turned[t[0] + shift] + w[1] * turned[t[1] + shift] + w[2] * turned[t[2] + shift]
            if moves[p] != wp.uint8(0):
                at = vec3(d[0], d[1], one)
                s = w[3] * factor
                u0 = s * wp.dot(d0, at)
                u1 = s * wp.dot(d1, at)
                u2 = s * wp.dot(d2, at)
                dm += u0 * n0 + u1 * n1 + u2 * n2 - (u0 + u1 + u2) * m
            r = inverse_length(m)
            n = r * m
            dn = r * (dm - wp.dot(dm, n) * n)
            e = color()
            for i in range(lights):
                e[i] = value(light, light_change[i], n) + wp.dot(slope(light, light[i], n), dn)
            out[p] = e

    return SimpleNamespace(shade=shade, pull=pull, collect=collect, push=push, color=color, form_matrix=form_matrix)
