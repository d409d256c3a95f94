"""Closest points on a triangle mesh, with derivatives of the distance to the points and to the mesh."""

from typing import NamedTuple

import torch
import warp as wp
from jaxtyping import Float, Int
from torch import Tensor

from sharpvision.kernels.custom_ops import traced_query
from sharpvision.kernels.dispatch import dispatch, in_step
from sharpvision.kernels.launch import start_warp
from sharpvision.kernels.views import warp_array, warp_view

start_warp()


class ClosestPoints(NamedTuple):
    """Of P points: the nearest `position` (P, 3) on the mesh, its `distance` (P,), its `face` (P,) int64 and its
    `barycentrics` (P, 3) there (the weights of the face's three corners, without derivative)."""

    position: Float[Tensor, "p 3"]
    distance: Float[Tensor, " p"]
    face: Int[Tensor, " p"]
    barycentrics: Float[Tensor, "p 3"]


@wp.kernel(enable_backward=False)
def _closest(
    first: int, mesh: wp.uint64, points: wp.array(dtype=wp.vec3), farthest: float, face: wp.array(dtype=int)
):  # fmt: skip
    i = first + wp.tid()
    query = wp.mesh_query_point_no_sign(mesh, points[i], farthest)
    face[i] = query.face


def closest_points(
    points: Float[Tensor, "p 3"], vertices: Float[Tensor, "v 3"], faces: Int[Tensor, "f 3"]
) -> ClosestPoints:
    """The nearest point of a mesh to each point: min over the surface of |p - q|.

    The search for the face is float32 (a hierarchy of boxes, built at each call): of faces whose distances differ by
    less than about 1e-6 of the scene's size either may be found. The rest has the dtype of `points`. By the envelope
    theorem d distance = (p - q) / |p - q| . (dp - sum b_i dv_i) with the barycentrics b held, exact for points and
    vertices wherever the nearest point is unique; zero where the distance is zero. `position` moves with its vertices
    only: that it slides along the face is left out of its derivative. Raises `ValueError` for a mesh without faces.

    >>> triangle = torch.tensor([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]])
    >>> found = closest_points(torch.tensor([[0.25, 0.25, 2.0], [-3.0, 0.0, 4.0]]), triangle, torch.tensor([[0, 1, 2]]))
    >>> found.distance.tolist(), found.position[1].tolist()
    ([2.0, 5.0], [0.0, 0.0, 0.0])
    """
    if not len(faces):
        raise ValueError("a mesh without faces has no closest point")
    found = _closest_faces(points, vertices, faces).long()
    triangles = vertices[faces.long()[found]].to(points)
    barycentrics = closest_on_triangles(points.detach(), triangles.detach())
    position = (triangles * barycentrics[:, :, None]).sum(1)
    offset = points - position
    squared = offset.square().sum(-1)
    apart = squared > 0
    distance = torch.where(apart, torch.where(apart, squared, 1.0).sqrt(), 0.0)
    return ClosestPoints(position, distance, found, barycentrics)


def _outline(points: Tensor, vertices: Tensor, faces: Tensor) -> Tensor:
    return torch.empty(points.shape[0], dtype=torch.int32, device=points.device)


@traced_query(_outline, name="closest_faces")
def _closest_faces(points: Tensor, vertices: Tensor, faces: Tensor) -> Tensor:
    """(P,) int32: the face that is nearest to each point."""
    places = points.detach().float().contiguous()
    corners = vertices.detach().float().contiguous()
    indices = faces.to(torch.int32).contiguous()
    face = torch.zeros(len(points), dtype=torch.int32, device=points.device)
    both = torch.cat([corners, places])
    farthest = 2.0 * float((both.amax(0) - both.amin(0)).norm()) + 1.0
    with in_step(points.device):
        mesh = wp.Mesh(warp_array(corners, wp.vec3), warp_array(indices.reshape(-1)))
        inputs = [mesh.id, warp_view(places, wp.vec3), farthest, warp_view(face)]
        dispatch(_closest, len(points), inputs, points.device)
        del mesh  # here: its memory is given back in the order of the stream
    return face


def closest_on_triangles(points: Float[Tensor, "p 3"], triangles: Float[Tensor, "p 3 3"]) -> Float[Tensor, "p 3"]:
    """Barycentrics of the point of triangle i that is nearest to point i; triangles without area count as segments.

    The foot of the perpendicular where it lies inside, else the nearest of the nearest points of the three edges.
    Ericson 2005, Real-Time Collision Detection, section 5.1.5.
    """
    start, end = triangles, _following(triangles)  # edges a b, b c, c a
    edge, to_point = end - start, points[:, None] - start
    normal = torch.linalg.cross(edge[:, 0], edge[:, 1])
    squared = normal.square().sum(-1, keepdim=True)
    flat = squared <= 0
    opposite = (torch.linalg.cross(edge, to_point) * normal[:, None]).sum(-1) / torch.where(flat, 1.0, squared)
    inside = _following(opposite)  # the edge b c weighs corner a
    length = edge.square().sum(-1)
    along = ((edge * to_point).sum(-1) / torch.where(length > 0, length, 1.0)).clamp(0.0, 1.0)
    miss = (to_point - along[..., None] * edge).square().sum(-1)
    best = miss.argmin(1, keepdim=True)
    share = along.gather(1, best)
    on_edge = torch.zeros_like(inside).scatter(1, best, 1 - share).scatter_add(1, (best + 1) % 3, share)
    return torch.where(~flat & (inside >= 0).all(1, keepdim=True), inside, on_edge)


def _following(corners: Tensor) -> Tensor:
    """`roll(-1, 1)`, which wants to know while it is traced whether there are points."""
    return torch.cat([corners[:, 1:], corners[:, :1]], 1)
