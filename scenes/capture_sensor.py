"""Lens and sensor of the example captures: blur, veil, noise, tone curve, levels, and what EXIF says of the shot."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image
from PIL.TiffImagePlugin import IFDRational

from sharpvision.core.srgb import srgb_from_linear

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Sensor:
    """Signal s in [0, 1] gets the variance `shot` s + `read`^2 after a Gaussian blur of `blur` pixels, of which the
    share `veil` is spread over `halo` pixels."""

    blur: float = 0.5
    veil: float = 0.01
    halo: float = 6.0
    shot: float = 2.0e-5
    read: float = 0.0008

    def expose(self, radiance: Array, scale: float, rng: np.random.Generator) -> Array:
        """The signal (H, W, 3) in [0, 1] of a radiance times `scale`."""
        sharp = cv2.GaussianBlur(radiance * scale, (0, 0), self.blur) if self.blur else radiance * scale
        spread = cv2.GaussianBlur(np.minimum(radiance * scale, 50.0), (0, 0), self.halo) if self.veil else 0.0
        signal = (1.0 - self.veil) * sharp + self.veil * spread
        noise = np.sqrt(self.shot * np.clip(signal, 0.0, 1.0) + self.read**2) * rng.standard_normal(signal.shape)
        return np.clip(signal + noise, 0.0, 1.0)


@dataclass(frozen=True)
class Shot:
    """What a camera notes of a photograph."""

    seconds: Fraction = Fraction(1, 60)
    aperture: float = 8.0
    iso: int = 100
    focal_35mm: int | None = None
    number: int = 1

    def exif(self, width: int, height: int) -> Image.Exif:
        """The EXIF of a photograph of this size."""
        block = Image.Exif()
        block[ExifTags.Base.Make], block[ExifTags.Base.Model] = "sharpvision", "path-traced camera"
        block[ExifTags.Base.DateTime] = f"2026:11:25 12:{self.number // 60:02d}:{self.number % 60:02d}"
        inner = block.get_ifd(ExifTags.IFD.Exif)
        inner[ExifTags.Base.ExposureTime] = IFDRational(self.seconds)
        inner[ExifTags.Base.FNumber] = IFDRational(Fraction(self.aperture).limit_denominator(10))
        inner[ExifTags.Base.ISOSpeedRatings] = self.iso
        inner[ExifTags.Base.ExifImageWidth], inner[ExifTags.Base.ExifImageHeight] = width, height
        if self.focal_35mm is not None:
            inner[ExifTags.Base.FocalLengthIn35mmFilm] = self.focal_35mm
        return block


def focal_px(focal_35mm: float, width: int, height: int) -> float:
    """The focal length in pixels: f_35mm times the diagonal over 43.27 mm."""
    return focal_35mm * float(np.hypot(width, height)) / float(np.hypot(36.0, 24.0))


def srgb_levels(signal: Array) -> NDArray[np.uint8]:
    """8-bit sRGB."""
    return np.round(srgb_from_linear(signal) * 255.0).astype(np.uint8)


def write_8bit(path: Path, levels: NDArray[np.uint8], shot: Shot, quality: int = 95) -> None:
    """A PNG or a JPEG with its EXIF."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.fromarray(levels)
    settings = {"quality": quality, "subsampling": 0} if path.suffix == ".jpg" else {"optimize": True}
    picture.save(path, exif=shot.exif(levels.shape[1], levels.shape[0]), **settings)


def write_16bit(path: Path, signal: Array) -> None:
    """A linear 16-bit PNG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    levels = np.round(signal * 65535.0).astype(np.uint16)
    cv2.imwrite(str(path), levels[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 9])


def near_object(mask: NDArray[np.bool_], pixels: int = 4) -> NDArray[np.bool_]:
    """The mask and a band of `pixels` around it."""
    return cv2.dilate(mask.astype(np.uint8), np.ones((2 * pixels + 1,) * 2, np.uint8)) > 0
