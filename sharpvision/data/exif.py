"""What EXIF says: which way up the photograph is, the focal length and the exposure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

FULL_FRAME_DIAGONAL_MM = math.hypot(36.0, 24.0)
_MILLIMETRES = {2: 25.4, 3: 10.0, 4: 1.0, 5: 0.001}  # units of FocalPlaneResolutionUnit


@dataclass(frozen=True)
class CameraSettings:
    """How a photograph was taken, None where EXIF does not tell: `seconds` of exposure, `iso`, `f_number`, `focal_mm`;
    whether the camera chose the exposure and the white balance itself."""

    seconds: float | None = None
    iso: float | None = None
    f_number: float | None = None
    focal_mm: float | None = None
    automatic_exposure: bool | None = None
    automatic_white_balance: bool | None = None

    @property
    def exposure(self) -> float | None:
        """t S / N^2 in seconds, with ISO S over 100 and f-number N; None without a time.

        What the sensor records is proportional to it (ISO 2721). A missing ISO or f-number, as of old lenses, counts as
        one that does not change.
        """
        if self.seconds is None:
            return None
        return self.seconds * (self.iso or 100.0) / 100.0 / (self.f_number or 1.0) ** 2


def exif_of_block(block: bytes | None) -> Image.Exif:
    """EXIF from the bytes of a PNG's eXIf chunk or a JPEG's APP1 segment; empty where there is none or it is broken."""
    exif = Image.Exif()
    if block:
        try:
            exif.load(block)
        except (OSError, SyntaxError, ValueError):  # Pillow's words for a broken block: no orientation is known then
            return Image.Exif()
    return exif


def exif_of_tiff(path: Path) -> Image.Exif:
    """EXIF of a TIFF or a RAW file built like one (Pillow opens no 16-bit colour TIFF, but reads its directory)."""
    exif = Image.Exif()
    try:
        with path.open("rb") as file:
            exif.load_from_fp(file)
            exif.get_ifd(ExifTags.IFD.Exif)  # while the file is open
    except (OSError, SyntaxError, ValueError, KeyError):  # not built like a TIFF: nothing is known
        return Image.Exif()
    return exif


def orientation_of(exif: Image.Exif) -> int:
    """EXIF orientation, 1 to 8; 1 (upright) where it is not given."""
    value = exif.get(ExifTags.Base.Orientation, 1)
    return value if value in range(1, 9) else 1


def upright(pixels: NDArray[Any], orientation: int) -> NDArray[Any]:
    """The pixels (H, W, ...) turned and mirrored as the EXIF orientation asks for.

    >>> upright(np.array([[1, 2], [3, 4]]), 6).tolist()  # the camera was turned; a quarter turn clockwise puts it right
    [[3, 1], [4, 2]]
    """
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)


def focal_px_of(exif: Image.Exif, width: int, height: int) -> float | None:
    """Focal length in pixels of a `width` by `height` photograph, or None where EXIF does not tell.

    f = f_mm r with the sensor's resolution r (FocalPlaneXResolution, given for the size in the EXIF), or
    f = f_35mm d / 43.27 with the diagonal d in pixels, which is how the 35 mm equivalent is defined (CIPA DCG-001).
    """
    directory = exif.get_ifd(ExifTags.IFD.Exif)
    focal_mm = _positive(directory.get(ExifTags.Base.FocalLength))
    resolution = _positive(directory.get(ExifTags.Base.FocalPlaneXResolution))
    unit = _MILLIMETRES.get(directory.get(ExifTags.Base.FocalPlaneResolutionUnit, 2))
    recorded = _positive(directory.get(ExifTags.Base.ExifImageWidth))
    recorded_height = _positive(directory.get(ExifTags.Base.ExifImageHeight))
    if focal_mm and resolution and unit and recorded:
        longer = max(recorded, recorded_height or 0.0)
        return focal_mm * resolution / unit * max(width, height) / longer
    equivalent = _positive(directory.get(ExifTags.Base.FocalLengthIn35mmFilm))
    return equivalent * math.hypot(width, height) / FULL_FRAME_DIAGONAL_MM if equivalent else None


def exposure_of(exif: Image.Exif) -> float | None:
    """`CameraSettings.exposure`, or None where EXIF does not tell the time."""
    return camera_settings_of(exif).exposure


def camera_settings_of(exif: Image.Exif) -> CameraSettings:
    """The camera's settings; those it did not write, or wrote as zero, are None."""
    directory = exif.get_ifd(ExifTags.IFD.Exif)
    iso = directory.get(ExifTags.Base.ISOSpeedRatings)
    # 0 and 2 (bracketing) are automatic, 1 is manual, for both; anything else is not known.
    automatic: dict[Any, bool] = {0: True, 1: False, 2: True}
    return CameraSettings(
        seconds=_positive(directory.get(ExifTags.Base.ExposureTime)),
        iso=_positive(iso[0] if isinstance(iso, tuple) and iso else iso),
        f_number=_positive(directory.get(ExifTags.Base.FNumber)),
        focal_mm=_positive(directory.get(ExifTags.Base.FocalLength)),
        automatic_exposure=automatic.get(directory.get(ExifTags.Base.ExposureMode)),
        automatic_white_balance=automatic.get(directory.get(ExifTags.Base.WhiteBalance)),
    )


def _positive(value: Any) -> float | None:
    """A finite positive number, or None for what cameras write when they do not know."""
    try:
        number = float(value)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return number if math.isfinite(number) and number > 0 else None
