"""Lights and normals of the reduced images, step by step: factorisation, inflation, bundle adjustment, integrability."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sharpvision.kernels.bundle_pixels import BundlePixels
from sharpvision.reconstruct.photometric.uncalibrated.bundle import BundleState, adjust, start_state
from sharpvision.reconstruct.photometric.uncalibrated.factorisation import factorise
from sharpvision.reconstruct.photometric.uncalibrated.inflation import facing, inflated_normals, towards_normals
from sharpvision.reconstruct.photometric.uncalibrated.integrability import Quads, integrable_tilt, tilt_matrix
from sharpvision.reconstruct.photometric.uncalibrated.reduction import GreyObservations
from sharpvision.reconstruct.photometric.uncalibrated.settings import UncalibratedSettings

Watch = Callable[[str, BundleState], None]
_CONFIDENCE = 0.5


@dataclass(frozen=True, eq=False)
class Estimate:
    """The bundle's state, its data, and the start that inflation gave."""

    state: BundleState
    pixels: BundlePixels
    inflated: NDArray[np.float64]


def bundle_pixels(grey: GreyObservations, settings: UncalibratedSettings) -> BundlePixels:
    """The bundle's data: distant lights, nothing shadowed."""
    count = grey.observed.shape[1]
    scale = np.hypot(settings.loss_scale, grey.noise).astype(np.float32)
    return BundlePixels(
        np.ascontiguousarray(grey.observed), np.ascontiguousarray(grey.usable, np.float32),
        np.ones((grey.grid.size, count), np.float32), scale, np.zeros((grey.grid.size, 3), np.float32),
        np.ascontiguousarray(grey.viewers), settings.relative_scale, settings.sparsity,
    )  # fmt: skip


def estimate(grey: GreyObservations, settings: UncalibratedSettings, watch: Watch) -> Estimate:
    """Lights and normals by all steps; `watch(stage, state)` is told of each."""
    scaled, lights = factorise(grey.observed, grey.usable, settings.shadow_level, settings.factor_rounds)
    inflated = inflated_normals(grey.grid)
    matrix = towards_normals(scaled, inflated)
    directions = lights @ np.linalg.inv(matrix)
    pixels = bundle_pixels(grey, settings)
    state = start_state(pixels, directions, np.linalg.norm(directions, axis=1), scaled @ matrix.T)
    watch("factorisation", state)
    state = adjust(pixels, state, settings.free_steps)
    watch("bundle", state)
    quads = Quads.of(grey.grid, grey.viewers)
    for _ in range(settings.rounds):
        state = integrable(pixels, state, quads)
        watch("integrability", state)
        state = adjust(pixels, state, settings.round_steps, hold=True)
        watch("bundle", state)
    state = integrable(pixels, state, quads)
    watch("integrability", state)
    return Estimate(state, pixels, inflated)


def integrable(pixels: BundlePixels, state: BundleState, quads: Quads) -> BundleState:
    """The state tilted and turned so that its normals are those of a surface."""
    confidence = np.exp(-state.costs.astype(np.float64) / _CONFIDENCE)
    matrix = tilt_matrix(integrable_tilt(state.normals, quads, confidence))
    return transformed(pixels, state, matrix)


def transformed(pixels: BundlePixels, state: BundleState, matrix: NDArray) -> BundleState:
    """Normals under `matrix` (3, 3), lights and intensities under its inverse transposed, reflectance re-fitted."""
    scaled = state.normals.astype(np.float64) @ matrix.T
    lights = (state.lights * state.intensities[:, None]) @ np.linalg.inv(matrix)
    intensities = np.linalg.norm(lights, axis=1)
    directions, normals = facing(lights), facing(scaled).astype(np.float32)
    intensities = intensities / np.exp(np.log(intensities).mean())
    weights, costs = pixels.fit_reflectance(directions, intensities, normals, state.weights, 6)
    return replace(state, lights=directions, intensities=intensities, normals=normals, weights=weights, costs=costs)
