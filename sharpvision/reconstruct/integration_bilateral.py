"""Bilateral normal integration: depth with steps, after Cao, Santo, Shi, Okura and Matsushita (ECCV 2022)."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.special import expit

from sharpvision.core.errors import InputError
from sharpvision.reconstruct.integration_grid import Floats, PixelGraph, SlopeEquations, pixel_graph, slope_equations
from sharpvision.reconstruct.integration_linear import LaplacianSolver
from sharpvision.reconstruct.integration_reduced import reduce_normals, reduced_settings
from sharpvision.reconstruct.integration_settings import IntegrationSettings
from sharpvision.solvers.solution import Status

# keeps every edge in the system: a part that both its neighbours' weights cut off stays near, not anywhere
_FLOOR = 1e-5
# an inner solve need not be better than the weights that it serves
_INNER_GAIN = 0.1
# above so many pixels the first weights come from a coarser grid with at most so many
_COARSE_PIXELS = 16_000


@dataclass(frozen=True)
class BilateralDepth:
    """Result of `bilateral_depth`.

    `depth` (H, W) float64, NaN outside the mask, mean zero on each component: depth in pixels (orthographic) or log
    depth (perspective). `horizontal` and `vertical` (H, W) in [0, 1]: the weight of the difference to the right (down)
    neighbour against the left (upper) one; 0.5 on a smooth surface, 0 or 1 beside a step, NaN outside.
    `own_normals` (H, W, 3): unit normals of the depth, by the same weighted differences, zero outside; along an axis
    on which a pixel has no neighbour, the slope that its normal asks for.
    `energies`: one value a step. `undetermined_share`: share of the pixels in parts that steps cut off from the largest
    part of their component. `unknown` counts pixels without a normal.
    """

    depth: Floats
    horizontal: Floats
    vertical: Floats
    own_normals: Floats
    energies: list[float]
    steps: int
    status: Status
    undetermined_share: float
    unknown: int


def _side_weights(forward: Floats, backward: Floats, scale: Floats, k: float) -> Floats:
    """Weight of the forward difference: sigmoid(k s^2 (backward^2 - forward^2)), a missing difference being zero."""
    weight = expit(k * scale**2 * (backward**2 - forward**2))
    return np.clip(weight, _FLOOR, 1.0 - _FLOOR)


def _sides(graph: PixelGraph, depth: Floats, axis: int) -> tuple[Floats, Floats]:
    """Forward and backward differences at every pixel, zero where there is no neighbour."""
    a, b = graph.edges[axis]
    forward, backward = np.zeros(graph.size), np.zeros(graph.size)
    forward[a] = backward[b] = depth[b] - depth[a]
    return forward, backward


def _edge_terms(
    graph: PixelGraph, equations: SlopeEquations, weight: Floats, depth: Floats, axis: int
) -> tuple[Floats, Floats, float]:
    """Edge weights c, fluxes g, and the energy  sum w (s d+ + t)^2 + (1 - w) (s d- + t)^2  at `depth`, of one axis."""
    a, b = graph.edges[axis]
    s, t = equations.scale, equations.tangents[axis]
    wa, wb = equations.confidence[a] * weight[a], equations.confidence[b] * (1.0 - weight[b])
    c = wa * s[a] ** 2 + wb * s[b] ** 2
    g = -(wa * s[a] * t[a] + wb * s[b] * t[b])
    d = depth[b] - depth[a]
    energy = float(wa @ (s[a] * d + t[a]) ** 2 + wb @ (s[b] * d + t[b]) ** 2)
    return c, g, energy


def bilateral_depth(
    normals: NDArray,
    mask: NDArray[np.bool_],
    *,
    weights: NDArray | None = None,
    initial: NDArray | None = None,
    settings: IntegrationSettings | None = None,
) -> BilateralDepth:
    """Depth whose slopes agree with the normals on at least one side of every pixel.

    Minimises, with s and t as in `SlopeEquations` and d+ , d- the differences to the right and left (down and up),

        sum_p q_p [ w (s d+ + t)^2 + (1 - w) (s d- + t)^2 ],   w = sigmoid(k ((s d-)^2 - (s d+)^2))

    by reweighting: w from the last depth, then one sparse solve. A step's pixels then trust the side away from it, so
    each side keeps its own slope and the step's height follows from wherever the two sides are joined. A part that
    steps surround on all sides has no determined height: no method that sees only normals can know it.

    normals (H, W, 3) OpenCV frame (n_z < 0 faces the camera); mask (H, W); `weights` (H, W) confidence q (at least
    1e-3 is used); `initial` (H, W) depth to start from (pixels, or log depth; NaN counts as 0), for instance that of a
    nearby call; without it, large masks start from the solution on a coarser grid.
    Gauge: a constant per 4-connected component, fixed by mean zero. A row of pixels at the very edge of a step fits
    either side: steps are placed to one pixel. Raises `InputError` for an empty mask or shapes that disagree.
    Cao, Santo, Shi, Okura, Matsushita: Bilateral Normal Integration, ECCV 2022.

    >>> n = np.broadcast_to([0.6, 0.0, -0.8], (4, 5, 3))
    >>> np.diff(bilateral_depth(n, np.ones((4, 5), bool)).depth, axis=1)[0].round(6).tolist()
    [0.75, 0.75, 0.75, 0.75]
    """
    settings = settings or IntegrationSettings(method="bilateral")
    mask = np.asarray(mask, dtype=bool)
    if normals.shape != (*mask.shape, 3):
        raise InputError("normals", f"shape {(*mask.shape, 3)} as the mask", str(normals.shape), "use one size")
    if not mask.any():
        raise InputError("mask", "at least one pixel inside", "an empty mask", "check the mask's file and threshold")
    graph = pixel_graph(mask)
    equations = slope_equations(normals, graph, weights, settings)
    solver = LaplacianSolver(graph)
    if initial is not None:
        depth = np.nan_to_num(np.asarray(initial, np.float64)[graph.rows, graph.columns], posinf=0.0, neginf=0.0)
    elif graph.size > 2 * _COARSE_PIXELS:
        depth = _coarse_depth(normals, graph, equations, weights, settings)
    else:
        depth = np.zeros(graph.size)  # all weights 1/2: the first solve is least squares
    sides = _all_sides(graph, equations, depth, settings.k)
    energies: list[float] = []
    status = Status.STEP_LIMIT
    terms = [_edge_terms(graph, equations, sides[i], depth, i) for i in (0, 1)]
    for _ in range(settings.max_steps):
        (c0, g0, _), (c1, g1, _) = terms
        depth = solver.solve((c0, c1), (g0, g1), depth, _INNER_GAIN)
        sides = _all_sides(graph, equations, depth, settings.k)
        terms = [_edge_terms(graph, equations, sides[i], depth, i) for i in (0, 1)]
        energies.append(terms[0][2] + terms[1][2])
        if _settled(energies, settings.tolerance, graph.size):
            status = Status.CONVERGED
            break
    depth = graph.centred(depth)
    return BilateralDepth(
        graph.image(depth), graph.image(sides[0]), graph.image(sides[1]),
        _own_normals(graph, equations, depth, sides, settings),
        energies, len(energies), status, _undetermined(graph, sides), equations.unknown,
    )  # fmt: skip


def _coarse_depth(
    normals: NDArray,
    graph: PixelGraph,
    equations: SlopeEquations,
    weights: NDArray | None,
    settings: IntegrationSettings,
) -> Floats:
    """Depth (P,) to start from: the bilateral depth of a coarser grid, each of its cells a plane by its pixels' slopes,
    so that a step of the coarse depth stays one between two pixels."""
    mask = graph.image(np.ones(graph.size, dtype=bool), outside=False)
    factor = math.ceil(math.sqrt(graph.size / _COARSE_PIXELS))
    cells, inside = reduce_normals(normals, mask, factor)
    confidence = None
    if weights is not None:
        spread = np.repeat(np.where(mask, weights, 0.0)[..., None], 3, axis=-1)
        confidence = reduce_normals(spread, mask, factor)[0][..., 0]
    coarser = replace(reduced_settings(settings, factor, mask.shape), tolerance=max(settings.tolerance, 1e-3))
    coarse = bilateral_depth(cells, inside, weights=confidence, settings=coarser).depth
    step, centre = (1.0 if settings.focal_px else float(factor)), (factor - 1) / 2
    depth = step * coarse[graph.rows // factor, graph.columns // factor]
    gentle = np.minimum(equations.scale, -0.25 * (settings.focal_px or 1.0))  # a rim's slope holds for no whole cell
    for place, tangent in zip((graph.columns, graph.rows), equations.tangents, strict=True):
        depth -= (place % factor - centre) * tangent / gentle
    return depth


def _all_sides(graph: PixelGraph, equations: SlopeEquations, depth: Floats, k: float) -> tuple[Floats, Floats]:
    """Weights of the forward differences of both axes at a depth."""
    horizontal, vertical = (_side_weights(*_sides(graph, depth, i), equations.scale, k) for i in (0, 1))
    return horizontal, vertical


def _settled(energies: list[float], tolerance: float, size: int) -> bool:
    """Whether the energy changes by less than `tolerance`, or is nothing to speak of (1e-12 a pixel)."""
    if energies[-1] <= 1e-12 * size:
        return True
    return len(energies) > 1 and abs(energies[-1] - energies[-2]) <= tolerance * energies[-2]


def _undetermined(graph: PixelGraph, sides: tuple[Floats, Floats], joined: float = 0.05) -> float:
    """Share of pixels outside the largest part of their component, once edges that neither end trusts are cut."""
    trusted = []
    for axis in (0, 1):
        a, b = graph.edges[axis]
        trusted.append(graph.edges[axis][:, np.maximum(sides[axis][a], 1.0 - sides[axis][b]) > joined])
    a, b = np.concatenate(trusted, axis=1)
    parts = connected_components(coo_matrix((np.ones(a.size), (a, b)), shape=(graph.size,) * 2), directed=False)[1]
    first = np.unique(parts, return_index=True)[1]
    sizes, owner = np.bincount(parts), graph.labels[first]
    largest = np.zeros(graph.component_count, dtype=np.int64)
    np.maximum.at(largest, owner, sizes)
    return 1.0 - float(largest.sum()) / graph.size


def _own_normals(
    graph: PixelGraph, equations: SlopeEquations, depth: Floats, sides: tuple[Floats, Floats],
    settings: IntegrationSettings,
) -> Floats:  # fmt: skip
    """Unit normals (H, W, 3) of a depth by differences weighted as the bilateral weights say; zero outside.

    Orthographic: n ~ (dz/dx, dz/dy, -1). Perspective, z = log depth: n ~ (f z_u, f z_v, -1 - u z_u - v z_v).
    """
    slopes = []
    for axis in (0, 1):
        a, b = graph.edges[axis]
        forward, backward = _sides(graph, depth, axis)
        there, here = np.zeros(graph.size), np.zeros(graph.size)
        there[a], here[b] = sides[axis][a], 1.0 - sides[axis][b]
        weight = there + here
        seen = (there * forward + here * backward) / np.maximum(weight, 1e-12)
        slopes.append(np.where(weight > 0, seen, equations.slopes(axis)))
    zx, zy = slopes
    n = np.stack([zx, zy, -np.ones(graph.size)], 1)
    if settings.focal_px is not None:
        height, width = graph.shape
        centre = settings.principal_point or (width / 2, height / 2)
        x, y = graph.columns + 0.5 - centre[0], graph.rows + 0.5 - centre[1]
        n = np.stack([settings.focal_px * zx, settings.focal_px * zy, -1.0 - x * zx - y * zy], 1)
    n /= np.linalg.norm(n, axis=1, keepdims=True)
    result = np.zeros((*graph.shape, 3))
    result[graph.rows, graph.columns] = n
    return result
