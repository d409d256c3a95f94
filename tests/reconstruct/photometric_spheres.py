"""Spheres and other small surfaces whose photographs are known in closed form."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sharpvision.bench.rendered import RenderedScene, light_directions, render
from sharpvision.data.observations import PhotometricObservations, from_arrays


def sphere_normals(side: int, slope_limit: float = 0.97) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Mask (H, W) of a disc and the outward normals (H, W, 3) of the sphere over it, OpenCV frame, zero outside."""
    y, x = (np.mgrid[:side, :side] + 0.5) / (0.5 * side) - 1.0
    square = x * x + y * y
    mask = square < slope_limit**2
    normals = np.stack([x, y, -np.sqrt(np.maximum(1.0 - square, 0.0))], -1)
    return mask, np.where(mask[..., None], normals, 0.0)


def lambertian_images(normals: NDArray, albedo: NDArray, lights: NDArray, *, attached: bool = True) -> NDArray:
    """Images (N, H, W, 3) of albedo max(n.l, 0), or of albedo n.l without the maximum, of 64-bit floats."""
    shading = np.einsum("hwa,na->nhw", normals, lights)
    return (np.maximum(shading, 0.0) if attached else shading)[..., None] * albedo


def lambertian_sphere(side: int = 24, count: int = 12, *, widest_deg: float = 50.0) -> PhotometricObservations:
    """A Lambertian sphere in two colours with attached shadows and no noise, its truth beside it."""
    mask, normals = sphere_normals(side)
    lights = light_directions(count, widest_deg)
    albedo = np.where(np.arange(side)[None, :, None] < side // 2, [0.8, 0.5, 0.3], [0.3, 0.6, 0.7])
    images = lambertian_images(normals, np.broadcast_to(albedo, normals.shape), lights)
    return from_arrays(
        torch.from_numpy(images), torch.from_numpy(lights), mask=torch.from_numpy(mask),
        ground_truth=torch.from_numpy(normals.astype(np.float32)), name="sphere",
    )  # fmt: skip


def photographs(**scene: object) -> PhotometricObservations:
    """A small rendered scene: 40 pixels, 12 lights."""
    return render(RenderedScene(**{"material": "glossy", "side": 40, "light_count": 12, **scene}))  # type: ignore[arg-type]


def with_mask(observations: PhotometricObservations, mask: NDArray[np.bool_]) -> PhotometricObservations:
    """The same photographs seen through another mask."""
    return replace(observations, mask=torch.from_numpy(np.ascontiguousarray(mask)))


def error_deg(normals: Tensor, observations: PhotometricObservations) -> NDArray[np.float64]:
    """Angles (P,) between normals and truth over the mask, by the arctangent, which is exact for small ones."""
    assert observations.ground_truth is not None
    mask = observations.mask.numpy()
    found, truth = normals.numpy()[mask].astype(float), observations.ground_truth.numpy()[mask].astype(float)
    across = np.linalg.norm(np.cross(found, truth), axis=-1)
    return np.degrees(np.arctan2(across, (found * truth).sum(-1)))
