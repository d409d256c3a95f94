"""Small folders of photographs for the tests of the readers."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

LIGHTS = np.array([[0.0, 0.0, 1.0], [0.6, 0.0, 0.8], [0.0, 0.6, 0.8], [-0.48, -0.36, 0.8]])  # the files' frame: z > 0


def codes(count: int = 4, height: int = 6, width: int = 8, dtype: type = np.uint16) -> list[NDArray]:
    """Random RGB codes in the middle of the range, each image its own."""
    rng = np.random.default_rng(7)
    limit = np.iinfo(dtype).max
    return [rng.integers(limit // 16, limit // 2, (height, width, 3)).astype(dtype) for _ in range(count)]


def write_image(path: Path, rgb: NDArray) -> None:
    """RGB (H, W, 3) or gray (H, W) through OpenCV."""
    assert cv2.imwrite(str(path), rgb[..., ::-1] if rgb.ndim == 3 else rgb)


def write_folder(
    folder: Path, images: Sequence[NDArray] | None = None, lights: NDArray = LIGHTS, suffix: str = ".png"
) -> Path:
    """`001.png` .. and `light_directions.txt`."""
    folder.mkdir(parents=True, exist_ok=True)
    for index, image in enumerate(codes(len(lights)) if images is None else images):
        write_image(folder / f"{index + 1:03d}{suffix}", image)
    np.savetxt(folder / "light_directions.txt", lights, "%.6f")
    return folder


def shallow(image: NDArray, bits: int) -> NDArray:
    """The image's values cut to `bits` levels in the low bits of 16."""
    return (image >> (16 - bits)).astype(np.uint16)


def write_dng(path: Path, mosaic: NDArray, white: int, orientation: int = 1) -> None:
    """A minimal uncompressed Bayer DNG (RGGB) of uint16 values, colours as the sensor has them."""
    height, width = mosaic.shape
    unit = [1, 1]
    tags: list[tuple[int, str, list[int] | bytes]] = [
        (254, "I", [0]), (256, "I", [width]), (257, "I", [height]), (258, "H", [16]), (259, "H", [1]),
        (262, "H", [32803]), (271, "s", b"Test\0"), (272, "s", b"Camera\0"), (273, "I", [0]),
        (274, "H", [orientation]), (277, "H", [1]), (278, "I", [height]), (279, "I", [height * width * 2]), (33421, "H", [2, 2]),
        (33422, "B", [0, 1, 1, 2]), (50706, "B", [1, 4, 0, 0]), (50708, "s", b"Test Camera\0"), (50714, "I", [0]),
        (50717, "I", [white]), (50721, "i", [1, 1, 0, 1, 0, 1, 0, 1, 1, 1, 0, 1, 0, 1, 0, 1, 1, 1]),
        (50728, "J", unit * 3),
    ]  # fmt: skip
    kinds = {"B": 1, "s": 2, "H": 3, "I": 4, "J": 5, "i": 10}
    start = 8 + 2 + 12 * len(tags) + 4
    sizes = [len(v) if k == "s" else struct.calcsize(f"{len(v)}{'I' if k == 'J' else k}") for _, k, v in tags]
    pixels_at = start + sum(size + size % 2 for size in sizes if size > 4)
    directory, beyond = b"", b""
    for (code, kind, values), size in zip(tags, sizes, strict=True):
        if code == 273:  # where the strip starts
            values = [pixels_at]
        count = len(values) // (2 if kind in "Ji" else 1)
        letter = "I" if kind == "J" else kind
        data = values if isinstance(values, bytes) else struct.pack(f"<{len(values)}{letter}", *values)
        directory += struct.pack("<HHI", code, kinds[kind], count)
        directory += data.ljust(4, b"\0") if size <= 4 else struct.pack("<I", start + len(beyond))
        beyond += data + b"\0" * (size % 2) if size > 4 else b""
    header = b"II*\0" + struct.pack("<IH", 8, len(tags))
    path.write_bytes(header + directory + b"\0\0\0\0" + beyond + mosaic.astype("<u2").tobytes())
