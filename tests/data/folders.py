"""Small folders of photographs for the tests of the readers."""

from __future__ import annotations

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
