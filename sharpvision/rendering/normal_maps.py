"""Shading normals turned by a normal map."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from sharpvision.core.vectors import dot, unit
from sharpvision.materials import Material, SurfacePoints
from sharpvision.rendering.samples import SurfaceSamples


def face_tangents(
    vertices: Float[Tensor, "v 3"], faces: Tensor, uv: Float[Tensor, "t 2"], uv_faces: Tensor
) -> tuple[Float[Tensor, "f 3"], Float[Tensor, " f"]]:
    """Direction of growing u on each face, unit or zero, and the handedness of its texture: -1 where it is mirrored.

    From (b - a, c - a) = (T, B) M with M the edges in texture coordinates, T = (dv2 e1 - dv1 e2) / det M; the sign of
    det M is the handedness. Zero where det M is zero. Lengyel 2001, Computing tangent space basis vectors.

    >>> square = torch.tensor([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]])
    >>> face_tangents(square, torch.tensor([[0, 1, 2]]), square[:, :2], torch.tensor([[0, 1, 2]]))[0].tolist()
    [[1.0, 0.0, 0.0]]
    """
    a, b, c = vertices[faces.long()].unbind(1)
    ta, tb, tc = uv[uv_faces.long()].unbind(1)
    (du1, dv1), (du2, dv2) = (tb - ta).unbind(-1), (tc - ta).unbind(-1)
    sign = (du1 * dv2 - du2 * dv1).sign()
    return unit(sign[:, None] * (dv2[:, None] * (b - a) - dv1[:, None] * (c - a))), sign


def mapped_normal(material: Material, points: SurfacePoints, samples: SurfaceSamples) -> Float[Tensor, "p 3"] | None:
    """The shading normal under the material's normal map; None where it has none.

    n' = unit(x T + y B + z n) with (x, y, z) the map's normal, T the face's tangent made orthogonal to the smooth
    normal n, B = handedness n x T. Where a face has no tangent (no texture area), the smooth normal.
    """
    local = material.tangent_normal(points)
    if local is None:
        return None
    topology = samples.topology
    tangents, sign = face_tangents(samples.state.vertices, topology.faces, topology.uv, topology.uv_faces)
    n, along = samples.normal, tangents[samples.face]
    t = unit(along - dot(along, n)[:, None] * n)
    b = sign[samples.face][:, None] * torch.linalg.cross(n, t)
    turned = unit(local[..., :1] * t + local[..., 1:2] * b + local[..., 2:] * n)
    return torch.where((sign[samples.face] == 0)[:, None], n, turned)
