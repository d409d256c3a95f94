"""The highlight that a lamp leaves on a ball, one an image: where, how sure, how bright."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from sharpvision.reconstruct.calibration.sphere_outline import SphereOutline

Array = NDArray[np.float64]

LARGEST_SHARE = 0.06  # of the ball's disc; a diffuse ball is brighter than half its maximum over a third of it
LOWEST_CONTRAST = 2.5  # highlight against the 95th percentile of the rest of the ball
FAINTEST = 0.05  # flux of a highlight against the median over the images
LEVELS = (0.25, 0.5, 0.75, 0.9)  # of the peak; how far centroids at these disagree is a part of their uncertainty
FLOOR_PX = 0.05  # standard deviation of a centroid at best
SMALL = 16  # pixels above a tenth of the peak; the centroid of a spot that small needs all of its light
SATURATED = 0.98
LARGEST_FIT = 60  # pixels above a tenth of the peak, up to which a saturated spot is fitted by a Gaussian


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
    # Where the lamp's own is hidden, the strongest spot is a reflection of something that it lights.
    flux = result.flux.mean(1)
    if result.found.any():
        result.found[flux < FAINTEST * np.median(flux[result.found])] = False
    result.positions[~result.found], result.std_px[~result.found] = np.nan, np.nan
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
    lit = int((light[around] > 0.1 * peak).sum())
    clipped = patch.max(-1) >= SATURATED
    result.positions[index], result.std_px[index] = _placed(light, around, peak, lit)
    if clipped[own].any() and lit <= LARGEST_FIT:
        fitted = _gaussian_place(light, around, clipped, result.positions[index])
        if fitted is not None:
            result.positions[index], result.std_px[index] = fitted, FLOOR_PX
    if result.rivals[index]:
        result.std_px[index] *= 2
    ring = glare & ~around & disc
    level = np.median(moving[ring], axis=0) if ring.any() else np.zeros(3)
    result.flux[index] = np.maximum(moving[around & disc] - level, 0).sum(0)
    result.saturated[index] = bool((patch[own].max(-1) >= SATURATED).any())


def _spots(light: NDArray[np.float32], threshold: float) -> tuple[NDArray[Any], int, Array]:
    """Connected spots above a threshold: labels, their number with the background, areas."""
    spots, labels, stats, _ = cv2.connectedComponentsWithStats((light > threshold).astype(np.uint8), connectivity=8)
    return labels, spots, stats[:, cv2.CC_STAT_AREA].astype(np.float64)


def _placed(light: NDArray[np.float32], around: NDArray[np.bool_], peak: float, lit: int) -> tuple[Array, float]:
    """Centroid (x, y) of a spot and its standard deviation, which has three parts: a floor, the scatter between
    thresholds (glare on one side), and that of a spot of few pixels, a single one being uniform within (0.29)."""
    centroids = np.array([_centroid(light, around, level * peak) for level in LEVELS])
    scatter = float(np.sqrt(((centroids - centroids.mean(0)) ** 2).sum(1).mean() / 2))
    place = _centroid(light, around, 0.1 * peak) if lit <= SMALL else centroids[1]
    few = 0.29 / max(lit, 1) ** 0.75
    return place, float(np.sqrt(FLOOR_PX**2 + few**2 + (scatter if lit > SMALL else 0.5 * scatter) ** 2))


def _gaussian_place(light: NDArray[np.float32], around: NDArray[np.bool_], clipped: NDArray[np.bool_],
                    start: Array) -> Array | None:  # fmt: skip
    """Centre (x, y) of a Gaussian fitted to a small spot of which the middle is saturated: there the model need only be
    at least as bright. The flanks tell more than the saturated pixels' middle. None where it is no such spot."""
    rows, columns = np.nonzero(around)
    values, capped = light[rows, columns].astype(np.float64), clipped[rows, columns]
    top = float(values.max())
    if (values[~capped] > 0.05 * top).sum() < 4:
        return None

    def misfit(unknowns: Array) -> Array:
        x, y, size, height = unknowns
        squared = (columns - x) ** 2 + (rows - y) ** 2
        model = np.exp(np.minimum(height - 0.5 * squared * np.exp(-2 * size), 20))
        return np.where(capped, np.minimum(model - values, 0), model - values) / top

    size = 0.5 * np.sqrt(max(capped.sum(), 1) / np.pi) + 0.3
    unknowns = np.array([*start, np.log(size), np.log(3 * top)])
    solution = least_squares(misfit, unknowns, loss="soft_l1", f_scale=0.05, x_scale=np.array([0.1, 0.1, 0.2, 0.5]))
    place = np.asarray(solution.x[:2], dtype=np.float64)
    good = np.abs(place - start).max() < 0.75 and np.sqrt((solution.fun**2).mean()) < 0.06
    return place if good else None


def _centroid(light: NDArray[np.float32], region: NDArray[np.bool_], threshold: float) -> Array:
    """Centroid (x, y) of the excess over a threshold, in pixels from the middle of the first pixel."""
    excess = np.where(region, np.maximum(light - threshold, 0), 0)
    total = excess.sum()
    columns, rows = np.arange(light.shape[1]), np.arange(light.shape[0])
    return np.array([(excess.sum(0) * columns).sum(), (excess.sum(1) * rows).sum()]) / total


def _disc_kernel(radius: int) -> NDArray[Any]:
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
