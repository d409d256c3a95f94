"""Queries against a bounding volume hierarchy over triangles: signed distance to a mesh, faces whose boxes touch.

Warp's hierarchies are float32. For measuring and remeshing, so without derivatives.
"""

import torch
import warp as wp
from jaxtyping import Float, Int
from torch import Tensor
from torch.library import get_ctx

from sharpvision.kernels.custom_ops import traced_query
from sharpvision.kernels.dispatch import dispatch, in_step
from sharpvision.kernels.launch import start_warp
from sharpvision.kernels.views import warp_array, warp_view

start_warp()


@wp.kernel(enable_backward=False)
def _nearest(first: int, mesh: wp.uint64, points: wp.array(dtype=wp.vec3), farthest: float, out: wp.array(dtype=float)):
    i = first + wp.tid()
    query = wp.mesh_query_point_no_sign(mesh, points[i], farthest)
    out[i] = wp.length(points[i] - wp.mesh_eval_position(mesh, query.face, query.u, query.v))


@wp.kernel(enable_backward=False)
def _nearest_signed(
    first: int, mesh: wp.uint64, points: wp.array(dtype=wp.vec3), farthest: float, out: wp.array(dtype=float)
):  # fmt: skip
    i = first + wp.tid()
    query = wp.mesh_query_point_sign_winding_number(mesh, points[i], farthest)
    nearest = wp.mesh_eval_position(mesh, query.face, query.u, query.v)
    out[i] = query.sign * wp.length(points[i] - nearest)


@wp.kernel(enable_backward=False)
def _touching(
    first: int, tree: wp.uint64, lower: wp.array(dtype=wp.vec3), upper: wp.array(dtype=wp.vec3),
    start: wp.array(dtype=int), count: wp.array(dtype=int), partner: wp.array(dtype=int),
):  # fmt: skip
    """Boxes of a larger index that touch box i: their number, and, where `partner` has room, which."""
    i = first + wp.tid()
    query = wp.bvh_query_aabb(tree, lower[i], upper[i])
    found = int(0)
    other = int(0)
    while wp.bvh_query_next(query, other):
        if other > i:
            if partner.shape[0] > 0:
                partner[start[i] + found] = other
            found = found + 1
    count[i] = found


def _distances(vertices: Tensor, faces: Tensor, points: Tensor, *, signed: bool) -> Tensor:
    return torch.empty(points.shape[0], device=points.device)


def _pairs(vertices: Tensor, faces: Tensor) -> Tensor:
    return torch.empty(get_ctx().new_dynamic_size(), 2, dtype=torch.int64, device=vertices.device)


@traced_query(_distances)
def distance_to_mesh(
    vertices: Float[Tensor, "v 3"], faces: Int[Tensor, "f 3"], points: Float[Tensor, "n 3"], *, signed: bool = False
) -> Float[Tensor, " n"]:
    """Distance of each point to the nearest point of the surface, float32; negative inside where `signed`.

    Inside is where the generalised winding number (Jacobson et al., Robust Inside-Outside Segmentation, SIGGRAPH 2013)
    exceeds 1/2, so that holes and self-intersections do no harm; faces are counter-clockwise from outside. Infinite
    for a mesh without faces. No derivative.

    >>> a, b = torch.tensor([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]]), torch.tensor([[0, 1, 2]])
    >>> distance_to_mesh(a, b, torch.tensor([[0.2, 0.2, 2.0], [-3.0, 0.0, 4.0]])).tolist()
    [2.0, 5.0]
    """
    points = points.detach().float().contiguous()
    out = torch.full((len(points),), torch.inf, device=points.device)
    if not len(faces):
        return out
    vertices, faces = vertices.detach().float().contiguous(), faces.to(torch.int32).contiguous()
    corners = torch.cat([vertices, points])
    farthest = 2.0 * float((corners.amax(0) - corners.amin(0)).norm()) + 1.0
    with in_step(points.device):
        mesh = wp.Mesh(warp_array(vertices, wp.vec3), warp_array(faces.reshape(-1)), support_winding_number=signed)
        kernel = _nearest_signed if signed else _nearest
        dispatch(kernel, len(points), [mesh.id, warp_view(points, wp.vec3), farthest, warp_view(out)], points.device)
        del mesh  # here: its memory is given back in the order of the stream
    return out


@traced_query(_pairs)
def touching_boxes(vertices: Float[Tensor, "v 3"], faces: Int[Tensor, "f 3"]) -> Int[Tensor, "p 2"]:
    """Pairs (i, j), i < j, of faces whose axis-parallel boxes (in float32) touch or overlap, in ascending order.

    >>> square = torch.tensor([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0], [9, 9, 9]])
    >>> touching_boxes(square, torch.tensor([[0, 1, 2], [1, 3, 2], [4, 4, 4]])).tolist()
    [[0, 1]]
    """
    if not len(faces):
        return torch.zeros(0, 2, dtype=torch.int64, device=vertices.device)
    corners = vertices.detach().float()[faces]
    lower, upper = corners.amin(1).contiguous(), corners.amax(1).contiguous()
    count = torch.zeros(len(faces), dtype=torch.int32, device=lower.device)
    start, nobody = torch.zeros_like(count), torch.zeros(0, dtype=torch.int32, device=lower.device)
    boxes = [warp_view(lower, wp.vec3), warp_view(upper, wp.vec3)]
    with in_step(lower.device):
        tree = wp.Bvh(*(b.array for b in boxes))
        lists = [warp_view(start), warp_view(count), warp_view(nobody)]
        dispatch(_touching, len(faces), [tree.id, *boxes, *lists], lower.device)
        start = (count.cumsum(0, dtype=torch.int32) - count).contiguous()
        second = torch.zeros(int(count.sum()), dtype=torch.int32, device=lower.device)
        if len(second):
            lists = [warp_view(start), warp_view(count), warp_view(second)]
            dispatch(_touching, len(faces), [tree.id, *boxes, *lists], lower.device)
        del tree
    first = torch.repeat_interleave(torch.arange(len(faces), device=lower.device), count.long())
    pairs = torch.stack([first, second.long()], 1)
    return pairs[torch.argsort(pairs[:, 0] * len(faces) + pairs[:, 1])]
