"""RAW photographs: a DNG written here, value by value, and what the reader makes of it."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from sharpvision.data.images import decode

pytestmark = pytest.mark.raw
pytest.importorskip("rawpy", reason="the extra 'raw' is not installed")

BYTE, ASCII, SHORT, LONG, RATIONAL, SIGNED_RATIONAL = 1, 2, 3, 4, 5, 10


def write_dng(path: Path, mosaic: np.ndarray, orientation: int = 1) -> None:
    """An uncompressed DNG 1.4 of an RGGB mosaic (H, W) uint16: black at 0, white at 65535, neutral camera colours."""
    height, width = mosaic.shape
    identity = [n for i in range(9) for n in (int(i % 4 == 0), 1)]
    tags = [
        (254, LONG, [0]), (256, LONG, [width]), (257, LONG, [height]), (258, SHORT, [16]), (259, SHORT, [1]),
        (262, SHORT, [32803]), (271, ASCII, b"sharpvision\0"), (272, ASCII, b"mosaic\0"), (273, LONG, [8]),
        (274, SHORT, [orientation]), (277, SHORT, [1]), (278, LONG, [height]), (279, LONG, [mosaic.nbytes]),
        (284, SHORT, [1]), (33421, SHORT, [2, 2]), (33422, BYTE, bytes([0, 1, 1, 2])),
        (50706, BYTE, bytes([1, 4, 0, 0])), (50708, ASCII, b"mosaic\0"), (50714, LONG, [0]), (50717, LONG, [65535]),
        (50721, SIGNED_RATIONAL, identity), (50728, RATIONAL, [1, 1] * 3), (50778, SHORT, [21]),
    ]  # fmt: skip
    pixels = mosaic.astype("<u2").tobytes()
    directory_at = 8 + len(pixels)
    extra_at, entries, extra = directory_at + 2 + 12 * len(tags) + 4, b"", b""
    for tag, kind, values in tags:
        code = {SHORT: "H", LONG: "I", RATIONAL: "I", SIGNED_RATIONAL: "i"}.get(kind)
        data = values if isinstance(values, bytes) else struct.pack(f"<{len(values)}{code}", *values)
        count = len(values) // 2 if kind in (RATIONAL, SIGNED_RATIONAL) else len(values)
        if len(data) > 4:
            data, extra = struct.pack("<I", extra_at + len(extra)), extra + data + b"\0" * (len(data) % 2)
        entries += struct.pack("<HHI", tag, kind, count) + data.ljust(4, b"\0")
    header = b"II*\0" + struct.pack("<I", directory_at)
    path.write_bytes(header + pixels + struct.pack("<H", len(tags)) + entries + struct.pack("<I", 0) + extra)


def mosaic_of(red: float, green: float, blue: float, size: tuple[int, int] = (48, 64)) -> np.ndarray:
    """A mosaic (H, W) of one colour that doubles from the left edge to the right."""
    ramp = np.linspace(1, 2, size[1]) * np.ones((size[0], 1))
    mosaic = green * ramp
    mosaic[::2, ::2], mosaic[1::2, 1::2] = red * ramp[::2, ::2], blue * ramp[1::2, 1::2]
    return mosaic.round().astype(np.uint16)


def test_codes_are_linear_and_colours_are_the_cameras(tmp_path: Path) -> None:
    write_dng(tmp_path / "a.dng", mosaic_of(4000, 10000, 16000))
    pixels = decode(tmp_path / "a.dng").pixels
    assert (pixels.dtype, pixels.shape) == (np.uint16, (48, 64, 3))
    ramp = np.linspace(1, 2, 64)[4:-4]
    for channel, level in enumerate((4000, 10000, 16000)):
        inner = pixels[4:-4, 4:-4, channel].astype(float).mean(0)
        np.testing.assert_allclose(inner / (level * ramp), 1, rtol=0.01)


def test_orientation_is_undone(tmp_path: Path) -> None:
    write_dng(tmp_path / "a.dng", mosaic_of(8000, 8000, 8000), orientation=6)
    pixels = decode(tmp_path / "a.dng").pixels.astype(float)
    assert pixels.shape == (64, 48, 3)
    # A quarter turn clockwise: what grew to the right grows downwards.
    assert pixels[-8:].mean() > 1.7 * pixels[:8].mean()


def test_saturated_sites_stay_at_the_top(tmp_path: Path) -> None:
    mosaic = mosaic_of(4000, 10000, 16000)
    mosaic[16:32, 16:32] = 65535
    write_dng(tmp_path / "a.dng", mosaic)
    assert decode(tmp_path / "a.dng").pixels[20:28, 20:28].min() >= 65000
