"""The object of the photometric example: a figurine made of one radius for each direction, with deep folds and two
finishes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import trimesh
from numpy.typing import NDArray

Array = NDArray[np.float64]

# Bumps on the unit sphere: direction (x right, y up, z to the viewer), height, sharpness k of exp(k (cos - 1)).
BUMPS = (
    ((0.0, 1.0, 0.15), 0.62, 13.0),  # head
    ((-0.32, 1.0, 0.1), 0.2, 110.0),  # ears
    ((0.32, 1.0, 0.1), 0.2, 110.0),
    ((0.0, 0.72, 0.7), 0.13, 90.0),  # nose
    ((-0.9, 0.0, 0.45), 0.36, 16.0),  # arms
    ((0.9, 0.15, 0.55), 0.42, 16.0),
    ((-0.5, -0.9, 0.5), 0.4, 22.0),  # feet
    ((0.5, -0.9, 0.5), 0.4, 22.0),
    ((0.0, -0.25, 1.0), 0.24, 9.0),  # belly
    ((0.0, 0.42, 0.9), -0.14, 26.0),  # the folds below the head
    ((-0.6, 0.55, 0.4), -0.12, 26.0),
    ((0.6, 0.6, 0.4), -0.12, 26.0),
    ((-0.17, 0.86, 0.6), -0.06, 260.0),  # eyes
    ((0.17, 0.86, 0.6), -0.06, 260.0),
    ((0.0, -0.28, 1.0), -0.06, 400.0),  # navel
)

CLAY, CREAM, GLAZE = (0.72, 0.42, 0.27), (0.85, 0.78, 0.62), (0.2, 0.45, 0.6)  # linear RGB albedo


@dataclass(frozen=True)
class Figurine:
    """A closed mesh, the linear colour (V, 3) of its clay, and the share (V,) of the surface that glossy `GLAZE`
    covers."""

    mesh: trimesh.Trimesh
    colour: Array
    gloss: Array


def radius(direction: Array) -> Array:
    """Distance of the surface from the centre along unit directions (V, 3)."""
    found = np.full(len(direction), 0.62)
    for centre, height, sharpness in BUMPS:
        unit = np.asarray(centre) / np.linalg.norm(centre)
        found += height * np.exp(sharpness * (direction @ unit - 1.0))
    x, y, z = direction.T
    folds = np.sin(14.0 * x + 5.0 * y) * np.sin(11.0 * y - 3.0 * z)
    return found + 0.012 * folds


def figurine(subdivisions: int = 7) -> Figurine:
    """The figurine, two units high, the middle of its bounding box at the origin."""
    ball = trimesh.creation.icosphere(subdivisions)
    direction = np.asarray(ball.vertices)
    vertices = direction * radius(direction)[:, None]
    x, y, z = vertices.T
    clay, cream = np.array(CLAY), np.array(CREAM)
    belly = smooth(0.30 - np.hypot(x, y + 0.12), 0.06) * (z > 0)
    band = smooth(0.09 - np.abs(y - 0.40 - 0.15 * x), 0.03)
    hat = smooth(y - 1.0 + 0.25 * z, 0.03)
    colour = clay + belly[:, None] * (cream - clay)
    low, high = vertices.min(0), vertices.max(0)
    vertices = (vertices - 0.5 * (low + high)) * (2.0 / (high[1] - low[1]))
    return Figurine(trimesh.Trimesh(vertices, ball.faces, process=False), colour, np.maximum(band, hat))


def smooth(signed: Array, width: float) -> Array:
    """0 below -width, 1 above width, a cubic between."""
    t = np.clip(0.5 + 0.5 * signed / width, 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)
