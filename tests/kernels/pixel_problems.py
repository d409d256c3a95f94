"""Random pixels with a known normal and known weights, for the tests of the kernels."""

from __future__ import annotations

import numpy as np

from sharpvision.kernels.pixels import Pixels

TYPICAL_WEIGHTS = np.array([1.0, 0.5, 0.02, 0.03, 0.05, 0.1])


def float32(values: np.ndarray) -> np.ndarray:
    """A contiguous float32 copy."""
    return np.ascontiguousarray(values, np.float32)


def unit_rows(vectors: np.ndarray) -> np.ndarray:
    """Vectors over their length."""
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def facing(generator: np.random.Generator, count: int, least: float) -> np.ndarray:
    """Unit vectors (count, 3) that face the camera: -z is at least `least` over the length before normalisation."""
    vectors = generator.normal(size=(count, 3))
    vectors[:, 2] = -np.abs(vectors[:, 2]) - least
    return unit_rows(vectors)


def angles_deg(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Angles in degrees between unit rows, exact for small ones."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    return np.degrees(2 * np.arctan2(np.linalg.norm(a - b, axis=-1), np.linalg.norm(a + b, axis=-1)))


def pixels_of(
    normals: np.ndarray, weights: np.ndarray, lights: np.ndarray, scale: float = 0.03, points: np.ndarray | None = None
) -> Pixels:
    """Noiseless observations of an orthographic camera, all of weight 1 and fully visible."""
    count, shape = len(normals), (len(normals), len(lights))
    ones = np.ones(shape, np.float32)
    at = np.zeros((count, 3)) if points is None else points
    viewers = np.tile([0.0, 0.0, -1.0], (count, 1))
    pixels = Pixels(
        np.zeros((*shape, 3), np.float32), ones, ones.copy(), np.full(count, scale, np.float32), float32(lights),
        float32(at), float32(viewers),
    )  # fmt: skip
    pixels.observed = pixels.predict(float32(normals), float32(weights))
    return pixels


def random_pixels(
    count: int, lights: int, seed: int = 0, noise: float = 0.0
) -> tuple[Pixels, np.ndarray, np.ndarray, np.ndarray]:
    """Pixels, true normals, true weights (about half of them zero), and normals to start from, about 10 degrees off."""
    generator = np.random.default_rng(seed)
    normals = facing(generator, count, 0.6)
    weights = generator.uniform(0.2, 1.0, (count, 3, 6)) * TYPICAL_WEIGHTS * (generator.random((count, 1, 6)) < 0.5)
    weights[..., 0] += 0.2
    pixels = pixels_of(normals, weights, facing(generator, lights, 0.6))
    pixels.observed *= 1 + noise * generator.normal(size=pixels.observed.shape).astype(np.float32)
    start = normals + 0.12 * generator.normal(size=normals.shape)
    start[:, 2] = np.minimum(start[:, 2], -0.1)
    return pixels, float32(normals), float32(weights), float32(unit_rows(start))
