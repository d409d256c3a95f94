"""Hard shadows: which points of a scene see a light."""

from __future__ import annotations

import torch
from torch import Tensor

from sharpvision.rendering.samples import Visibility


def visibility_of(vertices: Tensor, faces: Tensor) -> Visibility:
    """A test of rays from points of the surface against the whole scene; float32, without derivative: see `visible`."""
    from sharpvision.kernels.visibility import Occluders, visible

    occluders = Occluders(vertices.float(), faces)

    def see(points: Tensor, directions: Tensor) -> Tensor:
        return visible(points.float(), directions.float(), torch.inf, occluders)

    return see
