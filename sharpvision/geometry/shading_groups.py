"""Which corners of a mesh share a shading normal: none, or those across edges that are not too sharp."""

from __future__ import annotations

import math

import torch
from jaxtyping import Int
from torch import Tensor

from sharpvision.geometry.mesh import Mesh


def flat_groups(mesh: Mesh) -> Int[Tensor, "f 3"]:
    """`normal_faces` that give each face its own normal.

    >>> flat_groups(Mesh(torch.eye(3), torch.tensor([[0, 1, 2], [0, 2, 1]]))).tolist()
    [[0, 0, 0], [1, 1, 1]]
    """
    count = len(mesh.faces)
    return torch.arange(count, device=mesh.faces.device)[:, None].expand(count, 3).contiguous()


def crease_groups(mesh: Mesh, crease: float) -> Int[Tensor, "f 3"]:
    """`normal_faces` with an edge in the shading where the normals of two faces differ by more than `crease` radians.

    Corners at one vertex share a normal when a chain of faces round it joins them over edges that are less sharp. Edges
    of one face, or of more than two, are sharp; so is an edge of a face without an area.

    >>> from sharpvision.geometry.primitives import box
    >>> cube = box()
    >>> [len(crease_groups(cube, math.radians(angle)).unique()) for angle in (30, 120)]
    [24, 8]
    """
    from scipy.sparse import coo_matrix  # slow to import, and only some meshes need it
    from scipy.sparse.csgraph import connected_components

    faces, normals = mesh.faces.cpu(), mesh.face_normals().detach().cpu().double()
    count = len(faces)
    start, end = faces.reshape(-1), faces.roll(-1, 1).reshape(-1)
    corner = torch.arange(3 * count)
    following = corner.reshape(-1, 3).roll(-1, 1).reshape(-1)
    key = torch.minimum(start, end) * (int(faces.max()) + 1 if count else 1) + torch.maximum(start, end)
    _, edge, uses = torch.unique(key, return_inverse=True, return_counts=True)
    paired = (uses[edge] == 2).nonzero()[:, 0]
    one, two = paired[edge[paired].argsort(stable=True)].reshape(-1, 2).unbind(1)
    cosine = (normals[one // 3] * normals[two // 3]).sum(-1)
    smooth = cosine >= math.cos(crease) - 1e-9
    one, two = one[smooth], two[smooth]
    # The two faces may run along their edge in either direction; join the corners that lie at one vertex.
    opposed = start[one] == end[two]
    partner = torch.where(opposed, following[two], two), torch.where(opposed, two, following[two])
    row, column = torch.cat([one, following[one]]).numpy(), torch.cat(partner).numpy()
    joined = coo_matrix((torch.ones(len(row)).numpy(), (row, column)), shape=(3 * count, 3 * count))
    _, label = connected_components(joined, directed=False)
    return torch.from_numpy(label).long().reshape(-1, 3).to(mesh.faces.device)
