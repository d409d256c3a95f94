"""A bench of LEDs around a bumpy object, rendered in NumPy and float64 by casting rays through a pinhole camera.

The surface is the zero set of f(x) = |x - c| - R (1 + sum_k a_k sin(w_k . (x - c) / R + phase_k)); rays find it by a
march and bisection, its normal is the gradient of f in closed form, and shadow rays march to the LED itself. Light of
an LED at distance r from a point, u the unit direction from LED to point: I max(a.u, 0)^mu / r^2. Reflectance: Lambert
in painted colours and a dielectric GGX lobe. No interreflection. The sensor is that of `rendered`. Lengths in mm.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sharpvision.bench.rendered import expose, paint
from sharpvision.bench.rendered_brdfs import dot, ggx, lambert

if TYPE_CHECKING:
    from sharpvision.data.observations import PhotometricObservations

Array = NDArray[np.float64]

DIELECTRIC = np.full(3, 0.04)
MARCH_STEPS = 90
BISECTIONS = 30


@dataclass(frozen=True)
class NearScene:
    """What is rendered. The object's middle is on the optical axis at `distance`, its radius without bumps `radius`;
    LEDs stand on a ring of `ring` around the axis, at `led_depth` from the camera, and a third of them closer in and
    further back; each is aimed at the object to about 8 degrees. `gloss` scales the GGX lobe of width `alpha`."""

    side: int = 168
    focal_px: float = 350.0
    distance: float = 260.0
    radius: float = 48.0
    light_count: int = 12
    ring: float = 115.0
    led_depth: float = 90.0
    exponents: tuple[float, float] = (1.0, 3.0)
    gloss: float = 1.0
    alpha: float = 0.2
    relief: float = 0.4
    noise: float = 0.005
    seed: int = 0


@dataclass(frozen=True)
class Blob:
    """The implicit surface: `centre` (3,), `radius`, waves (K, 3) in 1 / radius, `amplitudes` and `phases` (K,)."""

    centre: Array
    radius: float
    waves: Array
    amplitudes: Array
    phases: Array

    def value(self, points: Array) -> Array:
        """f (...) at points (..., 3), in mm; negative inside."""
        out = points - self.centre
        bumps = np.sin(out @ self.waves.T / self.radius + self.phases) @ self.amplitudes
        return np.linalg.norm(out, axis=-1) - self.radius * (1.0 + bumps)

    def normal(self, points: Array) -> Array:
        """Outward unit normals (..., 3): the gradient of f over its length."""
        out = points - self.centre
        slope = np.cos(out @ self.waves.T / self.radius + self.phases) * self.amplitudes
        gradient = out / np.linalg.norm(out, axis=-1, keepdims=True) - slope @ self.waves
        return gradient / np.linalg.norm(gradient, axis=-1, keepdims=True)

    @property
    def reach(self) -> float:
        """Radius of a sphere around the centre that holds the surface."""
        return self.radius * (1.0 + float(np.abs(self.amplitudes).sum()))


def blob(scene: NearScene, waves: int = 8) -> Blob:
    """The object of a scene: waves of 3 to 9 radians a radius whose slopes add up to about `relief`."""
    rng = np.random.default_rng([scene.seed, 4])
    heading = rng.standard_normal((waves, 3))
    frequency = rng.uniform(3.0, 9.0, waves)
    heading *= (frequency / np.linalg.norm(heading, axis=1))[:, None]
    amplitudes = scene.relief / np.sqrt(waves / 2.0) / frequency
    return Blob(
        np.array([0.0, 0.0, scene.distance]), scene.radius, heading, amplitudes, rng.uniform(0.0, 2.0 * np.pi, waves)
    )


def leds(scene: NearScene) -> tuple[Array, Array, Array, Array]:
    """Positions (N, 3), unit axes (N, 3), exponents (N,) and radiant intensities (N, 3) that differ by up to 20 %."""
    rng = np.random.default_rng([scene.seed, 5])
    k = np.arange(scene.light_count)
    turn = 2.0 * np.pi * (k + 0.2 * rng.uniform(-1.0, 1.0, len(k))) / len(k)
    inner = k % 3 == 2
    radius = np.where(inner, 0.55, 1.0) * scene.ring
    depth = np.where(inner, 0.6, 1.0) * scene.led_depth + rng.uniform(-5.0, 5.0, len(k))
    positions = np.stack([radius * np.cos(turn), radius * np.sin(turn), depth], axis=-1)
    aim = np.array([0.0, 0.0, scene.distance]) - positions
    axes = aim / np.linalg.norm(aim, axis=1, keepdims=True) + 0.1 * rng.standard_normal(aim.shape)
    axes /= np.linalg.norm(axes, axis=1, keepdims=True)
    exponents = rng.uniform(*scene.exponents, len(k))
    return positions, axes, exponents, rng.uniform(0.8, 1.2, (len(k), 3))


def first_hits(surface: Blob, origins: Array, directions: Array, furthest: Array) -> Array:
    """Distances (P,) along unit rays to the surface, inf where a ray ends (at `furthest`) or leaves before it."""
    out = surface.centre - origins
    middle = dot(out, directions)
    half = surface.reach**2 - (dot(out, out) - middle**2)
    span = np.sqrt(np.maximum(half, 0.0))
    near, far = np.maximum(middle - span, 0.0), np.minimum(middle + span, furthest)
    found = np.full(len(origins), np.inf)
    alive = np.flatnonzero((half > 0) & (far > near))
    step = (far - near) / MARCH_STEPS
    for k in range(1, MARCH_STEPS + 1):
        at = near[alive] + k * step[alive]
        inside = surface.value(origins[alive] + at[:, None] * directions[alive]) < 0
        found[alive[inside]] = at[inside]
        alive = alive[~inside]
        if not alive.size:
            break
    hit = np.flatnonzero(np.isfinite(found))
    low, high = found[hit] - step[hit], found[hit].copy()
    for _ in range(BISECTIONS):
        centre = 0.5 * (low + high)
        inside = surface.value(origins[hit] + centre[:, None] * directions[hit]) < 0
        low, high = np.where(inside, low, centre), np.where(inside, centre, high)
    found[hit] = 0.5 * (low + high)
    return found


def camera_rays(scene: NearScene, offset: tuple[float, float]) -> Array:
    """Unit directions (H W, 3) through the pixels at (column, row) + offset, row by row."""
    row, column = np.mgrid[: scene.side, : scene.side].astype(float)
    x = (column + offset[0] - scene.side / 2.0) / scene.focal_px
    y = (row + offset[1] - scene.side / 2.0) / scene.focal_px
    rays = np.stack([x, y, np.ones_like(x)], axis=-1).reshape(-1, 3)
    return rays / np.linalg.norm(rays, axis=1, keepdims=True)


def radiance(scene: NearScene, surface: Blob, points: Array, position: Array, axis: Array, exponent: float) -> Array:
    """Radiance (P, 3) towards the camera of surface points under one LED of intensity one."""
    normals, away = surface.normal(points), position - points
    length = np.linalg.norm(away, axis=1)
    toward = away / length[:, None]
    cosine, beam = dot(normals, toward), np.maximum(-toward @ axis, 0.0) ** exponent
    lit = np.flatnonzero(cosine > 0)
    start = points[lit] + 1e-3 * scene.radius * normals[lit]
    lit = lit[~np.isfinite(first_hits(surface, start, toward[lit], length[lit]))]
    view = -points[lit] / np.linalg.norm(points[lit], axis=1, keepdims=True)
    local = (points[lit] - surface.centre) / scene.radius
    lobe = scene.gloss * ggx(normals[lit], toward[lit], view, scene.alpha, DIELECTRIC)
    out = np.zeros_like(points)
    reflected = lambert(paint(local[:, 0], local[:, 1], scene.seed)) + lobe
    out[lit] = reflected * (cosine[lit] * beam[lit] / length[lit] ** 2)[:, None]
    return out


@dataclass(frozen=True)
class NearPhotographs:
    """The observations, with true normals in them, and the true depth (H, W) float64 in mm, NaN beside the object."""

    observations: PhotometricObservations
    depth: Array


def render_near(scene: NearScene, name: str = "led_rig", samples: int = 2) -> NearPhotographs:
    """The photographs of a scene: each pixel the mean of samples^2 rays; mask, normals and depth are those of the ray
    through its centre."""
    import torch

    from sharpvision.data.observations import PointLights, from_arrays

    surface = blob(scene)
    positions, axes, exponents, intensities = leds(scene)
    signal = np.zeros((scene.light_count, scene.side**2, 3))
    for shift in [((i + 0.5) / samples, (j + 0.5) / samples) for i in range(samples) for j in range(samples)]:
        points, seen = _visible_points(scene, surface, shift)
        for image, position, axis, exponent in zip(signal, positions, axes, exponents, strict=True):
            image[seen] += radiance(scene, surface, points, position, axis, exponent) / samples**2
    signal *= intensities[:, None]
    points, seen = _visible_points(scene, surface, (0.5, 0.5))
    mask = seen.reshape(scene.side, scene.side)
    normals = np.zeros((*mask.shape, 3), np.float32)
    normals[mask] = surface.normal(points)
    depth = np.full(mask.shape, np.nan)
    depth[mask] = points[:, 2]
    images = np.zeros((scene.light_count, *mask.shape, 3), np.float32)
    images[:, mask] = expose(signal[:, seen], scene.noise, scene.seed)
    toward = positions - surface.centre
    observations = from_arrays(
        torch.from_numpy(images), torch.from_numpy(toward), torch.from_numpy(intensities), torch.from_numpy(mask),
        ground_truth=torch.from_numpy(normals), name=name,
    )  # fmt: skip
    lights = PointLights(*(torch.from_numpy(v) for v in (positions, axes, exponents)))
    observations = replace(
        observations, focal_px=scene.focal_px, principal_point=(scene.side / 2.0, scene.side / 2.0),
        length_unit="mm", point_lights=lights, quantisation=1.0 / 65535.0,
    )  # fmt: skip
    return NearPhotographs(observations, depth)


def _visible_points(scene: NearScene, surface: Blob, offset: tuple[float, float]) -> tuple[Array, NDArray[np.bool_]]:
    """Points (P, 3) that the pixels' rays meet, and which pixels (H W,) meet any."""
    rays = camera_rays(scene, offset)
    distance = first_hits(surface, np.zeros_like(rays), rays, np.full(len(rays), np.inf))
    seen = np.isfinite(distance)
    return rays[seen] * distance[seen, None], seen
