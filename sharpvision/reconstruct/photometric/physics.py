"""Analysis by synthesis: normals, reflectance, shadows, one bounce and the lights' distance, all from the images.

First at a reduced size, where the global unknowns are found, then at full size from there. Both stages alternate block
updates until the model's mean cost settles.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sharpvision.reconstruct.photometric.learned import correction_of, train_residual
from sharpvision.reconstruct.photometric.lights import fit_distance, fit_gains
from sharpvision.reconstruct.photometric.options import PhotometricOptions
from sharpvision.reconstruct.photometric.pixel_observations import PixelObservations
from sharpvision.reconstruct.photometric.settings import PhysicsSettings
from sharpvision.reconstruct.photometric.surface_model import State, SurfaceModel
from sharpvision.solvers.block_descent import Block, BlockDescentSettings, BlockUpdate, descend
from sharpvision.solvers.solution import Solution, Status, Step

RESIDUAL_ROUNDS = 2


@dataclass
class PhysicsResult:
    """The model at full size, its state, and how the two stages went."""

    model: SurfaceModel
    state: State
    status: Status
    message: str
    history: list[Step] = field(default_factory=list)
    learned_parameters: int = 0
    figures: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Scheme:
    """What kinds of light differ in: the `model` of a grid's observations, and the blocks of a round at reduced and at
    full size."""

    model: Callable[[PixelObservations, PhysicsSettings], SurfaceModel]
    reduced_blocks: Callable[[SurfaceModel], list[Block]]
    full_blocks: Callable[[SurfaceModel], list[Block]]


def distant_scheme(options: PhotometricOptions) -> Scheme:
    """Lights of known directions, at a distance that is given or fitted."""
    free = options.light_distance == "fit"
    return Scheme(SurfaceModel, lambda model: _reduced_blocks(model, free, options.seed), _full_blocks)


def solve_physics(
    observations: PixelObservations, options: PhotometricOptions, settings: PhysicsSettings | None = None,
    scheme: Scheme | None = None,
) -> PhysicsResult:  # fmt: skip
    """Solve the two stages, by default under distant lights."""
    light_distance, seed, progress = options.light_distance, options.seed, options.progress
    settings, scheme = settings or PhysicsSettings(), scheme or distant_scheme(options)
    coarse = scheme.model(observations.on(observations.grid.reduced(settings.reduced_pixels)), settings)
    state = coarse.start()
    if not isinstance(light_distance, str):
        state["inverse_distance"] = 1.0 / light_distance if np.isfinite(light_distance) else 0.0
    blocks = scheme.reduced_blocks(coarse)
    first = _stage(coarse, state, blocks, settings.reduced_rounds, settings,
                   lambda done: progress("reduced size", 0.3 * done), "reduced", 3)  # fmt: skip
    if coarse.grid.factor == observations.grid.factor:
        result = PhysicsResult(coarse, state, first.status, first.message, first.history)
        if options.residual and first.status in (Status.CONVERGED, Status.STEP_LIMIT):
            _learn(result, seed)
        return result
    fine = scheme.model(observations, settings)
    if first.status is not Status.CONVERGED and first.status is not Status.STEP_LIMIT:
        return PhysicsResult(fine, fine.carry(coarse, state), first.status, first.message, first.history)
    try:
        fine_state = fine.carry(coarse, state)
        fine.fit_pixels(fine_state, fine_state["normals"], settings.start_prior_full, second_start=False)
    except KeyboardInterrupt:
        message = "interrupted between the reduced and the full size: the reduced solution, interpolated"
        return PhysicsResult(fine, fine.carry(coarse, state), Status.INTERRUPTED, message, first.history)
    second = _stage(fine, fine_state, scheme.full_blocks(fine), settings.full_rounds, settings,
                    lambda done: progress("full size", 0.3 + 0.65 * done), "full")  # fmt: skip
    result = PhysicsResult(fine, fine_state, second.status, second.message, first.history + second.history)
    if options.residual and second.status in (Status.CONVERGED, Status.STEP_LIMIT):
        _learn(result, seed)
    return result


def _learn(result: PhysicsResult, seed: int) -> None:
    """Train the residual on what is left over and fit the pixels again with it; without gain all stays as it was, and
    so it does on Ctrl-C."""
    before = dict(result.state)
    try:
        _train_and_refit(result, seed)
    except KeyboardInterrupt:
        result.state, result.learned_parameters = before, 0
        result.status, result.message = Status.INTERRUPTED, "interrupted while the residual was learned: left out"


def _train_and_refit(result: PhysicsResult, seed: int) -> None:
    model, state = result.model, result.state
    network = train_residual(model, state, seed)
    if network is None:
        result.notes.append(
            "the learned residual did not lower the cost of pixels that it had not seen: it was left out"
        )
        return
    for _ in range(RESIDUAL_ROUNDS):
        state["correction"] = correction_of(network, model, state)
        update = model.fit_pixels(
            state, state["depth_normals"], model.settings.depth_prior_full, second_start=False, steps=6
        )
        result.history.append(Step(update.value, float("nan"), update.step, float("nan"), 0.0, "residual: pixels"))
    result.learned_parameters = sum(p.numel() for p in network.parameters())


def _stage(model: SurfaceModel, state: State, blocks: list[Block], rounds: int, settings: PhysicsSettings,
           progress: Callable[[float], None], name: str, least_rounds: int = 2) -> Solution:  # fmt: skip
    total, seen = rounds * len(blocks), 0

    def report(step: Step) -> None:
        nonlocal seen
        seen += 1
        progress(min(seen / total, 1.0))

    stop = BlockDescentSettings(tolerance=settings.round_tolerance, max_rounds=rounds, min_rounds=least_rounds)
    solution = descend(state, blocks, stop, [report], method="physics")
    solution.history = [
        Step(s.value, s.gradient_norm, s.step, s.damping, s.seconds, f"{name}: {s.stage}") for s in solution.history
    ]
    return solution


def _reduced_blocks(model: SurfaceModel, free_distance: bool, seed: int) -> list[Block]:
    prior = model.settings.depth_prior_reduced

    def pixels(state: State) -> BlockUpdate:
        return model.fit_pixels(state, state["depth_normals"], prior)

    looked = []

    def distance(state: State) -> BlockUpdate:
        looked.append(True)
        return fit_distance(model, state, seed, first=len(looked) == 1)

    def again(state: State) -> BlockUpdate:
        return model.fit_pixels(state, state["depth_normals"], prior, second_start=False)

    def first_look(state: State) -> BlockUpdate:
        return (
            model.fit_pixels(state, None, 0.0)
            if not np.any(state["depth"])
            else BlockUpdate(float(state["cost"].mean()), 0.0)
        )

    blocks = [Block("start", first_look), Block("depth", model.integrate), Block("shadows", model.cast),
              Block("bounce", model.reflect), Block("pixels", pixels)]  # fmt: skip
    if free_distance:
        blocks += [Block("light distance", distance), Block("pixels", again)]
    for _ in range(2):
        blocks += [Block("light intensities", lambda state: fit_gains(model, state)), Block("pixels", again)]
    return blocks


def _full_blocks(model: SurfaceModel) -> list[Block]:
    def pixels(state: State) -> BlockUpdate:
        return model.fit_pixels(state, state["depth_normals"], model.settings.depth_prior_full)

    return [
        Block("depth", lambda state: model.integrate(state, 10)),
        Block("shadows", model.cast),
        Block("pixels", pixels),
    ]
