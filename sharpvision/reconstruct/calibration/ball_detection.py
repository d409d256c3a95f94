"""Finds a mirror ball in photographs under changing light, by itself or near a hint."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from sharpvision.core.errors import InputError
from sharpvision.reconstruct.calibration.ball_edges import FittedOutline, edge_map, refine_outline, vote_circles
from sharpvision.reconstruct.calibration.ball_rim import rim_shift, shifted
from sharpvision.reconstruct.calibration.highlights import Highlights, find_highlights
from sharpvision.reconstruct.calibration.sphere_outline import Lens, SphereOutline, outline_covariance

Image = NDArray[np.float32]

LOWEST_SUPPORT = 0.4  # of the outline that has an edge
SMALLEST_RADIUS_PX = 10.0  # a tenth of a pixel is then a degree of light direction
LOWEST_SHARE = 0.6  # of the images that have a highlight
CANDIDATES = 40
COARSE = 400  # pixels of the longer side in which circles are voted for


@dataclass(frozen=True)
class Ball:
    """A mirror ball: its `outline` in pixels and what speaks for it.

    `contour_rms_px` is the scatter of edge points on the outline, `support` the share of it that has them,
    `edge_points` (M, 2) those, `rim_shift_px` (x, y, growth) from their fit to the outline (a rim
    mirrors its background, see `ball_rim`); `highlights` what was found inside; `confidence` from 0 to 1; `tilt_deg`,
    by how much an unknown perspective may turn the lights; `notes` to be read.
    """

    outline: SphereOutline
    contour_rms_px: float
    support: float
    rim_shift_px: NDArray[np.float64]
    edge_points: NDArray[np.float64]
    highlights: Highlights
    confidence: float
    tilt_deg: float = 0.0
    notes: tuple[str, ...] = ()

    @property
    def centre(self) -> tuple[float, float]:
        """Middle of the outline (x, y), pixel centres at +0.5."""
        return self.outline.centre

    @property
    def covariance(self) -> NDArray[np.float64]:
        """Of the outline's parameters (3, 3): of their fit to edges, of which every second tells something new, and
        three tenths of the rim's shift (an eighth of a pixel at least), as rendered balls taught."""
        fit = outline_covariance(self.outline, self.edge_points[::2], max(self.contour_rms_px, 0.05))
        doubt = max(0.3 * float(np.linalg.norm(self.rim_shift_px)), 0.12)
        moved = [shifted(self.outline, doubt * axis).parameters for axis in np.eye(3)]
        return fit + sum(np.outer(change, change) for change in np.subtract(moved, self.outline.parameters))

    @property
    def radius(self) -> float:
        """Radius of the circle, or of the circle of the ellipse's area, in pixels."""
        return self.outline.radius


def detect_ball(images: NDArray[np.float32], *, lens: Lens | None = None,
                hint: tuple[float, float, float] | None = None, where: str = "photographs") -> Ball:  # fmt: skip
    """The one mirror ball in linear images (N, H, W, 3); `hint` is (x, y, radius) in pixels, true to a tenth.

    Raises `InputError` where there is none, or its highlights do not move.
    """
    return detect_balls(images, count=1, lens=lens, hints=None if hint is None else [hint], where=where)[0]


def detect_balls(images: NDArray[np.float32], *, count: int, lens: Lens | None = None,
                 hints: list[tuple[float, float, float]] | None = None,
                 where: str = "photographs") -> list[Ball]:  # fmt: skip
    """The `count` best mirror balls that do not overlap, from left to right.

    Circles are voted for by the gradients of the mean logarithm of all images (an outline stays, shadows and highlights
    move), fitted to sub-pixel edges of their mean, and taken where most images show one sharp spot inside and it moves.
    Raises `InputError` where there are fewer.
    """
    total = len(images)
    if total < 2:
        fix = "add images, or give the lights"
        raise InputError(where, "two images or more under different lights", str(total), fix)
    lens = Lens() if lens is None else lens
    gray = images.mean(-1, dtype=np.float32)
    candidates = _searched(images, gray, lens) if hints is None else _near(hints, gray, lens)
    balls: list[Ball] = []
    for fitted in candidates:
        ball = _judged(images, fitted)
        if ball is not None:
            balls.append(ball)
    # A ring inside a ball is a reflection in it, such as the border of the table; the ball is the outermost.
    balls = [ball for ball in balls if not any(_reflected_in(ball, other) for other in balls)]
    balls.sort(key=lambda ball: -ball.confidence)
    chosen: list[Ball] = []
    for ball in balls:
        if len(chosen) < count and all(_apart(ball, other) for other in chosen):
            chosen.append(ball)
    if len(chosen) < count:
        raise _absent(images, candidates, where, count, len(chosen))
    return sorted((_with_rim(ball, gray) for ball in chosen), key=lambda ball: ball.centre[0])


def _searched(images: Image, gray: Image, lens: Lens) -> list[FittedOutline]:
    """Outlines that many edges agree on, fitted at the reduced size and again at the full one."""
    height, width = gray.shape[1:]
    scale = max(max(height, width) / COARSE, 1.0)
    size = (round(width / scale), round(height / scale))
    small = np.stack([cv2.resize(image, size, interpolation=cv2.INTER_AREA) for image in images])
    found: list[FittedOutline] = []
    for x, y, radius in vote_circles(edge_map(small), CANDIDATES):
        start = SphereOutline.from_circle((x * width / size[0], y * height / size[1]), radius * scale, lens)
        fitted = refine_outline(gray, start, max(0.08 * start.radius, 3 * scale))
        if fitted is None or fitted.support < LOWEST_SUPPORT or fitted.outline.radius < SMALLEST_RADIUS_PX:
            continue
        if all(_differ(fitted.outline, other.outline) for other in found):
            found.append(fitted)
    return found


def _near(hints: list[tuple[float, float, float]], gray: Image, lens: Lens) -> list[FittedOutline]:
    """Fits that start at each hint, in a narrow band (of a measured one) and in a wide one (of one drawn by hand)."""
    found: list[FittedOutline] = []
    for x, y, radius in hints:
        start = SphereOutline.from_circle((x, y), radius, lens)
        for band in (max(0.04 * radius, 2.5), max(0.15 * radius, 4)):
            fitted = refine_outline(gray, start, band)
            if fitted is not None and all(_differ(fitted.outline, other.outline) for other in found):
                found.append(fitted)
    return found


def _differ(one: SphereOutline, other: SphereOutline) -> bool:
    return float(np.hypot(*np.subtract(one.centre, other.centre))) + abs(one.radius - other.radius) > 2.0


def _apart(one: Ball, other: Ball) -> bool:
    return float(np.hypot(*np.subtract(one.centre, other.centre))) > 0.9 * (one.radius + other.radius)


def _reflected_in(one: Ball, other: Ball) -> bool:
    apart = float(np.hypot(*np.subtract(one.centre, other.centre)))
    inside = apart + one.radius < other.radius + 2 and one.radius < other.radius - 1
    return inside and other.support > 0.6 * one.support


def _judged(images: Image, fitted: FittedOutline) -> Ball | None:
    """The ball, where its highlights say that it is a mirror; else None."""
    highlights = find_highlights(images, fitted.outline)
    share = float(highlights.found.mean())
    if highlights.found.sum() < 2 or share < LOWEST_SHARE or not _moves(highlights, fitted.outline):
        return None
    contrast = float(np.median(highlights.contrast[highlights.found]))
    confidence = (
        share * min(fitted.support / 0.8, 1.0) / (1 + fitted.rms_px**2) * (1 - 1 / contrast)
        * (1 - 0.5 * float(highlights.rivals.mean()))
    )  # fmt: skip
    tilt = _unmodelled_tilt_deg(fitted)
    ellipse = f"the ball's outline is an ellipse, as if {tilt:.0f} degrees off the axis: give the focal length"
    notes = (ellipse,) if tilt else ()
    return Ball(fitted.outline, fitted.rms_px, fitted.support, np.zeros(3), fitted.points, highlights, confidence,
                tilt, notes)  # fmt: skip


def _with_rim(ball: Ball, gray: Image) -> Ball:
    """The ball with its outline moved from the edges to its rim."""
    shift = rim_shift(gray, ball.outline)
    return replace(ball, outline=shifted(ball.outline, shift), rim_shift_px=shift)


def _unmodelled_tilt_deg(fitted: FittedOutline) -> float:
    """How far off the axis of a perspective camera a ball must be to have an ellipse where a circle was fitted; zero
    where the distances' second harmonic is no more than noise.

    Tilted by t, the half axes are as 1 : cos t, so their relative difference is t^2 / 2.
    """
    if fitted.outline.lens.focal_px is not None:
        return 0.0
    away = fitted.points - np.asarray(fitted.outline.centre)
    angle = np.arctan2(away[:, 1], away[:, 0])
    system = np.stack([np.ones_like(angle), np.cos(angle), np.sin(angle), np.cos(2 * angle), np.sin(2 * angle)], axis=1)
    solved, *_ = np.linalg.lstsq(system, fitted.outline.distance(fitted.points), rcond=None)
    stretch = float(np.hypot(solved[3], solved[4]))
    if stretch < max(0.2, 0.01 * fitted.outline.radius):
        return 0.0
    return float(np.degrees(np.sqrt(4 * stretch / fitted.outline.radius)))


def _moves(highlights: Highlights, outline: SphereOutline) -> bool:
    return highlights.spread_px > max(1.0, 0.02 * outline.radius)


def _absent(images: Image, candidates: list[FittedOutline], where: str, count: int, found: int) -> InputError:
    """Why there is no ball: no circle at all, highlights that stay, or none that is sharp."""
    expected = "a mirror ball" if count == 1 else f"{count} mirror balls"
    fix = "put a polished ball into the frame, or give its place (--ball X,Y,R), or the lights"
    if found:
        return InputError(where, expected, f"{found} of them", fix)
    if not candidates:
        return InputError(where, expected, "no circular outline", fix)
    for fitted in candidates:
        fixed = find_highlights(images, fitted.outline, subtract_static=False)
        if fixed.found.mean() >= LOWEST_SHARE and not _moves(fixed, fitted.outline):
            x, y = fitted.outline.centre
            still = f"a circle at ({x:.0f}, {y:.0f}) whose highlight stays within {fixed.spread_px:.1f} px"
            return InputError(where, f"{expected} whose highlight moves", still, "move the lamp between the images")
    x, y = candidates[0].outline.centre
    reason = f"a circle at ({x:.0f}, {y:.0f}) without one sharp highlight that moves"
    return InputError(where, expected, reason, fix)
