"""Light that does not come from the lamp: a photograph with the lamp off, subtracted from all others."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sharpvision.core.errors import InputError
from sharpvision.data.capture_file import CaptureFile
from sharpvision.data.exif import exposure_of
from sharpvision.data.images import decode
from sharpvision.data.ingest import Plan, ingest
from sharpvision.data.observations import PhotometricObservations
from sharpvision.data.photometric import ReadOptions
from sharpvision.reconstruct.capture.response import gains_of
from sharpvision.reconstruct.capture.stack import Images


@dataclass(frozen=True)
class Dark:
    """The dark frame in the photographs' units: `image` (H, W, 3) linear, exposures undone; `share` of the photographs'
    mean light that it has; `notes` for the reader."""

    image: Images
    share: float
    notes: tuple[str, ...] = ()


def read_dark(
    path: Path, observations: PhotometricObservations, options: ReadOptions, capture: CaptureFile
) -> Dark:
    """The dark frame `path`, decoded as the photographs were and brought to their exposure by EXIF.

    Raises `InputError` for another size, and for a frame that is not darker than the photographs.
    """
    zero = np.zeros(1)
    plan = Plan((path,), np.ones(1, np.float32), zero, capture, options.response, None, options.max_size)
    read = ingest(plan)
    if read.shape != observations.shape:
        height, width = observations.shape
        raise InputError(path, f"a dark frame of the photographs' size {width}x{height}",
                         f"{read.shape[1]}x{read.shape[0]}", "take it with the same camera and settings")  # fmt: skip
    image = read.source.read(0, read.shape[0])[0][0].numpy()
    factor, notes = _to_exposure(exposure_of(read.exif), observations)
    image = (image * np.float32(factor)).astype(np.float32)
    means = _means(observations)
    share = float(image.mean()) / max(float(means.mean()), 1e-12)
    if image.mean() > 0.9 * float(means.min()):
        name = observations.image_names[int(means.argmin())]
        raise InputError(path, "a photograph with the lamp off", f"one as bright as {name}",
                         "take it again, name another one (--dark-frame), or rename it")  # fmt: skip
    return Dark(image, share, notes)


def without_dark(image: Images, dark: Dark) -> Images:
    """An image (H, W, 3) without the dark frame's light, at least zero."""
    return np.maximum(image - dark.image, np.float32(0))


def _to_exposure(
    exposure: float | None, observations: PhotometricObservations
) -> tuple[float, tuple[str, ...]]:
    """What brings the dark frame to the exposure that the photographs were brought to, and notes."""
    first = observations.folder / observations.image_names[0]
    own = exposure_of(decode(first).exif)
    gain = float(gains_of(observations)[0])
    if exposure is not None and own is not None:
        return own * gain / exposure, ()
    return gain, ("the dark frame's exposure is not in EXIF: it was taken as that of the first photograph",)


def _means(observations: PhotometricObservations) -> NDArray[np.float64]:
    """Mean of each photograph."""
    height = observations.shape[0]
    return np.array([
        float(observations.source.select([i]).read(0, height)[0].mean()) for i in range(observations.light_count)
    ])  # fmt: skip
