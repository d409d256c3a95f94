"""Photometric stereo: normals, reflectance, depth and their uncertainty from photographs under known moving lights."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from sharpvision.core.errors import InputError
from sharpvision.data.lights import check_spread
from sharpvision.reconstruct.photometric.options import METHODS, PhotometricOptions
from sharpvision.solvers.solution import Solution

if TYPE_CHECKING:
    from sharpvision.data.observations import PhotometricObservations

Progress = Callable[[str, float], None]


def photometric_stereo(
    observations: PhotometricObservations,
    method: str = "physics",
    *,
    seed: int = 0,
    light_distance: float | str = "fit",
    residual: bool = True,
    progress: Progress | None = None,
) -> Solution:
    """Normals, albedo and depth of one object from N >= 3 photographs under moving lights.

    `method`: "least_squares" (Lambertian, every observation counts), "robust" (Lambertian, shadows and highlights as
    outliers; any size, in strips) or "physics" (analysis by synthesis: normals, a basis of reflectance, cast shadows,
    one bounce and the lights' distance). `light_distance`, for "physics": "fit", "infinite" or a number in mask sides
    (the longer side of the mask's bounding box); a distance in the observations takes the place of "fit".
    Lights with known places nearby (`point_lights` of the observations, with a focal length) are taken at them by
    "physics", which then gives depth from the camera in the observations' length unit; the others take them as distant.
    "uncalibrated" looks at no light of the observations and estimates their directions and intensities first (six
    photographs or more); it ends ILL_POSED where only the outline told how deep the object is.
    `residual`: whether a small learned correction may explain what the analytic reflectance leaves over.
    `progress(stage, done)` is called with done in [0, 1].

    Values, std, explained shares and figures: see "A photometric Solution" in DEVELOPERS.md. Gauge: albedo is known up
    to one factor, depth up to a constant of each component. Status: "least_squares" and "robust" have a closed form or
    a fixed number of iterations and are CONVERGED, or ILL_POSED where all pixels are black; "physics" ends at
    STEP_LIMIT where its rounds still change the cost. Ctrl-C while pixels are solved or the residual is learned gives
    INTERRUPTED with what there is; before and after that it is raised. Raises `InputError` for
    an unknown method, a distance that is not positive, an empty mask, lights in one plane with the
    object, and more observations than "physics" can hold.

    >>> from sharpvision.data import from_arrays
    >>> import torch
    >>> lights = torch.tensor([[0., 0, -1], [0.6, 0, -0.8], [0, 0.6, -0.8], [-0.6, 0, -0.8]])
    >>> images = (0.5 * -lights[:, 2])[:, None, None, None].expand(4, 2, 2, 3)
    >>> solution = photometric_stereo(from_arrays(images, lights), "least_squares")
    >>> solution.status.value, (solution.values["normals"][0, 0].round(decimals=4) + 0.0).tolist()
    ('converged', [0.0, 0.0, -1.0])
    """
    started = time.perf_counter()
    import sharpvision.reconstruct.photometric.methods  # noqa: F401  (files the methods)

    solve = METHODS[method]
    if observations.light_distance is not None and light_distance == "fit":
        light_distance = observations.light_distance
    _check(observations, light_distance, lights_known=method != "uncalibrated")
    options = PhotometricOptions(seed, light_distance, residual, progress or (lambda stage, done: None))
    solution = solve(observations, options)
    solution.method, solution.observations = method, observations
    solution.notes = [*observations.notes, *solution.notes]
    solution.settings = {
        "light_count": observations.light_count, "seed": seed, "light_distance": light_distance,
        "residual": residual if method in ("physics", "semicalibrated", "uncalibrated") else None, **solution.settings,
    }  # fmt: skip
    solution.seconds = time.perf_counter() - started
    return solution


def _check(observations: PhotometricObservations, light_distance: float | str, *, lights_known: bool) -> None:
    """What a caller from Python can get wrong and a reader of files has refused already."""
    if isinstance(light_distance, str) and light_distance not in ("fit", "infinite"):
        expected = "fit, infinite or a number of mask sides"
        raise InputError("light distance", expected, repr(light_distance), "give one of these")
    if not isinstance(light_distance, str) and not light_distance > 0:
        expected = "a positive number of mask sides"
        raise InputError("light distance", expected, str(light_distance), "give a distance, or infinite")
    if not observations.mask.any():
        raise InputError(observations.name, "a mask with a pixel inside", "an empty mask", "check the mask")
    if lights_known:
        check_spread(Path(observations.name), observations.light_directions.numpy())
