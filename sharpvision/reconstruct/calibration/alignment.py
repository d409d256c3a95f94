"""Shake of a hand-held camera found and undone, to a part of a pixel, although the light changes between images."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from sharpvision.reconstruct.calibration.coarse_motion import coarse_shifts
from sharpvision.reconstruct.calibration.low_rank_motion import HIGH_PASS, Motion, MotionFit, fit_motion, misfit, warp

_LEVELS = (4_000_000, 24_000_000)
"""Values (images times pixels) to which the images are reduced, coarse and fine."""
_FEWEST = 4
_LEAST_STD = 0.08
"""Standard deviation in pixels below which none is claimed: what photographs from a tripod seem to move by."""
_DISAGREEMENT = 1.5
"""Standard deviations that make the difference between the results in two bands of frequency."""
_GAIN = 1.06
"""Factor by which its misfit must fall for an image to have moved; shading and mirror balls alone gain up to 1.04."""


@dataclass(frozen=True)
class AlignmentSettings:
    """`motion`: shift alone, or with turn and growth; an image is moved where its shift exceeds `significance` standard
    deviations and `least` pixels, or one standard deviation where most images moved."""

    motion: Motion = "translation"
    significance: float = 2.5
    least: float = 0.15


@dataclass(frozen=True)
class Alignment:
    """How each of N images moved against the `reference` image, in pixels of the images as given.

    `parameters` (N, 2 or 4) as `warp` takes them, zero where nothing is to be done; `measured` (N, 2) the shifts as
    found, applied or not; `std` (N,) their standard deviation; `cycle_error` of the coarse stage: the median over pairs
    of images of how far round trips miss; `notes` are for the reader of the report.
    """

    parameters: NDArray[np.float64]
    measured: NDArray[np.float64]
    std: NDArray[np.float64]
    reference: int
    cycle_error: float
    notes: tuple[str, ...] = ()

    @property
    def moved(self) -> NDArray[np.bool_]:
        """(N,) the images that are to be warped."""
        return (self.parameters != 0).any(1)


def align(images: NDArray[np.float32], settings: AlignmentSettings = AlignmentSettings()) -> Alignment:
    """Motion of each of the linear images (N, H, W) or (N, H, W, 3) against the image most others agree with.

    Coarse shifts by phase correlation of log gradients over pairs of images, made consistent over round trips; then
    `fit_motion`, at two sizes. The reference is the image from which most others lie within their uncertainty, so that
    a tripod that was knocked once keeps the larger group. A shift below its uncertainty is not applied: interpolating
    costs sharpness and gains nothing. Fewer than four images, or images without contrast, are left as they are.
    """
    gray = images if images.ndim == 3 else images.mean(-1)
    count, height, width = gray.shape
    kinds = 2 if settings.motion == "translation" else 4
    still = np.zeros((count, kinds))
    lit = gray.reshape(count, -1).std(1) > 1e-4 * max(float(gray.max()), 1e-9)
    if count < _FEWEST or lit.sum() < _FEWEST or min(height, width) < 32:
        why = "movement was not looked for: it takes four images with contrast, 32 pixels wide"
        return Alignment(still, still[:, :2], np.full(count, np.inf), 0, 0.0, (why,))
    found, std, gain, cycle = _measured(gray[lit], kinds)
    reference = _reference(found[:, :2], std)
    near = np.hypot(*(found - found[reference])[:, :2].T) < settings.significance * std
    found = found - found[near].mean(0)
    size = _largest_displacement(found)
    apply = (size > np.maximum(settings.significance * std, settings.least)) & (gain > _GAIN)
    if apply.mean() > 0.5:  # hand-held: no image is still
        apply = size > std
    parameters, measured, everywhere = still.copy(), still[:, :2].copy(), np.full(count, np.inf)
    index = np.flatnonzero(lit)
    parameters[index] = np.where(apply[:, None], found, 0.0)
    measured[index], everywhere[index] = found[:, :2], std
    return Alignment(parameters, measured, everywhere, int(index[reference]), cycle, _notes(apply, size, std))


def _measured(
    gray: NDArray[np.float32], kinds: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], float]:
    """Motion (N, K) of images (N, H, W), standard deviation of the shift (N,), the factor by which each one's misfit
    fell (N,), and the coarse stage's cycle error.

    What decides the uncertainty is not noise but shading that a low rank does not explain; it disturbs low frequencies
    more than high ones, so the difference between two bands tells how much there is.
    """
    count, height, width = gray.shape
    sizes = list(dict.fromkeys(_size(count, height, width, values) for values in _LEVELS))
    shifts, cycle = coarse_shifts(gray)
    start = np.zeros((count, kinds))
    start[:, :2] = shifts - shifts.mean(0)
    fit: MotionFit | None = None
    small, rest, scale = gray, np.ones(count), 1.0
    for size in sizes:
        scale = size[1] / width
        small = gray if size == (height, width) else np.stack([_reduced(image, size) for image in gray])
        rest = misfit(small, 0 * start)
        fit = _best_fit(small, start * scale, rest) if fit is None else fit_motion(small, start * scale, polish=True)
        if fit.misfit.mean() > rest.mean():
            fit = fit_motion(small, 0 * start, polish=True)
        start = fit.parameters / scale
    assert fit is not None  # there is a size
    other = fit_motion(small, fit.parameters, polish=True, high_pass=2 * HIGH_PASS)
    apart = np.hypot(*(other.parameters - fit.parameters)[:, :2].T)
    std = np.hypot(fit.std, _DISAGREEMENT * np.hypot(apart, np.sqrt((apart**2).mean()))) / scale
    if fit.misfit.mean() > rest.mean():
        start = 0 * start
    return start, np.maximum(std, _LEAST_STD), rest / np.maximum(fit.misfit, 1e-9), cycle


def _best_fit(small: NDArray[np.float32], coarse: NDArray[np.float64], rest: NDArray[np.float64]) -> MotionFit:
    """The fit from whichever start has less misfit, coarse shifts or rest, for phase correlation can follow shading
    over a smooth thing; from the other one too where that has gained little."""
    starts = [0 * coarse, coarse]
    levels = [float(rest.mean()), float(misfit(small, coarse).mean())]
    first, second = (0, 1) if levels[0] <= levels[1] else (1, 0)
    fit = fit_motion(small, starts[first])
    if fit.misfit.mean() < 0.95 * levels[0] or levels[second] > 1.3 * levels[first]:
        return fit
    other = fit_motion(small, starts[second])
    return other if other.misfit.mean() < fit.misfit.mean() else fit


def apply_alignment(image: NDArray[np.float32], parameters: NDArray[np.float64]) -> NDArray[np.float32]:
    """One image (H, W[, C]) as the reference's camera saw it; NaN where it saw what this one did not.

    Lanczos over eight pixels, cut to the range of the image, for its overshoot would be light that was not there.
    """
    if not parameters.any():
        return image
    moved = np.clip(warp(image, parameters, cv2.INTER_LANCZOS4), image.min(), image.max())
    seen = warp(np.ones(image.shape[:2], np.float32), parameters, cv2.INTER_LINEAR, cv2.BORDER_CONSTANT)
    return np.where((seen >= 0.999).reshape(seen.shape + (1,) * (image.ndim - 2)), moved, np.float32(np.nan))


def apply_to_flags(flags: NDArray[np.bool_], parameters: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Flags (H, W) of pixels that say nothing, moved along with the image: true wherever one takes part by a tenth."""
    if not parameters.any():
        return flags
    return warp(flags.astype(np.float32), parameters, cv2.INTER_LINEAR) > 0.1


def _size(count: int, height: int, width: int, values: int) -> tuple[int, int]:
    """Height and width with at most `values` in all images."""
    scale = min(1.0, float(np.sqrt(values / (count * height * width))))
    return max(32, round(height * scale)), max(32, round(width * scale))


def _reduced(image: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    return np.asarray(cv2.resize(image, size[::-1], interpolation=cv2.INTER_AREA), dtype=np.float32)


def _largest_displacement(parameters: NDArray[np.float64]) -> NDArray[np.float64]:
    """Pixels by which the farthest point moves: the shift, and growth and turn at half the longer side."""
    shift = np.hypot(*parameters[:, :2].T)
    return shift if parameters.shape[1] == 2 else shift + np.hypot(*parameters[:, 2:].T)


def _reference(shifts: NDArray[np.float64], std: NDArray[np.float64]) -> int:
    """The image with most others nearby, distances counted in standard deviations up to three."""
    apart = np.hypot(*(shifts[:, None] - shifts[None]).transpose(2, 0, 1)) / np.hypot(std[:, None], std[None])
    return int(np.minimum(apart, 3.0).sum(1).argmin())


def _notes(apply: NDArray[np.bool_], size: NDArray[np.float64], std: NDArray[np.float64]) -> tuple[str, ...]:
    notes = []
    if apply.any():
        moved = f"{int(apply.sum())} of {len(apply)} images were moved back"
        notes.append(f"the camera moved by up to {size.max():.1f} pixels; {moved}")
    if np.median(std) > 0.5:
        notes.append(f"movement of the camera is known to {np.median(std):.1f} pixels only: the object has too little "
                     "texture for more")  # fmt: skip
    return tuple(notes)
