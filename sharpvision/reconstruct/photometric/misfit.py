"""Tells the misfit of a model from noise: noise differs from pixel to pixel, what a model gets wrong does not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sharpvision.reconstruct.photometric.grid import PixelGrid

_PAIRS = 4000

Residuals = Callable[[NDArray[np.intp]], tuple[NDArray, NDArray]]


@dataclass
class MisfitCorrelation:
    """Weighted correlation of the residuals of horizontal neighbours, summed over parts of an image.

        c = sum w r_p r_q / sqrt(sum w r_p^2 sum w r_q^2),   q right of p,   the same light and channel

    c is near 0 where residuals are noise, and near 1 where they are all model error.

    >>> grid = PixelGrid(np.ones((30, 30), bool))
    >>> random = np.random.default_rng(0)
    >>> noise, model = random.standard_normal((900, 20, 3)), random.standard_normal((1, 20, 3)).repeat(900, 0)
    >>> kinds = (noise, model, noise + model)
    >>> [round(MisfitCorrelation().add(grid, lambda i: (r[i], np.ones((len(i), 20)))).value, 1) for r in kinds]
    [0.0, 1.0, 0.5]
    """

    product: float = 0.0
    left: float = 0.0
    right: float = 0.0

    def add(self, grid: PixelGrid, residuals: Residuals) -> MisfitCorrelation:
        """Count a part of an image; `residuals(index)` gives residuals (P', N, 3) and weights (P', N) of pixels.

        At most a few thousand pairs of pixels are looked at.
        """
        rows, columns = grid.index
        pairs = np.flatnonzero((rows[1:] == rows[:-1]) & (columns[1:] == columns[:-1] + 1))
        pairs = pairs[:: max(1, pairs.size // _PAIRS)]
        (a, a_weight), (b, b_weight) = residuals(pairs), residuals(pairs + 1)
        shared = np.sqrt(a_weight * b_weight)[..., None]
        self.product += float((shared * a * b).sum(dtype=np.float64))
        self.left += float((shared * a * a).sum(dtype=np.float64))
        self.right += float((shared * b * b).sum(dtype=np.float64))
        return self

    @property
    def value(self) -> float:
        """The correlation in [0, 1]; 0 where nothing was counted."""
        scale = np.sqrt(self.left * self.right)
        return float(np.clip(self.product / scale, 0.0, 1.0)) if scale > 0 else 0.0

    def inflation(self, shared_lights: float, light_count: int) -> float:
        """Factor sqrt(1 + c K / N) by which a standard error from N residuals taken as independent is too small.

        Model error is shared by lights that stand close together, so N lights are worth fewer; K (`shared_lights`) is
        calibrated on rendered objects.
        """
        return float(np.sqrt(1.0 + self.value * shared_lights / light_count))
