"""Perspective-correct interpolation of values at corners, differentiable in the values and in the coordinates."""

from collections.abc import Sequence
from functools import cache
from types import SimpleNamespace

import torch
import warp as wp
from jaxtyping import Float, Int
from torch import Tensor

from sharpvision.kernels.barycentric import barycentric_functions
from sharpvision.kernels.batch import Batch
from sharpvision.kernels.dispatch import kernel_module, real_of
from sharpvision.kernels.face_points import FacePoints
from sharpvision.kernels.first_order import first_order
from sharpvision.kernels.gather import CornerValues, in_few_bands
from sharpvision.kernels.launch import start_warp
from sharpvision.kernels.raster_types import Points
from sharpvision.kernels.views import warp_view

start_warp()


@cache
def _kernels(real: type) -> SimpleNamespace:
    vec2 = wp.types.vector(2, real)
    vec3 = wp.types.vector(3, real)
    vec4 = wp.types.vector(4, real)
    module = kernel_module(__name__, real)
    functions = barycentric_functions(real)
    local_corners = functions.local_corners
    weights, edge_weights = functions.weights, functions.edge_weights
    damping, pulled = functions.damping, functions.pulled

    @wp.kernel(module=module, enable_backward=False)
    def blend(
        first: int, damped: int, group_first: wp.array(dtype=int), group_count: wp.array(dtype=int),
        face: wp.array(dtype=int), view: wp.array(dtype=int), position: wp.array(dtype=vec2),
        moves: wp.array(dtype=wp.uint8), edge: wp.array(dtype=wp.uint8), along: wp.array(dtype=real),
        row_offset: wp.array(dtype=int), faces: wp.array(dtype=wp.vec3i), projected: wp.array(dtype=vec4),
        value_offset: wp.array(dtype=int), value_faces: wp.array(dtype=wp.vec3i), values: wp.array2d(dtype=real),
        out: wp.array2d(dtype=real),
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
        t = value_faces[f]
        shift = value_offset[v]
        i0 = t[0] + shift
        i1 = t[1] + shift
        i2 = t[2] + shift
        for p in range(start, start + group_count[g]):
            d = position[p] - origin
            w = weights(e0, e1, e2, d[0], d[1])
            k = int(edge[p])
            if k < 3:
                w = edge_weights(k, along[p])
            for n in range(out.shape[1]):
                out[p, n] = w[0] * values[i0, n] + w[1] * values[i1, n] + w[2] * values[i2, n]

    @wp.kernel(module=module, enable_backward=False)
    def pull(
        first: int, damped: int, group_first: wp.array(dtype=int), group_count: wp.array(dtype=int),
        face: wp.array(dtype=int), view: wp.array(dtype=int), position: wp.array(dtype=vec2),
        moves: wp.array(dtype=wp.uint8), edge: wp.array(dtype=wp.uint8), along: wp.array(dtype=real),
        row_offset: wp.array(dtype=int), faces: wp.array(dtype=wp.vec3i), projected: wp.array(dtype=vec4),
        value_offset: wp.array(dtype=int), value_faces: wp.array(dtype=wp.vec3i), values: wp.array2d(dtype=real),
        gradient: wp.array2d(dtype=real), of_values: wp.array2d(dtype=real), of_projected: wp.array(dtype=vec4),
    ):  # fmt: skip
        """Gradients of a group's corners; columns of `of_values` beyond those of the values are zero."""
        g = first + wp.tid()
        start = group_first[g]
        origin = position[start]
        v = view[g]
        f = face[g]
        a, b, c = local_corners(projected, faces[f], row_offset[v], origin)
        e0 = wp.cross(b, c)
        e1 = wp.cross(c, a)
        e2 = wp.cross(a, b)
        t = value_faces[f]
        shift = value_offset[v]
        i0 = t[0] + shift
        i1 = t[1] + shift
        i2 = t[2] + shift
        factor = real(1.0)
        if damped != 0:
            factor = damping(a, b, c)
        j = 3 * g
        for n in range(of_values.shape[1]):
            of_values[j, n] = real(0.0)
            of_values[j + 1, n] = real(0.0)
            of_values[j + 2, n] = real(0.0)
        m0 = vec3()
        m1 = vec3()
        m2 = vec3()
        for p in range(start, start + group_count[g]):
            d = position[p] - origin
            w = weights(e0, e1, e2, d[0], d[1])
            k = int(edge[p])
            if k < 3:
                w = edge_weights(k, along[p])
            u = vec3()
            for n in range(gradient.shape[1]):
                y = gradient[p, n]
                u += y * vec3(values[i0, n], values[i1, n], values[i2, n])
                of_values[j, n] = of_values[j, n] + w[0] * y
                of_values[j + 1, n] = of_values[j + 1, n] + w[1] * y
                of_values[j + 2, n] = of_values[j + 2, n] + w[2] * y
            if moves[p] != wp.uint8(0):
                mean = w[0] * u[0] + w[1] * u[1] + w[2] * u[2]
                s = w[3] * factor
                at = vec3(d[0], d[1], real(1.0))
                m0 += (u[0] - mean) * s * at
                m1 += (u[1] - mean) * s * at
                m2 += (u[2] - mean) * s * at
        of_projected[j] = pulled(wp.cross(b, m2) + wp.cross(m1, c), origin)
        of_projected[j + 1] = pulled(wp.cross(c, m0) + wp.cross(m2, a), origin)
        of_projected[j + 2] = pulled(wp.cross(a, m1) + wp.cross(m0, b), origin)

    @wp.kernel(module=module, enable_backward=False)
    def push(
        first: int, damped: int, group_first: wp.array(dtype=int), group_count: wp.array(dtype=int),
        face: wp.array(dtype=int), view: wp.array(dtype=int), position: wp.array(dtype=vec2),
        moves: wp.array(dtype=wp.uint8), edge: wp.array(dtype=wp.uint8), along: wp.array(dtype=real),
        row_offset: wp.array(dtype=int), faces: wp.array(dtype=wp.vec3i), projected: wp.array(dtype=vec4),
        value_offset: wp.array(dtype=int), value_faces: wp.array(dtype=wp.vec3i), values: wp.array2d(dtype=real),
        moved: wp.array(dtype=vec4), moved_values: wp.array2d(dtype=real), out: wp.array2d(dtype=real),
    ):  # fmt: skip
        """Change of the interpolated values when coordinates and values move."""
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
        t = value_faces[f]
        shift = value_offset[v]
        i0 = t[0] + shift
        i1 = t[1] + shift
        i2 = t[2] + shift
        factor = real(1.0)
        if damped != 0:
            factor = damping(a, b, c)
        for p in range(start, start + group_count[g]):
            d = position[p] - origin
            w = weights(e0, e1, e2, d[0], d[1])
            k = int(edge[p])
            if k < 3:
                w = edge_weights(k, along[p])
            u = vec3()
            if moves[p] != wp.uint8(0):
                at = vec3(d[0], d[1], real(1.0))
                s = w[3] * factor
                u = s * vec3(wp.dot(d0, at), wp.dot(d1, at), wp.dot(d2, at))
                u = u - (u[0] + u[1] + u[2]) * vec3(w[0], w[1], w[2])
            for n in range(out.shape[1]):
                x = w[0] * moved_values[i0, n] + w[1] * moved_values[i1, n] + w[2] * moved_values[i2, n]
                out[p, n] = x + u[0] * values[i0, n] + u[1] * values[i1, n] + u[2] * values[i2, n]

    return SimpleNamespace(blend=blend, pull=pull, push=push)


def interpolate(
    points: Points,
    projected: Float[Tensor, "rows 4"],
    batch: Batch,
    attributes: Float[Tensor, "r a"],
    attribute_faces: Int[Tensor, "f 3"],
    attribute_offset: Int[Tensor, " b"] | None = None,
    *,
    damped: bool = True,
) -> Float[Tensor, "p a"]:
    """Values at points of faces: sum over the face's corners of barycentric times value, correct in perspective.

    `attribute_faces` (F, 3) int32 names the row of `attributes` at each corner of `batch.faces`; `attribute_offset`
    (B,) int32, all equal or ascending, is added for a view's points. First derivatives to `attributes` and, through the
    barycentrics of points that stay put in the image (`points.moves`), to `projected`; reverse and forward mode.
    Where a face has no derivative through barycentrics: points on its edges, points well outside it, no area.

    Bias: with `damped` the part through the barycentrics of a face is multiplied by min(1, max(h / 0.1 px, q / 0.05)),
    h its least height in the image and q = 2 h / (sqrt(3) longest edge), the cosine under which an equilateral triangle
    looks like that. A sample on a sliver has a derivative ~ 1 / h with a probability ~ h: right on average, of infinite
    variance; damping costs about 1 % of the gradient of a whole silhouette. Faces that reach behind the camera are not
    damped. The same bytes for any number of threads. Raises `ValueError` for a number of faces that isn't the batch's.
    """
    setting = (FacePoints(points, batch, damped), CornerValues.of(attribute_faces, attribute_offset, batch))
    return _operation(setting, projected, attributes)


def barycentrics(
    points: Points, projected: Float[Tensor, "rows 4"], batch: Batch, *, damped: bool = True
) -> Float[Tensor, "p 3"]:
    """Barycentrics of the points, correct in perspective; derivatives as in `interpolate`."""
    corners = torch.arange(3, dtype=torch.int32, device=projected.device).expand(len(batch.faces), 3).contiguous()
    identity = torch.eye(3, dtype=projected.dtype, device=projected.device)
    return interpolate(points, projected, batch, identity, corners, damped=damped)


_Setting = tuple[FacePoints, CornerValues]


def _value(setting: _Setting, projected: Tensor, attributes: Tensor) -> tuple[Tensor, ...]:
    place, corners = setting
    out = attributes.new_empty(len(place.points), attributes.shape[1])
    inputs = [*place.views(projected), *corners.views(), warp_view(attributes), warp_view(out)]
    in_few_bands(_kernels(real_of(projected)).blend, len(place.groups), inputs, projected.device)
    return (out,)


def _gradient(
    setting: _Setting, wanted: Sequence[bool], gradient: Tensor, projected: Tensor, attributes: Tensor, _: Tensor
) -> tuple[Tensor | None, ...]:
    place, corners = setting
    columns = attributes.shape[1]
    real, groups = real_of(projected), len(place.groups)
    of_values = attributes.new_empty(3 * groups, -(-columns // 4) * 4)
    of_projected = projected.new_empty(3 * groups, 4)
    inputs = [
        *place.views(projected), *corners.views(), warp_view(attributes), warp_view(gradient), warp_view(of_values),
        warp_view(of_projected, wp.types.vector(4, real)),
    ]  # fmt: skip
    in_few_bands(_kernels(real).pull, groups, inputs, projected.device)
    sums = {
        0: (of_projected, place.coordinates, len(projected), 4), 1: (of_values, corners, len(attributes), columns)
    }  # fmt: skip
    found = place.sums({i: s for i, s in sums.items() if wanted[i]})
    return found.get(0), found.get(1)


def _tangent(
    setting: _Setting, tangents: list[Tensor | None], projected: Tensor, attributes: Tensor, _: Tensor
) -> Tensor:
    place, corners = setting
    vec4 = wp.types.vector(4, real_of(projected))
    moved, moved_values = (
        torch.zeros_like(v) if d is None else d.contiguous()
        for v, d in zip((projected, attributes), tangents, strict=True)
    )
    out = attributes.new_empty(len(place.points), attributes.shape[1])
    inputs = [
        *place.views(projected), *corners.views(), warp_view(attributes), warp_view(moved, vec4),
        warp_view(moved_values), warp_view(out),
    ]  # fmt: skip
    in_few_bands(_kernels(real_of(projected)).push, len(place.groups), inputs, projected.device)
    return out


def _shapes(setting: _Setting, projected: Tensor, attributes: Tensor) -> list[tuple[int, ...]]:
    return [(setting[0].points.face.shape[0], attributes.shape[1])]


_operation = first_order("interpolate", _value, _gradient, _tangent, _shapes)
