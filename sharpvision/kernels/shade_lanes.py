"""Shading for a CPU, eight points of a face at a time: `shade` and `pull` of `shade_kernels` in vector registers.

Warp's own loops compile to one point at a time. The points of a group follow each other in memory and share a face, so
what belongs to the face is spread over the lanes and what belongs to the points is read eight at a time. Lanes beyond
the group stand at its first point and count for nothing. The C++ is plain but for Clang's vector types, which become
whatever registers a machine has; Warp brings the compiler.
"""

from functools import cache
from string import Template
from types import SimpleNamespace

import warp as wp

from sharpvision.kernels.barycentric import barycentric_functions
from sharpvision.kernels.dispatch import kernel_module
from sharpvision.kernels.irradiance_lanes import form_source
from sharpvision.kernels.launch import start_warp

start_warp()

# Faces of neighbouring groups lie apart in memory: ask for those that come next, and for their corners.
_FETCH = """
    const int count = face.shape[0];
    if (g + 16 < count) {
        __builtin_prefetch(faces.data + face.data[g + 16]);
        __builtin_prefetch(normal_faces.data + face.data[g + 16]);
    }
    if (g + 8 < count) {
        const auto& corners = faces.data[face.data[g + 8]];
        const auto& own = normal_faces.data[face.data[g + 8]];
        for (int k = 0; k < 3; ++k) {
            __builtin_prefetch(projected.data + corners[k] + row);
            __builtin_prefetch(normals.data + own[k] + shift);
        }
    }
"""

# Reads of eight points from p on; only the last points of all are read one by one, lest reading leave the array.
_READ = """
    #pragma clang fp contract(fast)
    typedef $real real;
    typedef real lanes __attribute__((ext_vector_type(8)));
    typedef real wide __attribute__((ext_vector_type(16)));
    typedef decltype(lanes() > lanes()) whole;  // integers as wide, of the type that comparisons give
    typedef unsigned char bytes __attribute__((ext_vector_type(8)));
    const whole number = {0, 1, 2, 3, 4, 5, 6, 7};
    const lanes zero = real(0), one = real(1);
    const real* form = (const real*)light.data;
    const long long total = position.shape[0];
    auto read = [total](const auto* from, long long p, int width, auto* into) {
        if (p + 8 <= total) __builtin_memcpy(into, from + p * width, 8 * width * sizeof(*from));
        else for (int i = 0; i < 8 * width; ++i) into[i] = from[p * width + i < total * width ? p * width + i : 0];
    };
"""

# Barycentrics w0, w1, w2 and r as `weights` and `edge_weights` of `barycentric_functions` give them, and the normal n,
# which is `inverse` times m.
_PLACE = """
        const long long p = start + done;
        const whole own = number < whole(count - done);
        wide both;
        read((const real*)position.data, p, 2, (real*)&both);
        lanes x = __builtin_shufflevector(both, both, 0, 2, 4, 6, 8, 10, 12, 14) - origin[0];
        lanes y = __builtin_shufflevector(both, both, 1, 3, 5, 7, 9, 11, 13, 15) - origin[1];
        x = own ? x : zero;
        y = own ? y : zero;
        lanes w0 = e0[0] * x + (e0[1] * y + e0[2]);
        lanes w1 = e1[0] * x + (e1[1] * y + e1[2]);
        lanes w2 = e2[0] * x + (e2[1] * y + e2[2]);
        lanes s = w0 + w1 + w2;
        lanes r = s != zero ? one / s : zero;
        w0 *= r;
        w1 *= r;
        w2 *= r;
        const lanes outside = real(-0.25);
        const whole inside = (w0 >= outside) & (w1 >= outside) & (w2 >= outside) & (r * zero == zero) & (r != zero);
        if (!__builtin_reduce_and(inside)) {
            const lanes third = real(1) / real(3);
            lanes v0 = w0 > zero ? w0 : zero, v1 = w1 > zero ? w1 : zero, v2 = w2 > zero ? w2 : zero;
            s = v0 + v1 + v2;
            const whole finite = (s > zero) & (s * zero == zero);
            w0 = inside ? w0 : finite ? v0 / s : third;
            w1 = inside ? w1 : finite ? v1 / s : third;
            w2 = inside ? w2 : finite ? v2 / s : third;
            r = inside ? r : zero;
        }
        bytes sides;
        read(edge.data, p, 1, (unsigned char*)&sides);
        const whole side = __builtin_convertvector(sides, whole);
        if (__builtin_reduce_or((side < 3) & own)) {
            lanes t;
            read(along.data, p, 1, (real*)&t);
            w0 = side == 3 ? w0 : side == 0 ? one - t : side == 2 ? t : zero;
            w1 = side == 3 ? w1 : side == 1 ? one - t : side == 0 ? t : zero;
            w2 = side == 3 ? w2 : side == 2 ? one - t : side == 1 ? t : zero;
            r = side == 3 ? r : zero;
        }
        const lanes mx = w0 * n0[0] + (w1 * n1[0] + w2 * n2[0]);
        const lanes my = w0 * n0[1] + (w1 * n1[1] + w2 * n2[1]);
        const lanes mz = w0 * n0[2] + (w1 * n1[2] + w2 * n2[2]);
        const lanes square = mx * mx + (my * my + mz * mz);
        const lanes inverse = square > real(1e-30) ? one / __builtin_elementwise_sqrt(square) : zero;
        const lanes nx = inverse * mx, ny = inverse * my, nz = inverse * mz;
"""

_SHADE = """
    for (int done = 0; done < count; done += 8) {
        $place
        $form
        lanes e[$channels];
        for (int i = 0; i < $channels; ++i) e[i] = value(form + i * $terms);
        real block[8 * $channels];
        $interleave
        real* to = (real*)out.data + p * $channels;
        const int own_numbers = (count - done) * $channels;
        if (count - done >= 8) __builtin_memcpy(to, block, sizeof(block));
        else for (int i = 0; i < own_numbers; ++i) to[i] = block[i];
    }
"""

# Sums over the points: of w_i u, u the gradient to m, in h; of the gradient to numerator i times (x, y, 1) in q.
_PULL = """
    lanes h0x = zero, h0y = zero, h0z = zero, h1x = zero, h1y = zero, h1z = zero, h2x = zero, h2y = zero, h2z = zero;
    lanes q0x = zero, q0y = zero, q0z = zero, q1x = zero, q1y = zero, q1z = zero, q2x = zero, q2y = zero, q2z = zero;
    for (int done = 0; done < count; done += 8) {
        $place
        $form
        asm volatile("" : "+r"(form));  // its numbers stay in memory: most groups read them once, so no copy pays
        real block[8 * $channels];
        read((const real*)gradient.data, p, $channels, block);
        lanes e[$channels];
        $split
        lanes mix[$terms];
        for (int t = 0; t < $terms; ++t) {
            mix[t] = zero;
            for (int i = 0; i < $channels; ++i) mix[t] += e[i] * form[i * $terms + t];
        }
        lanes ux, uy, uz;
        slope(mix, ux, uy, uz);
        const lanes radial = ux * nx + (uy * ny + uz * nz);
        ux = own ? inverse * (ux - radial * nx) : zero;
        uy = own ? inverse * (uy - radial * ny) : zero;
        uz = own ? inverse * (uz - radial * nz) : zero;
        h0x += w0 * ux; h0y += w0 * uy; h0z += w0 * uz;
        h1x += w1 * ux; h1y += w1 * uy; h1z += w1 * uz;
        h2x += w2 * ux; h2y += w2 * uy; h2z += w2 * uz;
        bytes moving;
        read(moves.data, p, 1, (unsigned char*)&moving);
        const lanes step = r * factor * __builtin_convertvector(moving, lanes);
        const lanes mean = ux * mx + (uy * my + uz * mz);
        const lanes c0 = step * (ux * n0[0] + (uy * n0[1] + uz * n0[2]) - mean);
        const lanes c1 = step * (ux * n1[0] + (uy * n1[1] + uz * n1[2]) - mean);
        const lanes c2 = step * (ux * n2[0] + (uy * n2[1] + uz * n2[2]) - mean);
        q0x += c0 * x; q0y += c0 * y; q0z += c0;
        q1x += c1 * x; q1y += c1 * y; q1z += c1;
        q2x += c2 * x; q2y += c2 * y; q2z += c2;
    }
    auto halves = [](lanes a, lanes b) {
        return __builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14)
            + __builtin_shufflevector(a, b, 1, 3, 5, 7, 9, 11, 13, 15);
    };
    auto sums = [&](lanes a, lanes b, lanes c, lanes d, lanes e, lanes f, lanes g, lanes h) {
        return halves(halves(halves(a, b), halves(c, d)), halves(halves(e, f), halves(g, h)));
    };
    const lanes first = sums(h0x, h0y, h0z, h1x, h1y, h1z, h2x, h2y);
    const lanes second = sums(h2z, q0x, q0y, q0z, q1x, q1y, q1z, q2x);
    const lanes third = sums(q2y, q2z, zero, zero, zero, zero, zero, zero);
    wp::vec_t<18, real> found;
    for (int i = 0; i < 8; ++i) found[i] = first[i];
    for (int i = 0; i < 8; ++i) found[8 + i] = second[i];
    found[16] = third[0];
    found[17] = third[1];
    return found;
"""


def _interleave(channels: int) -> str:
    """`block`, point by point, from the lanes of each channel."""
    if channels != 3:
        return f"for (int i = 0; i < 8; ++i) for (int c = 0; c < {channels}; ++c) block[i * {channels} + c] = e[c][i];"
    order = [8 * (i % 3) + i // 3 for i in range(24)]
    return f"""const wide ab = __builtin_shufflevector(e[0], e[1], {_numbers(range(16))});
        const wide cc = __builtin_shufflevector(e[2], e[2], {_numbers(range(16))});
        const wide front = __builtin_shufflevector(ab, cc, {_numbers(order[:16])});
        const lanes back = __builtin_shufflevector(ab, cc, {_numbers(order[16:])});
        __builtin_memcpy(block, &front, sizeof(front));
        __builtin_memcpy(block + 16, &back, sizeof(back));"""


def _split(channels: int) -> str:
    """The lanes of each channel from `block`."""
    if channels != 3:
        return f"for (int i = 0; i < 8; ++i) for (int c = 0; c < {channels}; ++c) e[c][i] = block[i * {channels} + c];"
    lines = [
        f"e[{c}] = __builtin_shufflevector(front, back, {_numbers(range(c, 24, 3))});" for c in range(3)
    ]  # fmt: skip
    return f"""wide front;
        lanes rest;
        __builtin_memcpy(&front, block, sizeof(front));
        __builtin_memcpy(&rest, block + 16, sizeof(rest));
        const wide back = __builtin_shufflevector(rest, rest, {_numbers(range(16))});
        {" ".join(lines)}"""


def _numbers(values) -> str:  # type: ignore[no-untyped-def]
    return ", ".join(str(v) for v in values)


@cache
def shade_lanes(real: type, channels: int, terms: int) -> SimpleNamespace:
    """`shade` and `pull` of `shade_kernels(real, channels, terms)`, the same up to rounding."""
    vec2 = wp.types.vector(2, real)
    vec3 = wp.types.vector(3, real)
    vec4 = wp.types.vector(4, real)
    vec18 = wp.types.vector(18, real)
    color = wp.types.vector(channels, real)
    term_vector = wp.types.vector(terms, real)
    module = kernel_module(f"{__name__}.{channels}.{terms}", real)
    place = barycentric_functions(real)
    local_corners, damping, pulled = place.local_corners, place.damping, place.pulled
    zero, one = wp.constant(real(0.0)), wp.constant(real(1.0))

    def source(text: str) -> str:
        names = {
            "real": "float" if real is wp.float32 else "double", "channels": channels, "terms": terms,
            "interleave": _interleave(channels), "split": _split(channels), "form": form_source(terms, channels),
            "place": _PLACE,
        }  # fmt: skip
        for _ in range(2):  # the parts name types, too
            text = Template(text).substitute(names)
        return text

    @wp.func_native(source(_READ + _SHADE))
    def shade_points(
        start: int, count: int, origin: vec2, e0: vec3, e1: vec3, e2: vec3, n0: vec3, n1: vec3, n2: vec3,
        position: wp.array(dtype=vec2), edge: wp.array(dtype=wp.uint8), along: wp.array(dtype=real),
        light: wp.array(dtype=term_vector), out: wp.array(dtype=color),
    ): ...  # fmt: skip

    @wp.func_native(source(_READ + _PULL))
    def pull_points(
        start: int, count: int, origin: vec2, e0: vec3, e1: vec3, e2: vec3, n0: vec3, n1: vec3, n2: vec3,
        position: wp.array(dtype=vec2), edge: wp.array(dtype=wp.uint8), along: wp.array(dtype=real),
        light: wp.array(dtype=term_vector), moves: wp.array(dtype=wp.uint8), factor: real,
        gradient: wp.array(dtype=color),
    ) -> vec18: ...  # fmt: skip

    @wp.func_native(_FETCH)
    def fetch(
        g: int, row: int, shift: int, face: wp.array(dtype=int), faces: wp.array(dtype=wp.vec3i),
        projected: wp.array(dtype=vec4), normal_faces: wp.array(dtype=wp.vec3i), normals: wp.array(dtype=vec3),
    ): ...  # fmt: skip

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
        shift = normal_offset[v]
        fetch(g, row_offset[v], shift, face, faces, projected, normal_faces, normals)
        a, b, c = local_corners(projected, faces[f], row_offset[v], origin)
        t = normal_faces[f]
        shade_points(
            start, group_count[g], origin, wp.cross(b, c), wp.cross(c, a), wp.cross(a, b), normals[t[0] + shift],
            normals[t[1] + shift], normals[t[2] + shift], position, edge, along, light, out,
        )  # fmt: skip

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
        shift = normal_offset[v]
        fetch(g, row_offset[v], shift, face, faces, projected, normal_faces, normals)
        a, b, c = local_corners(projected, faces[f], row_offset[v], origin)
        t = normal_faces[f]
        factor = one
        if damped != 0:
            factor = damping(a, b, c)
        s = pull_points(
            start, group_count[g], origin, wp.cross(b, c), wp.cross(c, a), wp.cross(a, b), normals[t[0] + shift],
            normals[t[1] + shift], normals[t[2] + shift], position, edge, along, light, moves, factor, gradient,
        )  # fmt: skip
        q0 = vec3(s[9], s[10], s[11])
        q1 = vec3(s[12], s[13], s[14])
        q2 = vec3(s[15], s[16], s[17])
        j = 3 * g
        of_projected[j] = pulled(wp.cross(b, q2) + wp.cross(q1, c), origin)
        of_projected[j + 1] = pulled(wp.cross(c, q0) + wp.cross(q2, a), origin)
        of_projected[j + 2] = pulled(wp.cross(a, q1) + wp.cross(q0, b), origin)
        of_normals[j] = vec4(s[0], s[1], s[2], zero)
        of_normals[j + 1] = vec4(s[3], s[4], s[5], zero)
        of_normals[j + 2] = vec4(s[6], s[7], s[8], zero)

    return SimpleNamespace(shade=shade, pull=pull)
