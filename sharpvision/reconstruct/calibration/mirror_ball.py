"""Light directions from the highlights on a mirror ball."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sharpvision.core.errors import InputError
from sharpvision.reconstruct.calibration.ball_detection import Ball
from sharpvision.reconstruct.calibration.ball_reflection import direction_std_deg, reflect_on_ball
from sharpvision.reconstruct.calibration.highlights import Highlights, find_highlights

Array = NDArray[np.float64]


@dataclass(frozen=True)
class BallLights:
    """Lights of N images: `directions` (N, 3) unit, to the light, OpenCV camera frame; `std_deg` (N,) the angle that 68
    % of errors stay below; `found` (N,) bool. What was not found is NaN.

    `brightness` (N, 3) is the highlights' flux, 1 for the brightest channel's mean: a hint at relative intensities, too
    low where `saturated` (N,). `notes` name what a user must know, such as images without a highlight.
    """

    directions: Array
    std_deg: Array
    found: NDArray[np.bool_]
    brightness: Array
    saturated: NDArray[np.bool_]
    notes: tuple[str, ...] = ()


def lights_from_ball(images: NDArray[np.float32], ball: Ball, names: Sequence[str] = (),
                     where: str = "photographs") -> BallLights:  # fmt: skip
    """Direction, uncertainty and brightness of the light of each image (N, H, W, 3), linear, from a ball in them.

    The ball may have been found in other images of the same camera. `names` are the images' names for the notes. Raises
    `InputError` where no image has a highlight.
    """
    same = len(images) == len(ball.highlights.found)
    highlights = ball.highlights if same else find_highlights(images, ball.outline)
    reflected = reflect_on_ball(highlights.positions, ball.outline)
    found = highlights.found & np.isfinite(reflected.directions).all(1)
    if not found.any():
        raise InputError(where, "a highlight on the ball", "none in any image", "light the ball, or give the lights")
    std_deg = direction_std_deg(highlights.positions, highlights.std_px, ball.outline, ball.covariance)
    std_deg = np.hypot(std_deg, ball.tilt_deg)
    std_deg = np.where(found, np.clip(np.nan_to_num(std_deg, nan=90.0), 0, 90), np.nan)
    directions = np.where(found[:, None], reflected.directions, np.nan)
    flux = np.where(found[:, None], highlights.flux, np.nan)
    brightness = flux / max(float(np.nanmax(flux)), 1e-12)
    return BallLights(directions, std_deg, found, brightness, highlights.saturated,
                      (*ball.notes, *_notes(highlights, found, names)))  # fmt: skip


def _notes(highlights: Highlights, found: NDArray[np.bool_], names: Sequence[str]) -> tuple[str, ...]:
    def listed(which: NDArray[np.bool_]) -> str:
        return ", ".join(names[index] if names else f"image {index}" for index in np.flatnonzero(which).tolist())

    notes = []
    if not found.all():
        notes.append(f"no highlight on the ball, so no light direction: {listed(~found)}")
    if highlights.rivals.any():
        notes.append(f"two highlights on the ball, the brighter one taken: {listed(highlights.rivals)}")
    if highlights.saturated[found].any():
        notes.append("the highlights are saturated: the ball gives directions, but no intensities")
    return tuple(notes)
