"""Photographs of known shapes and materials, rendered in NumPy and float64, for suites whose truth must be exact.

The renderer shares no code with the solvers. It has full physical BRDFs, point lights (inverse square, a direction
for every point), attached and cast shadows, pixels averaged at the rim, and a sensor. It has no interreflection:
`scenes/` holds a path-traced example for that.

The sensor: one exposure for all images, the 99.9th percentile of the signal at 0.9 of the range; additive Gaussian
noise with a deviation of `noise` (1 %) of the 99th percentile of the signal, the same at every pixel; clipped to [0,
1]; 16 bits.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from sharpvision.bench.rendered_brdfs import dot, ggx, lambert, oren_nayar
from sharpvision.bench.rendered_shapes import Shadows, Shape, bumpy, sphere

if TYPE_CHECKING:
    from sharpvision.data.observations import PhotometricObservations

Array = NDArray[np.float64]
Material = Literal["matte", "glossy", "rough", "metal", "mixed"]

VIEW = np.array([0.0, 0.0, -1.0])
RIM_SAMPLES = 4


@dataclass(frozen=True)
class RenderedScene:
    """What is rendered. `side` is the mask's side in pixels; `inverse_distance` is mask side over light distance (0:
    lights at infinity), the distance measured from the centre of the mask's bounding box at the mean depth of the
    visible surface."""

    material: Material
    shape: Literal["sphere", "bumpy"] = "sphere"
    inverse_distance: float = 0.0
    side: int = 136
    light_count: int = 40
    noise: float = 0.01
    seed: int = 0


def light_directions(count: int, widest_deg: float = 58.0) -> Array:
    """Directions (N, 3) in the OpenCV frame, spread evenly over a cap around the view by a golden-angle spiral.

    >>> light_directions(5)[0].round(3).tolist(), float(np.linalg.norm(light_directions(5), axis=1).min().round(6))
    ([0.303, 0.0, -0.953], 1.0)
    """
    k = np.arange(count)
    z = 1.0 - (1.0 - np.cos(np.radians(widest_deg))) * (k + 0.5) / count
    r, turn = np.sqrt(1.0 - z * z), k * np.pi * (3.0 - np.sqrt(5.0))
    return np.stack([r * np.cos(turn), r * np.sin(turn), -z], axis=-1)


def paint(x: Array, y: Array, seed: int) -> Array:
    """Albedo (..., 3): four colours in soft-edged patches, between 0.1 and 0.85."""
    rng = np.random.default_rng([seed, 1])
    colours, seeds = rng.uniform(0.1, 0.85, (4, 3)), rng.uniform(-0.9, 0.9, (4, 2))
    distance = (x[..., None] - seeds[:, 0]) ** 2 + (y[..., None] - seeds[:, 1]) ** 2
    share = np.exp(-25.0 * (distance - distance.min(-1, keepdims=True)))
    return (share / share.sum(-1, keepdims=True)) @ colours


def reflectance(material: Material, position: Array, normal: Array, light: Array, seed: int) -> Array:
    """BRDF (..., 3) of a material at image positions (..., 2) in disc radii; alphas and variances are those of the
    suite.

    glossy: Lambert and a dielectric GGX lobe (alpha 0.18, F0 0.04); rough: full Oren-Nayar (sigma^2 0.2) and the same
    lobe at a quarter of its strength; metal: a coloured conductor (GGX alpha 0.28) over a Lambert part of 5 %; mixed:
    from glossy through rough to metal (at most 40 %) along the surface; matte: Lambert.
    """
    albedo = paint(position[..., 0], position[..., 1], seed)
    lobe = ggx(normal, light, VIEW, 0.18, np.full(3, 0.04)) if material in ("glossy", "rough", "mixed") else np.zeros(3)
    gold = np.array([0.95, 0.71, 0.38])
    metal = ggx(normal, light, VIEW, 0.28, gold) if material in ("metal", "mixed") else np.zeros(3)
    rough = oren_nayar(normal, light, VIEW, albedo, 0.2) if material in ("rough", "mixed") else np.zeros(3)
    if material == "matte":
        return lambert(albedo)
    if material == "glossy":
        return lambert(albedo) + lobe
    if material == "rough":
        return rough + 0.25 * lobe
    if material == "metal":
        return lambert(0.05 * gold) + metal
    along = 0.5 + 0.5 * np.sin(3.0 * position[..., :1] + 2.0 * position[..., 1:])
    conductor = 0.4 * np.clip(np.cos(4.0 * position[..., 1:]), 0.0, 1.0)
    return (1.0 - conductor) * (along * (lambert(albedo) + lobe) + (1.0 - along) * rough) + conductor * metal


@dataclass(frozen=True)
class Samples:
    """Points at which radiance is taken: `pixel` (P,) index into the mask's pixels, `weight` (P,) their share of that
    pixel, `position` (P, 3) in disc radii (x, y, height), `normal` (P, 3)."""

    pixel: NDArray[np.intp]
    weight: Array
    position: Array
    normal: Array


def sample_pixels(shape: Shape, side: int) -> tuple[NDArray[np.bool_], Array, Samples]:
    """Mask (H, W), true normals (M, 3) of its pixels, and the samples: one at the centre inside, RIM_SAMPLES^2 near
    the rim.

    A pixel belongs to the mask where its centre does; what lies beside the object is black. The true normal of a
    pixel is the unit mean over its samples on the object.
    """
    radius, margin = 0.5 * side, 3
    count = side + 2 * margin
    offsets = (np.arange(RIM_SAMPLES) + 0.5) / RIM_SAMPLES
    centre = 0.5 * count
    column, row = np.meshgrid(np.arange(count) + 0.5, np.arange(count) + 0.5)
    distance = np.hypot(column - centre, row - centre)
    mask = distance < radius
    index = np.cumsum(mask.ravel()).reshape(mask.shape) - 1
    pixel, weight, x, y = [], [], [], []
    for where, shifts in ((mask & (distance < radius - 2.0), [0.5]), (mask & (distance >= radius - 2.0), offsets)):
        for dy in shifts:
            for dx in shifts:
                pixel.append(index[where])
                weight.append(np.full(where.sum(), 1.0 / len(shifts) ** 2))
                x.append((column[where] - 0.5 + dx - centre) / radius)
                y.append((row[where] - 0.5 + dy - centre) / radius)
    px, py = np.concatenate(x), np.concatenate(y)
    on = px * px + py * py < 1.0
    px, py = px[on], py[on]
    samples = Samples(
        np.concatenate(pixel)[on],
        np.concatenate(weight)[on],
        np.stack([px, py, shape.height(px, py)], axis=-1),
        shape.normal(px, py),
    )
    normals = np.zeros((int(mask.sum()), 3))
    np.add.at(normals, samples.pixel, samples.weight[:, None] * samples.normal)
    return mask, normals / np.linalg.norm(normals, axis=-1, keepdims=True), samples


def radiance(scene: RenderedScene, shadows: Shadows, samples: Samples, direction: Array) -> Array:
    """Radiance (P, 3) of the samples under one light that has unit irradiance at the object's centre.

    L = f(l, v) max(n.l, 0) V (d / |x_l - x|)^2, l from the point to the light at d times `direction` from the centre;
    light at infinity has the same l everywhere and no fall-off.
    """
    toward, gain = np.broadcast_to(direction, samples.normal.shape), np.ones(len(samples.normal))
    if scene.inverse_distance > 0:
        mean_height = np.average(samples.position[:, 2], weights=samples.weight)
        centred = (samples.position - [0.0, 0.0, mean_height]) * [1.0, 1.0, -1.0]
        way = direction * (2.0 / scene.inverse_distance) - centred  # in disc radii; the mask's side is two
        length = np.linalg.norm(way, axis=-1)
        toward, gain = way / length[:, None], (2.0 / scene.inverse_distance / length) ** 2
    cosine = dot(samples.normal, toward)
    out = np.zeros_like(samples.normal)
    lit = np.flatnonzero(cosine > 0)
    lit = lit[shadows.free(samples.position[lit], toward[lit] * [1.0, 1.0, -1.0])]
    f = reflectance(scene.material, samples.position[lit, :2], samples.normal[lit], toward[lit], scene.seed)
    out[lit] = f * (cosine[lit] * gain[lit])[:, None]
    return out


def expose(signal: Array, noise: float, seed: int) -> NDArray[np.float32]:
    """The sensor: signal (N, M, 3) -> values in [0, 1], noisy and in steps of 1 / 65535, as the module's text says."""
    signal = signal * (0.9 / np.percentile(signal, 99.9))
    rng = np.random.default_rng([seed, 2])
    noisy = signal + noise * np.percentile(signal, 99.0) * rng.standard_normal(signal.shape)
    return (np.round(np.clip(noisy, 0.0, 1.0) * 65535.0) / 65535.0).astype(np.float32)


def render(scene: RenderedScene, name: str = "rendered") -> PhotometricObservations:
    """The photographs of a scene with its calibration and truth; the light distance is left for the solver to find.

    Light intensities differ by up to 20 % from light to light and channel to channel, and are given exactly.
    """
    import torch

    from sharpvision.data.observations import from_arrays

    shape = sphere() if scene.shape == "sphere" else bumpy(scene.seed)
    mask, normals, samples = sample_pixels(shape, scene.side)
    shadows = Shadows(shape, 0.5 * scene.side)
    directions = light_directions(scene.light_count)
    intensities = np.random.default_rng([scene.seed, 3]).uniform(0.8, 1.2, (scene.light_count, 3))
    signal = np.zeros((scene.light_count, len(normals), 3))
    for image, direction, intensity in zip(signal, directions, intensities, strict=True):
        outgoing = radiance(scene, shadows, samples, direction) * intensity
        np.add.at(image, samples.pixel, samples.weight[:, None] * outgoing)
    images = np.zeros((scene.light_count, *mask.shape, 3), np.float32)
    images[:, mask] = expose(signal, scene.noise, scene.seed)
    truth = np.zeros((*mask.shape, 3), np.float32)
    truth[mask] = normals
    observations = from_arrays(
        torch.from_numpy(images),
        torch.from_numpy(directions),
        torch.from_numpy(intensities),
        torch.from_numpy(mask),
        ground_truth=torch.from_numpy(truth),
        name=name,
    )
    return replace(observations, quantisation=1.0 / 65535.0)
