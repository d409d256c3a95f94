"""How far the physics solver's normals may be off: the spread of each pixel's estimate, in degrees."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sharpvision.reconstruct.photometric.misfit import MisfitCorrelation
from sharpvision.reconstruct.photometric.surface_model import DIFFUSE, State, SurfaceModel

SHARED_LIGHTS = 330.0
"""What a fully correlated misfit of the physics does to a stated angle: see `MisfitCorrelation.inflation`."""

_CALIBRATION = 0.94
_ROUGH_INFLATION = 0.35
_DEG_68 = 1.515 * 180.0 / np.pi
_FLOOR_DEG = 0.05


def normal_std_deg(model: SurfaceModel, state: State) -> NDArray[np.float32]:
    """The angle within which 68 % of errors should fall (P,).

        C = s2 (3 N H)^-1,   s2 = sum_j w_j r_j^2 / sum_j w_j,
        angle = 1.515 sqrt(trace(C) / 2) x 0.94 (1 + 0.35 q) sqrt(1 + c K / N)

    with H the Gauss-Newton matrix of the mean log cost in the normal's two tangents, reflectance eliminated, w_j the
    dark
    weights in s2's denominator and the robust weights in its numerator, r_j the residuals, c the correlation of
    neighbouring residuals (`MisfitCorrelation`): what the model gets wrong does not average out over lights; q the
    rough
    share of the diffuse weight: rough and ideal diffuse reflection are nearly collinear, and the sparsity penalty
    biases
    their split. The three numbers are calibrated on rendered objects (suite `photometric-uncertainty`). An error that
    all
    pixels share, such as one of the lights, is not in it: on photographs the stated angles are too small.
    """
    pixels = model.pixels(state)
    h11, h12, h22 = pixels.curvature(state["normals"], state["weights"]).T.astype(np.float64)
    residual = pixels.observed - pixels.predict(state["normals"], state["weights"])
    square = (residual.astype(np.float64) ** 2).mean(-1)
    relative = 1.0 + pixels.relative * (pixels.observed.astype(np.float64) ** 2).mean(-1)
    weight = pixels.weight / (pixels.scale[:, None].astype(np.float64) ** 2 * relative + square)
    mass = np.maximum(pixels.weight.sum(1, dtype=np.float64), 1e-9)
    noise = (weight * square).sum(1) / mass
    diffuse = state["weights"][..., DIFFUSE].sum(1, dtype=np.float64)
    rough = diffuse[:, 1] / np.maximum(diffuse.sum(1), 1e-9)
    used = np.maximum((pixels.weight > 0).sum(1), 4)
    determinant = np.maximum(h11 * h22 - h12**2, 1e-18)
    variance = 0.5 * np.maximum(h11 + h22, 1e-9) / determinant * noise / (3.0 * used)
    misfit = MisfitCorrelation().add(model.grid, lambda index: (residual[index], weight[index]))
    factor = (
        _CALIBRATION
        * (1.0 + _ROUGH_INFLATION * rough)
        * misfit.inflation(SHARED_LIGHTS, len(model.observations.lights))
    )
    return np.minimum(np.hypot(np.sqrt(variance) * _DEG_68 * factor, _FLOOR_DEG), 90.0).astype(np.float32)
