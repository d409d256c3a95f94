"""A made-up solution with known values for the tests of what is written."""

from __future__ import annotations

from typing import Any

import torch

from sharpvision.data import from_arrays
from sharpvision.solvers import Solution, Status, Step


def hemisphere(size: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Normals (H, W, 3) in the OpenCV frame, depth (H, W) in pixels and mask of a sphere seen from the front."""
    centre, radius = size / 2, 0.45 * size
    v, u = torch.meshgrid(torch.arange(size) + 0.5, torch.arange(size) + 0.5, indexing="ij")
    x, y = (u - centre) / radius, (v - centre) / radius
    mask = x**2 + y**2 < 0.95
    z = -(1 - x**2 - y**2).clamp(min=0.0).sqrt()
    normals = torch.where(mask[..., None], torch.stack([x, y, z], -1), 0.0)
    return normals, torch.where(mask, radius * z, torch.nan), mask


def sphere_solution(size: int = 24, truth: bool = True, **changes: Any) -> Solution:
    """A sphere of albedo 0.5 under four lights; one saturated pixel in the second image."""
    normals, depth, mask = hemisphere(size)
    lights = torch.tensor([[0.0, 0, -1], [0.6, 0, -0.8], [0, 0.6, -0.8], [-0.6, 0, -0.8]])
    shading = torch.einsum("hwc,nc->nhw", normals, lights).clamp(min=0.0)
    images = (0.5 * shading)[..., None].expand(-1, -1, -1, 3).clone()
    images[1, size // 2, size // 2] = 1.0
    observations = from_arrays(images, lights, mask=mask, ground_truth=normals if truth else None, name="sphere")
    solution = Solution(
        method="physics",
        status=Status.CONVERGED,
        message="the cost no longer falls",
        values={
            "normals": normals, "depth": depth, "albedo": torch.where(mask[..., None], 0.5, 0.0).expand(-1, -1, 3),
            "predicted": images[:2], "predicted_lights": torch.tensor([0, 1]),
            "lobe_roughness": torch.tensor([0.1, 0.4]),
        },
        std={"normals": torch.where(mask, 1.5, torch.nan)},
        history=[Step(1.0, 1.0, 0.1, 0.0, 0.1, "start"), Step(0.5, 0.1, 0.1, 0.0, 0.2, "start")],
        explained={"physics": 0.9, "residual": 0.06, "neither": 0.04},
        figures={"depth_model": "orthographic", "light_distance_mask_sides": float("inf"), "learned_parameters": 7},
        settings={"seed": 0},
        notes=["made up"],
        seconds=0.1,
        observations=observations,
    )  # fmt: skip
    for name, value in changes.items():
        setattr(solution, name, value)
    return solution
