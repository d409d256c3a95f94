"""The orthographic camera."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from sharpvision.cameras.camera import CAMERAS, Camera, Projection, Rays
from sharpvision.core.parametrisations import positive, unpositive


def orthographic_project(
    points: Float[Tensor, "*#batch 3"], scale: Float[Tensor, "*#batch"], offset: Float[Tensor, "*#batch 2"]
) -> Projection:
    """Parallel projection along z: (x, y) = scale * (X, Y) + offset, depth = Z.

    `scale` in pixels a unit of length, `offset` in pixels; pixel centres at integer + 0.5. Every point is seen.
    Gauge: moving all points along z leaves the pixels as they are.

    >>> scale, offset = torch.tensor(10.0), torch.tensor([0.5, 0.0])
    >>> orthographic_project(torch.tensor([1.0, 2.0, 4.0]), scale, offset).pixels.tolist()
    [10.5, 20.0]
    """
    pixels = scale[..., None] * points[..., :2] + offset
    return Projection(pixels, points[..., 2].expand(pixels.shape[:-1]))


def orthographic_unproject(
    pixels: Float[Tensor, "*#batch 2"],
    depth: Float[Tensor, "*#batch"],
    scale: Float[Tensor, "*#batch"],
    offset: Float[Tensor, "*#batch 2"],
) -> Float[Tensor, "*#batch 3"]:
    """Inverse of `orthographic_project`.

    >>> scale, offset = torch.tensor(10.0), torch.tensor([0.5, 0.0])
    >>> orthographic_unproject(torch.tensor([10.5, 20.0]), torch.tensor(4.0), scale, offset).tolist()
    [1.0, 2.0, 4.0]
    """
    lateral = (pixels - offset) / scale[..., None]
    lateral, depth = torch.broadcast_tensors(lateral, depth[..., None])
    return torch.cat([lateral, depth[..., :1]], -1)


@CAMERAS.register("orthographic")
class Orthographic(Camera):
    """Orthographic camera; with `scale` 1 and `offset` 0 points, depth included, are in pixels.

    `scale` (*batch) > 0 in pixels a unit of length, `offset` (*batch, 2) in pixels.
    Raises `ValueError` for a scale that is not positive.

    >>> Orthographic().view_directions(torch.tensor([3.5, 4.5])).tolist()
    [-0.0, -0.0, -1.0]
    """

    def __init__(
        self, scale: Float[Tensor, "*batch"] | None = None, offset: Float[Tensor, "*batch 2"] | None = None
    ) -> None:
        super().__init__()
        scale = torch.ones(()) if scale is None else scale
        if not bool((scale > 0).all()):
            raise ValueError(f"the scale must be positive, not {scale.min().item():g}")
        self.scale_raw = nn.Parameter(unpositive(scale))
        self.offset = nn.Parameter(scale.new_zeros(*scale.shape, 2) if offset is None else offset.clone())

    @property
    def scale(self) -> Float[Tensor, "*batch"]:
        """Pixels a unit of length."""
        return positive(self.scale_raw)

    def project(self, points: Tensor) -> Projection:
        """See `orthographic_project`."""
        return orthographic_project(points, self.scale, self.offset)

    def unproject(self, pixels: Tensor, depth: Tensor) -> Tensor:
        """See `orthographic_unproject`."""
        return orthographic_unproject(pixels, depth, self.scale, self.offset)

    def projected(self, points: Tensor, near: float) -> Tensor:
        """(x, y, Z, 1); nothing is behind an orthographic camera."""
        pixels = self.scale[..., None, None] * points[..., :2] + self.offset[..., None, :]
        depth = points[..., 2:].expand(*pixels.shape[:-1], 1)
        return torch.cat([pixels, depth, torch.ones_like(depth)], -1)

    def rows(self) -> Float[Tensor, "*batch 4 4"]:
        """See `Camera.rows`."""
        scale, zero = self.scale, torch.zeros_like(self.scale)
        one, (x, y) = torch.ones_like(zero), self.offset.expand(*zero.shape, 2).unbind(-1)
        lines = [(scale, zero, zero, zero), (zero, scale, zero, zero), (zero, zero, one, zero), (x, y, zero, one)]
        return torch.stack([torch.stack(line, -1) for line in lines], -2)

    def rays(self, pixels: Tensor) -> Rays:
        """Parallel rays along z that start in the plane of depth zero."""
        origins = self.unproject(pixels, torch.zeros_like(pixels[..., 0]))
        return Rays(origins, torch.zeros_like(origins) + origins.new_tensor([0.0, 0.0, 1.0]))
