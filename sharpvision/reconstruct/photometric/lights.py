"""What the model's own cost says about the lights: their distance, and corrections of their intensities."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sharpvision.reconstruct.photometric.surface_model import State, SurfaceModel
from sharpvision.solvers.block_descent import BlockUpdate
from sharpvision.solvers.scalar_search import ScalarSearch, search

_FIT_STEPS = 8
_PASSES = 5
_BRACKET = 0.03
_RESOLUTION = 2e-3


def fit_distance(model: SurfaceModel, state: State, seed: int, *, first: bool) -> BlockUpdate:
    """Inverse distance of the lights in mask sides: the number at which the model's cost over a sample of pixels is
    least.

    A light is at l_j / inverse from the centre of the object; its direction and fall-off change over the object. Dark
    observations count in full here: without them the distance is drawn to zero. One number for all lights, bounded, and
    zero where it is below the least that counts as finite.
    """
    settings = model.settings
    chosen = np.sort(np.random.default_rng(seed).permutation(model.grid.size)[: settings.distance_sample])
    sample = model.pixels(state, dark_weights=False).subset(chosen)
    sample.sparsity = 0.0
    normals, weights = state["normals"][chosen], state["weights"][chosen]

    def cost(inverse: float) -> float:
        sample.points = model.points(state, inverse)[chosen]
        return (
            float(sample.fit(normals, weights, steps=_FIT_STEPS)[2].mean(dtype=np.float64))
            + settings.distance_prior * inverse**2
        )

    # Each pass starts its pixels at the last pass's distance, which holds them near it: so passes go on until it rests.
    inverse, bracket = state["inverse_distance"], settings.largest_inverse_distance if first else _BRACKET
    for _ in range(_PASSES):
        lower, upper = max(0.0, inverse - bracket), min(settings.largest_inverse_distance, inverse + bracket)
        search_settings = ScalarSearch(samples=5 if bracket > _BRACKET else 3, tolerance=_RESOLUTION / (upper - lower))
        found = search(cost, lower, upper, search_settings, name="inverse", max_steps=9)
        moved, inverse, bracket = float(found.values["inverse"]) - inverse, float(found.values["inverse"]), _BRACKET
        sample.points = model.points(state, inverse)[chosen]
        normals, weights, _ = sample.fit(normals, weights)
        if abs(moved) < _RESOLUTION:
            break
    before = state["inverse_distance"]
    state["inverse_distance"] = inverse if inverse >= settings.least_inverse_distance else 0.0
    return BlockUpdate(float(state["cost"].mean()), abs(state["inverse_distance"] - before))


def fit_gains(model: SurfaceModel, state: State) -> BlockUpdate:
    """One Gauss-Newton step on the logarithm of each light's intensity, its mean held, pulled to the given value."""
    predicted = model.predict(state)
    residual = model.observed - predicted
    weight = model.usable / (model.settings.loss_scale**2 + (residual**2).mean(-1))
    slope = np.einsum("pj,pjc,pjc->j", weight, predicted, residual)
    curvature = np.einsum("pj,pjc,pjc->j", weight, predicted, predicted)
    logs = np.log(state["gains"])
    pull = model.settings.intensity_pull * curvature
    moved = logs + (slope - pull * logs) / np.maximum(curvature + pull, 1e-12)
    moved -= moved.mean()
    state["gains"] = np.exp(moved).astype(np.float32)
    return BlockUpdate(float(state["cost"].mean()), float(np.abs(moved - logs).mean()))


def light_distance_figure(inverse: float) -> float | str:
    """The distance in mask sides, or "infinite"."""
    return 1.0 / inverse if inverse > 0 else "infinite"


def as_arrays(gains: NDArray, intensities: NDArray) -> NDArray[np.float32]:
    """Corrected intensities (N, 3)."""
    return (intensities * gains[:, None]).astype(np.float32)
