"""Height fields: a depth for each pixel, its points, normals and mesh."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from sharpvision.geometry.mesh import Mesh
from sharpvision.geometry.normals import NormalField


@dataclass(frozen=True, eq=False)
class HeightField:
    """A depth for each pixel, growing away from the camera: `depth` (H, W), NaN where unknown; `mask` (H, W).

    With `focal_px` the camera is a pinhole: a pixel whose centre is at (u, v) has the point
    ((u - c_x) / focal_px, (v - c_y) / focal_px, 1) * depth in the unit of the depth, with (c_x, c_y) =
    `principal_point`, by default the image's centre. Without it the camera is orthographic: (u, v, depth), all in
    pixels. Pixel centres lie at integer + 0.5. Pixels with a depth that is not finite (for a pinhole: not positive)
    leave the mask. Raises `ValueError` where shapes differ or the focal length is not positive.

    >>> plane = HeightField(torch.arange(6.0).reshape(2, 3))
    >>> plane.points()[0, 1].tolist(), plane.mesh().faces.shape[0]
    ([1.5, 0.5, 1.0], 4)
    """

    depth: Float[Tensor, "h w"]
    mask: Bool[Tensor, "h w"] | None = None
    focal_px: float | None = None
    principal_point: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if self.depth.ndim != 2:
            raise ValueError(f"depth must be (H, W), not {tuple(self.depth.shape)}")
        if self.mask is not None and self.mask.shape != self.depth.shape:
            raise ValueError(f"the mask must be {tuple(self.depth.shape)} as the depth, not {tuple(self.mask.shape)}")
        if self.focal_px is not None and not self.focal_px > 0:
            raise ValueError(f"the focal length must be positive, not {self.focal_px}")
        known = self.depth.isfinite()
        if self.focal_px is not None:
            known = known & (self.depth > 0)
        object.__setattr__(self, "mask", known if self.mask is None else self.mask.to(torch.bool) & known)

    def points(self) -> Float[Tensor, "h w 3"]:
        """Point of each pixel in the camera frame; NaN outside the mask."""
        height, width = self.depth.shape
        depth = torch.where(self.valid, self.depth, torch.nan)
        v, u = torch.meshgrid(
            torch.arange(height, dtype=depth.dtype, device=depth.device) + 0.5,
            torch.arange(width, dtype=depth.dtype, device=depth.device) + 0.5,
            indexing="ij",
        )
        if self.focal_px is None:
            points = torch.stack([u, v, depth], -1)
            return torch.where(self.valid[..., None], points, torch.nan)
        c_x, c_y = self.principal_point or (width / 2, height / 2)
        slopes = torch.stack([(u - c_x) / self.focal_px, (v - c_y) / self.focal_px, torch.ones_like(depth)], -1)
        return slopes * depth[..., None]

    def normals(self) -> NormalField:
        """Unit normals towards the camera, n ~ dP/dv x dP/du with P(u, v) the point of a pixel.

        Central differences where both neighbours are valid, one-sided where one is; a pixel without a valid neighbour
        in a row or in a column has no normal (zero, outside the mask). Differentiable in the depth; exact on planes.

        >>> HeightField(torch.tensor([[0.0, 1.0], [0.0, 1.0]])).normals().normals[0, 0].tolist()
        [0.7071067690849304, 0.0, -0.7071067690849304]
        """
        points = torch.where(self.valid[..., None], self.points().nan_to_num(), 0.0)
        along_u, has_u = _differences(points, self.valid, axis=1)
        along_v, has_v = _differences(points, self.valid, axis=0)
        return NormalField(torch.linalg.cross(along_v, along_u), self.valid & has_u & has_v)

    def mesh(self, colors: Float[Tensor, "h w c"] | None = None, max_step: float | None = None) -> Mesh:
        """Triangles between neighbouring pixels, with a vertex at each pixel of the mask, in row-major order.

        A square of four pixels gives two triangles, cut along the diagonal with the smaller depth difference; with one
        pixel outside the mask it gives one triangle, with more none. A triangle whose depths differ by more than
        `max_step` (the depth's unit) is left out, so that the mesh does not bridge depth discontinuities.
        Faces are counter-clockwise as seen from the camera; normals are weighted by area. `colors` (H, W, C) linear.

        >>> HeightField(torch.tensor([[0.0, 0.0, 9.0], [0.0, 0.0, 9.0]])).mesh(max_step=1.0).faces.tolist()
        [[0, 3, 4], [0, 4, 1]]
        """
        index = torch.full(self.depth.shape, -1, dtype=torch.int64, device=self.depth.device)
        index[self.valid] = torch.arange(int(self.valid.sum()), device=self.depth.device)
        faces = _square_triangles(self.depth.detach(), self.valid, index)
        vertices = self.points()[self.valid]
        if max_step is not None:
            depths = vertices.detach()[:, 2][faces]
            faces = faces[depths.amax(1) - depths.amin(1) <= max_step] if len(faces) else faces
        mesh = Mesh(vertices, faces, vertex_colors=None if colors is None else colors[self.valid])
        return mesh.with_vertex_normals()

    @property
    def valid(self) -> Bool[Tensor, "h w"]:
        """The mask, which the constructor has filled in."""
        assert self.mask is not None
        return self.mask


def _differences(points: Tensor, valid: Tensor, axis: int) -> tuple[Tensor, Tensor]:
    """Derivative of points along an axis from valid neighbours, up to a positive factor, and where there is one."""
    before, after = torch.zeros_like(points), torch.zeros_like(points)
    has_before, has_after = torch.zeros_like(valid), torch.zeros_like(valid)
    count = valid.shape[axis]
    step = points.narrow(axis, 1, count - 1) - points.narrow(axis, 0, count - 1)
    both = valid.narrow(axis, 1, count - 1) & valid.narrow(axis, 0, count - 1)
    step = torch.where(both[..., None], step, 0.0)
    after = after.slice_scatter(step, axis, 0, count - 1)
    before = before.slice_scatter(step, axis, 1, count)
    has_after = has_after.slice_scatter(both, axis, 0, count - 1)
    has_before = has_before.slice_scatter(both, axis, 1, count)
    return before + after, has_before | has_after


def _square_triangles(depth: Tensor, valid: Tensor, index: Tensor) -> Tensor:
    """Faces (F, 3) of all squares of neighbouring pixels a (top left), b (below a), c (right of b), d (right of a)."""
    a, b, c, d = _corners(index)
    ok_a, ok_b, ok_c, ok_d = _corners(valid)
    z_a, z_b, z_c, z_d = _corners(depth)
    whole = ok_a & ok_b & ok_c & ok_d
    along_ac = (z_a - z_c).abs() <= (z_b - z_d).abs()
    triangles = [
        (a, b, c, torch.where(whole, along_ac, ok_a & ok_b & ok_c)),
        (a, c, d, torch.where(whole, along_ac, ok_a & ok_c & ok_d)),
        (a, b, d, torch.where(whole, ~along_ac, ok_a & ok_b & ok_d)),
        (b, c, d, torch.where(whole, ~along_ac, ok_b & ok_c & ok_d)),
    ]
    return torch.cat([torch.stack([i[keep], j[keep], k[keep]], -1) for i, j, k, keep in triangles])


def _corners(image: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The four pixels of all squares: top left, bottom left, bottom right, top right."""
    return image[:-1, :-1], image[1:, :-1], image[1:, 1:], image[:-1, 1:]
