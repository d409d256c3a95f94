"""The uncalibrated method: lights from the reduced images, then the physics solver under them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from sharpvision.core.errors import InputError
from sharpvision.data.observations import PhotometricObservations
from sharpvision.reconstruct.photometric.options import PhotometricOptions
from sharpvision.reconstruct.photometric.physics import PhysicsResult, solve_physics
from sharpvision.reconstruct.photometric.pixel_observations import GREY, PixelObservations, gather
from sharpvision.reconstruct.photometric.settings import PhysicsSettings
from sharpvision.reconstruct.photometric.surface_model import SurfaceModel
from sharpvision.reconstruct.photometric.uncalibrated.bundle import BundleState
from sharpvision.reconstruct.photometric.uncalibrated.estimate import Estimate, estimate
from sharpvision.reconstruct.photometric.uncalibrated.reduction import (
    GreyObservations,
    grey_observations,
    light_colours,
)
from sharpvision.reconstruct.photometric.uncalibrated.refinement import refined, surface_state
from sharpvision.reconstruct.photometric.uncalibrated.settings import UncalibratedSettings
from sharpvision.solvers.solution import Status, Step

LEAST_LIGHTS = 6
LIGHTS_SHARE = 0.5
"""Share of the progress that goes to the estimation of the lights."""


@dataclass(frozen=True, eq=False)
class UncalibratedResult:
    """The estimate on the reduced grid (None where it was interrupted), the lights' directions (N, 3) and RGB
    intensities (N, 3), and the physics solver's result under them."""

    estimate: Estimate | None
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
    """Estimate the lights, then solve under them as if they were known.

    Raises `InputError` for fewer than six photographs. Ctrl-C once there is an estimate gives it, INTERRUPTED.
    """
    settings = settings or UncalibratedSettings()
    if observations.light_count < LEAST_LIGHTS:
        raise InputError(
            observations.name, f"at least {LEAST_LIGHTS} photographs where the lights are unknown",
            f"{observations.light_count}", "take more, or measure the lights",
        )  # fmt: skip
    pixels = gather(blind(observations))
    reduced = pixels.on(pixels.grid.reduced(settings.cells))
    grey = grey_observations(reduced)
    told = _Told(options, 2 * settings.rounds + 4)
    try:
        found = estimate(grey, settings, told)
        if not found.by_outline:
            found, options = _refine(reduced, grey, found, options)
            told("refinement", found.state)
    except KeyboardInterrupt:
        if told.state is None:
            raise
        intensities = colour_intensities(reduced, grey, told.state)
        stopped = _carried(pixels, reduced, told.state, intensities)
        stopped.history = told.history
        return UncalibratedResult(None, told.state.lights, intensities, stopped)
    intensities = colour_intensities(reduced, grey, found.state)
    lit = under_lights(pixels, found.state.lights, intensities)
    result = solve_physics(lit, replace(options, progress=told.physics))
    result.history = [*told.history, *result.history]
    return UncalibratedResult(found, found.state.lights, intensities, result)


class _Told:
    """Keeps what the estimation of the lights tells: its last state, its history, and the progress."""

    def __init__(self, options: PhotometricOptions, stages: int) -> None:
        self.options, self.stages = options, stages
        self.state: BundleState | None = None
        self.history: list[Step] = []

    def __call__(self, stage: str, state: BundleState) -> None:
        self.state = state
        self.history.append(Step(state.cost, float("nan"), 0.0, state.damping, 0.0, f"lights: {stage}"))
        self.options.progress(f"lights: {stage}", LIGHTS_SHARE * min(len(self.history) / self.stages, 1.0))

    def physics(self, stage: str, done: float) -> None:
        """The physics solver's progress, after that of the lights."""
        self.options.progress(stage, LIGHTS_SHARE + (1.0 - LIGHTS_SHARE) * done)


def _refine(
    reduced: PixelObservations, grey: GreyObservations, found: Estimate, options: PhotometricOptions
) -> tuple[Estimate, PhotometricOptions]:
    """The refined estimate, and options that hold the distance found: lights bent to it would ask for ever nearer
    ones."""
    lit = under_lights(reduced, found.state.lights, colour_intensities(reduced, grey, found.state))
    model, surface = surface_state(lit, found.state.normals, options.light_distance, options.seed)
    inverse = float(surface["inverse_distance"])
    held = replace(options, light_distance=1.0 / inverse if inverse > 0 else float("inf"))
    return replace(found, state=refined(found.pixels, grey, found.state, model, surface)), held


def _carried(
    pixels: PixelObservations, reduced: PixelObservations, state: BundleState, intensities: NDArray
) -> PhysicsResult:
    """An interrupted result: the reduced normals, interpolated, and the reflectance that fits them."""
    coarse = SurfaceModel(under_lights(reduced, state.lights, intensities), PhysicsSettings())
    surface = coarse.start()
    surface["normals"] = state.normals
    fine = SurfaceModel(under_lights(pixels, state.lights, intensities), PhysicsSettings())
    message = "interrupted while the lights were estimated: the reduced solution, interpolated"
    return PhysicsResult(fine, fine.carry(coarse, surface), Status.INTERRUPTED, message)


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
