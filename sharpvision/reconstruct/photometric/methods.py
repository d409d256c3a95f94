"""The methods as registered: each reads the observations, solves, and assembles a `Solution`."""

from __future__ import annotations

from numpy.typing import NDArray

from sharpvision.core.errors import InputError
from sharpvision.data.observations import PhotometricObservations
from sharpvision.reconstruct.photometric import lambertian_maps
from sharpvision.reconstruct.photometric.least_squares import least_squares_normals
from sharpvision.reconstruct.photometric.near.solution import solve_near
from sharpvision.reconstruct.photometric.options import METHODS, PhotometricOptions
from sharpvision.reconstruct.photometric.physics import solve_physics
from sharpvision.reconstruct.photometric.physics_solution import physics_solution
from sharpvision.reconstruct.photometric.pixel_observations import gather
from sharpvision.solvers.solution import Solution

LARGEST_PHYSICS = 50_000_000
"""Pixels times lights that "physics" takes on: each costs it about 60 bytes."""


SHARED_LIGHTS = 985.0
"""What a fully correlated misfit of Lambert's model does to a stated angle: see `MisfitCorrelation.inflation`."""


@METHODS.register("least_squares")
def least_squares(observations: PhotometricObservations, options: PhotometricOptions) -> Solution:
    """Woodham's least squares, in strips; see `least_squares_normals`."""

    def every_observation(radiance: NDArray, usable: NDArray, lights: NDArray) -> tuple[NDArray, NDArray, NDArray]:
        return least_squares_normals(radiance, lights)

    return lambertian_maps.solve(observations, options, every_observation, shared_lights=SHARED_LIGHTS)


@METHODS.register("robust")
def robust(observations: PhotometricObservations, options: PhotometricOptions) -> Solution:
    """Graduated M-estimation, in strips; see `sharpvision.kernels.robust_normals`."""
    from sharpvision.kernels.robust_normals import robust_normals

    return lambertian_maps.solve(observations, options, robust_normals, shared_lights=SHARED_LIGHTS)


@METHODS.register("physics")
def physics(observations: PhotometricObservations, options: PhotometricOptions) -> Solution:
    """Analysis by synthesis; see `sharpvision.reconstruct.photometric.physics`, and `near` where places are known."""
    _check_size(observations, "--method robust")
    if observations.point_lights is not None:
        return solve_near(observations, options)
    result = solve_physics(gather(observations), options)
    return physics_solution(observations, result)


@METHODS.register("semicalibrated")
def semicalibrated(observations: PhotometricObservations, options: PhotometricOptions) -> Solution:
    """Light directions known, intensities not; see `sharpvision.reconstruct.photometric.semicalibrated`."""
    from sharpvision.reconstruct.photometric.semicalibrated import solve_semicalibrated

    _check_size(observations, "a smaller mask")
    return solve_semicalibrated(observations, options)


@METHODS.register("uncalibrated")
def uncalibrated(observations: PhotometricObservations, options: PhotometricOptions) -> Solution:
    """Lights unknown; see `sharpvision.reconstruct.photometric.uncalibrated.solve`."""
    from sharpvision.reconstruct.photometric.uncalibrated.assembling import uncalibrated_solution
    from sharpvision.reconstruct.photometric.uncalibrated.solve import solve_uncalibrated

    _check_size(observations, "a smaller mask")
    return uncalibrated_solution(observations, solve_uncalibrated(observations, options))


def _check_size(observations: PhotometricObservations, instead: str) -> None:
    """`InputError` for more observations than the physics solver can hold."""
    count = int(observations.mask.sum()) * observations.light_count
    if count > LARGEST_PHYSICS:
        fits = int(max(observations.shape) * (LARGEST_PHYSICS / count) ** 0.5)
        raise InputError(
            observations.name, f"at most {LARGEST_PHYSICS:,} observations (pixels x lights) for this method",
            f"{count:,}", f"reduce the images (--max-size {fits}) or use {instead}",
        )  # fmt: skip
