"""Least-squares integration of normals: one sparse solve, for surfaces without steps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sharpvision.reconstruct.integration_grid import Floats, pixel_graph, slope_equations
from sharpvision.reconstruct.integration_linear import LaplacianSolver
from sharpvision.reconstruct.integration_settings import IntegrationSettings
from sharpvision.solvers.solution import Status


@dataclass(frozen=True)
class LeastSquaresDepth:
    """`depth` (H, W) float64, NaN outside the mask, mean zero on each component: pixels, or log depth (perspective);
    `energy` is the sum of squared residuals; `unknown` counts pixels without a normal."""

    depth: Floats
    energy: float
    status: Status
    unknown: int


def least_squares_depth(
    normals: NDArray, mask: NDArray[np.bool_], settings: IntegrationSettings, weights: NDArray | None = None
) -> LeastSquaresDepth:
    """Depth that minimises the squared one-sided residuals of both sides, averaged:

        sum_p q_p / 2 [ (s d+ + t)^2 + (s d- + t)^2 ]  over both axes, s and t as in `SlopeEquations`.

    The residual s d + t (not d + t / s) is the one that normals with equal noise make equally uncertain: steep pixels
    weigh less. Normal equations: the graph Laplacian of `integration_grid`, whose right side is zero in total on each
    component, so it has a solution, unique but for a constant a component.
    normals (H, W, 3) OpenCV frame, mask (H, W) not empty, `weights` (H, W) confidence q.
    Quéau, Durou, Aujol: Normal Integration: A Survey, JMIV 2018, section 3.

    >>> n = np.broadcast_to([0.0, 0.6, -0.8], (3, 2, 3))
    >>> least_squares_depth(n, np.ones((3, 2), bool), IntegrationSettings()).depth[:, 0].round(6).tolist()
    [-0.75, 0.0, 0.75]
    """
    graph = pixel_graph(mask)
    equations = slope_equations(normals, graph, weights, settings)
    q, s = equations.confidence, equations.scale
    c, g = [], []
    for axis in (0, 1):
        a, b = graph.edges[axis]
        t = equations.tangents[axis]
        c.append(0.5 * (q[a] * s[a] ** 2 + q[b] * s[b] ** 2))
        g.append(-0.5 * (q[a] * s[a] * t[a] + q[b] * s[b] * t[b]))
    solver = LaplacianSolver(graph)
    depth = graph.centred(solver.solve((c[0], c[1]), (g[0], g[1]), np.zeros(graph.size), gain=1e-7))
    energy = 0.0
    for axis in (0, 1):
        d, t = graph.differences(depth, axis), equations.tangents[axis]
        for p in graph.edges[axis]:
            energy += 0.5 * float(q[p] @ (s[p] * d + t[p]) ** 2)
    status = Status.CONVERGED if solver.last_converged else Status.STEP_LIMIT
    return LeastSquaresDepth(graph.image(depth), energy, status, equations.unknown)
