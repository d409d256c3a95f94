"""From per-pixel results to the maps of a photometric solution: albedo's gauge, depth, re-rendered images, shares."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sharpvision.data.observations import PhotometricObservations
from sharpvision.reconstruct.integration import IntegrationSettings, integrate_normals
from sharpvision.solvers.solution import Status

SHOWN_LIGHTS = 6
_SHOWN_PIXELS = 8_000_000


def shown_lights(observations: PhotometricObservations) -> list[int]:
    """The lights whose images are re-rendered for the report: six spread over the set, fewer for large images."""
    height, width = observations.shape
    count = min(SHOWN_LIGHTS, observations.light_count, _SHOWN_PIXELS // (height * width))
    return [int(i) for i in np.unique(np.linspace(0, observations.light_count - 1, count).round())] if count else []


def albedo_gauge(albedo: NDArray) -> float:
    """The factor that brings the 99th percentile of albedo (P, 3) to 1; 1 where all albedo is zero."""
    bright = albedo[albedo > 0]
    if bright.size > 2_000_000:
        bright = bright[:: bright.size // 1_000_000]
    top = float(np.quantile(bright, 0.99)) if bright.size else 0.0
    return 1.0 / top if top > 0 else 1.0


@dataclass
class Shares:
    """Sums of squares from which the explained shares follow; about zero, over valid observations."""

    total: float = 0.0
    physics: float = 0.0
    full: float = 0.0

    def add(self, observed: NDArray, physics: NDArray, full: NDArray | None, valid: NDArray) -> None:
        """Count observations (..., 3) where `valid` (...) holds; `full` None says that there is no learned part."""
        total, misfit = _sum_of_squares(observed, valid), _sum_of_squares(observed - physics, valid)
        self.total += total
        self.physics += misfit
        self.full += misfit if full is None else _sum_of_squares(observed - full, valid)

    def explained(self) -> dict[str, float]:
        """physics = 1 - SSE(physics) / SST, residual = (SSE(physics) - SSE(full)) / SST, neither = SSE(full) / SST."""
        if self.total <= 0:
            return {"physics": 0.0, "residual": 0.0, "neither": 1.0}
        return {
            "physics": 1.0 - self.physics / self.total,
            "residual": (self.physics - self.full) / self.total,
            "neither": self.full / self.total,
        }


def _sum_of_squares(values: NDArray, valid: NDArray) -> float:
    """Sum of squares of values (..., 3) where `valid` (...) holds."""
    squares = np.einsum("...c,...c->...", values, values)
    return float(np.multiply(squares, valid, out=squares).sum(dtype=np.float64))


@dataclass
class DepthMap:
    """Depth (H, W) and what belongs with it."""

    depth: Tensor
    figures: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def depth_map(observations: PhotometricObservations, normals: Tensor, method: str) -> DepthMap:
    """Integrate the normals with the camera that the observations name; without a focal length it is orthographic."""
    settings = IntegrationSettings(
        method=method, focal_px=observations.focal_px, principal_point=observations.principal_point,
        max_steps=40, tolerance=1e-3, min_nz=0.12 if method == "bilateral" else 0.05,
    )  # fmt: skip
    solution = integrate_normals(normals, observations.mask, settings)
    figures = {
        "depth_model": "orthographic" if observations.focal_px is None else "perspective",
        "depth_integration": method, "depth_status": str(solution.status),
    }  # fmt: skip
    notes = list(solution.notes)
    if solution.status is Status.STEP_LIMIT:
        notes.append("the depth's own iteration met its step limit: the normals are not affected, its steps may be off")
    return DepthMap(solution.values["depth"], figures, notes)


def as_image(mask: NDArray[np.bool_], values: NDArray, fill: float = 0.0) -> Tensor:
    """Values (P, ...) as a float32 tensor (H, W, ...)."""
    image = torch.full((*mask.shape, *values.shape[1:]), fill, dtype=torch.float32)
    image[torch.from_numpy(mask)] = torch.from_numpy(np.ascontiguousarray(values, np.float32))
    return image
