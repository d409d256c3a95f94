"""The camera's response of a capture, from the object itself or from exposures of a still scene."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sharpvision.core.errors import InputError
from sharpvision.data.observations import PhotometricObservations
from sharpvision.data.photometric import ReadOptions, read_photometric
from sharpvision.data.reduction import reduce_mask
from sharpvision.data.spool import PhotographSource
from sharpvision.reconstruct.calibration.response import ResponseEstimate, response_from_exposures
from sharpvision.reconstruct.calibration.response_of_object import response_from_object
from sharpvision.reconstruct.capture.stack import analysis_shape, small_images


def response_of_capture(observations: PhotometricObservations) -> ResponseEstimate:
    """The response from photographs that were read as if it were linear, under lights of known directions."""
    count, shape = observations.light_count, observations.shape
    small = analysis_shape(shape, count)
    codes = small_images(observations.source, count, shape, small)
    gains = gains_of(observations)
    codes /= gains[:, None, None, None]
    mask = reduce_mask(observations.mask.numpy(), small)
    strengths = observations.light_intensities.numpy() / gains[:, None]
    return response_from_object(codes, observations.light_directions.numpy(), mask, strengths)


def response_of_exposures(folder: Path) -> ResponseEstimate:
    """The response from several exposures of one still scene in a folder, told by EXIF or its `capture.json`.

    Raises `InputError` where the exposures are not known.
    """
    observations = read_photometric(folder, ReadOptions(response="linear", lights="none"))
    count, shape = observations.light_count, observations.shape
    gains = gains_of(observations)
    if np.ptp(gains) == 0:
        raise InputError(folder, "photographs of different exposures", "exposures that are equal or not known",
                         'add "exposures": [..] to its capture.json, or keep the EXIF')  # fmt: skip
    codes = small_images(observations.source, count, shape, analysis_shape(shape, count)) / gains[:, None, None, None]
    return response_from_exposures(codes, 1 / gains)


def gains_of(observations: PhotometricObservations) -> np.ndarray:
    """Factors (N,) by which the exposures were undone."""
    source = observations.source
    if not isinstance(source, PhotographSource):  # images from memory
        return np.ones(observations.light_count, np.float32)
    return np.asarray(source.gains)[list(source.lights)]
