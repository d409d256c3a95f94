"""Finite differences of the area-sampled loss, to hold the reference gradient against.

Central differences with steps that move the image by at most 0.02 and 0.01 px, on 64 x 64 multi-jittered samples in the
pixels that a contour crosses, with two patterns. A step of a quarter of a pixel, the usual choice, is biased by up to
11 %: the loss is only piecewise smooth (../shared/pilots/silhouette_gradients.md, 2).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from sharpvision.bench.gradient_model import Unknowns, geometry_of
from sharpvision.bench.gradient_reference import SHADING, Prepared
from sharpvision.bench.gradient_scenes import SIZE

STEPS_PX = (0.02, 0.01)
DIRECTIONS = 3


@dataclass(frozen=True, eq=False)
class Differences:
    """Derivatives along `directions` (D, *shape) of a parameter: `values` (D,), and their standard errors `noise`."""

    directions: Tensor
    values: Tensor
    noise: Tensor

    def error_percent(self, gradient: Tensor) -> float:
        """How far the derivatives of a gradient along the same directions are off, of their norm."""
        predicted = (self.directions * gradient).reshape(len(self.values), -1).sum(1)
        return 100 * float((predicted - self.values).norm() / self.values.norm())

    @property
    def noise_percent(self) -> float:
        """Standard error of the values, of their norm."""
        return 100 * float(self.noise.norm() / self.values.norm())


def differences_of(p: Prepared, name: str) -> Differences:
    """Of one parameter: along its components, or along three fixed smooth directions where it has more than three."""
    value = p.unknowns[name]
    directions = _directions(p, name, value)
    values, noise = [], []
    for direction in directions:
        tries = [(1e-3, 0)]
        if name not in SHADING:
            motion = _motion(p, name, direction)
            tries = [(STEPS_PX[0] / motion, 1), (STEPS_PX[1] / motion, 1), (STEPS_PX[0] / motion, 2)]
        found = [_central(p, name, direction, step, seed) for step, seed in tries]
        values.append(float(np.mean(found)))
        noise.append(float(np.std(found, ddof=1) / len(found) ** 0.5) if len(found) > 1 else 0.0)
    return Differences(directions, torch.tensor(values, dtype=torch.float64), torch.tensor(noise, dtype=torch.float64))


def _directions(p: Prepared, name: str, value: Tensor) -> Tensor:
    """(D, *shape)."""
    if name == "distortion" or value.numel() <= 3:
        return torch.eye(value.numel(), dtype=torch.float64).reshape(-1, *value.shape)
    rng = np.random.default_rng(23)
    if name != "vertices":
        return torch.from_numpy(rng.standard_normal((DIRECTIONS, *value.shape)))
    size = (value.amax(0) - value.amin(0)).max()
    waves = torch.from_numpy(rng.standard_normal((DIRECTIONS, 3, 3))) * 3 / size
    return torch.stack([torch.sin(value @ w + torch.arange(3.0, dtype=torch.float64)) for w in waves])


def _central(p: Prepared, name: str, direction: Tensor, step: float, seed: int) -> float:
    high, low = (_loss(p, p.unknowns | {name: p.unknowns[name] + s * direction}, seed) for s in (step, -step))
    return (high - low) / (2 * step)


def _loss(p: Prepared, unknowns: Unknowns, seed: int) -> float:
    geometry = geometry_of(p.scene, p.topology, unknowns)
    image = p.sampler().image(geometry, unknowns, p.sampling, seed)
    return float((image - p.target).square().sum())


def _motion(p: Prepared, name: str, direction: Tensor) -> float:
    """Largest motion in the image, in pixels for a unit step, of vertices beyond the near plane and in the frame."""
    small = 1e-5
    rows = [geometry_of(p.scene, p.topology, p.unknowns | {name: p.unknowns[name] + s * direction}).projected
            for s in (-small, small)]  # fmt: skip
    seen = p.geometry.projected[:, 2] > p.scene.near
    places = [r[seen, :2] / r[seen, 2:] for r in rows]
    framed = ((places[0] > -8) & (places[0] < SIZE + 8)).all(1)
    return float((places[1] - places[0])[framed].norm(dim=1).max()) / (2 * small)
