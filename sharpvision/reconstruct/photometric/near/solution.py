"""Method `physics` under lamps at known places: blocks of a round, and the depth in length units in its solution."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import numpy as np

from sharpvision.data.observations import PhotometricObservations
from sharpvision.reconstruct.photometric.maps import DepthMap, as_image
from sharpvision.reconstruct.photometric.near.anchor import (
    SHAPE_FOLLOWS,
    UNDETERMINED,
    anchor_depth,
    depth_profile,
    keep_distance,
    scale_std,
    scale_std_of_places,
)
from sharpvision.reconstruct.photometric.near.distance import fit_scale
from sharpvision.reconstruct.photometric.near.model import NearSurfaceModel
from sharpvision.reconstruct.photometric.near.order import LEAST_GAIN, Order, best_order
from sharpvision.reconstruct.photometric.near.rig import Rig, rig_of
from sharpvision.reconstruct.photometric.options import PhotometricOptions
from sharpvision.reconstruct.photometric.physics import PhysicsResult, Scheme, solve_physics
from sharpvision.reconstruct.photometric.physics_solution import physics_solution
from sharpvision.reconstruct.photometric.pixel_observations import PixelObservations, gather
from sharpvision.reconstruct.photometric.settings import PhysicsSettings
from sharpvision.reconstruct.photometric.surface_model import State, SurfaceModel
from sharpvision.solvers.block_descent import Block, BlockUpdate
from sharpvision.solvers.solution import Solution, Status

SPARSITY_TIMES_LIGHTS = 0.1
"""The price of rough diffuse weight times the number of lights: few lights overfit, 96 get what distant lights do."""

ROUND_TOLERANCE = 0.03
"""Where rounds end: a shadow's border that moves by a pixel with the depth changes the cost by about as much."""


def solve_near(observations: PhotometricObservations, options: PhotometricOptions) -> Solution:
    """Normals, reflectance and depth in the observations' length unit; see `near_scheme`.

    Status ILL_POSED where the lamps are too far to tell the distance: the depth then has the given one. DIVERGED where
    the photographs fit the lamps far better in another order than the one given.
    """
    rig = rig_of(observations)
    pixels = replace(gather(observations), lights=rig.lights)
    settings = PhysicsSettings(
        sparsity=SPARSITY_TIMES_LIGHTS / observations.light_count, full_rounds=6, round_tolerance=ROUND_TOLERANCE
    )
    order = best_order(NearSurfaceModel(pixels.on(pixels.grid.reduced(settings.reduced_pixels)), settings, rig))
    result = solve_physics(pixels, replace(options, light_distance="fit"), settings, near_scheme(rig, options.seed))
    if result.status in (Status.CONVERGED, Status.STEP_LIMIT):
        _last_depth(result, options.seed)
        _judge(result, rig, order, observations.length_unit)
    solution = physics_solution(observations, result, _depth(observations, result))
    told = result.state["scale_std"] <= UNDETERMINED
    solution.figures["object_distance"] = float(result.state["depth"].mean())
    solution.figures["distance_from"] = "lights" if told else "given"
    solution.figures["distance_std_percent"] = 100.0 * result.state["scale_std"] if told else None
    return solution


def _last_depth(result: PhysicsResult, seed: int) -> None:
    """The depth of the final normals, and how well its scale is known; Ctrl-C leaves the one before."""
    model, before = cast(NearSurfaceModel, result.model), dict(result.state)
    try:
        model.integrate(result.state)
        of_places = scale_std_of_places(*model.reduced(result.state), seed)
        result.state["scale_std_of_places"] = SHAPE_FOLLOWS * of_places
        anchor_depth(model, result.state)
    except KeyboardInterrupt:
        result.state = before
        result.status, result.message = Status.INTERRUPTED, "interrupted at the last depth: that of the last round"


def _judge(result: PhysicsResult, rig: Rig, order: Order, unit: str) -> None:
    """Lower the status where the answer is not to be believed, and say why."""
    if result.status is Status.INTERRUPTED:
        return
    if result.state["scale_std"] > UNDETERMINED:
        result.status = Status.ILL_POSED
        result.message = (
            f"the lights are too far to tell the distance of the object: its given {rig.distance:.4g} {unit} is kept; "
            "the normals are not affected"
        )
        result.notes.append(result.message)
    if order.gain > LEAST_GAIN:
        result.status = Status.DIVERGED
        result.message = (
            f"the photographs fit the lights {order.gain:.1f} times better {order.what}: check the order of the lights"
        )
        result.notes.append(result.message)


def near_scheme(rig: Rig, seed: int) -> Scheme:
    """Blocks of a round: reflectance and normals of the pixels given their places, depth by integration, its scale from
    the lamps' fall-off and parallax, shadows and beams, bounced light."""

    made: list[NearSurfaceModel] = []

    def model(observations: PixelObservations, settings: PhysicsSettings) -> NearSurfaceModel:
        made.append(NearSurfaceModel(observations, settings, rig, made[0] if made else None))  # the reduced one first
        return made[-1]

    return Scheme(model, lambda m: _reduced_blocks(m, seed), _full_blocks)


def _reduced_blocks(given: SurfaceModel, seed: int) -> list[Block]:
    model, prior = cast(NearSurfaceModel, given), given.settings.depth_prior_reduced
    rounds = [0]

    def distance(state: State) -> BlockUpdate:
        if rounds[0] > 1:
            return anchor_depth(model, state)
        wide = not np.ptp(state["depth"]) > 0
        state["scale_std_of_places"] = scale_std_of_places(model, state, seed)
        state["scale_std"] = max(scale_std(model.grid, *depth_profile(model, state)), state["scale_std_of_places"])
        told = state["scale_std"] <= UNDETERMINED
        return fit_scale(model, state, seed, first=wide) if told else keep_distance(model, state)

    def start(state: State) -> BlockUpdate:
        rounds[0] += 1
        if rounds[0] > 1:
            return BlockUpdate(float(state["cost"].mean()), 0.0)
        model.fit_pixels(state, None, 0.0)
        return distance(state)

    def pixels(state: State) -> BlockUpdate:
        return model.fit_pixels(state, state["depth_normals"], prior)

    return [
        Block("start", start), Block("depth", model.integrate), Block("distance", distance),
        Block("shadows", model.cast), Block("bounce", model.reflect), Block("pixels", pixels),
    ]  # fmt: skip


def _full_blocks(given: SurfaceModel) -> list[Block]:
    model = cast(NearSurfaceModel, given)

    def pixels(state: State) -> BlockUpdate:
        return model.fit_pixels(state, state["depth_normals"], model.settings.depth_prior_full)

    return [
        Block("depth", lambda state: model.integrate(state, 10)),
        Block("distance", lambda state: anchor_depth(model, state)),
        Block("shadows", model.cast), Block("pixels", pixels),
    ]  # fmt: skip


def _depth(observations: PhotometricObservations, result: PhysicsResult) -> DepthMap:
    """The depth of the last integration, in the observations' length unit."""
    depth = as_image(observations.mask.numpy(), result.state["depth"].astype(np.float32), np.nan)
    last = cast(NearSurfaceModel, result.model).integrated
    figures = {
        "depth_model": "perspective", "depth_integration": "bilateral, anchored by the lights",
        "depth_status": "none" if last is None else str(last.depth.status),
    }  # fmt: skip
    return DepthMap(depth, figures)
