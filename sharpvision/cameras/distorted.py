"""Cameras with lens distortion: a pinhole behind OpenCV's models of 5, 8 and (fisheye) 4 coefficients."""

from __future__ import annotations

from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from sharpvision.cameras.camera import CAMERAS, Camera, Projection, Rays
from sharpvision.cameras.distortion import BROWN_CONRADY, FISHEYE, RATIONAL, DistortionModel, displaced, distort
from sharpvision.cameras.pinhole import Pinhole
from sharpvision.cameras.undistortion import undistort
from sharpvision.core.vectors import unit

WIDEST_SLOPE = 100.0  # 89.4 degrees off the axis: a rasteriser continues a lens's polynomials no farther


class Distorted(Camera):
    """A pinhole camera whose slopes (X / Z, Y / Z) pass through a lens: pixels = focal_px * d(slopes) +
    principal_point.

    `k` (*batch, 3, 3) as `Pinhole`'s, `distortion` (*batch, n) the coefficients in OpenCV's order, any reals. Points
    with Z <= 0 and points outside the region where the lens model holds have no pixel, pixels that no such point
    reaches have no ray: NaN, without gradient (`distort`, `undistort`). Raises `ValueError` as `Pinhole`, and for a
    wrong number of coefficients. Gauge: as a pinhole's; besides, focal lengths and coefficients trade off on a narrow
    field of view.
    """

    model: ClassVar[DistortionModel]

    def __init__(self, k: Float[Tensor, "*batch 3 3"], distortion: Float[Tensor, "*batch n"] | None = None) -> None:
        super().__init__()
        count = self.model.count
        distortion = k.new_zeros(*k.shape[:-2], count) if distortion is None else distortion
        if distortion.shape[-1] != count:
            raise ValueError(f"{type(self).__name__} takes {count} coefficients, not {distortion.shape[-1]}")
        if not bool(distortion.isfinite().all()):
            raise ValueError(f"coefficients must be finite, not {distortion.tolist()}")
        self.pinhole = Pinhole(k)
        self.distortion = nn.Parameter(distortion.clone())

    @property
    def k(self) -> Float[Tensor, "*batch 3 3"]:
        """The matrix of inner parameters, pixel centres at integer + 0.5."""
        return self.pinhole.k

    @property
    def focal_px(self) -> Float[Tensor, "*batch 2"]:
        """Focal lengths (f_x, f_y) in pixels, on the axis."""
        return self.pinhole.focal_px

    @property
    def principal_point(self) -> Float[Tensor, "*batch 2"]:
        """Where the axis meets the image, in pixels."""
        return self.pinhole.principal_point

    def project(self, points: Tensor) -> Projection:
        """Pixels and depths; NaN where the lens has no image of a point."""
        depth = points[..., 2]
        seen = (depth > 0)[..., None]
        slopes = torch.where(seen, points[..., :2], 0.0) / torch.where(seen, depth[..., None], 1.0)
        pixels = self.focal_px * distort(slopes, self.distortion, self.model) + self.principal_point
        pixels = torch.where(seen, pixels, torch.nan)
        return Projection(pixels, depth.expand(pixels.shape[:-1]))

    def unproject(self, pixels: Tensor, depth: Tensor) -> Tensor:
        """(u, 1) * depth with u the slopes that the lens maps to the pixels."""
        slopes = undistort((pixels - self.principal_point) / self.focal_px, self.distortion, self.model)
        return torch.cat([slopes, torch.ones_like(slopes[..., :1])], -1) * depth[..., None]

    def rays(self, pixels: Tensor) -> Rays:
        """Rays from the centre of projection."""
        directions = unit(self.unproject(pixels, torch.ones_like(pixels[..., 0])))
        return Rays(torch.zeros_like(directions), directions)

    def projected(self, points: Tensor, near: float) -> Tensor:
        """(x Z, y Z, -1, Z) with (x, y) the distorted pixels: exact at vertices.

        A rasteriser draws straight edges between them where the lens bends them: the error in the image is of second
        order in the length of an edge on the image (its square over 8 times the radius of curvature), that of normals
        and attributes inside a face of first order. Nearer than `near`, and behind the camera, slopes are taken at
        depth `near`; outside the region where the model holds, and beyond a slope of 100 where it always does, d is
        continued along each ray with the factor that it has at the border. Both are continuous and finite, and put what
        the lens cannot see outside of the image of what it can (where `project` says NaN).
        """
        linear = self.pinhole.projected(points, near)
        k = self.distortion[..., None, :]
        depth = points[..., 2:].clamp(min=near)
        slopes = points[..., :2] / depth
        limit = self.model.limit(self.distortion.detach())
        if self.model.decentred:
            limit = limit.clamp(max=WIDEST_SLOPE)
        radius = torch.linalg.vector_norm(slopes.detach(), dim=-1, keepdim=True)
        within = radius <= limit[..., None, None]
        # d(u) = |u| / c d(c u / |u|) beyond the limit c; the length of u is inside the derivative there.
        safe = torch.where(within, 1.0, radius)
        length = torch.where(within, 1.0, torch.linalg.vector_norm(slopes / safe, dim=-1, keepdim=True) * safe)
        shrink = torch.where(within, 1.0, torch.where(within, 1.0, limit[..., None, None]) / length)
        moved = displaced(slopes * shrink, k, self.model) / shrink * depth
        x, rest = linear.split([2, 2], -1)
        return torch.cat([x + self.focal_px[..., None, :] * moved, rest.expand(*moved.shape[:-1], 2)], -1)


@CAMERAS.register("brown_conrady")
class BrownConrady(Distorted):
    """OpenCV's model of five coefficients: `distortion` (k_1, k_2, p_1, p_2, k_3).

        d(u) = (1 + k_1 s + k_2 s^2 + k_3 s^3) u + 2 (q.u) u + s q,  s = |u|^2, q = (p_2, p_1)

    Brown 1966, Decentering distortion of lenses.

    >>> k = torch.tensor([[100.0, 0, 32], [0, 100, 24], [0, 0, 1]])
    >>> camera = BrownConrady(k, torch.tensor([0.1, 0.0, 0.0, 0.0, 0.0]))
    >>> camera.project(torch.tensor([2.0, 0.0, 4.0])).pixels.tolist()
    [83.25, 24.0]
    """

    model = BROWN_CONRADY


@CAMERAS.register("rational")
class Rational(Distorted):
    """OpenCV's model of eight coefficients: `distortion` (k_1, k_2, p_1, p_2, k_3, k_4, k_5, k_6).

        d(u) = (1 + k_1 s + k_2 s^2 + k_3 s^3) / (1 + k_4 s + k_5 s^2 + k_6 s^3) u + 2 (q.u) u + s q

    >>> k = torch.tensor([[100.0, 0, 32], [0, 100, 24], [0, 0, 1]])
    >>> camera = Rational(k, torch.tensor([1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0]))
    >>> camera.project(torch.tensor([2.0, 0.0, 4.0])).pixels.tolist()
    [82.0, 24.0]
    """

    model = RATIONAL


@CAMERAS.register("fisheye")
class Fisheye(Distorted):
    """OpenCV's fisheye, equidistant where `distortion` (k_1, k_2, k_3, k_4) is zero; points in front (Z > 0) only.

        d(u) = theta (1 + k_1 theta^2 + k_2 theta^4 + k_3 theta^6 + k_4 theta^8) u / |u|,  theta = atan |u|

    Kannala and Brandt 2006, A generic camera model and calibration method.

    >>> k = torch.tensor([[100.0, 0, 32], [0, 100, 24], [0, 0, 1]])
    >>> Fisheye(k).project(torch.tensor([4.0, 0.0, 4.0])).pixels[0].sub(32).mul(4 / 100).item()
    3.1415927410125732
    """

    model = FISHEYE
