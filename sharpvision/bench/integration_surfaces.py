"""Surfaces in closed form whose normals are integrated: smooth ones, ones with known steps, one that is ill-posed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from sharpvision.core.registry import Registry


@dataclass(frozen=True)
class Surface:
    """`normals` (H, W, 3) unit, OpenCV camera frame; `mask` (H, W); `depth` (H, W), in pixels where orthographic, NaN
    outside; `focal_px` None for an orthographic camera, the principal point being the middle."""

    normals: Tensor
    mask: Tensor
    depth: Tensor
    focal_px: float | None = None


SURFACES: Registry[Callable[[int], Surface]] = Registry("surface")


def _grid(size: int) -> tuple[Tensor, Tensor]:
    """x and y of the pixel centres, from -1 to 1, with gradients."""
    centre = (torch.arange(size, dtype=torch.float64) + 0.5) * 2 / size - 1
    y, x = torch.meshgrid(centre, centre, indexing="ij")
    return x.clone().requires_grad_(), y.clone().requires_grad_()


def _from_height(x: Tensor, y: Tensor, height: Tensor, mask: Tensor | None = None) -> Surface:
    """Orthographic surface from its height towards the camera, in half images; normals by automatic differentiation."""
    slope_x, slope_y = torch.autograd.grad(height.sum(), (x, y))
    # depth = -height, in pixels: half an image is size / 2 pixels, so slopes need no factor
    normals = torch.nn.functional.normalize(torch.stack([-slope_x, -slope_y, -torch.ones_like(x)], -1), dim=-1)
    depth = -height.detach() * x.shape[0] / 2
    mask = torch.ones_like(x, dtype=torch.bool) if mask is None else mask
    normals = torch.where(mask[..., None], normals, 0.0)
    return Surface(normals.float(), mask, torch.where(mask, depth, torch.nan))


@SURFACES.register("smooth")
def smooth(size: int) -> Surface:
    """Waves: no step, no rim, slopes up to about 1."""
    x, y = _grid(size)
    return _from_height(x, y, 0.3 * torch.cos(3 * x) * torch.cos(2 * y) + 0.2 * x * y)


@SURFACES.register("hemisphere")
def hemisphere(size: int) -> Surface:
    """A hemisphere with its grazing rim."""
    x, y = _grid(size)
    inside = (1 - (x**2 + y**2) / 0.81).detach() > 0
    return _from_height(x, y, 0.9 * torch.sqrt(torch.clamp(1 - (x**2 + y**2) / 0.81, min=1e-9)), inside)


@SURFACES.register("leaves")
def leaves(size: int) -> Surface:
    """Two arched leaves on a wavy ground: each grows out of the ground at one end and stands above it at the other, so
    its sides and its tip are steps, of up to 0.45 half images. Well-posed, but harder than `steps`: only the leaf's
    root tells its height, and steps that meet the root at small height are easily smoothed over."""
    x, y = _grid(size)
    height = 0.06 * torch.sin(3 * x + 1) + 0.06 * torch.cos(3 * y)
    for middle, width, direction in ((-0.45, 0.3, 1.0), (0.42, 0.36, -1.0)):
        across, along = (x - middle) / width, 0.5 + direction * y / 1.5  # along: 0 at the root, 1 at the tip
        leaf = 0.45 * torch.clamp(along, min=0) ** 1.5 + 0.25 * torch.clamp(along, min=0) * (1 - across**2)
        on_leaf = ((across.abs() < 1) & (along > 0) & (along < 1)).detach()
        height = height + torch.where(on_leaf, leaf, 0.0)
    return _from_height(x, y, height)


@SURFACES.register("steps")
def steps(size: int) -> Surface:
    """A spiral ramp on a dome: one step along a ray, which grows from nothing at the middle to 0.75 half images.

    Well-posed: around the middle the two sides of the step are joined, so the normals tell its height."""
    x, y = _grid(size)
    radius = torch.sqrt(x**2 + y**2)
    return _from_height(x, y, 0.4 * torch.cos(1.5 * radius) + 0.12 * torch.atan2(y, x) * torch.clamp(radius, max=1.0))


@SURFACES.register("plateau")
def plateau(size: int) -> Surface:
    """A raised cap that a step surrounds on all sides. Ill-posed: its normals are the same at any height."""
    x, y = _grid(size)
    radius = (x**2 + y**2) / 0.36
    cap = 0.5 + 0.2 * (1 - radius)
    return _from_height(x, y, 0.06 * torch.sin(3 * x) + torch.where((radius < 1).detach(), cap, 0.0))


@SURFACES.register("perspective_sphere")
def perspective_sphere(size: int) -> Surface:
    """A unit sphere 3 away from a pinhole camera, rays that meet it at grazing angles left out."""
    focal = 1.3 * size
    centre = (torch.arange(size, dtype=torch.float64) + 0.5 - size / 2) / focal
    v, u = torch.meshgrid(centre, centre, indexing="ij")
    ray = torch.stack([u, v, torch.ones_like(u)], -1)
    a, b, c = (ray**2).sum(-1), 3.0 * ray[..., 2], 8.0
    mask = b**2 - a * c > 0.05
    depth = torch.where(mask, (b - torch.sqrt(torch.clamp(b**2 - a * c, min=0))) / a, torch.nan)
    normals = torch.where(mask[..., None], ray * depth[..., None] - torch.tensor([0.0, 0.0, 3.0]), 0.0)
    return Surface(normals.float(), mask, depth, focal)
