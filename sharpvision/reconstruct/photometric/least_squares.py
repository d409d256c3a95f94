"""Lambertian photometric stereo by least squares (Woodham 1980)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sharpvision.reconstruct.photometric.pixel_observations import GREY


def least_squares_normals(radiance: NDArray, lights: NDArray) -> tuple[NDArray, NDArray, NDArray]:
    """Normals (P, 3), albedo (P, 3) and standard error of a tangent coordinate in radians (P,).

        min over m of  |L m - g|^2,   m = albedo n,   g = 0.2989 R + 0.5870 G + 0.1140 B clipped to [0, 1]

    radiance (P, N, 3) over the light's intensity; lights (N, 3) unit, of rank 3. Every observation counts, shadows and
    highlights too; that is what the published DiLiGenT figures measure. A pixel that is black in all images gets the
    direction (0, 0, -1). Albedo: each channel's projection on the shading max(n.l, 0). The standard error is that of
    Gaussian residuals and says nothing on shadows; it is zero for N = 3, which leaves no residual. Paper: Woodham,
    Photometric Method for Determining Surface Orientation from Multiple Images, 1980.

    >>> lights = np.array([[0.0, 0, -1], [0.6, 0, -0.8], [0, 0.6, -0.8], [-0.6, 0, -0.8]])
    >>> radiance = (0.5 * lights @ [0.0, 0.0, -1.0])[None, :, None].repeat(3, 2)
    >>> normals, albedo, spread = least_squares_normals(radiance, lights)
    >>> np.abs(normals[0]).round(6).tolist(), albedo[0].round(3).tolist()
    ([0.0, 0.0, 1.0], [0.5, 0.5, 0.5])
    """
    lights = np.asarray(lights, np.float64)
    grey = np.clip(radiance @ GREY, 0.0, 1.0)
    scaled = (grey @ np.linalg.pinv(lights).T.astype(radiance.dtype)).astype(np.float64)
    size = np.linalg.norm(scaled, axis=1)
    known = size > 1e-12
    normals = np.where(known[:, None], scaled / np.maximum(size, 1e-12)[:, None], np.array([0.0, 0.0, -1.0]))
    # the maps over all observations stay in float32: they are what takes the time
    directions = lights.T.astype(radiance.dtype)
    shading = np.maximum(normals.astype(radiance.dtype) @ directions, 0.0)
    energy = np.maximum((shading**2).sum(1), 1e-9)
    albedo = np.matmul(shading[:, None], radiance)[:, 0] / energy[:, None]
    residual = grey - scaled.astype(radiance.dtype) @ directions
    misfit = np.einsum("pj,pj->p", residual, residual) / max(len(lights) - 3, 1)
    inverse = np.linalg.inv(lights.T @ lights)
    across = 0.5 * (np.trace(inverse) - np.einsum("pa,ab,pb->p", normals, inverse, normals))
    spread = np.sqrt(np.maximum(across, 0.0) * misfit) / np.maximum(size, 1e-9)
    return normals.astype(np.float32), albedo.astype(np.float32), spread.astype(np.float32)
