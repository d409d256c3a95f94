"""Mirror balls over a matte table under one small lamp at a time, ray traced in NumPy with closed-form intersections.

What it has: perspective, the balls' reflections of lamp, table and each other, hard shadows, fall-off, pixel areas,
sensor noise, saturation. What it lacks: light that a ball throws onto the table.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class BallScene:
    """Camera at the origin (OpenCV frame) with `focal_px`, image (`height`, `width`); `centres` (B, 3) and `radii` (B,)
    of balls of this `reflectance`; the table is the plane z = `table_z` with `albedo`, dark outside of `table_half` from
    the axis; `lamps` (N, 3) shine one an image, as spheres of `lamp_radius`. One unit of length throughout."""

    focal_px: float
    width: int
    height: int
    centres: Array
    radii: Array
    lamps: Array
    lamp_radius: float = 4.0
    table_z: float = 600.0
    table_half: float = 450.0
    albedo: float = 0.4
    reflectance: float = 0.85
    ambient: float = 0.01

    @property
    def principal_point(self) -> tuple[float, float]:
        """The image's middle."""
        return self.width / 2, self.height / 2


def render(scene: BallScene, samples: int = 6, noise: float = 0.0, seed: int = 0) -> NDArray[np.float32]:
    """Linear images (N, H, W, 3) in [0, 1], the table's brightest place near 0.7: `samples` squared rays a pixel where a
    ball may be, a single one elsewhere; `noise` is the standard deviation of a value."""
    rows, columns = np.mgrid[: scene.height, : scene.width] + 0.5
    near = np.zeros(rows.shape, bool)
    for centre, radius in zip(scene.centres, scene.radii, strict=True):
        x, y = scene.focal_px * centre[:2] / centre[2] + np.array(scene.principal_point)
        reach = 1.15 * scene.focal_px * radius / (centre[2] - radius) + 3
        near |= np.hypot(columns - x, rows - y) < reach
    offsets = (np.arange(samples) + 0.5) / samples - 0.5
    shifts = np.stack(np.meshgrid(offsets, offsets), axis=-1).reshape(-1, 2)
    coarse = np.stack([columns[~near], rows[~near]], axis=1)
    fine = (np.stack([columns[near], rows[near]], axis=1)[:, None] + shifts).reshape(-1, 2)
    rng = np.random.default_rng(seed)
    images = np.zeros((len(scene.lamps), scene.height, scene.width))
    paths = [_trace(scene, points) for points in (coarse, fine)]
    for image, lamp in zip(images, scene.lamps, strict=True):
        image[~near] = _radiance(scene, lamp, *paths[0])
        image[near] = np.minimum(_radiance(scene, lamp, *paths[1]), 50.0).reshape(-1, len(shifts)).mean(1)
    images *= 0.7 / np.percentile(images[:, ~near], 99.9)
    noisy = images[..., None] * np.ones(3) + noise * rng.standard_normal((*images.shape, 3))
    return np.clip(noisy, 0, 1).astype(np.float32)


def _trace(scene: BallScene, points: Array) -> tuple[list[tuple[Array, Array, Array, Array]], Array]:
    """Camera rays through image points, followed over at most two reflections: for each step the rays' origins,
    directions, weights and the distance to a ball (infinite for none); and which rays left off on a ball."""
    rays = np.concatenate([(points - scene.principal_point) / scene.focal_px, np.ones((len(points), 1))], axis=1)
    rays /= np.linalg.norm(rays, axis=1, keepdims=True)
    origins, weights = np.zeros_like(rays), np.ones(len(rays))
    steps = []
    for _ in range(3):
        reach, which = _first_ball(scene, origins, rays)
        steps.append((origins, rays, weights, reach))
        hit = np.isfinite(reach)
        place = origins + np.where(hit, reach, 0)[:, None] * rays
        normal = (place - scene.centres[which]) / scene.radii[which][:, None]
        bounced = rays - 2 * (rays * normal).sum(1, keepdims=True) * normal
        origins, rays = np.where(hit[:, None], place, origins), np.where(hit[:, None], bounced, rays)
        weights = np.where(hit, weights * scene.reflectance, 0.0)
    return steps, weights


def _first_ball(scene: BallScene, origins: Array, rays: Array) -> tuple[Array, NDArray[np.int64]]:
    """Distance (M,) to the first ball, infinite where there is none, and its number."""
    best, which = np.full(len(rays), np.inf), np.zeros(len(rays), np.int64)
    for number, (centre, radius) in enumerate(zip(scene.centres, scene.radii, strict=True)):
        away = origins - centre
        half = (away * rays).sum(1)
        under = half**2 - (away**2).sum(1) + radius**2
        reach = -half - np.sqrt(np.maximum(under, 0))
        nearer = (under > 0) & (reach > 1e-6 * radius) & (reach < best)
        best, which = np.where(nearer, reach, best), np.where(nearer, number, which)
    return best, which


def _radiance(scene: BallScene, lamp: Array, steps: list[tuple[Array, Array, Array, Array]], left: Array) -> Array:
    """Radiance (M,) along camera rays: at each step what a ray that meets no ball sees, the lamp or the table."""
    del left  # three reflections: black
    total = np.zeros(len(steps[0][0]))
    for number, (origins, rays, weights, reach) in enumerate(steps):
        free = (weights > 0) & ~np.isfinite(reach)
        if not free.any():
            continue
        start, ray = origins[free], rays[free]
        to_lamp = lamp - start
        along = (to_lamp * ray).sum(1)
        aside = (to_lamp**2).sum(1) - along**2
        shines = (along > 0) & (aside < scene.lamp_radius**2) & (number > 0)
        value = np.where(shines, 1e4, scene.ambient * _table(scene, None, start, ray) + _table(scene, lamp, start, ray))
        total[free] += weights[free] * value
    return total


def _table(scene: BallScene, lamp: Array | None, start: Array, ray: Array) -> Array:
    """What the table sends back along rays that meet it; without a lamp its albedo."""
    down = ray[:, 2] > 1e-9
    place = start + np.where(down, (scene.table_z - start[:, 2]) / np.where(down, ray[:, 2], 1), 0)[:, None] * ray
    on = down & (np.abs(place[:, :2]) < scene.table_half).all(1)
    if lamp is None:
        return np.where(on, scene.albedo, 0.0)
    away = lamp - place
    distance = np.linalg.norm(away, axis=1)
    towards = away / distance[:, None]
    facing = np.maximum(-towards[:, 2], 0)
    blocked = np.isfinite(_first_ball(scene, place + 1e-6 * towards, towards)[0])
    strength = np.linalg.norm(np.array([0, 0, scene.table_z]) - lamp) ** 2
    return np.where(on & ~blocked, scene.albedo * facing * strength / distance**2, 0.0)
