"""Makes the textures and meshes of `scenes/rendering`: `python -m scenes.make_assets`. All of them are formulas."""

import math
from pathlib import Path

import cv2
import numpy as np
import torch
import trimesh

from sharpvision.core.srgb import srgb8
from sharpvision.geometry.primitives import icosphere

FOLDER = Path(__file__).parent / "rendering" / "assets"


def noise(size: int, octaves: int, seed: int) -> np.ndarray:
    """Periodic fractal noise (size, size) in [0, 1]: a sum of random waves whose amplitude falls with frequency."""
    rng = np.random.default_rng(seed)
    y, x = np.meshgrid(np.arange(size), np.arange(size), indexing="ij")
    total = np.zeros((size, size))
    for _ in range(40 * octaves):
        p, q = rng.integers(-(2**octaves), 2**octaves + 1, 2)
        length = math.hypot(p, q)
        if length:
            total += length**-1.4 * np.cos(2 * math.pi * ((p * x + q * y) / size + rng.random()))
    return (total - total.min()) / np.ptp(total)


def write(name: str, linear: np.ndarray, srgb: bool) -> None:
    """An 8-bit PNG, sRGB or linear."""
    codes = srgb8(linear) if srgb else np.rint(255 * np.clip(linear, 0, 1)).astype(np.uint8)
    codes = codes[..., ::-1] if codes.ndim == 3 else codes
    cv2.imwrite(str(FOLDER / name), codes, [cv2.IMWRITE_PNG_COMPRESSION, 9])


def globe(width: int = 512) -> np.ndarray:
    """Land and sea with meridians and parallels every 30 degrees, (width / 2, width, 3)."""
    height = width // 2
    latitude, longitude = np.meshgrid(
        np.linspace(90, -90, height, endpoint=False), np.linspace(-180, 180, width, endpoint=False), indexing="ij"
    )
    land = noise(width, 3, 4)[:height] > 0.56
    picture = np.where(land[..., None], [0.50, 0.33, 0.12], [0.03, 0.13, 0.26])
    ice = np.abs(latitude) > 68 + 8 * noise(width, 4, 9)[:height]
    picture = np.where(ice[..., None], 0.82, picture)
    lines = (np.abs((longitude + 15) % 30 - 15) < 0.7) | (np.abs((latitude + 15) % 30 - 15) < 0.7)
    return np.where(lines[..., None], 0.75 * picture + 0.25, picture)


def checks(size: int = 128, count: int = 8) -> np.ndarray:
    """Squares of two tones."""
    y, x = np.meshgrid(np.arange(size), np.arange(size), indexing="ij")
    odd = ((x * count // size) + (y * count // size)) % 2
    return np.where(odd[..., None] == 1, [0.62, 0.60, 0.55], [0.20, 0.21, 0.24])


def cobbles(size: int = 256, count: int = 8) -> tuple[np.ndarray, np.ndarray]:
    """Rounded stones in rows set off by half a stone: normals (n + 1) / 2, x along u and y along v, and their tone."""
    v, u = np.meshgrid(np.arange(size) / size, np.arange(size) / size, indexing="ij")
    row = np.floor(v * count)
    x, y = (u * count + 0.5 * (row % 2)) % 1 - 0.5, (v * count) % 1 - 0.5
    height = 0.16 * np.clip(1 - np.maximum(np.abs(2 * x) ** 6 + np.abs(2 * y) ** 6, 0), 0, 1) ** 0.5
    height += 0.02 * noise(size, 5, 2)
    up, left = np.roll(height, 1, 0) - np.roll(height, -1, 0), np.roll(height, -1, 1) - np.roll(height, 1, 1)
    slope = size / count / 2
    normal = np.stack([-left * slope, -up * slope, np.ones_like(u)], -1)  # v grows upward, rows downward
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
    column = np.floor(u * count + 0.5 * (row % 2)) % count
    tone = 0.65 + 0.35 * np.modf(np.sin(row * 12.9898 + column * 78.233) * 43758.5453)[0] ** 2
    gap = height < 0.05
    stone = np.stack([0.42 * tone, 0.37 * tone, 0.32 * tone], -1)
    return (normal + 1) / 2, np.where(gap[..., None], 0.10, stone)


def blob() -> trimesh.Trimesh:
    """A sphere with waves, each vertex coloured by its direction (sRGB, as PLY has it)."""
    mesh = icosphere(1.0, 4)
    d = mesh.vertices
    x, y, z = d.unbind(1)
    radius = 1 + 0.13 * torch.sin(4 * x + 1) * torch.sin(5 * y) + 0.09 * torch.cos(6 * z + 2 * x)
    hue = 0.68 + 0.24 * torch.sin(3.2 * d + torch.tensor([0.0, 2.1, 4.2]))
    return trimesh.Trimesh(
        (d * radius[:, None]).numpy(), mesh.faces.numpy(), vertex_colors=srgb8(hue.numpy() ** 2), process=False
    )


def main() -> None:
    """Write all of it."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    write("globe.png", globe(), srgb=True)
    write("checks.png", checks(), srgb=True)
    normal, stone = cobbles()
    write("cobbles_normal.png", normal, srgb=False)
    write("cobbles.png", stone, srgb=True)
    write("roughness.png", 0.15 + 0.7 * noise(128, 4, 6), srgb=False)
    y, x = np.meshgrid(np.linspace(-1, 1, 128), np.linspace(-1, 1, 128), indexing="ij")
    hills = noise(128, 3, 21) * np.clip(1.15 - np.hypot(x, y), 0, 1)
    write("hills.png", hills / hills.max(), srgb=False)
    (FOLDER / "blob.ply").write_bytes(blob().export(file_type="ply"))


if __name__ == "__main__":
    main()
