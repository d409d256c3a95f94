"""Writes large photographs for `photometric-scale`: `python -m sharpvision.bench.large_photographs FOLDER MEGAPIXELS
SEED`.

A process of its own, so that making the pictures does not count in the memory or the time of solving them. Lambert
with a Phong highlight under distant lights, on a relief that fills the picture; attached shadows; 1 % noise; 8 bits,
linear.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from sharpvision.bench.rendered import VIEW, light_directions

Image = NDArray[np.float32]

LIGHTS = 20
WAVES = ((3.0, 1.0, 0.35), (-1.0, 4.0, 0.3), (7.0, -5.0, 0.2), (11.0, 9.0, 0.15))
STRIP = 256


def picture_size(megapixels: float) -> tuple[int, int]:
    """Height and width of a 3 : 2 picture.

    >>> picture_size(24)
    (4000, 6000)
    """
    width = round((megapixels * 1.5e6) ** 0.5)
    return round(megapixels * 1e6 / width), width


def relief_normals(size: tuple[int, int], top: int, bottom: int) -> Image:
    """True normals (bottom - top, W, 3) of these rows, OpenCV frame: waves (cycles across and down a picture,
    slope)."""
    height, width = size
    y, x = np.meshgrid((np.arange(top, bottom) + 0.5) / height, (np.arange(width) + 0.5) / width, indexing="ij")
    slope_x, slope_y = np.zeros_like(x), np.zeros_like(x)
    for across, down, slope in WAVES:
        cosine = slope * np.cos(2.0 * np.pi * (across * x + down * y))
        norm = np.hypot(across, down)
        slope_x += across / norm * cosine
        slope_y += down / norm * cosine
    normals = np.stack([slope_x, slope_y, -np.ones_like(x)], axis=-1)
    return (normals / np.linalg.norm(normals, axis=-1, keepdims=True)).astype(np.float32)


def write_photographs(folder: Path, megapixels: float, seed: int) -> None:
    """`LIGHTS` photographs with their calibration, one picture in memory at a time."""
    size = height, width = picture_size(megapixels)
    rng = np.random.default_rng(seed)
    directions = light_directions(LIGHTS, 50.0)
    normals = np.concatenate([relief_normals(size, top, min(top + STRIP, height)) for top in range(0, height, STRIP)])
    colour = np.array([0.75, 0.6, 0.5], np.float32)
    grain = (2.55 * rng.standard_normal((STRIP, width, 3))).astype(np.float32)
    for number, direction in enumerate(directions):
        half = direction + VIEW
        half = (half / np.linalg.norm(half)).astype(np.float32)
        picture = np.empty((height, width, 3), np.uint8)
        for top in range(0, height, STRIP):
            rows = normals[top : top + STRIP]
            lobe = np.maximum(rows @ half, 0.0)
            for _ in range(6):  # to the power of 64
                lobe = lobe * lobe
            value = np.maximum(rows @ direction.astype(np.float32), 0.0)[..., None] * colour + 0.2 * lobe[..., None]
            noise = np.roll(grain, int(rng.integers(width)), axis=1)[: len(rows)]
            picture[top : top + STRIP] = np.clip(250.0 * value + noise + 0.5, 0.0, 255.0)
        cv2.imwrite(str(folder / f"{number + 1:03d}.png"), picture[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 1])
    np.savetxt(folder / "light_directions.txt", directions * [1.0, -1.0, -1.0], fmt="%.8f")
    np.savetxt(folder / "light_intensities.txt", np.ones((LIGHTS, 3)), fmt="%.1f")
    capture = {"response": "linear", "bits": 8, "lights_frame": "x right, y up, z to the camera"}
    (folder / "capture.json").write_text(json.dumps(capture | {"camera": {"model": "orthographic"}}))


if __name__ == "__main__":
    write_photographs(Path(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]))
