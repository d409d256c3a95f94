"""Places of lamps nearby, from the ray that one mirror ball reflects and the shading of a plane."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from sharpvision.core.errors import InputError
from sharpvision.reconstruct.calibration.ball_detection import Ball
from sharpvision.reconstruct.calibration.light_positions import (
    LightPositions,
    misfit_px,
    missing,
    rays_of,
    solved,
    std_of,
)
from sharpvision.reconstruct.calibration.sphere_outline import SphereOutline

Array = NDArray[Any]
Flags = NDArray[np.bool_]

GRID = 40  # places a side at which the plane's shading is read


@dataclass(frozen=True)
class PlaneInView:
    """A flat matte rectangle of one colour in the frame: `corners_px` (4, 2) of its rim in order round it, `width`
    (from the first corner to the second) and `height` in the unit of the ball's radius."""

    corners_px: Array
    width: float
    height: float


def lights_from_ball_and_plane(images: NDArray[np.float32], ball: Ball, radius: float, plane: PlaneInView,
                               names: Sequence[str] = (), where: str = "photographs") -> LightPositions:  # fmt: skip
    """Lamps from one ball of known radius and the shading of a plane whose rim is known; images (N, H, W, 3) linear.

    The ball's reflection gives a ray; how the plane darkens away from the lamp gives the place on it. Per lamp p

        log I(x) = c + log max(n . (p - x), 0) - 3 log |p - x|

    over places x on the plane (n its normal, uniform albedo), weighted against the highlight's place. Places in shadow,
    under the ball or with texture count little (Cauchy). The lamp must radiate evenly over the plane.
    """
    outline = ball.outline
    origins, directions = rays_of(outline, ball.highlights.positions, radius)
    frame, flat = plane_pose(plane, outline, where)
    pixels = outline.lens.project(flat)
    height, width = images.shape[1:3]
    visible = (pixels > 1).all(1) & (pixels < np.array([width, height]) - 1).all(1)
    visible &= outline.distance(pixels) > 0.15 * outline.radius
    if visible.sum() < 50:
        share = f"{visible.sum()} of {len(pixels)} places of it"
        raise InputError(where, "a plane in the frame", share, "check its rim")
    flat, columns, rows = flat[visible], *np.floor(pixels[visible]).astype(int).T
    found = np.asarray(np.isfinite(directions).all(1))
    if not found.any():
        raise InputError(where, "a highlight on the ball", "none in any image", "light the ball")
    count = len(images)
    positions, blocks, left = np.full((count, 3), np.nan), np.full((count, 3, 3), np.nan), []
    for image in np.flatnonzero(found):
        values = images[image, rows, columns].mean(-1).astype(np.float64)
        fit = _PlaneFit(outline, radius, ball.highlights.positions[image], float(ball.highlights.std_px[image]),
                        _Shading(flat, frame[2], values))  # fmt: skip
        ray = (origins[image], directions[image])
        unknowns, covariance, misfit = solved(fit.residuals, fit.start(*ray), 1, "soft_l1")
        positions[image], blocks[image] = unknowns[:3], covariance[:3, :3]
        left.append(misfit)
    notes = missing(found, names, "no highlight on the ball, so no place of the lamp")
    return LightPositions(positions, blocks, std_of(blocks), found, float(np.sqrt(np.mean(np.square(left)))), notes)


def plane_pose(plane: PlaneInView, outline: SphereOutline, where: str) -> tuple[Array, Array]:
    """Axes (3, 3) of a plane in the camera frame, the last one its normal towards the camera, and a grid (M, 3) of
    places on it within its rim."""
    lens = outline.lens
    if lens.focal_px is None:
        raise InputError(where, "a perspective camera with a known focal length", "an orthographic one",
                         "give the focal length (EXIF or capture.json)")  # fmt: skip
    camera = np.diag([lens.focal_px, lens.focal_px, 1.0])
    camera[:2, 2] = lens.principal_point
    w, h = plane.width, plane.height
    model = np.array([[0, 0, 0], [w, 0, 0], [w, h, 0], [0, h, 0]], dtype=np.float64)
    corners = np.asarray(plane.corners_px, dtype=np.float64)
    # IPPE answers NaN for a plane that is seen square on; this one starts from the homography.
    good, turn, shift = cv2.solvePnP(model, corners, camera, None, flags=cv2.SOLVEPNP_ITERATIVE)
    if not good or not np.isfinite(shift).all():
        fix = "check their order and lengths"
        raise InputError(where, "four corners of a rectangle", "no plane that has them", fix)
    axes = np.asarray(cv2.Rodrigues(turn)[0], dtype=np.float64).T
    shares = (np.arange(GRID) + 0.5) / GRID
    shares = shares[(shares > 0.04) & (shares < 0.96)]
    across, down = np.meshgrid(shares * w, shares * h)
    places = across.reshape(-1, 1) * axes[0] + down.reshape(-1, 1) * axes[1] + shift.ravel()
    return axes * np.array([[1], [1], [-np.sign(axes[2] @ places.mean(0))]]), places



@dataclass(frozen=True)
class _Shading:
    """Places (M, 3) on a plane, its normal (3,) and the linear values (M,) there."""

    places: Array
    normal: Array
    values: Array


@dataclass(frozen=True)
class _PlaneFit:
    """Unknowns: the lamp and the logarithm of its brightness."""

    outline: SphereOutline
    radius: float
    spot: Array
    std_px: float
    shading: _Shading

    def start(self, origin: Array, direction: Array) -> Array:
        """The best of a few distances along the ray."""
        size = float(np.linalg.norm(np.ptp(self.shading.places, axis=0)))
        lamps = [origin + reach * size * direction for reach in np.geomspace(0.1, 10, 25)]
        guesses = [np.append(lamp, self._brightness(lamp)) for lamp in lamps]
        return min(guesses, key=lambda guess: float(np.abs(self.residuals(guess)).mean()))

    def _predicted(self, lamp: Array) -> Array:
        away = lamp - self.shading.places
        return np.log(np.maximum(away @ self.shading.normal, 1e-6)) - 3 * np.log(np.linalg.norm(away, axis=1))

    def _brightness(self, lamp: Array) -> float:
        return float(np.median(np.log(np.maximum(self.shading.values, 1e-5)) - self._predicted(lamp)))

    def residuals(self, unknowns: Array) -> Array:
        """The highlight's two, then the plane's, over the scatter of two percent that paper has at best."""
        off = misfit_px(self.outline, self.radius, self.spot[None], unknowns[None, :3]).ravel() / self.std_px
        dark = self.shading.values < 0.02 * self.shading.values.max()
        bright = self.shading.values > 0.98
        logs = np.log(np.maximum(self.shading.values, 1e-5)) - self._predicted(unknowns[:3]) - unknowns[3]
        scaled = np.where(dark | bright, 0.0, np.arctan(logs / 0.1) * 0.1 / 0.02)
        return np.nan_to_num(np.concatenate([off, scaled]), nan=1e3)
