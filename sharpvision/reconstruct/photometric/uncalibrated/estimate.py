"""Lights and normals of the reduced images: factorisation, inflation, bundle adjustment, integrability."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sharpvision.kernels.bundle_pixels import BundlePixels
from sharpvision.reconstruct.photometric.uncalibrated.ambiguity import Evidence, evidence
from sharpvision.reconstruct.photometric.uncalibrated.bundle import (
    BundleState,
    adjust,
    linear_maps,
    moved,
    rotations,
    start_state,
)
from sharpvision.reconstruct.photometric.uncalibrated.factorisation import factorise
from sharpvision.reconstruct.photometric.uncalibrated.inflation import inflated_normals, towards_normals
from sharpvision.reconstruct.photometric.uncalibrated.integrability import Quads, confidence_of, integrable
from sharpvision.reconstruct.photometric.uncalibrated.outline_matrix import outline_matrix
from sharpvision.reconstruct.photometric.uncalibrated.reduction import GreyObservations
from sharpvision.reconstruct.photometric.uncalibrated.settings import UncalibratedSettings

Watch = Callable[[str, BundleState], None]


@dataclass(frozen=True, eq=False)
class Estimate:
    """The bundle's state, its data, the inflated normals (P, 3), and what reflectance says of the ambiguity;
    `by_outline` where that is too little and the outline decides."""

    state: BundleState
    pixels: BundlePixels
    inflated: NDArray[np.float64]
    evidence: Evidence
    by_outline: bool


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
    quads = Quads.of(grey.grid, grey.viewers)
    free, pixels = _by_reflectance(pixels, state, quads, settings, watch)
    found = evidence(pixels, free)
    by_outline = found.stretch_spread > settings.widest_stretch
    if by_outline:
        free = _by_outline(pixels, state, inflated, quads, settings, watch)
    return Estimate(free, pixels, inflated, found, by_outline)


def _by_reflectance(
    pixels: BundlePixels, state: BundleState, quads: Quads, settings: UncalibratedSettings, watch: Watch
) -> tuple[BundleState, BundlePixels]:
    """Bundle adjustment and integrability in turn: what highlights and roughness tell of the lights."""
    state = adjust(pixels, state, settings.free_steps)
    watch("bundle", state)
    for _ in range(settings.rounds):
        rough = float(state.weights[:, 1].mean())
        pixels.sparsity = settings.sparsity * settings.sparse_share**2 / (settings.sparse_share**2 + rough**2)
        state = integrable(pixels, state, quads)
        watch("integrability", state)
        state = adjust(pixels, state, settings.round_steps, hold=rotations)
        watch("bundle", state)
    state = integrable(pixels, state, quads)
    watch("integrability", state)
    return state, pixels


def _by_outline(
    pixels: BundlePixels, state: BundleState, inflated: NDArray, quads: Quads, settings: UncalibratedSettings,
    watch: Watch,
) -> BundleState:  # fmt: skip
    """From the factorisation, integrable and near the inflated outline; bundle adjustment only across linear maps."""
    for _ in range(2):
        matrix = outline_matrix(state.normals, inflated, quads, confidence_of(state))
        state = moved(pixels, state, matrix)
        watch("outline", state)
        state = adjust(pixels, state, settings.round_steps, hold=linear_maps)
        watch("bundle", state)
    return state
