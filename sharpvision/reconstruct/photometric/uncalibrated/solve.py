"""The uncalibrated method: lights from the reduced images, then the physics solver under them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from sharpvision.data.observations import PhotometricObservations
from sharpvision.reconstruct.photometric.options import PhotometricOptions
from sharpvision.reconstruct.photometric.physics import PhysicsResult, solve_physics
from sharpvision.reconstruct.photometric.pixel_observations import GREY, PixelObservations, gather
from sharpvision.reconstruct.photometric.uncalibrated.bundle import BundleState
from sharpvision.reconstruct.photometric.uncalibrated.estimate import Estimate, estimate
from sharpvision.reconstruct.photometric.uncalibrated.reduction import (
    GreyObservations,
    grey_observations,
    light_colours,
)
from sharpvision.reconstruct.photometric.uncalibrated.settings import UncalibratedSettings
from sharpvision.solvers.solution import Step

LIGHTS_SHARE = 0.5
"""Share of the progress that goes to the estimation of the lights."""


@dataclass(frozen=True, eq=False)
class UncalibratedResult:
    """The estimate on the reduced grid, the lights in full colour (N, 3), and the physics solver's result under them."""

    estimate: Estimate
    directions: NDArray[np.float64]
    intensities: NDArray[np.float64]
    physics: PhysicsResult


def blind(observations: PhotometricObservations) -> PhotometricObservations:
    """The observations with nothing said of the lights: all straight ahead and of intensity one."""
    ahead = torch.zeros_like(observations.light_directions)
    ahead[:, 2] = -1.0
    return replace(
        observations, light_directions=ahead, light_intensities=torch.ones_like(observations.light_intensities),
        ground_truth=None, point_lights=None,
    )  # fmt: skip


def solve_uncalibrated(
    observations: PhotometricObservations, options: PhotometricOptions, settings: UncalibratedSettings | None = None
) -> UncalibratedResult:
    """Estimate the lights, then solve under them as if they were known."""
    settings = settings or UncalibratedSettings()
    pixels = gather(blind(observations))
    reduced = pixels.on(pixels.grid.reduced(settings.cells))
    grey = grey_observations(reduced)
    stages = 2 + 2 * settings.rounds + 1
    history: list[Step] = []

    def watch(stage: str, state: BundleState) -> None:
        history.append(Step(state.cost, float("nan"), 0.0, state.damping, 0.0, f"lights: {stage}"))
        options.progress(f"lights: {stage}", LIGHTS_SHARE * min(len(history) / stages, 1.0))

    found = estimate(grey, settings, watch)
    intensities = colour_intensities(reduced, grey, found.state)

    def physics_progress(stage: str, done: float) -> None:
        options.progress(stage, LIGHTS_SHARE + (1.0 - LIGHTS_SHARE) * done)

    lit = under_lights(pixels, found.state.lights, intensities)
    result = solve_physics(lit, replace(options, progress=physics_progress))
    result.history = [*history, *result.history]
    return UncalibratedResult(found, found.state.lights, intensities, result)


def colour_intensities(reduced: PixelObservations, grey: GreyObservations, state: BundleState) -> NDArray[np.float64]:
    """RGB intensities (N, 3) of the lights: grey ones times colours, mean log of each channel zero."""
    usable = reduced.usable > 0
    colours = light_colours(reduced.radiance, reduced.radiance @ GREY, usable)
    intensities = (state.intensities * grey.exposure)[:, None] * colours
    scaled: NDArray[np.float64] = intensities / np.exp(np.log(intensities).mean(0))
    return scaled


def under_lights(pixels: PixelObservations, directions: NDArray, intensities: NDArray) -> PixelObservations:
    """Observations under lights that are taken as known."""
    strength = intensities.astype(np.float32)
    return replace(
        pixels, radiance=pixels.radiance / strength, lights=np.ascontiguousarray(directions, np.float32),
        intensities=strength, noise=pixels.noise / float(strength.mean()),
    )  # fmt: skip
