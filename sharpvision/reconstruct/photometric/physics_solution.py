"""The physics solver's result as a `Solution`: maps, fitted reflectance, uncertainty, shares."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from sharpvision.data.observations import PhotometricObservations
from sharpvision.kernels.reflectance_basis import LOBE_ROUGHNESS
from sharpvision.reconstruct.photometric.lights import as_arrays, light_distance_figure
from sharpvision.reconstruct.photometric.maps import DepthMap, Shares, albedo_gauge, as_image, depth_map, shown_lights
from sharpvision.reconstruct.photometric.physics import PhysicsResult
from sharpvision.reconstruct.photometric.uncertainty import normal_std_deg
from sharpvision.solvers.solution import Solution


def physics_solution(
    observations: PhotometricObservations, result: PhysicsResult, depth: DepthMap | None = None
) -> Solution:
    """Assemble what `photometric_stereo` returns; without a `depth` the normals are integrated.

    Reflectance weights are those of the basis times the pixel's scale, in the unit in which the 99th percentile of the
    diffuse albedo is 1: radiance = weight x basis(n, l, v), irradiance one. `albedo` is Lambert's weight plus the rough
    diffuse one (`rough_diffuse`, which is part of it).
    """
    model, state, mask = result.model, result.state, observations.mask.numpy()
    weights = state["weights"] * model.scale[:, None, None]
    weights = weights * np.float32(albedo_gauge(weights[..., :2].sum(-1)))
    normals = as_image(mask, state["normals"])
    depth = depth or depth_map(observations, normals, "bilateral")
    shown, shares, images = shown_lights(observations), Shares(), {}
    to_sensor = model.scale[:, None, None] * model.observations.intensities
    full = model.predict(state) * to_sensor
    physics = full if state["correction"] is None else model.predict(state, correction=False) * to_sensor
    shares.add(model.observed * to_sensor, physics, full, model.observations.usable > 0)
    if shown:
        images = {
            "predicted": _images(mask, full, shown), "predicted_physics": _images(mask, physics, shown),
            "predicted_lights": torch.tensor(shown),
        }  # fmt: skip
    values: dict[str, Tensor] = {
        "normals": normals, "albedo": as_image(mask, weights[..., :2].sum(-1)), "depth": depth.depth,
        "lobe_weights": as_image(mask, np.moveaxis(weights[..., 2:], -1, 1)),
        "lobe_roughness": torch.tensor(LOBE_ROUGHNESS),
        "rough_diffuse": as_image(mask, weights[..., 1]),
        "inverse_light_distance": torch.tensor(state["inverse_distance"], dtype=torch.float64),
        "light_intensities": torch.from_numpy(as_arrays(state["gains"], model.observations.intensities)), **images,
    }  # fmt: skip
    figures: dict[str, Any] = {
        **depth.figures, "albedo_scale": "relative",
        "light_distance_mask_sides": light_distance_figure(state["inverse_distance"]),
        "learned_parameters": result.learned_parameters, "steps": len(result.history), **result.figures,
    }  # fmt: skip
    return Solution(
        method="physics", status=result.status, message=result.message, values=values,
        std={"normals": as_image(mask, normal_std_deg(model, state))}, history=result.history,
        explained=shares.explained(), figures=figures, settings={}, notes=[*result.notes, *depth.notes],
    )  # fmt: skip


def _images(mask: np.ndarray, radiance: np.ndarray, lights: list[int]) -> Tensor:
    return torch.stack([as_image(mask, radiance[:, light]) for light in lights])
