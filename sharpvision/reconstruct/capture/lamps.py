"""Where lamps nearby stand, from a folder of photographs of two mirror balls under them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from sharpvision.core.errors import InputError
from sharpvision.data.lights_file import OURS, FileLights
from sharpvision.data.observations import PointLights
from sharpvision.data.photometric import ReadOptions, read_photometric
from sharpvision.reconstruct.calibration.ball_detection import Ball, detect_balls
from sharpvision.reconstruct.calibration.light_positions import LightPositions, lights_from_balls
from sharpvision.reconstruct.capture.ball_lights import lens_of


@dataclass(frozen=True)
class Lamps:
    """What `find_lamps` found: the `balls`, the lamps' `positions`, and `lights` as `lights.json` holds them."""

    balls: tuple[Ball, ...]
    positions: LightPositions
    lights: FileLights


def find_lamps(
    folder: Path, radii: Sequence[float], focal: float | None = None, progress: Callable[[int, int], None] | None = None
) -> Lamps:
    """Places of the lamps of N photographs that show one mirror ball for each radius, from left to right.

    `radii` in the capture file's `length_unit`; `focal` in pixels, else the capture file's or EXIF's. The balls stand
    where the object will, the camera as it will; see `lights_from_balls`. The lamps are taken as the same all round:
    axis and exponent are the data sheet's to give. Raises `InputError` where a focal length, a ball or a lamp is
    missing.
    """
    observations = read_photometric(folder, ReadOptions(lights="none", focal=focal), progress)
    if observations.focal_px is None:
        raise InputError(folder, "a focal length", "none in capture.json or EXIF", "add --focal PX")
    images, names = observations.load().images.numpy(), observations.image_names
    balls = detect_balls(images, count=len(radii), lens=lens_of(observations), where=str(folder))
    positions = lights_from_balls(balls, radii, names, str(folder))
    if not positions.found.all():
        raise InputError(folder, "every lamp reflected in two balls", positions.notes[0],
                         "move the balls, or leave these photographs out here and of the object")  # fmt: skip
    places = torch.from_numpy(positions.positions)
    points = PointLights(places, torch.nn.functional.normalize(-places, dim=1), places.new_zeros(len(places)))
    source = f"{OURS}: two mirror balls in {folder.name}, places known to {np.median(positions.std):.2g}"
    lights = FileLights(None, points, None, (), observations.length_unit, source)
    return Lamps(tuple(balls), positions, lights)
