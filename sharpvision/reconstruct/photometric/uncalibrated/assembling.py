"""The uncalibrated method's result as a `Solution`."""

from __future__ import annotations

import torch

from sharpvision.data.observations import PhotometricObservations
from sharpvision.reconstruct.photometric.physics_solution import physics_solution
from sharpvision.reconstruct.photometric.uncalibrated.solve import UncalibratedResult
from sharpvision.solvers.solution import Solution

NOTES = (
    "the lights were estimated with the surface: what all of them share in intensity and colour went into the albedo",
    "whether the object is convex or hollow follows from the outline's inflation, not from the photographs",
)


def uncalibrated_solution(observations: PhotometricObservations, result: UncalibratedResult) -> Solution:
    """The physics solver's solution with the estimated lights in `light_directions` (N, 3), OpenCV frame."""
    solution = physics_solution(observations, result.physics)
    solution.method = "uncalibrated"
    solution.values["light_directions"] = torch.from_numpy(result.directions.astype("float32"))
    solution.notes = [*NOTES, *solution.notes]
    return solution
