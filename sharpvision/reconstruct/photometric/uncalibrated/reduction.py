"""Grey observations that a factorisation can take: photographs under unknown light over scales of pixels and images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sharpvision.reconstruct.photometric.grid import PixelGrid
from sharpvision.reconstruct.photometric.pixel_observations import GREY, PixelObservations

_ROUNDS = 10
_PIXEL_QUANTILE = 0.8
_DARK = 0.2


@dataclass(frozen=True, eq=False)
class GreyObservations:
    """`observed` (P, N) grey radiance over `scale` (P,) and over the images' `exposure` (N,); `usable` (P, N).

    `exposure` is a robust estimate of the lights' intensities, their mean log zero; `noise` (P,) the sensor's noise in
    the units of `observed`.
    """

    grid: PixelGrid
    observed: NDArray[np.float32]
    usable: NDArray[np.bool_]
    scale: NDArray[np.float32]
    exposure: NDArray[np.float64]
    noise: NDArray[np.float32]
    viewers: NDArray[np.float32]


def grey_observations(pixels: PixelObservations) -> GreyObservations:
    """Grey observations of pixels whose lights are unknown (`pixels.intensities` are ones)."""
    grey, usable = pixels.radiance @ GREY, pixels.usable > 0
    exposure = image_exposures(grey, usable)
    bright = np.quantile(grey / exposure, 0.9, axis=1)
    scale = np.maximum(bright, max(pixels.noise, 1e-7)).astype(np.float32)
    observed = (grey / (exposure * scale[:, None])).astype(np.float32)
    noise = np.asarray(pixels.noise / scale, np.float32)
    return GreyObservations(pixels.grid, observed, usable, scale, exposure, noise, pixels.viewers)


def image_exposures(grey: NDArray, usable: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Relative intensities (N,) of the images of grey radiance (P, N), mean log zero.

        s_p = quantile_0.8 over j of I_pj / e_j,   e_j = median over lit p of I_pj / s_p,   alternately,

    lit where the ratio is above 0.2 of its median over all p. Exact where each image sees the same distribution of
    shadings, and a start otherwise.

    >>> random = np.random.default_rng(0)
    >>> shading, e = random.uniform(0.2, 1.0, (5000, 6)), np.array([0.5, 0.7, 0.9, 1.1, 1.5, 2.0])
    >>> found = image_exposures(shading * e * random.uniform(0.1, 1.0, (5000, 1)), np.ones((5000, 6), bool))
    >>> bool(np.abs(found / (e / np.exp(np.log(e).mean())) - 1.0).max() < 0.03)
    True
    """
    exposure = np.ones(grey.shape[1])
    for _ in range(_ROUNDS):
        scale = np.maximum(np.quantile(grey / exposure, _PIXEL_QUANTILE, axis=1), 1e-9)
        ratio = grey / scale[:, None]
        for j in range(grey.shape[1]):
            seen = ratio[usable[:, j], j]
            if not seen.size:
                continue
            lit = seen[seen > _DARK * np.median(seen)]
            exposure[j] = max(float(np.median(lit)) if lit.size else 0.0, 1e-6)
        exposure /= np.exp(np.log(exposure).mean())
    return exposure


def light_colours(radiance: NDArray, grey: NDArray, usable: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Colours (N, 3) of the lights relative to their mean, by the median over pixels; each channel's mean log is 0.

        k_jc = median over p of (I_pjc / g_pj) / (median over j of I_pjc / g_pj)

    over observations brighter than the median; what all lights share goes into the albedo's colour.
    """
    bright = usable & (grey > np.median(grey[usable])) if usable.any() else usable
    logs = np.log(np.maximum(radiance, 1e-6) / np.maximum(grey, 1e-6)[..., None])
    logs[~bright] = np.nan
    counted = np.flatnonzero(bright.sum(1) >= max(3, bright.shape[1] // 4))
    if not counted.size:
        return np.ones((radiance.shape[1], 3))
    own = logs[counted] - np.nanmedian(logs[counted], axis=1, keepdims=True)
    seen = bright[counted].any(0)
    colours = np.zeros((radiance.shape[1], 3))
    colours[seen] = np.nanmedian(own[:, seen], axis=0)
    return np.exp(colours - colours.mean(0))
