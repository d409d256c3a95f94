"""The 3x3 matrix of a factorisation where reflectance does not tell it: integrability, and the outline for the rest."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from sharpvision.reconstruct.photometric.uncalibrated.integrability import Quads, curl_residuals

_OUTLINE_WEIGHT = 0.1
_OUTLINE_SCALE = 0.2


def outline_matrix(
    normals: NDArray, inflated: NDArray, quads: Quads, confidence: NDArray, start: NDArray | None = None
) -> NDArray[np.float64]:
    """A (3, 3) of determinant 1 for which A n is integrable and, where that leaves it open, near the inflated outline.

        min over A of  relative curl(A n) + 0.1 mean log(1 + |A n / |A n| - m|^2 / 0.2^2)

    n `normals` (P, 3), m `inflated` (P, 3). A Lambertian surface's images leave A open (eight numbers); integrability
    takes away five of them, and the outline holds the last three, the generalised bas-relief transformations. Paper:
    Belhumeur, Kriegman & Yuille 1999; Yuille & Snow 1997.
    """
    n = np.asarray(normals, np.float64)

    def misfit(flat: NDArray) -> NDArray:
        turned = n @ flat.reshape(3, 3).T
        turned = turned / np.maximum(np.linalg.norm(turned, axis=1, keepdims=True), 1e-9)
        apart = ((turned - inflated) ** 2).sum(1) / _OUTLINE_SCALE**2
        away = np.sqrt(_OUTLINE_WEIGHT * np.log1p(apart) / len(n))
        size = 0.1 * (np.linalg.norm(flat) - np.sqrt(3.0))
        return np.concatenate([curl_residuals(turned, quads, confidence), away, [size]])

    begin = np.eye(3) if start is None else start
    found: NDArray[np.float64] = least_squares(misfit, begin.ravel(), max_nfev=40).x.reshape(3, 3)
    return found / np.cbrt(abs(np.linalg.det(found)))
