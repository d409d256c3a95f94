"""All photographs of a folder looked at once, for a check: small copies and figures of each, and no error stops it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sharpvision.core.errors import SharpVisionError
from sharpvision.data.capture_file import CaptureFile
from sharpvision.data.exif import exposure_of, focal_px_of
from sharpvision.data.images import Photograph, decode
from sharpvision.data.ingest import Plan, transfer_of
from sharpvision.data.observations import Validity
from sharpvision.data.reduction import area_average, reduced_shape
from sharpvision.data.transfer import Transfer
from sharpvision.reconstruct.calibration.sharpness import edge_width

_LARGEST = 640


@dataclass(frozen=True)
class Shot:
    """One photograph: `small` (h, w, 3) linear; shares of its pixels that are `saturated` and `dark`; `level`: the 95th
    percentile over the sensor's range; `width_px` of its edges at full size; `exposure` and `focal_px` from EXIF."""

    name: str
    small: NDArray[np.float32]
    saturated: NDArray[np.bool_]
    dark: float
    level: float
    width_px: float
    exposure: float | None
    focal_px: float | None


@dataclass(frozen=True)
class Inspection:
    """Photographs that could be read and are alike, of `shape` (H, W) on disk, `scale` times smaller here; `refused`
    says of each other one why; `container` is the type of the stored values; `response` how they were read."""

    shots: tuple[Shot, ...]
    refused: tuple[str, ...]
    shape: tuple[int, int]
    scale: float
    container: str
    response: str
    jpeg: bool

    @property
    def images(self) -> NDArray[np.float32]:
        """Small linear photographs (N, h, w, 3)."""
        return np.stack([shot.small for shot in self.shots])


def inspect(
    paths: tuple[Path, ...], capture: CaptureFile, progress: Callable[[int, int], None] | None = None
) -> Inspection:
    """Decodes each photograph once; those that do not decode or are unlike most are refused with a sentence.

    Raises the first photograph's error where none can be read.
    """
    shots: list[tuple[Shot, str]] = []
    refused: list[str] = []
    first_error: SharpVisionError | None = None
    response, container, shapes = "linear", "uint8", {}
    for index, path in enumerate(paths):
        try:
            photograph = decode(path)
            plan = Plan(paths, np.ones(len(paths), np.float32), np.ones(len(paths)), capture)
            transfer = transfer_of(plan, photograph.pixels)[0]
        except SharpVisionError as error:
            first_error = first_error or error
            refused.append(str(error))
            continue
        height, width, channels = photograph.pixels.shape
        kind = f"{width}x{height} {'RGB' if channels == 3 else 'gray'} {photograph.pixels.dtype}, "
        kind += f"orientation {photograph.orientation}"
        shapes[kind] = (height, width)
        response = transfer.response if isinstance(transfer.response, str) else "curve"
        container = photograph.pixels.dtype.name
        shots.append((_shot(path.name, photograph, transfer), kind))
        if progress is not None:
            progress(index + 1, len(paths))
    if not shots:
        assert first_error is not None  # a layout has photographs
        raise first_error
    usual = Counter(kind for _, kind in shots).most_common(1)[0][0]
    refused += [f"{shot.name} is {kind}, the others {usual}" for shot, kind in shots if kind != usual]
    alike = tuple(shot for shot, kind in shots if kind == usual)
    shape = shapes[usual]
    jpeg = any(path.suffix.lower() in (".jpg", ".jpeg", ".heic", ".heif") for path in paths)
    return Inspection(alike, tuple(refused), shape, shape[1] / alike[0].small.shape[1], container, response, jpeg)


def _shot(name: str, photograph: Photograph, transfer: Transfer) -> Shot:
    codes = photograph.pixels
    linear = np.nan_to_num(transfer.linear(codes), nan=0.0, posinf=transfer.brightest)
    flags = transfer.validity(codes)
    height, width = codes.shape[:2]
    small = reduced_shape(height, width, _LARGEST)
    image = linear if small == (height, width) else area_average(linear, small)
    saturated = flags == Validity.SATURATED
    if small != (height, width):
        saturated = area_average(saturated[..., None], small)[..., 0] > 0.25
    gray = linear.mean(-1)
    return Shot(
        name, np.ascontiguousarray(np.broadcast_to(image, (*small, 3)), dtype=np.float32), saturated,
        float((flags == Validity.DARK).mean()), float(np.percentile(gray, 95)), edge_width(gray),
        exposure_of(photograph.exif), focal_px_of(photograph.exif, width, height),
    )  # fmt: skip
