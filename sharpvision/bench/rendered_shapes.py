"""Height fields with known normals for the rendered suites: a sphere, and smooth shapes with bumps that shade each
other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Shape:
    """A height over the unit disc, towards the viewer: h(x, y) = flatness * s * g, s = sqrt(1 - x^2 - y^2),
    g = 1 + sum_k amplitude_k sin(wave_k . (x, y) + phase_k). Without waves and with flatness 1 it is the sphere.

    Coordinates are those of the image: x right, y down, in units of the disc's radius.
    """

    waves: Array
    amplitudes: Array
    phases: Array
    flatness: float = 1.0

    @property
    def is_convex(self) -> bool:
        """True where no part can throw a shadow on another."""
        return self.amplitudes.size == 0

    def height(self, x: Array, y: Array) -> Array:
        """Height in disc radii; 0 outside the disc."""
        s = np.sqrt(np.maximum(1.0 - x * x - y * y, 0.0))
        return self.flatness * s * self._bumps(x, y)[0]

    def normal(self, x: Array, y: Array) -> Array:
        """Unit normals (..., 3) in the OpenCV frame (n_z <= 0), exact and finite at the rim, where they lie in the
        image plane.

        With depth -h, n is along s (dh/dx, dh/dy, 1) mirrored: (c (x g - s^2 g_x), c (y g - s^2 g_y), -s), c the
        flatness.

        >>> sphere().normal(np.array([0.6]), np.array([0.0])).round(3).tolist()
        [[0.6, 0.0, -0.8]]
        """
        s2 = np.maximum(1.0 - x * x - y * y, 0.0)
        g, gx, gy = self._bumps(x, y)
        c = self.flatness
        n = np.stack([c * (x * g - s2 * gx), c * (y * g - s2 * gy), -np.sqrt(s2)], axis=-1)
        return n / np.maximum(np.linalg.norm(n, axis=-1, keepdims=True), 1e-12)

    def _bumps(self, x: Array, y: Array) -> tuple[Array, Array, Array]:
        g, gx, gy = np.ones_like(x), np.zeros_like(x), np.zeros_like(x)
        for (wx, wy), amplitude, phase in zip(self.waves, self.amplitudes, self.phases, strict=True):
            angle = wx * x + wy * y + phase
            g += amplitude * np.sin(angle)
            cosine = amplitude * np.cos(angle)
            gx += wx * cosine
            gy += wy * cosine
        return g, gx, gy


def sphere() -> Shape:
    """The unit sphere's near half."""
    return Shape(np.zeros((0, 2)), np.zeros(0), np.zeros(0))


def bumpy(seed: int, count: int = 6, relief: float = 0.3) -> Shape:
    """A smooth dome with `count` random waves; `relief` is the typical slope that they add, before the dome's own."""
    rng = np.random.default_rng(seed)
    frequency = rng.uniform(3.0, 8.0, count)
    heading = rng.uniform(0.0, 2.0 * np.pi, count)
    waves = frequency[:, None] * np.stack([np.cos(heading), np.sin(heading)], axis=-1)
    return Shape(waves, relief / np.sqrt(count / 2.0) / frequency, rng.uniform(0.0, 2.0 * np.pi, count), flatness=0.8)


LEAP = 6  # pixels that a ray may skip where nothing within them reaches up to it


class Shadows:
    """Answers whether the way from a point of a shape to its light is free, by a march over a table of the height
    field.

    `radius` is the disc's in pixels. The table is four times finer than the pixels and interpolated bilinearly (which
    lies below the surface at the rim, so never shades by mistake there).
    """

    def __init__(self, shape: Shape, radius: float) -> None:
        self.step = 1.0 / radius
        self.table: NDArray[np.float32] | None = None
        if not shape.is_convex:
            self.cells = int(np.ceil(8 * radius))
            axis = (np.arange(self.cells) + 0.5) / self.cells * 2.0 - 1.0
            self.table = shape.height(*np.meshgrid(axis, axis)).astype(np.float32)
            self.ceiling = maximum_filter(self.table, 8 * LEAP + 3)
            self.top = float(self.table.max())

    def free(self, points: Array, to_light: Array) -> NDArray[np.bool_]:
        """True (P,) where nothing is in the way; `points` (P, 3) in disc radii (x, y, height), `to_light` (P, 3)
        unit, z towards the viewer. Steps of one pixel along the ray; a ray is free once outside the disc or above the
        highest point."""
        free = np.ones(len(points), bool)
        if self.table is None:
            return free
        alive = np.arange(len(points))
        position = points + 1.5 * self.step * to_light
        while alive.size:
            inside = (np.abs(position[:, :2]) < 1.0).all(-1) & (position[:, 2] < self.top)
            alive, position = alive[inside], position[inside]
            cell = (position[:, :2] + 1.0) * (0.5 * self.cells) - 0.5
            near = self.ceiling[cell[:, 1].astype(np.int32), cell[:, 0].astype(np.int32)] >= position[:, 2]
            hidden = np.zeros(len(alive), bool)
            hidden[near] = bilinear(self.table, cell[near]) > position[near, 2] + 0.01 * self.step
            free[alive[hidden]] = False
            alive, near = alive[~hidden], near[~hidden]
            position = position[~hidden] + np.where(near, self.step, LEAP * self.step)[:, None] * to_light[alive]
        return free


def bilinear(table: NDArray[np.float32], at: Array) -> NDArray[np.float32]:
    """Values of a table (H, W) at positions (P, 2) given as (column, row), held to the table's edge."""
    height, width = table.shape
    at = np.clip(at, 0.0, [width - 1.001, height - 1.001]).astype(np.float32)
    corner = at.astype(np.int32)
    fx, fy = (at - corner).T
    first, flat = corner[:, 1] * width + corner[:, 0], table.ravel()
    above = flat[first] * (1 - fx) + flat[first + 1] * fx
    below = flat[first + width] * (1 - fx) + flat[first + width + 1] * fx
    return above * (1 - fy) + below * fy
