"""Times a photometric solve and scores its normals; shared by the photometric suites."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sharpvision.bench.rendered import RenderedScene, render
from sharpvision.bench.suite import Options
from sharpvision.core.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

    from sharpvision.data.observations import PhotometricObservations
    from sharpvision.solvers.solution import Solution

METHODS = ("least_squares", "robust", "physics")
OTHER_METHODS = ("semicalibrated", "uncalibrated")
"""Methods that run where they are asked for."""


def methods_of(options: Options, default: tuple[str, ...] = METHODS) -> tuple[str, ...]:
    """The methods asked for, or the suite's own; raises `InputError` for one that is not there."""
    for method in options.methods:
        known = METHODS + OTHER_METHODS
        if method not in known:
            raise InputError(f"method {method!r}", f"one of {', '.join(known)}", repr(method), "use one of these")
    return options.methods or default


def settings_of(method: str, light_count: int, residual: bool | None = None) -> dict[str, Any]:
    """Settings of a row; `residual` is null where a method has none.

    >>> settings_of("robust", 20), settings_of("physics", 20)["residual"]
    ({'light_count': 20, 'residual': None}, True)
    """
    if method in ("physics", *OTHER_METHODS):
        residual = True if residual is None else residual
    return {"light_count": light_count, "residual": residual}


def solve(observations: PhotometricObservations, method: str, seed: int, residual: bool | None) -> Solution:
    """One solve as a user would call it."""
    from sharpvision.reconstruct import photometric_stereo

    return photometric_stereo(observations, method=method, seed=seed, residual=residual is not False)


def warm_up(method: str, residual: bool | None) -> None:
    """Compile and load every kernel that the method uses, on a sphere of 32 pixels under 12 lights."""
    solve(render(RenderedScene("glossy", side=32, light_count=12)), method, 0, residual)


def timed(
    observations: PhotometricObservations, method: str, seed: int, residual: bool | None
) -> tuple[Solution, float]:
    """The solution and the seconds from loaded observations to values in memory, kernels compiled.

    Raises `SolveFailed` where the solve diverged, or was ill-posed under known lights: its numbers would say nothing.
    """
    from sharpvision.data.observations import MemorySource
    from sharpvision.solvers.solution import Status

    tile = observations.load()
    loaded = replace(observations, source=MemorySource(tile.images, tile.validity))
    warm_up(method, residual)
    start = time.perf_counter()
    solution = solve(loaded, method, seed, residual)
    seconds = time.perf_counter() - start
    failed = (Status.DIVERGED,) if method == "uncalibrated" else (Status.DIVERGED, Status.ILL_POSED)
    if solution.status in failed:  # that the photographs leave the shape open is an answer where the lights are unknown
        solution.raise_if_failed()
    return solution, seconds


def angular_errors_deg(normals: Tensor, truth: Tensor, mask: Tensor) -> Tensor:
    """Angles (P,) in degrees between two normal maps (H, W, 3), over mask pixels whose true normal is not zero.

    arctan2(|a x b|, a . b), exact for small angles too. A missing normal (zero, NaN) counts as 90 degrees.

    >>> import torch
    >>> up, tilted = torch.tensor([[[0.0, 0, -1]]]), torch.tensor([[[0.6, 0, -0.8]]])
    >>> angular_errors_deg(tilted, up, torch.ones(1, 1, dtype=torch.bool)).round(decimals=3).tolist()
    [36.87]
    """
    import torch

    counted = mask & (truth.norm(dim=-1) > 0)
    a, b = normals[counted].double(), truth[counted].double()
    angle = torch.atan2(torch.linalg.cross(a, b).norm(dim=-1), (a * b).sum(-1)) * (180.0 / math.pi)
    missing = ~torch.isfinite(a).all(-1) | (a.norm(dim=-1) == 0)
    return torch.where(missing, 90.0, angle)


def light_errors(solution: Solution, observations: PhotometricObservations) -> dict[str, float]:
    """Mean angle between estimated and true light directions, and mean relative error of the intensities, where they
    were estimated.

    Intensities up to one factor for each channel, the least-squares one: the albedo's scale and colour are not known.
    """
    import torch

    from sharpvision.core.vectors import angle

    errors = {}
    if solution.method == "uncalibrated":
        found, truth = solution.values["light_directions"].double(), observations.light_directions
        errors["light_error_deg"] = float(torch.rad2deg(angle(found, truth)).mean())
    if solution.method in OTHER_METHODS:
        ratio = solution.values["light_intensities"].double() / observations.light_intensities
        scaled = ratio * (ratio.sum(0) / (ratio * ratio).sum(0))
        errors["light_intensity_error_percent"] = 100.0 * float((scaled - 1.0).abs().mean())
    return errors


def scores(solution: Solution, observations: PhotometricObservations) -> dict[str, float]:
    """Metrics of one solution: errors where the truth is known, the share of the signal that nothing explains, and
    the fitted light distance, where the method has them."""
    import torch

    found: dict[str, float] = {}
    if observations.ground_truth is not None:
        errors = angular_errors_deg(solution.values["normals"], observations.ground_truth, observations.mask)
        found["mean_angular_error_deg"] = float(errors.mean())
        found["median_angular_error_deg"] = float(errors.median())
        found["p90_angular_error_deg"] = float(torch.quantile(errors, 0.9))
    if "neither" in solution.explained:
        found["unexplained_percent"] = 100.0 * float(solution.explained["neither"])
    if observations.calibration == "full":
        found |= light_errors(solution, observations)
    if "ambiguity_resolved_by" in solution.figures:
        found["ill_posed"] = float(solution.status == "ill_posed")
    if "inverse_light_distance" in solution.values:
        found["inverse_distance_per_side"] = float(solution.values["inverse_light_distance"])
    for name, value in found.items():
        if not math.isfinite(value):
            raise ValueError(f"{name} is not a finite number: {value}")
    return found
