"""Focal length from EXIF."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image

from sharpvision.data.exif import exif_of_block, focal_px_of
from sharpvision.data.images import decode

Base = ExifTags.Base


def _exif(**tags: float) -> Image.Exif:
    exif = Image.Exif()
    exif.get_ifd(ExifTags.IFD.Exif).update({Base[name]: value for name, value in tags.items()})
    return exif


def test_equivalent_focal_length_is_relative_to_the_diagonal() -> None:
    # 36 x 24 mm at 100 pixels a millimetre: the equivalent is the true focal length
    assert focal_px_of(_exif(FocalLengthIn35mmFilm=50), 3600, 2400) == pytest.approx(5000)
    assert focal_px_of(_exif(FocalLengthIn35mmFilm=50), 2400, 3600) == pytest.approx(5000)


def test_focal_length_and_resolution_of_the_sensor_win() -> None:
    tags = {"FocalLength": 25.0, "FocalPlaneXResolution": 2540.0, "FocalPlaneResolutionUnit": 2,
            "ExifImageWidth": 4000, "ExifImageHeight": 3000, "FocalLengthIn35mmFilm": 1}  # fmt: skip
    assert focal_px_of(_exif(**tags), 4000, 3000) == pytest.approx(2500)
    assert focal_px_of(_exif(**tags), 1500, 2000) == pytest.approx(1250)  # turned and halved
    assert focal_px_of(_exif(**{**tags, "FocalPlaneResolutionUnit": 3}), 4000, 3000) == pytest.approx(25 * 254)


@pytest.mark.parametrize("tags", [
    {}, {"FocalLength": 50}, {"FocalLengthIn35mmFilm": 0}, {"FocalLengthIn35mmFilm": math.nan},
])  # fmt: skip
def test_unknown_is_unknown(tags: dict[str, float]) -> None:
    assert focal_px_of(_exif(**tags), 400, 300) is None


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif"])
def test_read_from_files(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    Image.fromarray(np.zeros((24, 36, 3), np.uint8)).save(path, exif=_exif(FocalLengthIn35mmFilm=50).tobytes())
    assert focal_px_of(decode(path).exif, 36, 24) == pytest.approx(50)


def test_a_broken_block_says_nothing() -> None:
    assert len(exif_of_block(b"Exif\0\0 no directory")) == 0
    assert len(exif_of_block(None)) == 0
