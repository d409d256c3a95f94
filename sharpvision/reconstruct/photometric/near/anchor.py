"""Depth that agrees with the normals' slopes and, at low frequencies and in scale, with what the lamps say of distance.

Slopes add their errors up along the surface and leave the scale free; fall-off and parallax say little of one pixel's
depth, but without drift. Both in one quadratic, in log depth L, about the integrated L_0 of each part of the mask:

    sum over edges c_ab (d_b - d_a)^2 + lambda sum over pixels (g_p d_p + k_p d_p^2 / 2),   L = L_0 + d,

with c the edge weights of the (bilateral) integration in the units of the cost, and g, k the slope and curvature of the
cost along log depth, normal and reflectance fitted anew, of the cell of the reduced grid that a pixel is in: there the
noise, whose square biases a robust fit, is less. Each part of the mask gets its own scale.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from sharpvision.kernels.pixels import Pixels
from sharpvision.reconstruct.integration_bilateral import BilateralDepth
from sharpvision.reconstruct.integration_grid import Floats, PixelGraph, SlopeEquations
from sharpvision.reconstruct.integration_linear import LaplacianSolver
from sharpvision.reconstruct.photometric.grid import PixelGrid
from sharpvision.reconstruct.photometric.near.model import NearSurfaceModel
from sharpvision.reconstruct.photometric.surface_model import State
from sharpvision.solvers.block_descent import BlockUpdate

TRUST = 20.0
"""lambda: neighbours share what their normals get wrong, so slopes tell less of the large than their curvature says."""

STEP = 0.01
"""Log depth on either side at which a pixel is fitted for the curvature of its cost: above the ripples of fits."""

FINE_STEP = 2e-3
"""The same for its slope, normals and reflectance held."""

PASSES = 3
BLOCKS = 6
PLACES_KNOWN = 0.01
"""Share of their distance to which the lamps' places are taken to be known, for the depth's stated deviation."""

DRAWS = 5
SHAPE_FOLLOWS = 2.5
"""What a shape that follows the wrong places adds to one Newton step of the scale: measured on the path-traced rig."""

UNDETERMINED = 0.1
"""Standard deviation of the log scale above which the lamps are taken to be too far to tell the distance."""

_LARGEST = 0.05
_RESTS = 1e-5
_FIT_STEPS = 12


def anchor_depth(model: NearSurfaceModel, state: State) -> BlockUpdate:
    """Correct the integrated depth by what the cost of the reduced grid's cells says about theirs; see the module.

    Where they do not tell the scale (`scale_std`), the mean log depth stays that of the rig's thought distance.
    """
    integrated = model.integrated
    assert integrated is not None  # integrate comes first
    graph, solver = integrated.graph, LaplacianSolver(integrated.graph)
    weights = edge_weights(graph, integrated.equations, integrated.depth, integrated.information)
    to_graph = np.empty(model.grid.mask.shape, np.intp)
    to_graph[graph.rows, graph.columns] = np.arange(graph.size)
    order = to_graph[model.grid.index]
    cells, inside = model.cells_of_pixels()
    start, moved = np.log(state["depth"]), np.zeros(graph.size)
    for _ in range(PASSES):
        small, averaged = model.reduced(state)
        slope, curvature = depth_profile(small, averaged)
        state["scale_std"] = float(np.hypot(scale_std(small.grid, slope, curvature), state["scale_std_of_places"]))
        if state["scale_std"] > UNDETERMINED:
            return keep_distance(model, state)
        slope, curvature = 0.5 * TRUST * slope, 0.5 * TRUST * curvature
        pull, screen = np.zeros(graph.size), np.zeros(graph.size)
        screen[order[inside]], pull[order[inside]] = curvature[cells], slope[cells]
        flux = (-weights[0] * graph.differences(moved, 0), -weights[1] * graph.differences(moved, 1))
        step = solver.solve(weights, flux, np.zeros(graph.size), 1e-6, screen=(screen, -pull))
        moved = moved + np.clip(step, -_LARGEST, _LARGEST)
        model.place(state, np.exp(start + moved[order]))
        if np.abs(step).mean() < _RESTS:
            break
    return BlockUpdate(float(state["cost"].mean()), float(np.abs(moved).mean()))


def keep_distance(model: NearSurfaceModel, state: State) -> BlockUpdate:
    """Scale the depth to the rig's thought distance."""
    scale = model.rig.distance / float(state["depth"].mean())
    model.place(state, state["depth"] * scale)
    return BlockUpdate(float(state["cost"].mean()), abs(np.log(scale)))


def scale_std(grid: PixelGrid, slope: Floats, curvature: Floats) -> float:
    """Standard deviation of the logarithm of the depth's scale, from slopes and curvatures (P,) of the cost.

        sqrt(sum over blocks of (G_b - k_b G / K)^2) / K,   G_b and k_b sums over a block, G and K over all

    Blocks are squares of a `BLOCKS`-th of the mask's side, larger than errors that neighbours share. Infinite where no
    cost is convex.
    """
    total = float(curvature.sum())
    if not total > 0:
        return float("inf")
    rows, columns = (i * BLOCKS // grid.side for i in (v - v.min() for v in grid.index))
    block = rows * BLOCKS + columns
    pulls, masses = np.bincount(block, slope), np.bincount(block, curvature)
    return float(np.sqrt(((pulls - masses * (float(slope.sum()) / total)) ** 2).sum()) / total)


def scale_std_of_places(model: NearSurfaceModel, state: State, seed: int) -> float:
    """Standard deviation of the logarithm of the depth's scale where the lamps' places are known to `PLACES_KNOWN`: by
    a few draws of them, a Newton step of the scale under each."""
    rng, rig = np.random.default_rng(seed), model.rig
    steps = []
    for draw in range(DRAWS + 1):
        off = rng.standard_normal(rig.positions.shape) * (PLACES_KNOWN * rig.unit / np.sqrt(3.0)) * (draw > 0)
        moved = model.under(replace(rig, positions=rig.positions + off))
        placed = dict(state)
        moved.place(placed, state["depth"])
        slope, curvature = depth_profile(moved, placed)
        steps.append(float(slope.sum()) / max(float(curvature.sum()), 1e-12))
    return float(np.sqrt(np.mean((np.array(steps[1:]) - steps[0]) ** 2)))


def edge_weights(
    graph: PixelGraph, equations: SlopeEquations, depth: BilateralDepth, information: float
) -> tuple[Floats, Floats]:
    """Weights c of the edges of both axes: half the cost's second derivative by a difference of log depth, as sides are
    weighted.

    `information` is the cost by squared angle that a confidence of one stands for.
    """
    weights = []
    for axis, image in enumerate((depth.horizontal, depth.vertical)):
        a, b = graph.edges[axis]
        forward = image[graph.rows, graph.columns]
        q, s = equations.confidence * information, equations.scale
        weights.append(q[a] * forward[a] * s[a] ** 2 + q[b] * (1.0 - forward[b]) * s[b] ** 2)
    return weights[0], weights[1]


def depth_profile(model: NearSurfaceModel, state: State) -> tuple[Floats, Floats]:
    """Slope and curvature (P,) of the pixels' cost along their log depth, normals and reflectance fitted anew.

    By the envelope theorem the slope is that at fitted normals and reflectance held; the curvature, which only sizes
    the step, is a second difference of fits. A pixel whose cost is not convex says nothing: both are zero.
    """
    pixels = model.pixels(state)
    pixels.sparsity, pixels.tolerance = 0.0, 1e-6

    def move(step: float) -> None:
        points = (state["depth"] * np.exp(step))[:, None] * model.rays
        pixels.points = np.ascontiguousarray(points / model.rig.unit, np.float32)
        pixels.visibility = np.ascontiguousarray(state["shadows"] * model.rig.beam(points), np.float32)

    def held(step: float) -> Floats:
        move(step)
        return robust_cost(pixels, pixels.predict(normals, weights))

    normals, weights, here = pixels.fit(state["normals"], state["weights"], steps=_FIT_STEPS)
    sides = []
    for step in (-STEP, STEP):
        move(step)
        sides.append(pixels.fit(normals, weights, steps=_FIT_STEPS)[2].astype(np.float64))
    curvature = np.maximum(sides[0] + sides[1] - 2.0 * here, 0.0) / STEP**2
    slope = (held(FINE_STEP) - held(-FINE_STEP)) / (2.0 * FINE_STEP)
    return np.where(curvature > 0, slope, 0.0), curvature


def robust_cost(pixels: Pixels, predicted: NDArray) -> Floats:
    """Cost (P,) of predictions (P, N, 3): the data term of `sharpvision.kernels.pixel_fit`."""
    square = ((pixels.observed.astype(np.float64) - predicted) ** 2).mean(-1)
    scale2 = pixels.scale[:, None].astype(np.float64) ** 2
    scale2 = scale2 * (1.0 + pixels.relative * (pixels.observed.astype(np.float64) ** 2).mean(-1))
    return (pixels.weight * np.log1p(square / scale2)).sum(1) / np.maximum(pixels.weight.sum(1), 1e-12)
