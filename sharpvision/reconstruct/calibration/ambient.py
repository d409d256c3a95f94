"""How much light there is besides the lamp's."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def ambient_bound(images: NDArray[np.float32], mask: NDArray[np.bool_] | None = None) -> float:
    """Upper bound on the share of light that does not move with the lamp, of linear gray images (N, H, W).

    A point's darkest image holds the ambient light and what the lamp still adds there, so
    share(p) = min_i I_i(p) / median_i I_i(p) is too large, least so at points that some lamp leaves in shadow: the
    bound is its 10th percentile over the points that the median lights. Zero where nothing is lit.

    >>> images = np.full((5, 8, 8), 0.5, np.float32); images[0] = 0.1
    >>> round(ambient_bound(images), 3)
    0.2
    """
    level = np.median(images, axis=0)
    use = level > 0.1 * max(float(np.percentile(level, 95)), 1e-6)
    if mask is not None:
        use &= mask
    if len(images) < 2 or not use.any():
        return 0.0
    return float(np.percentile(images.min(0)[use] / level[use], 10))
