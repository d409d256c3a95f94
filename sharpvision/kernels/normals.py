"""Unit vertex normals, area weighted, with hand-written adjoint and tangent that sum over corners in a fixed order.

With S(f) = (b - a) x (c - a) of a face, twice its area along its normal: s(n) = sum of S over the corners of normal n,
n = s / |s|. Adjoint: D(f) = sum over the face's normals of (g - n (n.g)) / |s|; a gets (b - c) x D, and so on round.
"""

from collections.abc import Sequence
from functools import cache
from types import SimpleNamespace

import numpy as np
import torch
import warp as wp
from jaxtyping import Float, Int
from torch import Tensor

from sharpvision.kernels.corners import Corners, corners_of
from sharpvision.kernels.dispatch import dispatch, kernel_module, real_of
from sharpvision.kernels.first_order import first_order
from sharpvision.kernels.launch import start_warp
from sharpvision.kernels.prefetch import corner_fetch
from sharpvision.kernels.views import ArrayView, warp_view

start_warp()

BANDS = 8
PARTS = 2
"""Parts of the faces whose sums are made apart on a CPU, whatever the number of threads."""
RUN = 64


@cache
def _kernels(real: type) -> SimpleNamespace:
    vec3 = wp.types.vector(3, real)
    vec4 = wp.types.vector(4, real)
    module = kernel_module(__name__, real)

    epsilon = np.finfo(np.float64 if real is wp.float64 else np.float32).eps
    fetch, fetch_sums = corner_fetch(vec3), corner_fetch(vec4, 2)
    flat, cancelled = wp.constant(real(4 * epsilon)), wp.constant(real(16 * epsilon))

    @wp.func
    def largest(v: vec3) -> real:
        return wp.max(wp.max(wp.abs(v[0]), wp.abs(v[1])), wp.abs(v[2]))

    @wp.func
    def rejection(v: vec3, n: vec3) -> vec3:
        """The part of v that is orthogonal to the unit vector n."""
        return v - wp.dot(n, v) * n

    @wp.kernel(module=module, enable_backward=False)
    def face_vectors(
        first: int, vertices: wp.array(dtype=vec3), faces: wp.array(dtype=wp.vec3i), out: wp.array(dtype=vec3)
    ):
        f = first + wp.tid()
        t = faces[f]
        u = vertices[t[1]] - vertices[t[0]]
        v = vertices[t[2]] - vertices[t[0]]
        s = wp.cross(u, v)
        if largest(s) <= flat * largest(u) * largest(v):
            s = vec3()
        out[f] = s

    @wp.kernel(module=module, enable_backward=False)
    def face_changes(
        first: int, vertices: wp.array(dtype=vec3), moved: wp.array(dtype=vec3), faces: wp.array(dtype=wp.vec3i),
        out: wp.array(dtype=vec3),
    ):  # fmt: skip
        f = first + wp.tid()
        t = faces[f]
        u = vertices[t[1]] - vertices[t[0]]
        v = vertices[t[2]] - vertices[t[0]]
        out[f] = wp.cross(moved[t[1]] - moved[t[0]], v) + wp.cross(u, moved[t[2]] - moved[t[0]])

    @wp.kernel(module=module, enable_backward=False)
    def unit_sums(
        first: int, corner_first: wp.array(dtype=int), corner: wp.array(dtype=int), vectors: wp.array(dtype=vec3),
        normals: wp.array(dtype=vec3), inverse: wp.array(dtype=real),
    ):  # fmt: skip
        i = first + wp.tid()
        s = vec3()
        bound = real(0.0)
        for j in range(corner_first[i], corner_first[i + 1]):
            v = vectors[corner[j] // 3]
            s += v
            bound += largest(v)
        scale = largest(s)
        n = vec3()
        r = real(0.0)
        if scale > cancelled * bound:  # the largest component divided out, so that the square doesn't underflow
            s = s / scale
            length = wp.sqrt(wp.dot(s, s))
            n = s / length
            r = real(1.0) / (length * scale)
        normals[i] = n
        inverse[i] = r

    @wp.kernel(module=module, enable_backward=False)
    def add_vectors(
        first: int, vertices: wp.array(dtype=vec3), faces: wp.array(dtype=wp.vec3i),
        normal_faces: wp.array(dtype=wp.vec3i), parts: wp.array2d(dtype=vec4),
    ):  # fmt: skip
        """Adds the area vectors of one part of the faces, and their largest components, to the sums of that part."""
        part = first + wp.tid()
        count = faces.shape[0]
        for i in range(parts.shape[1]):
            parts[part, i] = vec4()
        stop = (part + 1) * count // parts.shape[0]
        for f in range(part * count // parts.shape[0], stop):
            fetch(f, stop, 0, faces, vertices)
            fetch_sums(f, stop, part * parts.shape[1], normal_faces, parts)
            t = faces[f]
            a = vertices[t[0]]
            u = vertices[t[1]] - a
            v = vertices[t[2]] - a
            s = wp.cross(u, v)
            size = largest(s)
            if size > flat * largest(u) * largest(v):
                sized = vec4(s[0], s[1], s[2], size)
                n = normal_faces[f]
                parts[part, n[0]] = parts[part, n[0]] + sized
                parts[part, n[1]] = parts[part, n[1]] + sized
                parts[part, n[2]] = parts[part, n[2]] + sized

    @wp.kernel(module=module, enable_backward=False)
    def unit_of_parts(
        first: int, run: int, parts: wp.array2d(dtype=vec4), normals: wp.array(dtype=vec3),
        inverse: wp.array(dtype=real),
    ):  # fmt: skip
        """A run of normals."""
        start = (first + wp.tid()) * run
        for i in range(start, wp.min(start + run, normals.shape[0])):
            total = parts[0, i]
            for part in range(1, parts.shape[0]):
                total += parts[part, i]
            s = vec3(total[0], total[1], total[2])
            scale = largest(s)
            n = vec3()
            r = real(0.0)
            if scale > cancelled * total[3]:  # as in `unit_sums`
                s = s / scale
                length = wp.sqrt(wp.dot(s, s))
                n = s / length
                r = real(1.0) / (length * scale)
            normals[i] = n
            inverse[i] = r

    @wp.kernel(module=module, enable_backward=False)
    def add_gradients(
        first: int, vertices: wp.array(dtype=vec3), faces: wp.array(dtype=wp.vec3i),
        normal_faces: wp.array(dtype=wp.vec3i), of_sums: wp.array(dtype=vec3), parts: wp.array2d(dtype=vec3),
    ):  # fmt: skip
        """Adds the gradients of the corners of one part of the faces to the sums of that part."""
        part = first + wp.tid()
        count = faces.shape[0]
        for i in range(parts.shape[1]):
            parts[part, i] = vec3()
        stop = (part + 1) * count // parts.shape[0]
        for f in range(part * count // parts.shape[0], stop):
            fetch(f, stop, 0, normal_faces, of_sums)
            n = normal_faces[f]
            d = of_sums[n[0]] + of_sums[n[1]] + of_sums[n[2]]
            if d[0] != real(0.0) or d[1] != real(0.0) or d[2] != real(0.0):  # what nobody sees has no gradient
                t = faces[f]
                a = vertices[t[0]]
                b = vertices[t[1]]
                c = vertices[t[2]]
                parts[part, t[0]] = parts[part, t[0]] + wp.cross(b - c, d)
                parts[part, t[1]] = parts[part, t[1]] + wp.cross(c - a, d)
                parts[part, t[2]] = parts[part, t[2]] + wp.cross(a - b, d)

    @wp.kernel(module=module, enable_backward=False)
    def unit_changes(
        first: int, corner_first: wp.array(dtype=int), corner: wp.array(dtype=int), vectors: wp.array(dtype=vec3),
        normals: wp.array(dtype=vec3), inverse: wp.array(dtype=real), out: wp.array(dtype=vec3),
    ):  # fmt: skip
        i = first + wp.tid()
        s = vec3()
        for j in range(corner_first[i], corner_first[i + 1]):
            s += vectors[corner[j] // 3]
        out[i] = inverse[i] * rejection(s, normals[i])

    @wp.kernel(module=module, enable_backward=False)
    def sum_gradients(
        first: int, normals: wp.array(dtype=vec3), inverse: wp.array(dtype=real), gradient: wp.array(dtype=vec3),
        out: wp.array(dtype=vec3),
    ):  # fmt: skip
        i = first + wp.tid()
        out[i] = inverse[i] * rejection(gradient[i], normals[i])

    @wp.kernel(module=module, enable_backward=False)
    def corner_gradients(
        first: int, vertices: wp.array(dtype=vec3), faces: wp.array(dtype=wp.vec3i),
        normal_faces: wp.array(dtype=wp.vec3i), of_sums: wp.array(dtype=vec3), out: wp.array(dtype=vec3),
    ):  # fmt: skip
        f = first + wp.tid()
        t = faces[f]
        n = normal_faces[f]
        d = of_sums[n[0]] + of_sums[n[1]] + of_sums[n[2]]
        a = vertices[t[0]]
        b = vertices[t[1]]
        c = vertices[t[2]]
        out[3 * f] = wp.cross(b - c, d)
        out[3 * f + 1] = wp.cross(c - a, d)
        out[3 * f + 2] = wp.cross(a - b, d)

    @wp.kernel(module=module, enable_backward=False)
    def corner_sums(
        first: int, corner_first: wp.array(dtype=int), corner: wp.array(dtype=int), values: wp.array(dtype=vec3),
        out: wp.array(dtype=vec3),
    ):  # fmt: skip
        i = first + wp.tid()
        s = vec3()
        for j in range(corner_first[i], corner_first[i + 1]):
            s += values[corner[j]]
        out[i] = s

    return SimpleNamespace(
        face_vectors=face_vectors, face_changes=face_changes, unit_sums=unit_sums, unit_changes=unit_changes,
        sum_gradients=sum_gradients, corner_gradients=corner_gradients, corner_sums=corner_sums, vec3=vec3, vec4=vec4,
        add_vectors=add_vectors, unit_of_parts=unit_of_parts, add_gradients=add_gradients,
    )  # fmt: skip


def vertex_normals(
    vertices: Float[Tensor, "v 3"],
    faces: Int[Tensor, "f 3"],
    normal_faces: Int[Tensor, "f 3"],
    normal_corners: Corners,
) -> Float[Tensor, "n 3"]:
    """Unit normals: n = s / |s| with s the sum of the area vectors of the faces that share the normal.

    `faces` and `normal_faces` int32: the vertex and the normal at each corner of a face; `normal_corners` =
    `corners_of(normal_faces, N)`. A face counts once for each of its corners with the normal. Zero, with zero
    derivative, where s is zero up to rounding: no face, faces without area, or faces that cancel. First derivatives to
    the vertices, reverse and forward mode, complete; the result doesn't depend on the number of threads.

    >>> square = torch.tensor([[0.0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0], [5, 5, 5]])
    >>> faces = torch.tensor([[0, 1, 2], [0, 2, 3]], dtype=torch.int32)
    >>> vertex_normals(square, faces, faces, corners_of(faces, 5))[3:].tolist()
    [[0.0, 0.0, 1.0], [0.0, 0.0, 0.0]]
    """
    setting = (faces.contiguous(), normal_faces.contiguous(), normal_corners, corners_of(faces, len(vertices)))
    return _operation(setting, vertices)


def _run(kernel: wp.Kernel, items: int, inputs: list[ArrayView], device: torch.device) -> None:
    dispatch(kernel, items, inputs, device, band_items=max(256, -(-items // BANDS)))


def _value(setting: tuple[Tensor, Tensor, Corners, Corners], vertices: Tensor) -> tuple[Tensor, ...]:
    faces, normal_faces, corners, _ = setting
    kernels = _kernels(real_of(vertices))
    vec3, device = kernels.vec3, vertices.device
    normals, inverse = vertices.new_empty(len(corners), 3), vertices.new_empty(len(corners))
    if device.type == "cpu":
        parts = vertices.new_empty(PARTS, len(corners), 4)
        added = warp_view(parts, kernels.vec4)
        inputs = [warp_view(vertices, vec3), warp_view(faces, wp.vec3i), warp_view(normal_faces, wp.vec3i), added]
        dispatch(kernels.add_vectors, PARTS, inputs, device, 1)
        dispatch(
            kernels.unit_of_parts, -(-len(normals) // RUN), [RUN, added, warp_view(normals, vec3), warp_view(inverse)],
            device,
        )  # fmt: skip
        return normals, inverse
    vectors = vertices.new_empty(len(faces), 3)
    held = warp_view(vectors, vec3)
    _run(kernels.face_vectors, len(faces), [warp_view(vertices, vec3), warp_view(faces, wp.vec3i), held], device)
    inputs = [warp_view(corners.first), warp_view(corners.corner), held, warp_view(normals, vec3), warp_view(inverse)]
    _run(kernels.unit_sums, len(corners), inputs, device)
    return normals, inverse


def _gradient(
    setting: tuple[Tensor, Tensor, Corners, Corners], wanted: Sequence[bool], gradient: Tensor, vertices: Tensor,
    normals: Tensor, inverse: Tensor,
) -> tuple[Tensor | None, ...]:  # fmt: skip
    faces, normal_faces, _, corners = setting
    kernels = _kernels(real_of(vertices))
    vec3, device = kernels.vec3, vertices.device
    of_sums = torch.empty_like(normals)
    sums = warp_view(of_sums, vec3)
    inputs = [warp_view(normals, vec3), warp_view(inverse), warp_view(gradient, vec3), sums]
    _run(kernels.sum_gradients, len(normals), inputs, device)
    if device.type == "cpu":
        each = vertices.new_empty(PARTS, len(vertices), 3)
        inputs = [
            warp_view(vertices, vec3), warp_view(faces, wp.vec3i), warp_view(normal_faces, wp.vec3i), sums,
            warp_view(each, vec3),
        ]  # fmt: skip
        dispatch(kernels.add_gradients, PARTS, inputs, device, 1)
        return (each[0].add_(each[1]),)
    parts, total = vertices.new_empty(len(faces), 3, 3), torch.empty_like(vertices)
    held = warp_view(parts.view(-1, 3), vec3)
    inputs = [warp_view(vertices, vec3), warp_view(faces, wp.vec3i), warp_view(normal_faces, wp.vec3i), sums, held]
    _run(kernels.corner_gradients, len(faces), inputs, device)
    inputs = [warp_view(corners.first), warp_view(corners.corner), held, warp_view(total, vec3)]
    _run(kernels.corner_sums, len(vertices), inputs, device)
    return (total,)


def _tangent(
    setting: tuple[Tensor, Tensor, Corners, Corners], tangents: list[Tensor], vertices: Tensor, normals: Tensor,
    inverse: Tensor,
) -> Tensor:  # fmt: skip
    faces, _, corners, _ = setting
    kernels = _kernels(real_of(vertices))
    vec3, device = kernels.vec3, vertices.device
    vectors, change = vertices.new_empty(len(faces), 3), torch.empty_like(normals)
    held = warp_view(vectors, vec3)
    inputs = [warp_view(vertices, vec3), warp_view(tangents[0], vec3), warp_view(faces, wp.vec3i), held]
    _run(kernels.face_changes, len(faces), inputs, device)
    inputs = [
        warp_view(corners.first), warp_view(corners.corner), held, warp_view(normals, vec3), warp_view(inverse),
        warp_view(change, vec3),
    ]  # fmt: skip
    _run(kernels.unit_changes, len(corners), inputs, device)
    return change


def _shapes(setting: tuple[Tensor, Tensor, Corners, Corners], vertices: Tensor) -> list[tuple[int, ...]]:
    return [(setting[2].first.shape[0] - 1, 3), (setting[2].first.shape[0] - 1,)]


_operation = first_order("vertex_normals", _value, _gradient, _tangent, _shapes)
