"""Where a mirror ball ends, from what its rim shows: the background behind it, pressed together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from sharpvision.reconstruct.calibration.ball_reflection import reflect_on_ball
from sharpvision.reconstruct.calibration.sphere_outline import SphereOutline, fit_outline

Array = NDArray[Any]

STEP = 0.25  # pixels between samples of a profile
INNER, OUTER = 2.5, 1.25  # pixels inside and outside of the edges' outline in which the model is held against images
CLEAN = 1.75  # pixels outside, from which on the ball does not blur into the background
LARGEST_IMAGES, LARGEST_NORMALS = 6, 60
LARGEST_SHIFT = 1.0  # pixels; further off, the model explains something else
NOISE = 0.02  # of a value, beside the measured one: what the model lacks
GRAZING = 0.1  # z of a ray below which it meets the background too far away


def rim_shift(gray: NDArray[np.float32], outline: SphereOutline) -> Array:
    """Shift (3,) in pixels, (x, y, growth), from an outline fitted to edges of images (N, H, W) to where the ball ends.

    The outline of a mirror is no edge: a ray that meets it at a distance e inside is turned by

        2 arccos(1 - e / radius) ~ 2 sqrt(2 e / radius)

    so the rim goes over into the background, and all edges near it (of shadows, of the table) stand inside, by up to a
    pixel or two percent of the radius. Such a ray stays in the plane of the camera and the normal, so it meets the
    background on the same radial line of the image, where the image itself shows what is there. The model is then, per
    image and normal, B(t) outside and reflectance B(s) inside, with s the place where the ray meets a background at
    some distance behind the ball (a plane across the optical axis), blurred; shift, reflectance, distance and blur are
    fitted to all profiles at once. With a far background, or one that has no texture, this is the fit of a step.
    Zero where it does not hold.
    """
    chosen = gray[np.unique(np.linspace(0, len(gray) - 1, LARGEST_IMAGES).round().astype(int))]
    model = _Rim.of(chosen, outline)
    if model is None:
        return np.zeros(3)
    starts = [np.array([0.0, 0.0, 0.0, 0.8, distance, np.log(0.5)]) for distance in (0.05, 0.3, 0.8, 1.5, 3.0)]
    start = min(starts, key=lambda guess: float(np.abs(model.residuals(guess)).sum()))
    scale = np.array([0.2, 0.2, 0.2, 0.2, 0.3, 0.2])
    # Differences by steps of 0.05 of the scale: SciPy's are relative to the value, which may be zero.
    solution = least_squares(lambda steps: model.residuals(start + scale * (steps - 1)), np.ones(6), loss="soft_l1",
                             diff_step=0.05, max_nfev=30)  # fmt: skip
    shift = (start + scale * (solution.x - 1))[:3]
    return shift if np.abs(shift).max() < LARGEST_SHIFT else np.zeros(3)


def shifted(outline: SphereOutline, shift: Array) -> SphereOutline:
    """The outline moved by (x, y) and grown, all in pixels."""
    points, normals = outline.contour(64)
    return fit_outline(points + shift[:2] + shift[2] * normals, np.ones(64), outline.lens, None)


@dataclass(frozen=True)
class _Rim:
    """Profiles `values` (N, M, T) at `offsets` (T,) along `normals` (M, 2) from `points` (M, 2) of the outline;
    `outside` the same without what the ball blurs into them, `inside` (N, M) deeper values."""

    outline: SphereOutline
    points: Array
    normals: Array
    offsets: Array
    values: Array
    outside: Array
    inside: Array
    noise: float

    @staticmethod
    def of(gray: NDArray[np.float32], outline: SphereOutline) -> _Rim | None:
        """None where less than a fourth of the outline is in the image."""
        count = int(np.clip(2 * outline.radius, 40, LARGEST_NORMALS))
        reach = float(np.clip(0.8 * outline.radius, 12, 200))
        points, normals = outline.contour(count)
        offsets = np.arange(-INNER - 1, reach, STEP)
        places = points[:, None] + offsets[None, :, None] * normals[:, None]
        height, width = gray.shape[1:]
        border = np.asarray(((places > 1) & (places < np.array([width, height]) - 1)).all(-1))
        edge = int(np.searchsorted(offsets, CLEAN))
        usable = np.asarray(border[:, : edge + 8].all(1))
        if usable.sum() < 0.25 * count:
            return None
        points, normals, places = points[usable], normals[usable], places[usable].astype(np.float32) - np.float32(0.5)
        values = np.stack([
            cv2.remap(image, places[..., 0], places[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            for image in gray
        ]).astype(np.float64)  # fmt: skip
        outside = values.copy()
        outside[:, :, :edge] = values[:, :, edge : edge + 3].mean(-1, keepdims=True)
        inside = values[:, :, : int(1 / STEP)].mean(-1)
        noise = 1.5 * float(np.median(np.abs(np.diff(values, axis=-1))))
        return _Rim(outline, points, normals, offsets, values, outside, inside, noise)

    def seen(self, fine: Array, unknowns: Array) -> tuple[Array, NDArray[np.bool_]]:
        """Where (M, F) along the normals the background lies that shows at `fine` (F,): itself outside, further out
        inside, infinite where the ray goes astray; and which of these places are the ball's."""
        grown, shift = self.outline.grown(float(unknowns[2])), unknowns[:2]
        distance = np.exp(unknowns[4])
        reflected = reflect_on_ball(self.points[:, None] + fine[None, :, None] * self.normals[:, None] - shift, grown)
        slope = np.maximum(reflected.directions[..., 2:], 1e-6)
        if self.outline.lens.focal_px is None:
            met = reflected.origins + (distance - reflected.origins[..., 2:]) / slope * reflected.directions
            pixels = met[..., :2] * grown.radius + np.asarray(grown.centre) + shift
        else:
            plane = grown.direction[2] / np.sin(grown.angular_radius) + distance
            met = reflected.origins + (plane - reflected.origins[..., 2:]) / slope * reflected.directions
            pixels = self.outline.lens.project(met) + shift
        along = ((pixels - self.points[:, None]) * self.normals[:, None]).sum(-1)
        astray = ~np.isfinite(along) | ~(reflected.directions[..., 2] > GRAZING)
        away = self.normals @ shift + unknowns[2]
        within = fine[None, :] < away[:, None]
        return np.where(within, np.where(astray, np.inf, np.maximum(along, 0)), np.maximum(fine, 0)), within

    def residuals(self, unknowns: Array) -> Array:
        """Misfit of all profiles, then three weak priors: reflectance 0.8, the ball a radius before its background,
        half a pixel of blur."""
        first = int(np.searchsorted(self.offsets, -INNER))
        held = self.offsets[first : int(np.searchsorted(self.offsets, OUTER))]
        fine = np.arange(held[0] - 1.5, held[-1] + 1.5, STEP / 2)
        along, within = self.seen(fine, unknowns)
        index = (along - self.offsets[0]) / STEP
        known = index < self.values.shape[-1] - 1.001
        low = np.where(known, index, 0).astype(int)
        share = np.where(known, index, 0) - low
        row = np.arange(len(self.points))[:, None]
        shown = self.outside[:, row, low] * (1 - share) + self.outside[:, row, low + 1] * share
        shown = np.where(within, np.where(known, unknowns[3] * shown, self.inside[..., None]), shown)
        blur = np.exp(-0.5 * ((held[:, None] - fine) / np.exp(unknowns[5])) ** 2)
        model = shown @ (blur / blur.sum(1, keepdims=True)).T
        misfit = (self.values[:, :, first : first + len(held)] - model) / (self.noise + NOISE)
        priors = [(unknowns[3] - 0.8) / 0.3, unknowns[4] / 2, (unknowns[5] - np.log(0.5)) / 0.3]
        return np.concatenate([misfit.ravel(), priors])
