"""Where the outline of a ball could be: circles that many edges agree on, and edges of sub-pixel place along one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from sharpvision.reconstruct.calibration.sphere_outline import SphereOutline, fit_outline

Array = NDArray[np.float64]
Image = NDArray[Any]

SMALLEST_RADIUS = 6.0  # pixels of the reduced images
PRINCIPAL = 4
RATIO = 1.04  # from one radius to the next
INLIER_PX = 1.5  # an edge this close to the outline belongs to it


@dataclass(frozen=True)
class Edges:
    """Edge pixels: `points` (M, 2) with pixel centres at +0.5, unit gradient `normals` (M, 2), `weights` (M,) below 1;
    `shape` (height, width) of the image."""

    points: Array
    normals: Array
    weights: Array
    shape: tuple[int, int]


def principal_images(stack: Image, region: NDArray[np.bool_], count: int = PRINCIPAL) -> Image:
    """The `count` (or fewer) combinations (K, H, W) of images (N, H, W) with the most energy in a region (H, W): the
    stack against the leading eigenvectors of its N x N matrix of products there.

    The first is nearly the mean, the next hold shading and shadows. A mirror ball reflects its surroundings at its rim,
    so that lit ground passes into it without an edge: what shows the outline is that the ball's own shadow ends there,
    brighter than the ground in some images and darker in others, which a mean over images averages away.
    """
    inside = stack[:, region].astype(np.float64)
    _, vectors = np.linalg.eigh(inside @ inside.T)
    return np.tensordot(vectors[:, ::-1][:, :count].T.astype(np.float32), stack, axes=1)


def edge_map(images: Image) -> Edges:
    """Edges of the principal images of the logarithm of images (N, H, W, 3), by the structure tensor summed over them.

    The logarithm is that of the value plus a floor near the median, which keeps the sensor's noise down; the strength
    is the root of the difference of the tensor's eigenvalues.
    """
    gray = np.maximum(images.mean(-1), 0)
    floor = float(np.clip(np.median(gray), 3e-4, 1e-2))
    smooth = np.stack([cv2.GaussianBlur(np.log(image + floor), (0, 0), 1.5) for image in gray])
    principal = principal_images(smooth, np.ones(smooth.shape[1:], bool))
    along_x, along_y = _slopes(principal)
    xx, xy, yy = (along_x**2).sum(0), (along_x * along_y).sum(0), (along_y**2).sum(0)
    strength = np.sqrt(np.hypot(xx - yy, 2 * xy)).astype(np.float32)
    angle = 0.5 * np.arctan2(2 * xy, xx - yy)
    unit_x, unit_y = np.cos(angle), np.sin(angle)
    height, width = strength.shape
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    ahead = cv2.remap(strength, columns + unit_x, rows + unit_y, cv2.INTER_LINEAR)
    behind = cv2.remap(strength, columns - unit_x, rows - unit_y, cv2.INTER_LINEAR)
    noise = max(float(np.median(strength)), 1e-6)
    edge = (strength >= ahead) & (strength >= behind) & (strength > 2 * noise)
    edge[:2], edge[-2:], edge[:, :2], edge[:, -2:] = False, False, False, False
    y, x = np.nonzero(edge)
    found = strength[y, x]
    return Edges(
        np.stack([x + 0.5, y + 0.5], axis=1),
        np.stack([unit_x[y, x], unit_y[y, x]], axis=1).astype(np.float64),
        (found / (found + 4 * noise)).astype(np.float64),
        (height, width),
    )


def _slopes(images: Image) -> tuple[Image, Image]:
    """Derivatives along x and y of images (K, H, W), by central differences smoothed across (Sobel)."""
    along_x = np.stack([cv2.Sobel(image, cv2.CV_32F, 1, 0, ksize=3) for image in images]) / 8
    return along_x, np.stack([cv2.Sobel(image, cv2.CV_32F, 0, 1, ksize=3) for image in images]) / 8


def vote_circles(edges: Edges, count: int) -> list[tuple[float, float, float]]:
    """The `count` best circles (x, y, radius), best first: every edge votes, at each radius, for the two centres on its
    gradient's line; votes are counted against the circumference (Ballard, "Generalizing the Hough transform", 1981).
    """
    height, width = edges.shape
    steps = np.arange(np.log(SMALLEST_RADIUS), np.log(0.6 * max(height, width)), np.log(RATIO))
    best: list[tuple[float, float, float, float]] = []
    for radius in np.exp(steps):
        votes = np.zeros(height * width)
        for side in (1, -1):
            centre = np.floor(edges.points + side * radius * edges.normals).astype(np.int64)
            inside = (centre >= 0).all(1) & (centre[:, 0] < width) & (centre[:, 1] < height)
            places = centre[inside, 1] * width + centre[inside, 0]
            votes += np.bincount(places, edges.weights[inside], height * width)
        blur = max(1.0, 0.03 * radius)
        shares = cv2.GaussianBlur(votes.reshape(height, width), (0, 0), blur) * blur**2 / radius
        for _ in range(4):
            row, column = np.unravel_index(int(shares.argmax()), shares.shape)
            best.append((float(shares[row, column]), column + 0.5, row + 0.5, float(radius)))
            size = int(3 * blur)
            shares[max(row - size, 0) : row + size + 1, max(column - size, 0) : column + size + 1] = 0
    best.sort(reverse=True)
    kept: list[tuple[float, float, float]] = []
    for _, x, y, radius in best:
        if all(np.hypot(x - a, y - b) + abs(radius - c) > 0.12 * radius for a, b, c in kept):
            kept.append((float(x), float(y), radius))
        if len(kept) == count:
            break
    return kept


@dataclass(frozen=True)
class FittedOutline:
    """An outline fitted to edges: `points` (M, 2) near it, `rms_px` their scatter, `support` the share of the outline
    that has such an edge (what lies outside of the image has none)."""

    outline: SphereOutline
    points: Array
    rms_px: float
    support: float


def refine_outline(gray: Image, outline: SphereOutline, band_px: float) -> FittedOutline | None:
    """Fit an outline to edges of images (N, H, W) within `band_px` of it, in ever narrower bands down to two pixels;
    None where there are not enough edges.

    Along each normal the strongest edge counts that runs along the outline: g_n^2 - 2 g_t^2 summed over principal
    images (of the band), with their derivatives across and along the outline; its place is the top of a parabola.
    Derivatives are taken of linear values, whose steepest place is the edge itself (a logarithm's is on the dark side).
    """
    crop = _crop(gray.shape, outline, band_px)
    if crop is None:
        return None
    top, bottom, left, right = crop
    patch = gray[:, top:bottom, left:right]
    rows, columns = np.mgrid[top:bottom, left:right] + 0.5
    away = np.abs(outline.distance(np.stack([columns, rows], axis=-1)))
    near = away < band_px + 1
    if near.sum() < 30:
        return None
    principal = principal_images(patch, near)
    slopes = _slopes(np.stack([cv2.GaussianBlur(image, (0, 0), 0.5) for image in principal]))
    energy = (slopes[0] ** 2 + slopes[1] ** 2).sum(0)
    noise = 0.5 * float(np.median(energy[away < band_px + 0.25 * outline.radius]))
    around = _Around(np.array([left, top], float), noise)
    bands = [band_px]
    while bands[-1] > 2:
        bands.append(max(0.5 * bands[-1], 2))
    for band in [*bands, 2.0]:
        if _crop(gray.shape, outline, band_px) is None:
            return None
        count = int(np.clip(2 * np.pi * outline.semi_axes[0], 60, 720))
        places, weights = _edges_along(slopes, outline, count, band, around)
        if len(places) < max(0.2 * count, 6):
            return None
        outline = fit_outline(places, weights, outline.lens, max(0.15 * band, 0.3))
    off = outline.distance(places)
    points = places[np.abs(off) < INLIER_PX]
    rms = float(np.sqrt((off[np.abs(off) < INLIER_PX] ** 2).mean())) if len(points) else np.inf
    return FittedOutline(outline, points, rms, len(points) / count)


def _crop(shape: tuple[int, ...], outline: SphereOutline, margin: float) -> tuple[int, int, int, int] | None:
    """Top, bottom, left and right of what an outline and a margin fill of the image; None where there is nothing."""
    height, width = shape[1:3]
    (x, y), axes = outline.centre, outline.semi_axes
    if not (np.isfinite([x, y, *axes]).all() and axes[1] > 3 and axes[0] < max(height, width)):
        return None
    reach = float(axes[0]) + margin + 4
    top, bottom = max(int(y - reach), 0), min(int(y + reach) + 1, height)
    left, right = max(int(x - reach), 0), min(int(x + reach) + 1, width)
    return (top, bottom, left, right) if bottom - top > 8 and right - left > 8 else None


@dataclass(frozen=True)
class _Around:
    """Place (x, y) of a patch's first pixel, and the squared slope that noise and texture make in one direction."""

    corner: Array
    noise: float


def _edges_along(slopes: tuple[Image, Image], outline: SphereOutline, count: int, band: float,
                 around: _Around) -> tuple[Array, Array]:  # fmt: skip
    """Edge points (M, 2) within a band of the outline, at most one a normal, and their weights (M,)."""
    points, normals = outline.contour(count)
    offsets = np.linspace(-band - 1, band + 1, 2 * int(np.ceil(2 * (band + 1))) + 1)
    step = offsets[1] - offsets[0]
    samples = points[:, None] + offsets[None, :, None] * normals[:, None] - around.corner
    height, width = slopes[0].shape[1:]
    inside = ((samples > 1.5) & (samples < np.array([width, height]) - 1.5)).all(-1)
    map_x, map_y = (samples[..., axis].astype(np.float32) - np.float32(0.5) for axis in (0, 1))
    across, beside = np.zeros(inside.shape), np.zeros(inside.shape)
    for along_x, along_y in zip(*slopes, strict=True):
        slope_x = cv2.remap(along_x, map_x, map_y, cv2.INTER_LINEAR)
        slope_y = cv2.remap(along_y, map_x, map_y, cv2.INTER_LINEAR)
        across += (slope_x * normals[:, None, 0] + slope_y * normals[:, None, 1]) ** 2
        beside += (slope_y * normals[:, None, 0] - slope_x * normals[:, None, 1]) ** 2
    strength = np.where(inside, across - 2 * beside, 0)
    noise = around.noise
    window = strength * np.exp(-0.5 * (offsets / (0.6 * band)) ** 2)
    best = window[:, 1:-1].argmax(1) + 1
    row = np.arange(count)
    left, peak, right = strength[row, best - 1], strength[row, best], strength[row, best + 1]
    valid = (peak > 4 * noise) & (peak > 1e-12) & (peak >= left) & (peak >= right)
    curvature = np.minimum(left - 2 * peak + right, -1e-15)
    place = offsets[best] + step * np.clip(0.5 * (left - right) / curvature, -0.5, 0.5)
    # An edge far above the noise is placed no better by more contrast: weights saturate.
    weight = peak / (peak + 16 * noise + 1e-15)
    return (points + place[:, None] * normals)[valid], weight[valid]
