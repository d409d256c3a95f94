"""Kernels of one GGX lobe under a distant light: a point's radiance, its adjoint and tangent, with interpolation.

As `materials/ggx.py`: L = D V F E n.wi, D = a2 / (pi S^2), S = a2 (n.h)^2 + |n x h|^2, V = 1 / ((ci + ri) (co + ro)),
r(c) = sqrt(a2 + (1 - a2) c^2), F = f0 + (1 - f0) (1 - wo.h)^5; ci = n.wi, co = n.wo, a2 = roughness^2. A lobe is one
vector: wi (unit), roughness, then E and f0 of each channel. An eye (x, y, z, w) gives wo = unit((x, y, z) - w place).
"""

from functools import cache
from types import SimpleNamespace

import warp as wp

from sharpvision.kernels.barycentric import barycentric_functions
from sharpvision.kernels.dispatch import kernel_module
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
    count = wp.constant(channels)
    zero, one, two, five, half = (wp.constant(real(v)) for v in (0.0, 1.0, 2.0, 5.0, 0.5))
    least_roughness = wp.constant(real(LEAST_ROUGHNESS))
    pi = wp.constant(real(3.141592653589793))

    @wp.func
    def root(a2: real, c: real) -> real:
        return wp.sqrt(a2 + (one - a2) * c * c)

    @wp.func
    def reflection(n: vec3, wi: vec3, wo: vec3, a2: real):
        """D V n.wi and (1 - wo.h)^5, both 0 where unlit or unseen."""
        ci = wp.dot(n, wi)
        co = wp.dot(n, wo)
        q = zero
        fresnel = zero
        if ci > zero and co > zero:
            h = wi + wo
            h = inverse_length(h) * h
            nh = wp.dot(n, h)
            cross = wp.cross(n, h)
            spread = a2 * nh * nh + wp.dot(cross, cross)
            q = ci * a2 / (pi * spread * spread * (ci + root(a2, ci)) * (co + root(a2, co)))
            u = wp.clamp(one - wp.dot(wo, h), zero, one)
            fresnel = u * u * u * u * u
        return q, fresnel

    @wp.func
    def reflection_pulled(n: vec3, wi: vec3, wo: vec3, a2: real, d_q: real, d_fresnel: real):
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
        """Relative change of q and change of the Fresnel term where q > 0, see `reflection`."""
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
        return log_q, -five * u * u * u * u * (wp.dot(d_wo, h) + wp.dot(wo, d_h))

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
            q, fresnel = reflection(n, wi, wo, a2)
            e = color()
            for i in range(count):
                f0 = lobe[4 + count + i]
                e[i] = q * lobe[4 + i] * (f0 + (one - f0) * fresnel)
            out[p] = e

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
        e0 = wp.cross(b, c)
        e1 = wp.cross(c, a)
        e2 = wp.cross(a, b)
        t = normal_faces[f]
        shift = normal_offset[v]
        n0, n1, n2 = corner_values(normals, t, shift)
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
            q, fresnel = reflection(n, wi, wo, a2)
            if q > zero:
                y = gradient[p]
                d_q = zero
                d_fresnel = zero
                for i in range(count):
                    f0 = lobe[4 + count + i]
                    share = f0 + (one - f0) * fresnel
                    lit = y[i] * lobe[4 + i]
                    d_q += lit * share
                    d_fresnel += q * lit * (one - f0)
                    of_light[i] = of_light[i] + y[i] * q * share
                    of_f0[i] = of_f0[i] + q * lit * (one - fresnel)
                d_n, d_wi, d_wo, d_a2 = reflection_pulled(n, wi, wo, a2, d_q, d_fresnel)
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
        for i in range(3):
            of_normals[j + i] = vec4(to_normals[i, 0], to_normals[i, 1], to_normals[i, 2], zero)
            of_vertices[j + i] = vec4(to_places[i, 0], to_places[i, 1], to_places[i, 2], zero)
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
            q, fresnel = reflection(n, wi, wo, a2)
            e = color()
            if q > zero:
                log_q, d_fresnel = reflection_pushed(n, wi, wo, a2, d_n, d_wi, d_wo, d_a2)
                for i in range(count):
                    f0 = lobe[4 + count + i]
                    share = f0 + (one - f0) * fresnel
                    d_share = lobe_change[4 + count + i] * (one - fresnel) + (one - f0) * d_fresnel
                    e[i] = q * (lobe[4 + i] * (share * log_q + d_share) + lobe_change[4 + i] * share)
            out[p] = e

    return SimpleNamespace(shade=shade, pull=pull, push=push, color=color)
