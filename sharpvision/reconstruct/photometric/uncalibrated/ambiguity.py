"""What resolves the bas-relief ambiguity: how much the model's cost rises as normals and lights are stretched and
tilted together."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sharpvision.kernels.bundle_pixels import BundlePixels
from sharpvision.reconstruct.photometric.uncalibrated.bundle import BundleState, moved, settle

_SAMPLE = 800
_STRETCH, _TILT = 0.2, 0.15
_TOLD = 8e-4


@dataclass(frozen=True)
class Evidence:
    """Rise of the model's mean cost, a log-likelihood for each observation, where the surface is stretched by
    exp(+-0.2) (`stretch`) or tilted by slopes of +-0.15 (`tilt`): the least of each."""

    stretch: float
    tilt: float

    @property
    def stretch_spread(self) -> float:
        """The log of the stretch that the cost can just tell, at most 1: its rise taken as quadratic."""
        return float(min(1.0, _STRETCH * np.sqrt(_TOLD / max(self.stretch, 1e-12))))

    @property
    def tilt_spread(self) -> float:
        """The slope of a tilt that the cost can just tell, at most 1."""
        return float(min(1.0, _TILT * np.sqrt(_TOLD / max(self.tilt, 1e-12))))


def bas_relief(mu: float, nu: float, stretch: float) -> NDArray[np.float64]:
    """What a generalised bas-relief transformation does to scaled normals (3, 3); inverse transposed on lights.

    The surface z becomes stretch z + mu x + nu y: the only transformations that keep an integrable Lambertian surface
    integrable and all its images the same. Paper: Belhumeur, Kriegman & Yuille, The bas-relief ambiguity, 1999.

    >>> g = bas_relief(0.1, 0.0, 2.0)
    >>> n = g @ np.array([0.0, 0.0, -1.0])  # a plane facing the camera, z = 0, becomes z = 0.1 x
    >>> bool(np.isclose(-n[0] / n[2], 0.1))
    True
    """
    return np.array([[stretch, 0.0, -mu], [0.0, stretch, -nu], [0.0, 0.0, 1.0]])


def evidence(pixels: BundlePixels, state: BundleState, seed: int = 0) -> Evidence:
    """Move a sample of pixels along the ambiguity, settle them there, and compare costs.

    For a Lambertian surface the cost stays as it is; highlights, roughness and cast shadows make it rise.
    """
    count = len(state.normals)
    chosen = np.sort(np.random.default_rng(seed).permutation(count)[:_SAMPLE])
    sample = pixels.subset(chosen)
    own = replace(state, normals=state.normals[chosen], weights=state.weights[chosen], costs=state.costs[chosen])
    base = settle(sample, own).cost

    def rise(matrix: NDArray) -> float:
        return settle(sample, moved(sample, own, matrix)).cost - base

    stretch = [rise(bas_relief(0.0, 0.0, np.exp(sign * _STRETCH))) for sign in (1, -1)]
    tilt = [rise(bas_relief(mu, nu, 1.0)) for mu, nu in ((_TILT, 0), (-_TILT, 0), (0, _TILT), (0, -_TILT))]
    return Evidence(min(stretch), min(tilt))
