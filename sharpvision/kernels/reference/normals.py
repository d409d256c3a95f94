"""Plain-torch twin of `kernels.normals`, differentiable by torch itself."""

from __future__ import annotations

import torch
from torch import Tensor

from sharpvision.core.vectors import unit


def vertex_normals(vertices: Tensor, faces: Tensor, normal_faces: Tensor, count: int) -> Tensor:
    """See `kernels.normals.vertex_normals`; `count` normals."""
    a, b, c = vertices[faces.long()].unbind(1)
    vectors = torch.linalg.cross(b - a, c - a)
    total = vertices.new_zeros(count, 3).index_add(0, normal_faces.long().reshape(-1), vectors.repeat_interleave(3, 0))
    return unit(total)
