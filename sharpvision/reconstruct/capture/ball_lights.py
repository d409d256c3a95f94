"""Lights of a capture from a mirror ball, in its own pictures or beside the object."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from sharpvision.core.errors import InputError
from sharpvision.data.observations import PhotometricObservations
from sharpvision.data.photometric import ReadOptions, read_photometric
from sharpvision.reconstruct.calibration.ball_detection import Ball, detect_ball
from sharpvision.reconstruct.calibration.mirror_ball import lights_from_ball
from sharpvision.reconstruct.calibration.sphere_outline import Lens, SphereOutline
from sharpvision.reconstruct.capture.belonging import subset
from sharpvision.reconstruct.capture.capture import BallFinding
from sharpvision.reconstruct.capture.options import Circle
from sharpvision.reconstruct.capture.stack import analysis_shape, small_images, window


def lens_of(observations: PhotometricObservations) -> Lens:
    """The observations' camera."""
    if observations.focal_px is None:
        return Lens()
    height, width = observations.shape
    return Lens(observations.focal_px, observations.principal_point or (width / 2, height / 2))


def find_ball(
    observations: PhotometricObservations, hint: Circle | None, lens: Lens, where: str, *, in_frame: bool
) -> BallFinding:
    """The mirror ball in the observations' photographs and the lights in it; `hint` and results in their pixels.

    Searched for in small images; what has been found is fitted again, and its highlights measured, at full size.
    Raises `InputError` where there is none or its highlights do not move.
    """
    count, shape, source = observations.light_count, observations.shape, observations.source
    small = analysis_shape(shape, count)
    scale = small[1] / shape[1]
    images = small_images(source, count, shape, small)
    guess = None if hint is None else (hint[0] * scale, hint[1] * scale, hint[2] * scale)
    ball = detect_ball(images, lens=_scaled(lens, scale), hint=guess, where=where)
    picture = images.mean(0)
    names = observations.image_names
    if small != shape:
        del images
        ball, images, corner = _at_full_size(observations, ball, lens, scale, where)
        lights = lights_from_ball(images, ball, names, where)
        ball = _shifted(ball, corner, lens)
    else:
        lights = lights_from_ball(images, ball, names, where)
    return BallFinding(ball, lights, picture, scale, names, in_frame)


def ball_of_folder(folder: Path, options: ReadOptions, observations: PhotometricObservations) -> BallFinding:
    """The lights of `observations` from photographs of a mirror ball in a folder of its own, under the same lights.

    Its photographs go with the object's by their names, or by their order where the names differ but not their number.
    Raises `InputError` where they do not match, or there is no ball.
    """
    read = ReadOptions(response=options.response, max_size=None, lights="none", focal=options.focal)
    own = read_photometric(folder, read)
    rows = _matched(folder, own.image_names, observations.image_names)
    own = replace(subset(own, rows), image_names=observations.image_names)
    return find_ball(own, None, lens_of(own), str(folder), in_frame=False)


def _matched(folder: Path, names: tuple[str, ...], wanted: tuple[str, ...]) -> list[int]:
    """The ball's photograph for each of the object's."""
    stems = [Path(name).stem for name in names]
    missing = [name for name in wanted if Path(name).stem not in stems]
    if not missing:
        return [stems.index(Path(name).stem) for name in wanted]
    if len(names) == len(wanted):
        return list(range(len(names)))
    raise InputError(folder, f"{len(wanted)} photographs of the ball, one for each of the object's",
                     f"{len(names)}, none named like {missing[0]}", "photograph both under all lights")  # fmt: skip


def _at_full_size(
    observations: PhotometricObservations, ball: Ball, lens: Lens, scale: float, where: str
) -> tuple[Ball, np.ndarray, tuple[int, int]]:
    """The ball found again in a window at full size, that window, and its corner (x, y)."""
    x, y = ball.centre
    reach = 1.4 * float(ball.outline.semi_axes[0]) + 8
    height, width = observations.shape
    left, top = max(int((x - reach) / scale), 0), max(int((y - reach) / scale), 0)
    right, bottom = min(int((x + reach) / scale) + 1, width), min(int((y + reach) / scale) + 1, height)
    images = window(observations.source, slice(top, bottom), slice(left, right))
    hint = (x / scale - left, y / scale - top, ball.radius / scale)
    return detect_ball(images, lens=_moved(lens, -left, -top), hint=hint, where=where), images, (left, top)


def _scaled(lens: Lens, scale: float) -> Lens:
    if lens.focal_px is None:
        return lens
    return Lens(lens.focal_px * scale, (lens.principal_point[0] * scale, lens.principal_point[1] * scale))


def _moved(lens: Lens, x: float, y: float) -> Lens:
    return Lens(lens.focal_px, (lens.principal_point[0] + x, lens.principal_point[1] + y))


def _shifted(ball: Ball, corner: tuple[int, int], lens: Lens) -> Ball:
    """A ball of a window in pixels of the whole image."""
    outline = ball.outline
    if lens.focal_px is None:
        x, y, radius = outline.parameters
        moved = SphereOutline((x + corner[0], y + corner[1], radius), lens)
    else:
        moved = SphereOutline(outline.parameters, lens)
    highlights = replace(ball.highlights, positions=ball.highlights.positions + np.asarray(corner))
    return replace(ball, outline=moved, edge_points=ball.edge_points + np.asarray(corner), highlights=highlights)
