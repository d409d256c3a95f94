"""Mirror balls over a matte table under one small lamp at a time, ray traced in NumPy with closed-form intersections.

What it has: perspective, the balls' reflections of lamp, table and each other, hard shadows, fall-off, pixel areas,
sensor noise, saturation. What it lacks: light that a ball throws onto the table.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Step = tuple[Array, Array, Array, Array]

FINEST = 16  # samples a side of a pixel near a lamp's reflection
LAMP = 500.0  # a lamp's radiance against that of white paper under it


@dataclass(frozen=True)
class BallScene:
    """Camera at the origin (OpenCV frame) with `focal_px`, image (`height`, `width`); `centres` (B, 3) and `radii` (B,)
    of balls of this `reflectance`; the table is the plane z = `table_z` with `albedo`, dark outside of `table_half`
    from the axis; `lamps` (N, 3) shine one an image, as spheres of `lamp_radius`; the lens blurs by `blur_px`. One unit
    of length."""

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
    blur_px: float = 0.6

    @property
    def principal_point(self) -> tuple[float, float]:
        """The image's middle."""
        return self.width / 2, self.height / 2


def render(scene: BallScene, samples: int = 6, noise: float = 0.0, seed: int = 0) -> NDArray[np.float32]:
    """Linear images (N, H, W, 3) in [0, 1], the table's brightest place at 0.7: `samples` squared rays a pixel where a
    ball may be, a single one elsewhere; `noise` is the standard deviation of a value."""
    rows, columns = np.mgrid[: scene.height, : scene.width] + 0.5
    near = np.zeros(rows.shape, bool)
    for centre, radius in zip(scene.centres, scene.radii, strict=True):
        x, y = scene.focal_px * centre[:2] / centre[2] + np.array(scene.principal_point)
        reach = 1.15 * scene.focal_px * radius / (centre[2] - radius) + 3
        near |= np.hypot(columns - x, rows - y) < reach
    coarse = np.stack([columns[~near], rows[~near]], axis=1)
    fine = np.stack([columns[near], rows[near]], axis=1)
    rng = np.random.default_rng(seed)
    images = np.zeros((len(scene.lamps), scene.height, scene.width))
    paths = [_trace(scene, coarse), _trace(scene, _sampled(fine, samples))]
    for image, lamp in zip(images, scene.lamps, strict=True):
        image[~near] = _radiance(scene, lamp, paths[0])
        image[near] = _radiance(scene, lamp, paths[1]).reshape(-1, samples**2).mean(1)
        close = _near_lamp(scene, lamp, paths[1]).reshape(-1, samples**2).any(1)
        white = np.percentile(image[~near], 99.9)
        image[:] = cv2.GaussianBlur(image, (0, 0), scene.blur_px)
        _add_lamp(scene, lamp, image, fine[close])
        image *= 0.7 / white
    noisy = images[..., None] * np.ones(3) + noise * rng.standard_normal((*images.shape, 3))
    return np.clip(noisy, 0, 1).astype(np.float32)


def _sampled(points: Array, samples: int) -> Array:
    """Each point (M, 2) replaced by a grid over its pixel, (M samples^2, 2)."""
    offsets = (np.arange(samples) + 0.5) / samples - 0.5
    return (points[:, None] + np.stack(np.meshgrid(offsets, offsets), axis=-1).reshape(-1, 2)).reshape(-1, 2)


def _add_lamp(scene: BallScene, lamp: Array, image: Array, points: Array) -> None:
    """Adds the lamp's reflections near pixels (M, 2), sampled finely and blurred before they are summed over pixels:
    all that tells where a small spot is within its pixel."""
    mask = np.zeros(image.shape, np.uint8)
    rows, columns = np.floor(points[:, 1]).astype(int), np.floor(points[:, 0]).astype(int)
    mask[rows, columns] = 1
    count, _, boxes, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    for left, top, width, height, _ in boxes[1:count]:
        left, top, right, bottom = max(left - 4, 0), max(top - 4, 0), left + width + 4, top + height + 4
        right, bottom = min(right, scene.width), min(bottom, scene.height)
        across = left + (np.arange((right - left) * FINEST) + 0.5) / FINEST
        down = top + (np.arange((bottom - top) * FINEST) + 0.5) / FINEST
        grid = np.stack(np.meshgrid(across, down), axis=-1)
        spot = np.zeros(grid.shape[:2])
        for number, (origins, rays, weights, reach) in enumerate(_trace(scene, grid.reshape(-1, 2))):
            meets = (_aside(lamp, origins, rays) < scene.lamp_radius) & (number > 0)
            hits = (weights > 0) & ~np.isfinite(reach) & meets
            spot += LAMP * (weights * hits).reshape(spot.shape)
        blurred = cv2.GaussianBlur(spot, (0, 0), FINEST * scene.blur_px)
        sums = blurred.reshape(bottom - top, FINEST, right - left, FINEST).mean((1, 3))
        image[top:bottom, left:right] += sums


def _aside(lamp: Array, origins: Array, rays: Array) -> Array:
    """Distance (M,) of a lamp's middle from rays (M, 3), infinite behind them."""
    to_lamp = lamp - origins
    along = (to_lamp * rays).sum(1)
    return np.where(along > 0, np.sqrt(np.maximum((to_lamp**2).sum(1) - along**2, 0)), np.inf)


def _near_lamp(scene: BallScene, lamp: Array, steps: list[Step]) -> NDArray[np.bool_]:
    """Rays (M,) that pass the lamp so closely, after a reflection, that it may fall between two samples."""
    close = np.zeros(len(steps[0][0]), bool)
    for origins, rays, weights, _ in steps[1:]:
        limit = 2 * scene.lamp_radius + 0.05 * np.linalg.norm(lamp - origins, axis=1)
        close |= (weights > 0) & (_aside(lamp, origins, rays) < limit)
    return close


def _trace(scene: BallScene, points: Array) -> list[Step]:
    """Camera rays through image points, followed over at most two reflections: for each step the rays' origins,
    directions, weights and the distance to a ball (infinite for none). What is reflected three times is left out."""
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
    return steps


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


def _radiance(scene: BallScene, lamp: Array, steps: list[Step]) -> Array:
    """Radiance (M,) along camera rays: at each step what a ray that meets no ball sees of the table."""
    total = np.zeros(len(steps[0][0]))
    for origins, rays, weights, reach in steps:
        free = (weights > 0) & ~np.isfinite(reach)
        if not free.any():
            continue
        start, ray = origins[free], rays[free]
        total[free] += weights[free] * (
            scene.ambient * _table(scene, None, start, ray) + _table(scene, lamp, start, ray)
        )
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
