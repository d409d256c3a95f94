"""The factor that a shape's depth lacks: what fall-off and parallax of the lamps say about it."""

from __future__ import annotations

import numpy as np

from sharpvision.reconstruct.photometric.near.model import NearSurfaceModel
from sharpvision.reconstruct.photometric.surface_model import State
from sharpvision.solvers.block_descent import BlockUpdate
from sharpvision.solvers.scalar_search import ScalarSearch, search

_FIT_STEPS = 8
_PASSES = 5
_WIDE = 0.5
_BRACKET = 0.04
_RESOLUTION = 5e-4


def fit_scale(model: NearSurfaceModel, state: State, seed: int, *, first: bool) -> BlockUpdate:
    """Multiply the depth by the factor at which the model's cost over a sample of pixels is least.

    The irradiance of lamp j at a point falls as 1 / |P_j - z ray|^2 and comes from a direction of its own, so images of
    the same normals differ with the factor. Pixels are fitted anew at each factor, normals and reflectance free; a pass
    holds them near the factor that it starts at, so passes go on until it rests. Dark observations count in full.
    """
    chosen = np.sort(np.random.default_rng(seed).permutation(model.grid.size)[: model.settings.distance_sample])
    sample = model.pixels(state, dark_weights=False).subset(chosen)
    sample.sparsity = 0.0
    normals, weights = state["normals"][chosen], state["weights"][chosen]
    depth, rays, shadows = state["depth"][chosen], model.rays[chosen], state["shadows"][chosen]

    def set_scale(logarithm: float) -> None:
        points = (depth * np.exp(logarithm))[:, None] * rays
        sample.points = np.ascontiguousarray(points / model.rig.unit, np.float32)
        sample.visibility = np.ascontiguousarray(shadows * model.rig.beam(points), np.float32)

    def cost(logarithm: float) -> float:
        set_scale(logarithm)
        return float(sample.fit(normals, weights, steps=_FIT_STEPS)[2].mean(dtype=np.float64))

    found, bracket = 0.0, _WIDE if first else _BRACKET
    for _ in range(_PASSES):
        settings = ScalarSearch(samples=7 if bracket > _BRACKET else 3, tolerance=_RESOLUTION / (2 * bracket))
        solution = search(cost, found - bracket, found + bracket, settings, name="log scale", max_steps=11)
        before, found, bracket = found, float(solution.values["log scale"]), _BRACKET
        set_scale(found)
        normals, weights, _ = sample.fit(normals, weights)
        if abs(found - before) < 2 * _RESOLUTION:
            break
    model.place(state, state["depth"] * np.exp(found))
    return BlockUpdate(float(state["cost"].mean()), abs(found))
