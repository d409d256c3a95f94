"""The pixel grid of a mask as a graph, and the slope equations that normals put on it.

Every method here minimises a sum over neighbouring pixels (a, b) of  c_ab (z_b - z_a)^2 - 2 g_ab (z_b - z_a):
a weighted graph Laplacian  D^T diag(c) D z = D^T g,  where D takes differences along edges. Only c and g differ.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from sharpvision.reconstruct.integration_settings import IntegrationSettings

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class PixelGraph:
    """Pixels of a mask, numbered along its shorter side (so the Laplacian's bandwidth is small).

    `rows`, `columns` (P,): where a pixel is. `edges[0]` (2, E0) joins a pixel to its right neighbour, `edges[1]`
    (2, E1) to the one below. `labels` (P,) numbers the 4-connected components from 0 in the order of their first pixel.
    """

    shape: tuple[int, int]
    rows: Integers
    columns: Integers
    edges: tuple[Integers, Integers]
    labels: Integers

    @property
    def size(self) -> int:
        """Number of pixels."""
        return int(self.rows.size)

    @property
    def component_count(self) -> int:
        """Number of 4-connected components."""
        return int(self.labels.max()) + 1 if self.size else 0

    @property
    def bandwidth(self) -> int:
        """Largest difference of the numbers of two neighbours."""
        return max((int(np.abs(e[1] - e[0]).max()) for e in self.edges if e.size), default=0)

    def image(self, values: NDArray, outside: float = np.nan) -> NDArray:
        """Values (P,) of the pixels as an image (H, W)."""
        result = np.full(self.shape, outside, dtype=values.dtype)
        result[self.rows, self.columns] = values
        return result

    def centred(self, values: Floats, weights: Floats | None = None) -> Floats:
        """Values (P,) with mean zero on each component: the free constant of integration removed."""
        weights = np.ones(self.size) if weights is None else weights
        mass = np.bincount(self.labels, weights)
        return values - (np.bincount(self.labels, values * weights) / np.maximum(mass, 1e-300))[self.labels]

    def differences(self, values: Floats, axis: int) -> Floats:
        """values[b] - values[a] along the edges of an axis (0: to the right, 1: down)."""
        a, b = self.edges[axis]
        return values[b] - values[a]

    def divergence(self, flux: Floats, axis: int) -> Floats:
        """The adjoint of `differences`: D^T flux, (P,)."""
        a, b = self.edges[axis]
        into, out = np.bincount(b, flux, self.size), np.bincount(a, flux, self.size)
        return np.asarray(into - out, dtype=np.float64)


def pixel_graph(mask: NDArray[np.bool_]) -> PixelGraph:
    """The graph of a mask (H, W).

    >>> graph = pixel_graph(np.array([[True, True, False, True]]))
    >>> graph.size, graph.component_count, graph.labels.tolist()
    (3, 2, [0, 0, 1])
    """
    rows_used, columns_used = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    tall = rows_used.size == 0 or np.ptp(rows_used) >= np.ptp(columns_used)
    if tall:
        rows, columns = np.nonzero(mask)
    else:
        columns, rows = np.nonzero(mask.T)
    number = np.full(mask.shape, -1, dtype=np.int64)
    number[rows, columns] = np.arange(rows.size)
    right = mask[:, :-1] & mask[:, 1:]
    below = mask[:-1] & mask[1:]
    edges = (
        np.stack([number[:, :-1][right], number[:, 1:][right]]),
        np.stack([number[:-1][below], number[1:][below]]),
    )
    a, b = np.concatenate(edges, axis=1)
    adjacency = coo_matrix((np.ones(a.size, dtype=np.int8), (a, b)), shape=(rows.size, rows.size))
    labels = connected_components(adjacency, directed=False)[1] if rows.size else np.zeros(0)
    return PixelGraph(mask.shape, rows, columns, edges, labels.astype(np.int64))


@dataclass(frozen=True)
class SlopeEquations:
    """One equation a pixel and axis:  s_p dz + t_p = 0  with dz one-sided, in pixels; `confidence` (P,) weighs them.

    Orthographic: s = n_z, t = (n_x, n_y), z the depth in pixels. Perspective, with z = log depth and the ray
    r = ((u - c_x) / f, (v - c_y) / f, 1): s = f n.r, t = (n_x, n_y); from n . d(depth r)/du = 0. `s` is clamped to
    at most -min_nz (times f), so slopes stay finite; in OpenCV's frame a visible surface has s < 0.
    `unknown` counts the pixels whose normal was zero or not finite: they get (0, 0, -1), hence t = 0 (flat), with a
    confidence of 1e-3.
    """

    scale: Floats
    tangents: tuple[Floats, Floats]
    confidence: Floats
    unknown: int

    def slopes(self, axis: int) -> Floats:
        """dz along an axis that the normals ask for, (P,)."""
        return -self.tangents[axis] / self.scale


def slope_equations(
    normals: NDArray, graph: PixelGraph, weights: NDArray | None, settings: IntegrationSettings
) -> SlopeEquations:
    """The equations that normals (H, W, 3; OpenCV frame, any length) put on the depth of a graph's pixels."""
    n = np.asarray(normals[graph.rows, graph.columns], dtype=np.float64)
    length = np.linalg.norm(n, axis=1)
    known = np.isfinite(length) & (length > 1e-6)
    n = np.where(known[:, None], n / np.where(known, length, 1.0)[:, None], [0.0, 0.0, -1.0])
    scale, focal = n[:, 2], 1.0
    if settings.focal_px is not None:
        focal = settings.focal_px
        height, width = graph.shape
        centre = settings.principal_point or (width / 2, height / 2)
        x, y = (graph.columns + 0.5 - centre[0]) / focal, (graph.rows + 0.5 - centre[1]) / focal
        scale = focal * (n[:, 0] * x + n[:, 1] * y + n[:, 2])
    confidence = np.ones(graph.size) if weights is None else np.asarray(weights[graph.rows, graph.columns], np.float64)
    confidence = np.where(known & np.isfinite(confidence), np.maximum(confidence, 1e-3), 1e-3)
    return SlopeEquations(
        np.minimum(scale, -settings.min_nz * focal), (n[:, 0], n[:, 1]), confidence, int((~known).sum())
    )
