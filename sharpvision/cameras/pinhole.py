"""The pinhole camera."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from sharpvision.cameras.camera import CAMERAS, Camera, Projection, Rays
from sharpvision.core.parametrisations import positive, unpositive
from sharpvision.core.pose import affine
from sharpvision.core.vectors import unit


def pinhole_project(
    points: Float[Tensor, "*#batch 3"],
    focal_px: Float[Tensor, "*#batch 2"],
    principal_point: Float[Tensor, "*#batch 2"],
) -> Projection:
    """Central projection of points in the camera frame.

    (x, y) = focal_px * (X, Y) / Z + principal_point, depth = Z. `focal_px` (f_x, f_y) and `principal_point` (c_x, c_y)
    in pixels, pixel centres at integer + 0.5. Points with Z <= 0 are not seen: their pixels are NaN, without gradient.
    Gauge: scaling all points leaves the pixels as they are. Hartley and Zisserman 2004, chapter 6.

    >>> f, c = torch.tensor([100.0, 100.0]), torch.tensor([32.0, 24.0])
    >>> pinhole_project(torch.tensor([1.0, 2.0, 4.0]), f, c).pixels.tolist()
    [57.0, 74.0]
    """
    depth = points[..., 2]
    seen = depth > 0
    pixels = focal_px * points[..., :2] / torch.where(seen, depth, 1.0)[..., None] + principal_point
    pixels = torch.where(seen[..., None], pixels, torch.nan)
    return Projection(pixels, depth.expand(pixels.shape[:-1]))


def pinhole_unproject(
    pixels: Float[Tensor, "*#batch 2"],
    depth: Float[Tensor, "*#batch"],
    focal_px: Float[Tensor, "*#batch 2"],
    principal_point: Float[Tensor, "*#batch 2"],
) -> Float[Tensor, "*#batch 3"]:
    """Inverse of `pinhole_project`: ((x - c_x) / f_x, (y - c_y) / f_y, 1) * depth, with depth = Z, not distance.

    >>> f, c = torch.tensor([100.0, 100.0]), torch.tensor([32.0, 24.0])
    >>> pinhole_unproject(torch.tensor([57.0, 74.0]), torch.tensor(4.0), f, c).tolist()
    [1.0, 2.0, 4.0]
    """
    slopes = (pixels - principal_point) / focal_px
    return torch.cat([slopes, torch.ones_like(slopes[..., :1])], -1) * depth[..., None]


@CAMERAS.register("pinhole")
class Pinhole(Camera):
    """Pinhole camera with square axes: `k` (*batch, 3, 3) = [[f_x, 0, c_x], [0, f_y, c_y], [0, 0, 1]] in pixels.

    Raises `ValueError` for a skewed `k` or a focal length that is not positive.

    >>> camera = Pinhole(torch.tensor([[100.0, 0, 32], [0, 100, 24], [0, 0, 1]]))
    >>> camera.project(torch.tensor([1.0, 2.0, 4.0])).pixels.tolist()
    [57.0, 74.0]
    """

    def __init__(self, k: Float[Tensor, "*batch 3 3"]) -> None:
        super().__init__()
        focal_px = torch.stack([k[..., 0, 0], k[..., 1, 1]], -1)
        if not bool((focal_px > 0).all()):
            raise ValueError(f"focal lengths must be positive, not {focal_px.min().item():g}")
        principal_point = k[..., :2, 2]
        if not torch.equal(k, _matrix(focal_px, principal_point)):
            raise ValueError(f"k must be [[f_x, 0, c_x], [0, f_y, c_y], [0, 0, 1]], not {k.tolist()}")
        self.focal_raw = nn.Parameter(unpositive(focal_px))
        self.principal_point = nn.Parameter(principal_point.clone())

    @classmethod
    def from_focal(cls, focal_px: float, height: int, width: int, dtype: torch.dtype = torch.float32) -> Pinhole:
        """One focal length, the principal point in the middle of an image of `height` by `width` pixels."""
        rows = [[focal_px, 0.0, width / 2], [0.0, focal_px, height / 2], [0.0, 0.0, 1.0]]
        return cls(torch.tensor(rows, dtype=dtype))

    @property
    def focal_px(self) -> Float[Tensor, "*batch 2"]:
        """Focal lengths (f_x, f_y) in pixels."""
        return positive(self.focal_raw)

    @property
    def k(self) -> Float[Tensor, "*batch 3 3"]:
        """The matrix of inner parameters, pixel centres at integer + 0.5."""
        return _matrix(self.focal_px, self.principal_point)

    def project(self, points: Tensor) -> Projection:
        """See `pinhole_project`."""
        return pinhole_project(points, self.focal_px, self.principal_point)

    def unproject(self, pixels: Tensor, depth: Tensor) -> Tensor:
        """See `pinhole_unproject`."""
        return pinhole_unproject(pixels, depth, self.focal_px, self.principal_point)

    def projected(self, points: Tensor, near: float) -> Tensor:
        """(f_x X + c_x Z, f_y Y + c_y Z, -1, Z): the key -1 / Z is linear in the image."""
        rows = self.rows()
        return affine(points, rows[..., :3, :], rows[..., 3, :])

    def rows(self) -> Float[Tensor, "*batch 4 4"]:
        """See `Camera.rows`."""
        scale, centre = torch.diag_embed(self.focal_px), self.principal_point
        upper = torch.cat([scale, torch.zeros_like(scale)], -1)
        last = torch.cat([centre, centre.new_tensor([0.0, 1.0]).expand_as(centre)], -1)
        fixed = centre.new_tensor([0.0, 0.0, -1.0, 0.0]).expand_as(last)
        return torch.cat([upper, torch.stack([last, fixed], -2)], -2)

    def rays(self, pixels: Tensor) -> Rays:
        """Rays from the centre of projection."""
        directions = unit(self.unproject(pixels, torch.ones_like(pixels[..., 0])))
        return Rays(torch.zeros_like(directions), directions)


def _matrix(focal_px: Tensor, principal_point: Tensor) -> Tensor:
    """(*batch, 3, 3) from focal lengths and principal point."""
    upper = torch.cat([torch.diag_embed(focal_px), principal_point[..., None]], -1)
    last = focal_px.new_tensor([0.0, 0.0, 1.0]).expand(*focal_px.shape[:-1], 1, 3)
    return torch.cat([upper, last], -2)
