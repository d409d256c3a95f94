"""Hard shadows: which points of a scene see a light."""

from __future__ import annotations

import torch
from torch import Tensor

from sharpvision.rendering.samples import Visibility


def visibility_of(vertices: Tensor, faces: Tensor) -> Visibility:
    """A test of rays from points of the surface against the whole scene; float32, without derivative.

    A ray stops `Occluders.offset` short of both its ends: what is nearer does not shade, nor what lies behind a light.
    """
    from sharpvision.kernels.visibility import Occluders

    occluders = Occluders(vertices.float(), faces)
    start = occluders.offset

    def see(points: Tensor, directions: Tensor, distances: Tensor | None) -> Tensor:
        directions = directions.float()
        origins = points.float() + start * directions
        if distances is None:
            return ~occluders.blocked(origins, directions, torch.inf)
        # A ray as long as the way to its light, of which it goes one length: each point has a reach of its own.
        way = directions * (distances.float() - 2 * start).clamp(min=0)[:, None]
        return ~occluders.blocked(origins, way, 1.0)

    return see
