"""What a camera is: a map between points and pixels, and the ray of each pixel; the registry of cameras."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from sharpvision.core.registry import Registry


class Projection(NamedTuple):
    """Where points appear: `pixels` (*batch, 2) as (x, y), centres at integer + 0.5; `depth` (*batch) is z."""

    pixels: Float[Tensor, "*batch 2"]
    depth: Float[Tensor, "*batch"]


class Rays(NamedTuple):
    """Half-lines of sight: `origins` and unit `directions` away from the camera, both (*batch, 3)."""

    origins: Float[Tensor, "*batch 3"]
    directions: Float[Tensor, "*batch 3"]


class Camera(nn.Module, ABC):
    """Maps points of its own frame (x right, y down, z forward) to pixels; `unproject` inverts `project`."""

    @abstractmethod
    def project(self, points: Float[Tensor, "*#batch 3"]) -> Projection:
        """Pixels and depths of points in the camera frame."""

    @abstractmethod
    def unproject(
        self, pixels: Float[Tensor, "*#batch 2"], depth: Float[Tensor, "*#batch"]
    ) -> Float[Tensor, "*#batch 3"]:
        """Points at these pixels and depths (z, not distance)."""

    @abstractmethod
    def rays(self, pixels: Float[Tensor, "*#batch 2"]) -> Rays:
        """Ray of each pixel; for an orthographic camera it starts in the plane of depth zero."""

    @abstractmethod
    def projected(self, points: Float[Tensor, "*#batch n 3"], near: float) -> Float[Tensor, "*batch n 4"]:
        """Rows (x w, y w, q, w) of points in the camera frame, for a rasteriser: (x, y) in pixels, w > 0 in front,
        q / w the depth key, smaller where nearer. Finite for every point, behind the camera too, so that edges can be
        clipped at w = `near`; exactly linear in the points where the camera has no distortion.
        """

    def rows(self) -> Float[Tensor, "*batch 4 4"] | None:
        """The matrix M of `projected(points) = (points, 1) M`; None where a lens bends them."""
        return None

    def view_directions(self, pixels: Float[Tensor, "*#batch 2"]) -> Float[Tensor, "*#batch 3"]:
        """Unit directions from the surface to the camera, the wo of a BRDF."""
        return -self.rays(pixels).directions

    def forward(self, points: Tensor) -> Projection:
        """See `project`."""
        return self.project(points)


CAMERAS = Registry[type[Camera]]("camera")


def pixel_centres(height: int, width: int, like: Tensor | None = None) -> Float[Tensor, "h w 2"]:
    """(x, y) of the centres of all pixels, at integer + 0.5; of the dtype and device of `like`, else float32 on the
    CPU.

    >>> pixel_centres(1, 2).tolist()
    [[[0.5, 0.5], [1.5, 0.5]]]
    """
    like = torch.empty(0) if like is None else like
    rows = torch.arange(height, dtype=like.dtype, device=like.device) + 0.5
    columns = torch.arange(width, dtype=like.dtype, device=like.device) + 0.5
    y, x = torch.meshgrid(rows, columns, indexing="ij")
    return torch.stack([x, y], -1)
