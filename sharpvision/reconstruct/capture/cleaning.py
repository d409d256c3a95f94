"""Photographs as a still camera in a dark room would have taken them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import overload

import numpy as np
from numpy.typing import NDArray

from sharpvision.data.observations import PhotometricObservations, Validity
from sharpvision.data.reduction import area_average
from sharpvision.reconstruct.calibration.alignment import Alignment, align, apply_alignment, apply_to_flags
from sharpvision.reconstruct.capture.dark import Dark, without_dark
from sharpvision.reconstruct.capture.stack import Images, analysis_shape, rewritten, small_images

MOVEMENT_BYTES = 32 * 2**20
"""What the images in which movement is looked for may take; a search takes some seconds then."""


@dataclass(frozen=True)
class Cleaning:
    """What was done: `alignment` in pixels of the observations, and the share of light that the dark frame had."""

    alignment: Alignment | None = None
    dark_share: float | None = None


def movement(observations: PhotometricObservations, dark: Dark | None) -> Alignment:
    """How the camera moved between the photographs, found in small images; in pixels of the observations."""
    count, shape = observations.light_count, observations.shape
    small = analysis_shape(shape, count, MOVEMENT_BYTES)
    images = small_images(observations.source, count, shape, small)
    if dark is not None:
        there = dark.image if small == shape else area_average(dark.image, small)
        images = np.maximum(images - there, np.float32(0))
    return resized(align(images), small, shape)


@overload
def resized(alignment: Alignment, of: tuple[int, int], to: tuple[int, int]) -> Alignment: ...


@overload
def resized(alignment: Alignment | None, of: tuple[int, int], to: tuple[int, int]) -> Alignment | None: ...


def resized(alignment: Alignment | None, of: tuple[int, int], to: tuple[int, int]) -> Alignment | None:
    """An alignment of images of one size in pixels of another."""
    scale = to[1] / of[1]
    if alignment is None or scale == 1:
        return alignment
    scaled = {name: getattr(alignment, name) * scale for name in ("parameters", "measured", "std")}
    return replace(alignment, **scaled)


def cleaned(
    observations: PhotometricObservations, dark: Dark | None, alignment: Alignment | None
) -> tuple[PhotometricObservations, Cleaning]:
    """The observations without the dark frame's light, each photograph moved to where the reference was taken.

    Saturated pixels stay saturated wherever they take part, and so count those that a moved photograph did not see.
    Untouched where there is nothing to do.
    """
    done = Cleaning(alignment, None if dark is None else dark.share)
    notes = [*observations.notes, *(alignment.notes if alignment is not None else ())]
    if dark is not None:
        notes += [f"the dark frame was subtracted: {100 * dark.share:.1f} % of the photographs' light", *dark.notes]
    moved = alignment is not None and bool(alignment.moved.any())
    if moved and alignment is not None and observations.image_names:
        name = observations.image_names[alignment.reference]
        notes.append(f"the photographs were moved to where {name} was taken: a mask of your own is to fit that one")
    if dark is None and not moved:
        return replace(observations, notes=tuple(notes)), done

    def change(index: int, image: Images, flags: NDArray[np.uint8]) -> tuple[Images, NDArray[np.uint8]]:
        if dark is not None:
            image = without_dark(image, dark)
        if moved and alignment is not None:
            image, flags = _moved(image, flags, alignment.parameters[index])
        return image, flags

    source = rewritten(observations.source, observations.light_count, observations.shape, change)
    return replace(observations, source=source, notes=tuple(notes)), done


def _moved(
    image: Images, flags: NDArray[np.uint8], parameters: NDArray[np.float64]
) -> tuple[Images, NDArray[np.uint8]]:
    if not parameters.any():
        return image, flags
    saturated = apply_to_flags(flags == Validity.SATURATED, parameters)
    dark = apply_to_flags(flags == Validity.DARK, parameters)
    there = apply_alignment(np.ascontiguousarray(image), parameters)
    unseen = np.isnan(there).any(-1)
    result = np.where(dark, np.uint8(Validity.DARK), np.uint8(Validity.VALID))
    return np.nan_to_num(there), np.where(saturated | unseen, np.uint8(Validity.SATURATED), result)
