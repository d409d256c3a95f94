"""The highlight that a lamp leaves on a ball, one an image: where, how sure, how bright."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from sharpvision.reconstruct.calibration.sphere_outline import SphereOutline

Array = NDArray[np.float64]

LARGEST_SHARE = 0.06  # of the ball's disc; a diffuse ball is brighter than half its maximum over a third of it
LOWEST_CONTRAST = 2.5  # highlight against the 95th percentile of the rest of the ball
LEVELS = (0.25, 0.5, 0.75, 0.9)  # of the peak; how far centroids at these disagree is a part of their uncertainty
FLOOR_PX = 0.1  # standard deviation of a centroid at best
SATURATED = 0.98


@dataclass(frozen=True)
class Highlights:
    """One highlight an image: `positions` (N, 2) in pixels (NaN where none), `std_px` (N,), `found` (N,) bool, `flux`
    (N, 3) linear sum over the highlight above its surroundings, `saturated` (N,) bool (flux is then too low),
    `contrast` (N,) against the rest of the ball, `rivals` (N,) bool: a second spot nearly as strong."""

    positions: Array
    std_px: Array
    found: NDArray[np.bool_]
    flux: Array
    saturated: NDArray[np.bool_]
    contrast: Array
    rivals: NDArray[np.bool_]

    @property
    def spread_px(self) -> float:
        """Root mean square distance of the highlights from their mean; 0 where fewer than two were found."""
        places = self.positions[self.found]
        if len(places) < 2:
            return 0.0
        return float(np.sqrt(((places - places.mean(0)) ** 2).sum(1).mean()))


def find_highlights(images: NDArray[np.float32], outline: SphereOutline, *, subtract_static: bool = True) -> Highlights:
    """The brightest compact spot inside an outline, in each of the images (N, H, W, 3), linear.

    What does not change is no lamp: a low quantile over the images (a lit window, a blue diode on the camera) is
    subtracted first. A spot counts where it is small against the ball and stands out from the rest of it; its place is
    the centroid of its upper half, in which saturated pixels count alike.
    """
    count, height, width = images.shape[:3]
    (x, y), reach = outline.centre, float(outline.semi_axes[0]) + 2
    left, top = max(int(x - reach), 0), max(int(y - reach), 0)
    right, bottom = min(int(x + reach) + 1, width), min(int(y + reach) + 1, height)
    patch = np.asarray(images[:, top:bottom, left:right], dtype=np.float32)
    rows, columns = np.mgrid[top:bottom, left:right] + 0.5
    disc = outline.distance(np.stack([columns, rows], axis=-1)) < -0.5
    if subtract_static and count > 1:
        rank = (count - 1) // 4
        moving = np.maximum(patch - np.partition(patch, rank, axis=0)[rank], 0)
    else:
        moving = patch
    result = Highlights(
        np.full((count, 2), np.nan), np.full(count, np.nan), np.zeros(count, bool), np.zeros((count, 3)),
        np.zeros(count, bool), np.zeros(count), np.zeros(count, bool),
    )  # fmt: skip
    if disc.sum() < 12:
        return result
    for index in range(count):
        _one(result, index, moving[index], patch[index], disc)
        result.positions[index] += (left + 0.5, top + 0.5)
    return result


def _one(result: Highlights, index: int, moving: NDArray[np.float32], patch: NDArray[np.float32],
         disc: NDArray[np.bool_]) -> None:  # fmt: skip
    """Fill entry `index`; positions relative to the patch."""
    light = moving.mean(-1) * disc
    peak = float(light.max())
    if peak <= 1e-6:
        return
    labels, spots, areas = _spots(light, 0.5 * peak)
    sums = np.bincount(labels.ravel(), light.ravel(), minlength=spots)
    compact = areas <= max(LARGEST_SHARE * disc.sum(), 4)
    compact[0] = False
    if not compact.any():
        return
    order = np.argsort(np.where(compact, sums, -1))
    best = int(order[-1])
    own = labels == best
    peak = float(light[own].max())
    size = max(int(np.ceil(1.5 * np.sqrt(areas[best] / np.pi))), 2)
    around = cv2.dilate(own.astype(np.uint8), _disc_kernel(size)).astype(bool)
    glare = cv2.dilate(own.astype(np.uint8), _disc_kernel(3 * size)).astype(bool)
    rest = disc & ~glare
    if rest.sum() < 0.2 * disc.sum():
        return
    background = float(np.percentile(light[rest], 95))
    result.contrast[index] = min(peak / max(background, 1e-6), 1e3)
    result.rivals[index] = len(order) > 2 and compact[order[-2]] and sums[order[-2]] > 0.5 * sums[best]
    result.found[index] = result.contrast[index] >= LOWEST_CONTRAST
    if not result.found[index]:
        return
    centroids = np.array([_centroid(light, around, level * peak) for level in LEVELS])
    result.positions[index] = centroids[1]
    scatter = float(np.sqrt(((centroids - centroids.mean(0)) ** 2).sum(1).mean() / 2))
    result.std_px[index] = np.hypot(FLOOR_PX, scatter) * (2 if result.rivals[index] else 1)
    ring = glare & ~around & disc
    level = np.median(moving[ring], axis=0) if ring.any() else np.zeros(3)
    result.flux[index] = np.maximum(moving[around & disc] - level, 0).sum(0)
    result.saturated[index] = bool((patch[own].max(-1) >= SATURATED).any())


def _spots(light: NDArray[np.float32], threshold: float) -> tuple[NDArray[Any], int, Array]:
    """Connected spots above a threshold: labels, their number with the background, areas."""
    spots, labels, stats, _ = cv2.connectedComponentsWithStats((light > threshold).astype(np.uint8), connectivity=8)
    return labels, spots, stats[:, cv2.CC_STAT_AREA].astype(np.float64)


def _centroid(light: NDArray[np.float32], region: NDArray[np.bool_], threshold: float) -> Array:
    """Centroid (x, y) of the excess over a threshold, in pixels from the middle of the first pixel."""
    excess = np.where(region, np.maximum(light - threshold, 0), 0)
    total = excess.sum()
    columns, rows = np.arange(light.shape[1]), np.arange(light.shape[0])
    return np.array([(excess.sum(0) * columns).sum(), (excess.sum(1) * rows).sum()]) / total


def _disc_kernel(radius: int) -> NDArray[Any]:
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
