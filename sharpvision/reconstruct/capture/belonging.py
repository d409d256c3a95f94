"""Photographs that do not belong to a capture, and what of its light is not the lamp's."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from sharpvision.data.observations import PhotometricObservations
from sharpvision.reconstruct.calibration.ambient import ambient_bound
from sharpvision.reconstruct.calibration.outlier_images import outlier_images
from sharpvision.reconstruct.capture.stack import ANALYSIS_BYTES, analysis_shape, small_images

MUCH_AMBIENT = 0.1
"""Share of light that may not be the lamp's from which a note asks for a dark frame."""


@dataclass(frozen=True)
class Belonging:
    """`left_out`: names of photographs that do not belong, with the reason; `ambient`: bound on the share of light that
    does not move with the lamp."""

    left_out: dict[str, str]
    ambient: float

    def notes(self, dark_frame: bool) -> tuple[str, ...]:
        """What the reader of the report must know."""
        notes = [f"{name} was left out ({reason})" for name, reason in self.left_out.items()]
        if not dark_frame and self.ambient > MUCH_AMBIENT:
            share = f"{100 * self.ambient:.0f} %"
            notes.append(f"up to {share} of the light may come from the room, not the lamp: darken it, or add a "
                         "photograph with the lamp off as dark.jpg")  # fmt: skip
        return tuple(notes)


def belonging(observations: PhotometricObservations) -> Belonging:
    """Which photographs show something else, are blurred or were taken with the lamp off."""
    count, shape = observations.light_count, observations.shape
    images = small_images(observations.source, count, shape, analysis_shape(shape, count, ANALYSIS_BYTES // 4))
    names = observations.image_names
    found = {names[entry.index]: f"{entry.reason}: {entry.sentence}" for entry in outlier_images(images)}
    kept = [index for index, name in enumerate(names) if name not in found]
    return Belonging(found, ambient_bound(images[kept].mean(-1)))


def without(observations: PhotometricObservations, names: tuple[str, ...]) -> PhotometricObservations:
    """The observations without the photographs of these names."""
    rows = [index for index, name in enumerate(observations.image_names) if name not in names]
    if len(rows) == observations.light_count:
        return observations
    return subset(observations, rows)


def subset(observations: PhotometricObservations, rows: list[int]) -> PhotometricObservations:
    """Only these photographs, in this order."""
    chosen = np.asarray(rows)
    return replace(
        observations,
        source=observations.source.select(rows),
        light_directions=observations.light_directions[chosen],
        light_intensities=observations.light_intensities[chosen],
        image_names=tuple(observations.image_names[row] for row in rows),
        point_lights=None if observations.point_lights is None else observations.point_lights.select(rows),
    )
