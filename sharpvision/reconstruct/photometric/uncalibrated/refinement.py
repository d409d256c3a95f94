"""The lights once more, with what the physics model knows: their distance, cast shadows and bounced light."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from sharpvision.kernels.bundle_pixels import BundlePixels
from sharpvision.reconstruct.photometric.lights import fit_distance
from sharpvision.reconstruct.photometric.pixel_observations import GREY, PixelObservations
from sharpvision.reconstruct.photometric.settings import PhysicsSettings
from sharpvision.reconstruct.photometric.surface_model import DIFFUSE, State, SurfaceModel
from sharpvision.reconstruct.photometric.uncalibrated.bundle import BundleState, adjust, rotations
from sharpvision.reconstruct.photometric.uncalibrated.integrability import Quads, integrable
from sharpvision.reconstruct.photometric.uncalibrated.reduction import GreyObservations


def surface_state(
    lit: PixelObservations, normals: NDArray, light_distance: float | str, seed: int
) -> tuple[SurfaceModel, State]:
    """The physics model's state (see `surface_model`) at lights taken as known: surface, distance, shadows, bounce."""
    model = SurfaceModel(lit, PhysicsSettings())
    state = model.start()
    state["normals"] = np.ascontiguousarray(normals, np.float32)
    if not isinstance(light_distance, str):
        state["inverse_distance"] = 1.0 / light_distance if np.isfinite(light_distance) else 0.0
    prior = model.settings.depth_prior_reduced
    model.fit_pixels(state, None, 0.0)
    for first in (True, False):
        model.integrate(state)
        model.cast(state)
        model.reflect(state)
        model.fit_pixels(state, state["depth_normals"], prior)
        if first and light_distance == "fit":
            fit_distance(model, state, seed, first=True)
            model.fit_pixels(state, state["depth_normals"], prior, second_start=False)
    return model, state


def refined(
    pixels: BundlePixels, grey: GreyObservations, start: BundleState, model: SurfaceModel, state: State
) -> BundleState:
    """The bundle's state adjusted with points at finite distance, shadows cast, and bounced light taken off."""
    bounced = state["bounce"] * state["weights"][..., DIFFUSE].sum(-1)[:, None]
    bounced = (bounced * model.scale[:, None, None] * model.observations.intensities) @ GREY
    observed = grey.observed - bounced / (grey.exposure * grey.scale[:, None])
    known = replace(
        pixels, observed=np.ascontiguousarray(np.maximum(observed, 0.0), np.float32),
        visibility=np.ascontiguousarray(state["visibility"], np.float32), points=model.points(state),
    )  # fmt: skip
    normals = state["normals"]
    weights, costs = known.fit_reflectance(start.lights, start.intensities, normals, start.weights, 6)
    found = replace(start, normals=normals, weights=weights, costs=costs, damping=1e-3)
    quads = Quads.of(grey.grid, grey.viewers)
    for steps in (5, 3):
        found = integrable(known, adjust(known, found, steps, hold=rotations), quads)
    return found
