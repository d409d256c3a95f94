"""Runs a per-pixel Lambertian method over strips of the images and assembles its solution."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from sharpvision.data.observations import PhotometricObservations, Tile, Validity
from sharpvision.reconstruct.photometric.grid import PixelGrid
from sharpvision.reconstruct.photometric.maps import Shares, albedo_gauge, depth_map, shown_lights
from sharpvision.reconstruct.photometric.misfit import MisfitCorrelation
from sharpvision.reconstruct.photometric.options import PhotometricOptions
from sharpvision.reconstruct.photometric.pixel_observations import GREY
from sharpvision.solvers.solution import Solution, Status, Step

PixelMethod = Callable[[NDArray, NDArray, NDArray], tuple[NDArray, NDArray, NDArray]]
"""(radiance (P, N, 3), usable (P, N), lights (N, 3)) -> normals (P, 3), albedo (P, 3), standard error (P,)."""

_STRIP_VALUES = 24_000_000
_DEG_68 = 1.515 * 180.0 / np.pi
"""68 % of the angles of a two-dimensional Gaussian lie within 1.515 standard deviations of one coordinate."""
_UNKNOWN_DEG = 90.0


def solve(
    observations: PhotometricObservations, options: PhotometricOptions, method: PixelMethod, shared_lights: float
) -> Solution:
    """Normals strip by strip, then depth of all; memory beyond the maps is that of one strip.

    std is 90 degrees where nothing determines the normal: black pixels, and what an interrupt left out.
    """
    height, width = observations.shape
    rows = int(np.clip(_STRIP_VALUES // (width * observations.light_count * 3), 1, height))
    normals, albedo = np.zeros((height, width, 3), np.float32), np.zeros((height, width, 3), np.float32)
    spread_deg = np.where(observations.mask.numpy(), np.float32(_UNKNOWN_DEG), np.float32(0.0))
    shown, shares, misfit = shown_lights(observations), Shares(), MisfitCorrelation()
    predicted = np.zeros((len(shown), height, width, 3), np.float32)
    lights = np.ascontiguousarray(observations.light_directions.numpy(), np.float32)
    intensities = observations.light_intensities.numpy().astype(np.float32)
    status, message, done, black = Status.CONVERGED, "every pixel is solved", 0, 0
    try:
        for tile in observations.tiles(rows):
            inside = tile.mask.numpy()
            window = slice(tile.top, tile.top + inside.shape[0])
            if inside.any():
                radiance, usable = _pixels(tile, inside, intensities)
                n, a, s = method(radiance, usable, lights)
                seen = (a > 0).any(1)
                black += int((~seen).sum())
                stated = np.where(seen, s * _DEG_68, _UNKNOWN_DEG)
                normals[window][inside], albedo[window][inside] = n, a
                spread_deg[window][inside] = stated
                model = np.maximum(n @ lights.T, 0.0)[..., None] * a[:, None]
                misfit.add(PixelGrid(inside), partial(_robust_residuals, radiance, model, usable))
                np.multiply(model, intensities, out=model)
                shares.add(radiance * intensities, model, None, usable > 0)
                for i, light in enumerate(shown):
                    predicted[i][window][inside] = model[:, light]
            done = window.stop
            options.progress("normals", 0.9 * done / height)
    except KeyboardInterrupt:
        status, message = Status.INTERRUPTED, f"interrupted after {done} of {height} rows; the rest faces the camera"
        normals[done:][observations.mask.numpy()[done:]] = (0.0, 0.0, -1.0)
    if black and black == int(observations.mask.sum()):
        status, message = Status.ILL_POSED, "every pixel inside the mask is black in every usable image"
    spread_deg *= np.float32(misfit.inflation(shared_lights, observations.light_count))
    np.minimum(spread_deg, np.float32(_UNKNOWN_DEG), out=spread_deg)
    options.progress("depth", 0.9)
    gauge = albedo_gauge(albedo[observations.mask.numpy()])
    field = torch.from_numpy(normals)
    depth = depth_map(observations, field, "least_squares")
    options.progress("done", 1.0)
    explained, notes = shares.explained(), list(depth.notes)
    if black:
        notes.append(f"{black} pixels inside the mask are black in every usable image: their normal faces the camera")
    if observations.point_lights is not None:
        notes.append(
            "the lights are nearby at known places: this method takes them as distant, in their directions from the "
            "object's middle; --method physics uses the places"
        )
    if observations.light_count == 3:
        notes.append("three lights fit any pixel exactly: the stated uncertainty knows of no noise")
    albedo *= np.float32(gauge)
    values = {"normals": field, "albedo": torch.from_numpy(albedo), "depth": depth.depth}
    if shown:
        values["predicted"], values["predicted_lights"] = torch.from_numpy(predicted), torch.tensor(shown)
    return Solution(
        method="", status=status, message=message, values=values,
        std={"normals": torch.from_numpy(spread_deg)},
        history=[Step(explained["neither"], float("nan"), 0.0, float("nan"), 0.0, "share of the signal left over")],
        explained=explained,
        figures={
            **depth.figures, "albedo_scale": "relative",
            "light_distance_mask_sides": "infinite", "learned_parameters": 0,
        },
        notes=notes,
    )  # fmt: skip


def _robust_residuals(
    radiance: NDArray, model: NDArray, usable: NDArray, index: NDArray[np.intp]
) -> tuple[NDArray, NDArray]:
    """Residuals (P', N, 3) over the pixels' brightness and robust weights (P', N) of some pixels."""
    grey = radiance[index] @ GREY
    scale = np.maximum(np.quantile(grey, 0.9, axis=1), 1e-7)[:, None] if len(index) else np.ones((0, 1))
    residual = (radiance[index] - model[index]) / scale[..., None]
    weight = usable[index] * np.clip(grey / scale / 0.3, 0.1, 1.0) / (1.0 + (residual**2).mean(-1) / 0.05**2)
    return residual, weight


def _pixels(tile: Tile, inside: NDArray[np.bool_], intensities: NDArray) -> tuple[NDArray, NDArray]:
    """Radiance over intensity (P, N, 3) and usability (P, N) of the pixels of a strip."""
    radiance = np.ascontiguousarray(tile.images.numpy()[:, inside].transpose(1, 0, 2), np.float32)
    radiance /= intensities
    usable = (tile.validity.numpy()[:, inside] != int(Validity.SATURATED)).T
    return radiance, np.ascontiguousarray(usable, np.uint8)
