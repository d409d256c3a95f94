"""Decoding: every format gives back what was written; what is broken is an error and nothing is said on the side."""

from __future__ import annotations

import io
from pathlib import Path

import cv2
import numpy as np
import OpenEXR
import pytest
from folders import codes, write_image
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image, ImageOps

from sharpvision.core.errors import BackendUnavailable, InputError
from sharpvision.data.images import decode

ORIENTATION = 0x0112


@settings(max_examples=25, deadline=None)
@given(arrays(np.uint16, st.tuples(st.integers(1, 9), st.integers(1, 9), st.just(3))))
def test_16_bit_png_round_trips(tmp_path_factory: pytest.TempPathFactory, rgb: np.ndarray) -> None:
    path = tmp_path_factory.mktemp("png") / "a.png"
    write_image(path, rgb)
    np.testing.assert_array_equal(decode(path).pixels, rgb)


@pytest.mark.parametrize(("suffix", "dtype"), [(".png", np.uint8), (".png", np.uint16), (".tif", np.uint8),
                                               (".tif", np.uint16)])  # fmt: skip
@pytest.mark.parametrize("gray", [False, True])
def test_integers_round_trip(tmp_path: Path, suffix: str, dtype: type, gray: bool) -> None:
    image = codes(1, dtype=dtype)[0]
    image = image[..., 0] if gray else image
    write_image(tmp_path / f"a{suffix}", image)
    np.testing.assert_array_equal(decode(tmp_path / f"a{suffix}").pixels, np.atleast_3d(image))


@pytest.mark.parametrize("suffix", [".tif", ".exr"])
def test_float32_round_trips(tmp_path: Path, suffix: str) -> None:
    rgb = np.random.default_rng(0).random((5, 7, 3), np.float32)
    path = tmp_path / f"a{suffix}"
    if suffix == ".exr":
        OpenEXR.File({"type": OpenEXR.scanlineimage}, {"RGB": rgb}).write(str(path))
    else:
        write_image(path, rgb)
    np.testing.assert_array_equal(decode(path).pixels, rgb)


@pytest.mark.parametrize("channels", ["RGBA", "Y", "half"])
def test_exr_with_other_channels(tmp_path: Path, channels: str) -> None:
    rgb = np.random.default_rng(0).random((5, 7, 4), np.float32)
    stored = {"RGBA": {"RGBA": rgb}, "Y": {"Y": rgb[..., 0].copy()}, "half": {"RGB": rgb[..., :3].astype(np.float16)}}
    OpenEXR.File({"type": OpenEXR.scanlineimage}, stored[channels]).write(str(tmp_path / "a.exr"))
    expected = {"RGBA": rgb[..., :3], "Y": rgb[..., :1], "half": rgb[..., :3].astype(np.float16)}[channels]
    found = decode(tmp_path / "a.exr").pixels
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, expected)


def test_exr_without_radiance_is_an_error(tmp_path: Path) -> None:
    depth = {"depth.Z": np.ones((3, 4), np.float32)}
    OpenEXR.File({"type": OpenEXR.scanlineimage}, depth).write(str(tmp_path / "a.exr"))
    with pytest.raises(InputError, match=r"a\.exr: expected an EXR with channels R, G, B or Y, found depth\.Z"):
        decode(tmp_path / "a.exr")


def test_hdr_is_within_its_eight_bits(tmp_path: Path) -> None:
    rgb = np.random.default_rng(0).uniform(0.2, 0.9, (5, 7, 3)).astype(np.float32)
    write_image(tmp_path / "a.hdr", rgb)
    np.testing.assert_allclose(decode(tmp_path / "a.hdr").pixels, rgb, atol=1 / 128)


def test_jpeg_equals_pillow(tmp_path: Path) -> None:
    Image.fromarray(codes(1, 16, 24, np.uint8)[0]).save(tmp_path / "a.jpg", quality=95)
    np.testing.assert_array_equal(decode(tmp_path / "a.jpg").pixels, np.asarray(Image.open(tmp_path / "a.jpg")))


def test_alpha_and_palette(tmp_path: Path) -> None:
    rgb = codes(1, dtype=np.uint8)[0]
    Image.fromarray(np.dstack([rgb, np.full(rgb.shape[:2], 9, np.uint8)])).save(tmp_path / "alpha.png")
    np.testing.assert_array_equal(decode(tmp_path / "alpha.png").pixels, rgb)
    palette = Image.fromarray(rgb).quantize(8)
    palette.save(tmp_path / "palette.png")
    np.testing.assert_array_equal(decode(tmp_path / "palette.png").pixels, np.asarray(palette.convert("RGB")))


def test_content_decides_not_the_name(tmp_path: Path) -> None:
    rgb = codes(1)[0]
    write_image(tmp_path / "a.png", rgb)
    (tmp_path / "a.png").rename(tmp_path / "a.jpg")
    np.testing.assert_array_equal(decode(tmp_path / "a.jpg").pixels, rgb)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif"])
def test_exif_orientation_equals_pillow(tmp_path: Path, suffix: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    path = tmp_path / f"a{suffix}"
    Image.fromarray(codes(1, 16, 24, np.uint8)[0]).save(path, exif=exif.tobytes())
    with Image.open(path) as image:
        expected = np.asarray(ImageOps.exif_transpose(image))
    found = decode(path)
    assert found.orientation == orientation
    np.testing.assert_array_equal(found.pixels, expected)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_of_a_16_bit_tiff(tmp_path: Path, orientation: int) -> None:
    rgb = codes(1, 16, 24)[0]
    path = tmp_path / "a.tif"
    assert cv2.imwrite(str(path), rgb[..., ::-1], [cv2.IMWRITE_TIFF_COMPRESSION, 1])
    _add_orientation(path, orientation)
    stand_in = Image.fromarray((rgb >> 8).astype(np.uint8))  # Pillow has no 16-bit colour
    stand_in.getexif()[ORIENTATION] = orientation
    found = decode(path)
    assert found.orientation == orientation
    np.testing.assert_array_equal((found.pixels >> 8).astype(np.uint8), np.asarray(ImageOps.exif_transpose(stand_in)))


def _add_orientation(path: Path, orientation: int) -> None:
    """Appends a copy of the TIFF's directory that holds an orientation, and points the header to it."""
    data = bytearray(path.read_bytes())
    assert data[:4] == b"II*\0"
    start = int.from_bytes(data[4:8], "little")
    count = int.from_bytes(data[start : start + 2], "little")
    entries = [bytes(data[start + 2 + 12 * i : start + 14 + 12 * i]) for i in range(count)]
    entries = [e for e in entries if int.from_bytes(e[:2], "little") != ORIENTATION]
    entries.append(ORIENTATION.to_bytes(2, "little") + b"\3\0\1\0\0\0" + orientation.to_bytes(4, "little"))
    entries.sort(key=lambda e: int.from_bytes(e[:2], "little"))
    data += b"\0" * (len(data) % 2)
    data[4:8] = len(data).to_bytes(4, "little")
    data += len(entries).to_bytes(2, "little") + b"".join(entries) + b"\0\0\0\0"
    path.write_bytes(bytes(data))


def _write(path: Path) -> bytes:
    """A sound image of the path's format."""
    smooth = cv2.GaussianBlur(codes(1, 40, 60)[0], (0, 0), 2)
    if path.suffix == ".exr":
        OpenEXR.File({"type": OpenEXR.scanlineimage}, {"RGB": smooth / np.float32(65535)}).write(str(path))
    elif path.suffix == ".hdr":
        write_image(path, smooth / np.float32(65535))
    else:
        write_image(path, (smooth >> 8).astype(np.uint8) if path.suffix == ".jpg" else smooth)
    return path.read_bytes()


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".exr", ".hdr"])
@pytest.mark.parametrize("damage", ["empty", "head", "half", "tail", "text"])
def test_damage_is_one_quiet_line(
    tmp_path: Path, suffix: str, damage: str, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / f"a{suffix}"
    data = _write(path)
    cut = {"empty": b"", "head": data[:20], "half": data[: len(data) // 2], "tail": data[:-20], "text": b"hello\n" * 40}
    path.write_bytes(cut[damage])
    with pytest.raises(InputError) as error:
        decode(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)
    assert capfd.readouterr() == ("", "")


def test_png_with_a_flipped_bit_is_an_error(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    data = bytearray(_write(tmp_path / "a.png"))
    data[len(data) // 2] ^= 1
    (tmp_path / "a.png").write_bytes(bytes(data))
    with pytest.raises(InputError, match="fails its checksum"):
        decode(tmp_path / "a.png")
    assert capfd.readouterr() == ("", "")


def test_a_broken_colour_profile_is_ignored_in_silence(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    image = Image.fromarray(codes(1, dtype=np.uint8)[0])
    file = io.BytesIO()
    image.save(file, "PNG", icc_profile=b"no profile at all")
    (tmp_path / "a.png").write_bytes(file.getvalue())
    assert b"iCCP" in file.getvalue()
    np.testing.assert_array_equal(decode(tmp_path / "a.png").pixels, np.asarray(image))
    assert capfd.readouterr() == ("", "")


def test_a_folder_and_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="found a folder"):
        decode(tmp_path)
    with pytest.raises(InputError, match=r"b\.png: expected an image .* found nothing of that name"):
        decode(tmp_path / "b.png")


def test_permission_denied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)  # root reads what chmod forbids
    with pytest.raises(InputError, match="no permission to read it; run: chmod"):
        decode(tmp_path / "a.png")


def test_raw_without_rawpy_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "rawpy", None)
    with pytest.raises(BackendUnavailable, match="sharpvision\\[raw\\]"):
        decode(tmp_path / "a.NEF")


def test_a_damaged_raw_file(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("rawpy", reason="the extra 'raw' is not installed")
    (tmp_path / "a.nef").write_bytes(b"no photograph" * 30)
    with pytest.raises(InputError, match="a RAW file that does not decode"):
        decode(tmp_path / "a.nef")
    assert capfd.readouterr() == ("", "")
