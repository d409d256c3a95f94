"""The uncalibrated method's result as a `Solution`, and what it says of the ambiguity that unknown lights leave."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch

from sharpvision.data.observations import PhotometricObservations
from sharpvision.reconstruct.photometric.physics_solution import physics_solution
from sharpvision.reconstruct.photometric.uncalibrated.estimate import Estimate
from sharpvision.reconstruct.photometric.uncalibrated.solve import UncalibratedResult
from sharpvision.solvers.solution import Solution, Status

OUTLINE_STRETCH = 0.3
"""Log of the bas-relief stretch by which an inflated outline may be wrong."""

MODEL_SPREAD = (0.08, 0.03)
"""Log stretch and slope of tilt by which reflectance that the basis lacks moves the result, from DiLiGenT and rendered
metal."""

_ROUGH_SHARE = 0.25
_GLOSS_SHARE = 0.1

NOTES = (
    "the lights were estimated with the surface: what all of them share in intensity and colour went into the albedo",
    "whether the object is convex or hollow follows from its outline, not from the photographs",
)


def uncalibrated_solution(observations: PhotometricObservations, result: UncalibratedResult) -> Solution:
    """The physics solver's solution with the estimated lights in `light_directions` (N, 3), OpenCV frame.

    ILL_POSED where neither highlights nor roughness tell the bas-relief stretch: the outline then decided it.
    """
    solution = physics_solution(observations, result.physics)
    solution.method = "uncalibrated"
    solution.values["light_directions"] = torch.from_numpy(result.directions.astype(np.float32))
    solution.notes = [*NOTES, *solution.notes]
    if result.estimate is not None:
        solution.figures |= ambiguity_figures(result.estimate)
        if result.estimate.by_outline and solution.status in (Status.CONVERGED, Status.STEP_LIMIT):
            solution.status = Status.ILL_POSED
            solution.message = (
                "no highlight and no roughness tells how deep the object is: its outline was taken as a guide, "
                f"{solution.figures['residual_ambiguity']}; add a mirror ball, or measure the lights"
            )
    return solution


def ambiguity_figures(estimate: Estimate) -> dict[str, Any]:
    """Which cue resolved the bas-relief ambiguity, and what of it is left: stretch in percent, tilt in degrees."""
    found = estimate.evidence
    if estimate.by_outline:
        cue, stretch, tilt = "inflation prior", OUTLINE_STRETCH, math.tan(math.radians(10.0))
    else:
        cue = _reflectance_cue(estimate.state.weights.mean(0))
        stretch, tilt = np.hypot((found.stretch_spread, found.tilt_spread), MODEL_SPREAD)
    percent, tilt_deg = 100.0 * math.expm1(float(stretch)), math.degrees(math.atan(float(tilt)))
    return {
        "ambiguity_resolved_by": cue,
        "residual_ambiguity": f"depth up to a stretch of +-{percent:.0f} % and a tilt of +-{tilt_deg:.0f} degrees",
        "bas_relief_stretch_percent": percent, "bas_relief_tilt_deg": tilt_deg,
    }  # fmt: skip


def _reflectance_cue(weights: np.ndarray) -> str:
    """Which reflection departs from Lambert's: by mean weights (6,) of the basis, a lobe's reach being a quarter of its
    weight."""
    diffuse = max(float(weights[:2].sum()), 1e-9)
    rough, glossy = float(weights[1]) > _ROUGH_SHARE * diffuse, 0.25 * float(weights[2:].sum()) > _GLOSS_SHARE * diffuse
    if rough:
        return "highlights and rough diffuse reflection" if glossy else "rough diffuse reflection"
    return "highlights"
