"""Integration of large fields on a coarser grid, so that its cost stays linear in the pixels and its memory bounded."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from sharpvision.reconstruct.integration_settings import IntegrationSettings

# unknowns that a method solves for in reasonable time and memory: one linear solve, or tens of them
LIMITS = {"least_squares": 2_000_000, "bilateral": 500_000}


def reduction_factor(pixels: int, method: str) -> int:
    """Side of a cell in pixels such that about at most the method's limit of cells cover the mask.

    >>> reduction_factor(24_000_000, "least_squares"), reduction_factor(250_000, "bilateral")
    (4, 1)
    """
    return max(1, math.ceil(math.sqrt(pixels / LIMITS[method])))


def reduced_settings(settings: IntegrationSettings, factor: int, shape: tuple[int, int]) -> IntegrationSettings:
    """The same camera in cells; pixel centres at +0.5 make this a division."""
    if settings.focal_px is None:
        return settings
    height, width = shape
    x, y = settings.principal_point or (width / 2, height / 2)
    return replace(settings, focal_px=settings.focal_px / factor, principal_point=(x / factor, y / factor))


def reduce_normals(
    normals: NDArray[Any], mask: NDArray[np.bool_], factor: int
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Mean normal of the known pixels of each cell of factor x factor (zero where none is known), and which cells the
    mask touches. The last row and column of cells may reach beyond the image."""
    height, width = mask.shape
    shape = (-(-height // factor), -(-width // factor))
    total, count = np.zeros((*shape, 3), dtype=np.float32), np.zeros(shape, dtype=np.float32)
    touched = np.zeros(shape, dtype=bool)
    for dy in range(factor):
        for dx in range(factor):
            part, inside = normals[dy::factor, dx::factor], mask[dy::factor, dx::factor]
            h, w = inside.shape
            known = inside & np.isfinite(part).all(-1)
            total[:h, :w] += np.where(known[..., None], part, 0.0)
            count[:h, :w] += known
            touched[:h, :w] |= inside
    total /= np.maximum(count, 1.0)[..., None]
    return total, touched


def enlarge(depth: NDArray[Any], factor: int, shape: tuple[int, int], scale: float) -> NDArray[np.float32]:
    """Depth of cells (NaN outside), bilinear at the pixels of an image of `shape`, times `scale`.

    Cells outside the mask have no say: the mean of the known neighbours is renormalised.
    """
    known = np.isfinite(depth)
    size = (depth.shape[1] * factor, depth.shape[0] * factor)
    values = cv2.resize(np.where(known, depth * scale, 0.0).astype(np.float32), size, interpolation=cv2.INTER_LINEAR)
    share = cv2.resize(known.astype(np.float32), size, interpolation=cv2.INTER_LINEAR)
    height, width = shape
    values, share = values[:height, :width], share[:height, :width]
    return np.divide(values, share, out=np.full(shape, np.nan, dtype=np.float32), where=share > 1e-6)
