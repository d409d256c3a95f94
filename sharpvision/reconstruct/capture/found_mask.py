"""The object's mask in a capture that has none."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from sharpvision.data.capture_file import CaptureFile
from sharpvision.data.folder_lights import FolderLights, from_middle
from sharpvision.data.masks import longer_side
from sharpvision.data.observations import PhotometricObservations
from sharpvision.reconstruct.calibration.object_mask import ObjectMask, find_object
from sharpvision.reconstruct.capture.options import Circle, Rectangle
from sharpvision.reconstruct.capture.stack import Images, analysis_shape, small_images

BALL_MARGIN = 1.15
"""Of the ball's radius, what is left out around its middle: its rim, blurred, and its shadow's beginning."""
Mask = NDArray[np.bool_]


def find_mask(
    observations: PhotometricObservations, ball: Circle | None, card: Rectangle | None, scale: float
) -> tuple[ObjectMask, Images]:
    """The object in the observations' photographs, and their mean, small; the mask is of the observations' size.

    `ball` and `card` (in pixels of the photographs on disk, of which the observations' are `scale`) are not it.
    """
    count, shape = observations.light_count, observations.shape
    small = analysis_shape(shape, count)
    images = small_images(observations.source, count, shape, small)
    out = excluded(small, ball, card, scale * small[1] / shape[1])
    found = find_object(images, out if out.any() else None)
    return replace(found, mask=enlarged(found.mask, shape)), images.mean(0)


def excluded(shape: tuple[int, int], ball: Circle | None, card: Rectangle | None, scale: float) -> Mask:
    """Where a ball or a card lies, (H, W); both in pixels of which the mask's are `scale`.

    >>> excluded((4, 4), None, (2, 2, 4, 2), 0.5).astype(int).tolist()
    [[0, 0, 0, 0], [0, 1, 1, 0], [0, 0, 0, 0], [0, 0, 0, 0]]
    """
    y, x = np.mgrid[: shape[0], : shape[1]] + 0.5
    out = np.zeros(shape, bool)
    if ball is not None:
        out |= np.hypot(x - ball[0] * scale, y - ball[1] * scale) < BALL_MARGIN * ball[2] * scale
    if card is not None:
        left, top, width, height = (value * scale for value in card)
        out |= (x > left) & (x < left + width) & (y > top) & (y < top + height)
    return out


def enlarged(mask: Mask, shape: tuple[int, int]) -> Mask:
    """A mask at another size, its edge smooth."""
    if mask.shape == shape:
        return mask
    return np.asarray(cv2.resize(mask.astype(np.float32), shape[::-1], interpolation=cv2.INTER_LINEAR) > 0.5)


def with_mask(
    observations: PhotometricObservations, mask: Mask, capture: CaptureFile, scale: float
) -> PhotometricObservations:
    """The observations of this mask's object: its size tells the lights' distance, its middle near lights' directions.

    The observations' pixels are `scale` of those of the photographs on disk.
    """
    masked = replace(
        observations, mask=torch.from_numpy(mask),
        light_distance=capture.distance_in_mask_sides(longer_side(mask) / scale),
        notes=tuple(note for note in observations.notes if not note.startswith("no mask:")),
    )  # fmt: skip
    if observations.point_lights is None or observations.focal_px is None or observations.principal_point is None:
        return masked
    rows, columns = np.nonzero(mask)
    middle = ((float(columns.mean()) + 0.5) / scale, (float(rows.mean()) + 0.5) / scale)
    centre = (observations.principal_point[0] / scale, observations.principal_point[1] / scale)
    lights = FolderLights(
        observations.light_directions.numpy(), observations.light_intensities.numpy(), observations.calibration,
        observations.point_lights, observations.length_unit, observations.folder / "lights.json",
    )  # fmt: skip
    placed = from_middle(lights, capture, (observations.focal_px / scale, *centre), middle)
    return replace(masked, light_directions=torch.from_numpy(placed.directions))
