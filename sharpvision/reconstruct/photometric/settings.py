"""Settings of the physics solver: one set for all objects."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PhysicsSettings:
    """What the physics solver assumes; lengths in mask sides, radiances relative to a pixel's 90th percentile.

    `loss_scale` of the log-quadratic loss; `dark_level` and `dark_floor`: an observation at radiance I weighs
    clip(I / dark_level, dark_floor, 1), since what darkens a pixel beyond attached shadow is the least well modelled;
    `bounce_albedo` is the reflectance given to the 97th percentile of albedo, which fixes the unknown scale that one
    bounce needs; `largest_inverse_distance` bounds the fitted inverse distance of the lights, `least_inverse_distance`
    is the least that counts as finite; `reduced_pixels` and `bounce_cells` bound the two reduced grids; the priors pull
    normals to the normals of the integrated depth (reduced and full size) and to the reduced solution (at the start of
    full size), in units of mean log cost. `relative_scale` adds to the squared loss scale what a reflectance basis
    gets wrong in proportion to radiance; `sparsity` is the L1 penalty of the rough diffuse weight; `distance_prior`
    pulls the inverse distance to zero, both in units of the cost. `round_tolerance` is the relative change of the
    cost at which rounds end.
    """

    loss_scale: float = 0.05
    dark_level: float = 0.3
    dark_floor: float = 0.1
    bounce_albedo: float = 0.85
    largest_inverse_distance: float = 0.15
    least_inverse_distance: float = 0.006
    reduced_pixels: int = 4500
    bounce_cells: int = 2000
    depth_prior_reduced: float = 1.0
    depth_prior_full: float = 3.0
    start_prior_full: float = 2.0
    reduced_rounds: int = 6
    full_rounds: int = 4
    round_tolerance: float = 0.01
    bilateral_k: float = 4.0
    distance_sample: int = 1000
    intensity_pull: float = 0.02
    relative_scale: float = 1.0
    sparsity: float = 0.001
    distance_prior: float = 0.03
