"""Kernels of a GGX lobe over a diffuse base under spherical harmonics, with interpolation: value, adjoint, tangent.

What happens at a point is in `ggx_sh_lobe.py`. `lobe` holds the six numbers of `lobe_fit`, then f0 of each channel.
"""

from functools import cache
from types import SimpleNamespace

import warp as wp

from sharpvision.kernels.barycentric import barycentric_functions
from sharpvision.kernels.dispatch import kernel_module
from sharpvision.kernels.ggx_sh_lobe import NUMBERS, harmonic_lobe_functions
from sharpvision.kernels.irradiance_form import QUADRATIC_TERMS, QUARTIC_TERMS, harmonic_functions
from sharpvision.kernels.launch import start_warp
from sharpvision.kernels.radiance_form import CUBIC_TERMS, cubic_functions
from sharpvision.kernels.surface_functions import surface_functions

start_warp()

CHUNK = 256
"""Groups whose share of the light's and the lobe's gradient is summed by one item, whatever the number of threads."""


@cache
def ggx_sh_kernels(real: type, channels: int, order: int) -> SimpleNamespace:
    """The kernels for a number of channels and light of order 2, 3 or 4."""
    terms = QUADRATIC_TERMS + (QUARTIC_TERMS if order == 4 else 0)
    vec2 = wp.types.vector(2, real)
    vec3 = wp.types.vector(3, real)
    vec4 = wp.types.vector(4, real)
    mat33 = wp.types.matrix((3, 3), real)
    color = wp.types.vector(channels, real)
    fit_vector = wp.types.vector(NUMBERS, real)
    term_vector, cubic_vector = wp.types.vector(terms, real), wp.types.vector(CUBIC_TERMS, real)
    form_matrix, cubic_matrix = (wp.types.matrix((channels, n), real) for n in (terms, CUBIC_TERMS))
    has_cubic = order > 2
    module = kernel_module(f"{__name__}.{channels}.{order}", real)
    place, surface = barycentric_functions(real), surface_functions(real)
    local_corners, weights, edge_weights = place.local_corners, place.weights, place.edge_weights
    damping, pulled = place.damping, place.pulled
    inverse_length, rejected, corner_values = surface.inverse_length, surface.rejected, surface.corner_values
    toward, toward_pulled = surface.toward, surface.toward_pulled
    point = harmonic_lobe_functions(real, channels, terms, has_cubic)
    radiance, radiance_pulled, radiance_pushed = point.radiance, point.radiance_pulled, point.radiance_pushed
    facets_at, power_at, leaning = point.facets_at, point.power_at, point.leaning
    terms_at, cubic_terms_at = harmonic_functions(real, terms).terms_at, cubic_functions(real).terms_at
    count, chunk, numbers = wp.constant(channels), wp.constant(CHUNK), wp.constant(NUMBERS)
    zero, one, least = (wp.constant(real(v)) for v in (0.0, 1.0, 1e-6))

    @wp.func
    def lobe_of(lobe: wp.array(dtype=real)):
        fit = fit_vector()
        for i in range(numbers):
            fit[i] = lobe[i]
        f0 = color()
        for i in range(count):
            f0[i] = lobe[numbers + i]
        return fit, f0

    @wp.kernel(module=module, enable_backward=False)
    def shade(
        first: int, damped: int, group_first: wp.array(dtype=int), group_count: wp.array(dtype=int),
        face: wp.array(dtype=int), view: wp.array(dtype=int), position: wp.array(dtype=vec2),
        moves: wp.array(dtype=wp.uint8), edge: wp.array(dtype=wp.uint8), along: wp.array(dtype=real),
        row_offset: wp.array(dtype=int), faces: wp.array(dtype=wp.vec3i), projected: wp.array(dtype=vec4),
        normal_offset: wp.array(dtype=int), normal_faces: wp.array(dtype=wp.vec3i), normals: wp.array(dtype=vec3),
        vertices: wp.array(dtype=vec3), eyes: wp.array(dtype=vec4), light: wp.array(dtype=term_vector),
        cubic: wp.array(dtype=cubic_vector), lobe: wp.array(dtype=real), out: wp.array(dtype=color),
    ):  # fmt: skip
        g = first + wp.tid()
        start = group_first[g]
        origin = position[start]
        v = view[g]
        s = faces[face[g]]
        a, b, c = local_corners(projected, s, row_offset[v], origin)
        e0 = wp.cross(b, c)
        e1 = wp.cross(c, a)
        e2 = wp.cross(a, b)
        n0, n1, n2 = corner_values(normals, normal_faces[face[g]], normal_offset[v])
        x0, x1, x2 = corner_values(vertices, s, 0)
        eye = eyes[v]
        fit, f0 = lobe_of(lobe)
        for p in range(start, start + group_count[g]):
            d = position[p] - origin
            w = weights(e0, e1, e2, d[0], d[1])
            k = int(edge[p])
            if k < 3:
                w = edge_weights(k, along[p])
            m = w[0] * n0 + w[1] * n1 + w[2] * n2
            to_eye = toward(eye, w[0] * x0 + w[1] * x1 + w[2] * x2)
            out[p] = radiance(inverse_length(m) * m, inverse_length(to_eye) * to_eye, fit, f0, light, cubic)

    @wp.kernel(module=module, enable_backward=False)
    def pull(
        first: int, damped: int, group_first: wp.array(dtype=int), group_count: wp.array(dtype=int),
        face: wp.array(dtype=int), view: wp.array(dtype=int), position: wp.array(dtype=vec2),
        moves: wp.array(dtype=wp.uint8), edge: wp.array(dtype=wp.uint8), along: wp.array(dtype=real),
        row_offset: wp.array(dtype=int), faces: wp.array(dtype=wp.vec3i), projected: wp.array(dtype=vec4),
        normal_offset: wp.array(dtype=int), normal_faces: wp.array(dtype=wp.vec3i), normals: wp.array(dtype=vec3),
        vertices: wp.array(dtype=vec3), eyes: wp.array(dtype=vec4), light: wp.array(dtype=term_vector),
        cubic: wp.array(dtype=cubic_vector), lobe: wp.array(dtype=real), gradient: wp.array(dtype=color),
        of_projected: wp.array(dtype=vec4), of_normals: wp.array(dtype=vec4), of_vertices: wp.array(dtype=vec4),
        of_eyes: wp.array(dtype=vec4),
    ):  # fmt: skip
        """Gradients of a group's corners and eye."""
        g = first + wp.tid()
        start = group_first[g]
        origin = position[start]
        v = view[g]
        s = faces[face[g]]
        a, b, c = local_corners(projected, s, row_offset[v], origin)
        e0 = wp.cross(b, c)
        e1 = wp.cross(c, a)
        e2 = wp.cross(a, b)
        n0, n1, n2 = corner_values(normals, normal_faces[face[g]], normal_offset[v])
        x0, x1, x2 = corner_values(vertices, s, 0)
        factor = one
        if damped != 0:
            factor = damping(a, b, c)
        eye = eyes[v]
        fit, f0 = lobe_of(lobe)
        moments = mat33()
        to_normals = mat33()
        to_places = mat33()
        of_eye = vec4()
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
            if wp.dot(n, wo) > zero:
                y = gradient[p]
                d_n, d_wo, _b, _facets, _fresnel, _share, _seen = radiance_pulled(n, wo, y, fit, f0, light, cubic)
                d_to_eye = rv * rejected(d_wo, wo)
                of_eye += toward_pulled(x, d_to_eye)
                d_x = -eye[3] * d_to_eye
                d_m = rm * rejected(d_n, n)
                to_normals += wp.outer(vec3(w[0], w[1], w[2]), d_m)
                to_places += wp.outer(vec3(w[0], w[1], w[2]), d_x)
                if moves[p] != wp.uint8(0):
                    mean = wp.dot(d_m, m) + wp.dot(d_x, x)
                    y0 = wp.dot(d_m, n0) + wp.dot(d_x, x0) - mean
                    y1 = wp.dot(d_m, n1) + wp.dot(d_x, x1) - mean
                    y2 = wp.dot(d_m, n2) + wp.dot(d_x, x2) - mean
                    moments += wp.outer(w[3] * factor * vec3(y0, y1, y2), vec3(d[0], d[1], one))
        j = 3 * g
        of_projected[j] = pulled(wp.cross(b, moments[2]) + wp.cross(moments[1], c), origin)
        of_projected[j + 1] = pulled(wp.cross(c, moments[0]) + wp.cross(moments[2], a), origin)
        of_projected[j + 2] = pulled(wp.cross(a, moments[1]) + wp.cross(moments[0], b), origin)
        for i in range(3):
            of_normals[j + i] = vec4(to_normals[i, 0], to_normals[i, 1], to_normals[i, 2], zero)
            of_vertices[j + i] = vec4(to_places[i, 0], to_places[i, 1], to_places[i, 2], zero)
        of_eyes[g] = of_eye

    @wp.kernel(module=module, enable_backward=False)
    def collect(
        first: int, damped: int, group_first: wp.array(dtype=int), group_count: wp.array(dtype=int),
        face: wp.array(dtype=int), view: wp.array(dtype=int), position: wp.array(dtype=vec2),
        moves: wp.array(dtype=wp.uint8), edge: wp.array(dtype=wp.uint8), along: wp.array(dtype=real),
        row_offset: wp.array(dtype=int), faces: wp.array(dtype=wp.vec3i), projected: wp.array(dtype=vec4),
        normal_offset: wp.array(dtype=int), normal_faces: wp.array(dtype=wp.vec3i), normals: wp.array(dtype=vec3),
        vertices: wp.array(dtype=vec3), eyes: wp.array(dtype=vec4), light: wp.array(dtype=term_vector),
        cubic: wp.array(dtype=cubic_vector), lobe: wp.array(dtype=real), gradient: wp.array(dtype=color),
        of_light: wp.array2d(dtype=form_matrix), of_cubic: wp.array(dtype=cubic_matrix),
        of_lobe: wp.array2d(dtype=real),
    ):  # fmt: skip
        """Gradients of the forms, the six numbers and f0, of `CHUNK` groups."""
        j = first + wp.tid()
        fit, f0 = lobe_of(lobe)
        to_light = form_matrix()
        to_base = form_matrix()
        to_cubic = cubic_matrix()
        to_fit = fit_vector()
        to_f0 = color()
        for g in range(j * chunk, wp.min((j + 1) * chunk, group_first.shape[0])):
            start = group_first[g]
            origin = position[start]
            v = view[g]
            s = faces[face[g]]
            a, b, c = local_corners(projected, s, row_offset[v], origin)
            e0 = wp.cross(b, c)
            e1 = wp.cross(c, a)
            e2 = wp.cross(a, b)
            n0, n1, n2 = corner_values(normals, normal_faces[face[g]], normal_offset[v])
            x0, x1, x2 = corner_values(vertices, s, 0)
            for p in range(start, start + group_count[g]):
                d = position[p] - origin
                w = weights(e0, e1, e2, d[0], d[1])
                k = int(edge[p])
                if k < 3:
                    w = edge_weights(k, along[p])
                m = w[0] * n0 + w[1] * n1 + w[2] * n2
                n = inverse_length(m) * m
                to_eye = toward(eyes[v], w[0] * x0 + w[1] * x1 + w[2] * x2)
                wo = inverse_length(to_eye) * to_eye
                cosine = wp.dot(n, wo)
                if cosine > zero:
                    y = gradient[p]
                    _n, _wo, d_b, d_facets, d_fresnel, share, seen = radiance_pulled(n, wo, y, fit, f0, light, cubic)
                    t = leaning(n, wo, cosine, fit[0])
                    l = inverse_length(t) * t
                    to_light += wp.outer(share, terms_at(light, l))
                    if wp.static(has_cubic):
                        to_cubic += wp.outer(share, cubic_terms_at(l))
                    facets = facets_at(cosine, fit)
                    power = power_at(cosine, fit)
                    to_f0 += (facets[0] - fit[5] * power) * seen
                    h = d_facets * facets[1]
                    q = d_fresnel * power
                    log = wp.log(wp.max(one - cosine, least))
                    to_fit += fit_vector(d_b, h, h * cosine, h * cosine * cosine, q * fit[5] * log, q)
                    if of_light.shape[1] > 1:
                        u = wp.clamp(one - cosine, zero, one)
                        to_base += wp.outer((one - u * u * u * u * u) * y, terms_at(light, n))
        of_light[j, 0] = to_light
        if of_light.shape[1] > 1:
            of_light[j, 1] = to_base
        of_cubic[j] = to_cubic
        for i in range(numbers):
            of_lobe[j, i] = to_fit[i]
        for i in range(count):
            of_lobe[j, numbers + i] = to_f0[i]

    @wp.kernel(module=module, enable_backward=False)
    def push(
        first: int, damped: int, group_first: wp.array(dtype=int), group_count: wp.array(dtype=int),
        face: wp.array(dtype=int), view: wp.array(dtype=int), position: wp.array(dtype=vec2),
        moves: wp.array(dtype=wp.uint8), edge: wp.array(dtype=wp.uint8), along: wp.array(dtype=real),
        row_offset: wp.array(dtype=int), faces: wp.array(dtype=wp.vec3i), projected: wp.array(dtype=vec4),
        normal_offset: wp.array(dtype=int), normal_faces: wp.array(dtype=wp.vec3i), normals: wp.array(dtype=vec3),
        vertices: wp.array(dtype=vec3), eyes: wp.array(dtype=vec4), light: wp.array(dtype=term_vector),
        cubic: wp.array(dtype=cubic_vector), lobe: wp.array(dtype=real), moved: wp.array(dtype=vec4),
        turned: wp.array(dtype=vec3), shifted: wp.array(dtype=vec3), eye_changes: wp.array(dtype=vec4),
        light_change: wp.array(dtype=term_vector), cubic_change: wp.array(dtype=cubic_vector),
        lobe_change: wp.array(dtype=real), out: wp.array(dtype=color),
    ):  # fmt: skip
        """Change of the radiance when coordinates, normals, places, eyes, light and lobe change."""
        g = first + wp.tid()
        start = group_first[g]
        origin = position[start]
        v = view[g]
        s = faces[face[g]]
        o = row_offset[v]
        a, b, c = local_corners(projected, s, o, origin)
        da, db, dc = local_corners(moved, s, o, origin)
        e0 = wp.cross(b, c)
        e1 = wp.cross(c, a)
        e2 = wp.cross(a, b)
        d0 = wp.cross(db, c) + wp.cross(b, dc)
        d1 = wp.cross(dc, a) + wp.cross(c, da)
        d2 = wp.cross(da, b) + wp.cross(a, db)
        t = normal_faces[face[g]]
        shift = normal_offset[v]
        n0, n1, n2 = corner_values(normals, t, shift)
        h0, h1, h2 = corner_values(turned, t, shift)
        x0, x1, x2 = corner_values(vertices, s, 0)
        y0, y1, y2 = corner_values(shifted, s, 0)
        factor = one
        if damped != 0:
            factor = damping(a, b, c)
        eye = eyes[v]
        d_eye = eye_changes[v]
        fit, f0 = lobe_of(lobe)
        d_fit, d_f0 = lobe_of(lobe_change)
        for p in range(start, start + group_count[g]):
            d = position[p] - origin
            w = weights(e0, e1, e2, d[0], d[1])
            k = int(edge[p])
            if k < 3:
                w = edge_weights(k, along[p])
            m = w[0] * n0 + w[1] * n1 + w[2] * n2
            x = w[0] * x0 + w[1] * x1 + w[2] * x2
            d_m = w[0] * h0 + w[1] * h1 + w[2] * h2
            d_x = w[0] * y0 + w[1] * y1 + w[2] * y2
            if moves[p] != wp.uint8(0):
                at = vec3(d[0], d[1], one)
                r = w[3] * factor
                u0 = r * wp.dot(d0, at)
                u1 = r * wp.dot(d1, at)
                u2 = r * wp.dot(d2, at)
                total = u0 + u1 + u2
                d_m += u0 * n0 + u1 * n1 + u2 * n2 - total * m
                d_x += u0 * x0 + u1 * x1 + u2 * x2 - total * x
            rm = inverse_length(m)
            n = rm * m
            to_eye = toward(eye, x)
            rv = inverse_length(to_eye)
            wo = rv * to_eye
            d_n = rm * rejected(d_m, n)
            d_wo = rv * rejected(toward(d_eye, x) - eye[3] * d_x, wo)
            out[p] = radiance_pushed(n, wo, d_n, d_wo, fit, d_fit, f0, d_f0, light, cubic, light_change, cubic_change)

    return SimpleNamespace(
        shade=shade, pull=pull, collect=collect, push=push, color=color, form_matrix=form_matrix,
        cubic_matrix=cubic_matrix,
    )  # fmt: skip
