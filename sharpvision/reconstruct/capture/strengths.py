"""Intensities of a capture's lights: from a gray card or a matte ball in the picture, or a mirror ball's highlights."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from sharpvision.core.errors import InputError
from sharpvision.data.lights_file import FileLights
from sharpvision.data.observations import PhotometricObservations, Validity
from sharpvision.reconstruct.calibration.intensities import (
    LightIntensities,
    intensities_from_card,
    intensities_from_highlights,
    intensities_from_matte_ball,
    sphere_normals,
)
from sharpvision.reconstruct.capture.belonging import subset
from sharpvision.reconstruct.capture.capture import BallFinding
from sharpvision.reconstruct.capture.options import Circle, Rectangle


def card_intensities(observations: PhotometricObservations, card: Rectangle, scale: float) -> LightIntensities:
    """From a card at x, y, w, h in pixels of the photographs on disk; the observations' are `scale` of those.

    Raises `InputError` where it does not lie in the picture.
    """
    height, width = observations.shape
    left, top = round(card[0] * scale), round(card[1] * scale)
    right, bottom = max(round((card[0] + card[2]) * scale), left + 1), max(round((card[1] + card[3]) * scale), top + 1)
    if right > width or bottom > height:
        raise InputError("--gray-card", f"a rectangle within {width / scale:.0f}x{height / scale:.0f} pixels",
                         ",".join(map(str, card)), "give x, y of its corner, width and height")  # fmt: skip
    images, validity = observations.source.read(top, bottom)
    saturated = validity.numpy()[:, :, left:right] == Validity.SATURATED
    return intensities_from_card(images.numpy()[:, :, left:right], saturated, observations.light_directions.numpy())


def matte_ball_intensities(observations: PhotometricObservations, ball: Circle, scale: float) -> LightIntensities:
    """From a matte ball, x, y and radius in pixels of the photographs on disk.

    Raises `InputError` where it does not lie in the picture.
    """
    x, y, radius = (value * scale for value in ball)
    height, width = observations.shape
    if not (radius >= 4 and radius <= x <= width - radius and radius <= y <= height - radius):
        raise InputError("--matte-ball", f"a ball within {width / scale:.0f}x{height / scale:.0f} pixels, 8 across",
                         ",".join(f"{value:g}" for value in ball), "give its centre and radius")  # fmt: skip
    top, bottom = int(y - radius), min(int(y + radius) + 1, height)
    normals = sphere_normals((bottom - top, width), (x, y - top, radius))
    there = (normals != 0).any(-1)
    images, validity = observations.source.read(top, bottom)
    saturated = validity.numpy()[:, there] == Validity.SATURATED
    lights = observations.light_directions.numpy()
    return intensities_from_matte_ball(images.numpy()[:, there], normals[there], lights, saturated)


def highlight_intensities(found: BallFinding) -> LightIntensities | None:
    """From the ball's highlights, None where one that was found is saturated: its flux would be too low."""
    kept = found.lights.found
    if found.lights.saturated[kept].any():
        return None
    return intensities_from_highlights(found.ball.highlights.flux[kept], found.lights.saturated[kept])


def with_intensities(
    observations: PhotometricObservations, lights: FileLights | None, known: LightIntensities
) -> tuple[PhotometricObservations, FileLights]:
    """The observations with these intensities, without the photographs whose light has none, and their lights.

    Raises `InputError` where fewer than three are left.
    """
    rows = [int(row) for row in np.flatnonzero(known.found)]
    if len(rows) < 3:
        raise InputError("light intensities", "at least 3 photographs in which card or ball tells them", f"{len(rows)}",
                         "expose for it, or use --method semicalibrated without it")  # fmt: skip
    strengths = known.intensities[rows]
    lit = replace(
        subset(observations, rows),
        light_intensities=torch.from_numpy(strengths),
        notes=(*(note for note in observations.notes if "equally strong" not in note), *known.notes),
    )
    source = "sharpvision: directions of the folder's own lights" if lights is None else lights.source
    near = lit.point_lights
    directions = None if near is not None else lit.light_directions.numpy()
    return lit, FileLights(directions, near, strengths, lit.image_names, lit.length_unit, source)
