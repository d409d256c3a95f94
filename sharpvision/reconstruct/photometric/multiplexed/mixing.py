"""The matrix of lights to channels from three photographs, each under one of the coloured lights alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sharpvision.core.errors import InputError
from sharpvision.reconstruct.photometric.multiplexed.paints import Unmixing, fit_paints

_DARK = 0.05


def mixing_from_photographs(
    photographs: NDArray, mask: NDArray[np.bool_], lights: NDArray, name: str = "calibration"
) -> NDArray[np.float64]:
    """M (3, 3) from photographs (3, H, W, 3) of one object of one colour, photograph k under light k of `lights`.

    Column k has the colour of photograph k (robust rank one); its length is the light's strength e_k, from

        | L^-1 (s_1 / e_1, s_2 / e_2, s_3 / e_3) | = 1   at pixels that all lights reach, s_k the brightness in k,

    which a curved object determines and a flat one leaves near equal strengths. Of a gray or white object M is that of
    the lights and the camera; of a coloured one its colour is in M, and the same object is then solved as white.
    Raises `InputError` for a photograph that is black.

    >>> lights = np.array([[0.6, 0, -0.8], [-0.48, 0.36, -0.8], [0, -0.6, -0.8]])
    >>> n = np.random.default_rng(0).uniform(-0.4, 0.4, (20, 20, 3)) - [0, 0, 1]
    >>> n /= np.linalg.norm(n, axis=2, keepdims=True)
    >>> mixing = np.array([[0.9, 0.1, 0.0], [0.2, 0.7, 0.1], [0.0, 0.1, 0.5]])
    >>> photographs = np.maximum(n @ lights.T, 0).transpose(2, 0, 1)[..., None] * mixing.T[:, None, None]
    >>> found = mixing_from_photographs(photographs, np.ones((20, 20), bool), lights)
    >>> bool(np.abs(found / found.max() - mixing / mixing.max()).max() < 0.01)
    True
    """
    columns, brightness = [], []
    for k, photograph in enumerate(photographs):
        pixels = np.asarray(photograph[mask], np.float64)
        total = pixels.sum(1)
        lit = total > _DARK * np.quantile(total, 0.99) if total.any() else np.zeros(len(total), bool)
        if not lit.any():
            raise InputError(name, "three photographs, each under one light", f"photograph {k + 1} black",
                             "photograph the object under each light alone")  # fmt: skip
        colour = np.median(pixels[lit] / total[lit, None], axis=0)
        colour /= colour.sum()
        columns.append(colour)
        brightness.append(pixels @ colour / (colour @ colour))
    seen = np.stack(brightness, 1)
    all_lit = (seen > _DARK * np.quantile(seen, 0.99, axis=0)).all(1)
    strengths = np.ones(3)
    if all_lit.sum() >= 12:
        sample = seen[all_lit][:: max(1, int(all_lit.sum()) // 4000)]
        start = np.log(np.median(sample, axis=0, keepdims=True).mean(1, keepdims=True).repeat(3, 1)) + 0.2
        strengths = fit_paints(sample[None], Unmixing(np.eye(3), lights), start, steps=40)[0][0]
    return np.stack(columns, 1) * strengths
