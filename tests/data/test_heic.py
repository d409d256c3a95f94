"""HEIC photographs, written once by libheif's encoder (pillow-heif 1.8.1, quality 90, 4:4:4), and what the reader makes
of them: a ramp in x (red) and y (green) of 64x48 pixels with a red square at its stored top left."""

from __future__ import annotations

import builtins
from pathlib import Path

import numpy as np
import pytest

from sharpvision.core.errors import BackendUnavailable, InputError
from sharpvision.data.exif import exposure_of, focal_px_of
from sharpvision.data.images import decode
from sharpvision.data.layout import is_photograph

FOLDER = Path(__file__).parent / "heic"


def stored() -> np.ndarray:
    """The codes that were encoded."""
    y, x = np.mgrid[0:48, 0:64]
    codes = np.stack([x * 4, y * 5, np.full_like(x, 60)], -1)
    codes[:12, :12] = [250, 20, 20]
    return codes.astype(np.uint8)


def _error(found: np.ndarray, expected: np.ndarray) -> float:
    return float(np.abs(found.astype(float) - expected).mean())


@pytest.mark.heic
def test_codes_come_as_they_were_stored() -> None:
    pytest.importorskip("pi_heif", reason="the extra 'heic' is not installed")
    photograph = decode(FOLDER / "upright.heic")
    assert photograph.pixels.dtype == np.uint8
    assert _error(photograph.pixels, stored()) < 2.5
    assert photograph.orientation == 1


@pytest.mark.heic
def test_a_turned_photograph_is_upright_and_keeps_its_exif() -> None:
    pytest.importorskip("pi_heif", reason="the extra 'heic' is not installed")
    photograph = decode(FOLDER / "turned.heic")
    assert _error(photograph.pixels, np.rot90(stored(), -1)) < 2.5
    assert photograph.orientation == 6
    assert exposure_of(photograph.exif) == pytest.approx(0.02 / 1.8**2)
    assert focal_px_of(photograph.exif, 48, 64) == pytest.approx(26 * 80 / np.hypot(36, 24))


@pytest.mark.heic
def test_ten_bits_lie_in_the_high_bits() -> None:
    pytest.importorskip("pi_heif", reason="the extra 'heic' is not installed")
    pixels = decode(FOLDER / "ten_bits.heic").pixels
    assert pixels.dtype == np.uint16
    assert not (pixels % 64).any()
    assert _error(pixels / 257.0, stored()) < 2.5


@pytest.mark.heic
@pytest.mark.parametrize("length", [40, 600, 1100])
def test_a_cut_off_file_is_an_input_error(tmp_path: Path, length: int) -> None:
    pytest.importorskip("pi_heif", reason="the extra 'heic' is not installed")
    path = tmp_path / "cut.heic"
    path.write_bytes((FOLDER / "upright.heic").read_bytes()[:length])
    with pytest.raises(InputError, match=r"cut\.heic"):
        decode(path)


def test_without_the_extra_one_line_says_which(monkeypatch: pytest.MonkeyPatch) -> None:
    before = builtins.__import__

    def without(name: str, *args: object, **kwargs: object) -> object:
        if name == "pi_heif":
            raise ImportError(name)
        return before(name, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(BackendUnavailable, match=r"upright\.heic: HEIC photographs.*sharpvision\[heic\]"):
        decode(FOLDER / "upright.heic")


def test_the_suffixes_are_photographs() -> None:
    assert is_photograph(Path("IMG_0001.HEIC"))
    assert is_photograph(Path("IMG_0001.heif"))
