"""A small folder of photographs of a Lambertian sphere with known normals."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

LIGHTS = np.array(
    [[0.0, 0, 1], [0.6, 0, 0.8], [0, 0.6, 0.8], [-0.6, 0, 0.8], [0, -0.6, 0.8], [0.48, 0.36, 0.8], [-0.36, 0.48, 0.8]]
)  # x right, y up, z to the viewer


def write_capture(folder: Path, size: int = 32, truth: bool = True) -> Path:
    """16-bit PNGs, `light_directions.txt`, `mask.png` and, with `truth`, `normal_gt.npz`."""
    folder.mkdir(parents=True)
    row, column = np.mgrid[:size, :size] + 0.5
    x, y = (column - size / 2) / (0.45 * size), (size / 2 - row) / (0.45 * size)
    inside = x**2 + y**2 < 0.95
    normals = np.stack([x, y, np.sqrt(np.clip(1 - x**2 - y**2, 0, None))], -1) * inside[..., None]
    for number, light in enumerate(LIGHTS):
        image = np.rint(30000 * np.clip(normals @ light, 0, 1) + 400 * inside).astype(np.uint16)
        assert cv2.imwrite(str(folder / f"{number + 1:03d}.png"), np.repeat(image[..., None], 3, -1))
    np.savetxt(folder / "light_directions.txt", LIGHTS, "%.6f")
    assert cv2.imwrite(str(folder / "mask.png"), inside.astype(np.uint8) * 255)
    if truth:
        np.savez(folder / "normal_gt.npz", normal=normals.astype(np.float32))
    return folder
