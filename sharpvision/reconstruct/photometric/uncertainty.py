"""How far the physics solver's normals may be off: the spread of each pixel's estimate, in degrees."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sharpvision.reconstruct.photometric.surface_model import State, SurfaceModel

_DEG_68 = 1.515 * 180.0 / np.pi
_FLOOR_DEG = 0.05


def normal_std_deg(model: SurfaceModel, state: State) -> NDArray[np.float32]:
    """The angle within which 68 % of errors should fall (P,).

        C = s2 (H N)^-1,   s2 = sum_j w_j r_j^2 / sum_j w_j,

    with H the Gauss-Newton matrix of the mean log cost in the normal's two tangents, reflectance eliminated, weights
    w_j of the robust loss, r_j the residual.
    """
    pixels = model.pixels(state)
    h11, h12, h22 = pixels.curvature(state["normals"], state["weights"]).T.astype(np.float64)
    residual = pixels.observed - pixels.predict(state["normals"], state["weights"])
    square = (residual.astype(np.float64) ** 2).mean(-1)
    weight = pixels.weight / (pixels.scale[:, None].astype(np.float64) ** 2 + square)
    used = np.maximum((pixels.weight > 0).sum(1), 4)
    noise = (weight * square).sum(1) / np.maximum(pixels.weight.sum(1), 1e-9)
    ridge = 1e-9
    determinant = np.maximum((h11 + ridge) * (h22 + ridge) - h12**2, 1e-18)
    variance = 0.5 * (h11 + h22 + 2 * ridge) / determinant * noise / (3.0 * used)
    return np.minimum(np.hypot(np.sqrt(variance) * _DEG_68, _FLOOR_DEG), 90.0).astype(np.float32)
