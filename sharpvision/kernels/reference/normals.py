"""Plain-torch twin of `kernels.normals`, differentiable by torch itself."""

from __future__ import annotations

import torch
from torch import Tensor

from sharpvision.core.vectors import unit


def vertex_normals(vertices: Tensor, faces: Tensor, normal_faces: Tensor, count: int) -> Tensor:
    """See `kernels.normals.vertex_normals`; `count` normals."""
    a, b, c = vertices[faces.long()].unbind(1)
    u, v = b - a, c - a
    vectors, epsilon = torch.linalg.cross(u, v), torch.finfo(vertices.dtype).eps
    flat = _largest(vectors) <= 4 * epsilon * _largest(u) * _largest(v)
    vectors = torch.where(flat, vectors - vectors.detach(), vectors)
    index = normal_faces.long().reshape(-1)
    total = vertices.new_zeros(count, 3).index_add(0, index, vectors.repeat_interleave(3, 0))
    bound = vertices.new_zeros(count, 1).index_add(0, index, _largest(vectors).repeat_interleave(3, 0))
    return unit(torch.where(_largest(total) > 16 * epsilon * bound, total, 0.0))


def _largest(v: Tensor) -> Tensor:
    return v.detach().abs().amax(-1, keepdim=True)
