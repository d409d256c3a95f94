"""Relative light intensities from something of known shape under all lights: a gray card, a matte or a mirror ball."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sharpvision.core.errors import InputError

Array = NDArray[np.float64]

_DARK = 0.01
"""Linear value below which a pixel tells nothing about its light."""
_GRAZING = 0.1
"""Cosine of incidence below which a small error of the normal is a large one of the intensity."""
_LEAST_PIXELS, _FEW_DEGREES = 16, 3.0
_LOSS_SCALE = 0.05
_ROUNDS = 8
_ROUGH = 0.05
"""RMS misfit of a matte ball, over its brightness, from which a note doubts that it is matte."""


@dataclass(frozen=True, eq=False)
class LightIntensities:
    """Relative irradiances (N, 3) at normal incidence, RGB, mean 1 over all that were found; NaN where `found` (N,) is
    False. `std` (N,) is their relative standard deviation; `notes` are what a user must know."""

    intensities: Array
    std: Array
    found: NDArray[np.bool_]
    notes: tuple[str, ...] = ()


def intensities_from_card(
    images: NDArray[Any], saturated: NDArray[np.bool_], light_directions: NDArray[Any] | None = None,
    normal: NDArray[Any] | None = None, tilt_deg: float = _FEW_DEGREES,
) -> LightIntensities:  # fmt: skip
    """Intensities from the pixels of a matte, neutral card that lies still under all lights.

        e_j = median over the card of I_j / max(n . l_j, 0)

    `images` (N, .., 3) linear values of the card's pixels (P, or h x w), `saturated` (N, ..) where they do not count;
    `light_directions` (N, 3) and the card's `normal` (3,) in one frame, (0, 0, -1), facing the camera, where it is not
    given; without directions all lights count as equally far from its normal, which a note says. `tilt_deg`: how
    well the card's normal is known. A card's brightness alone can't tell its tilt from the lights' intensities.

    Raises `InputError` where no image shows the card between black and white.

    >>> lights = np.array([[0, 0, -1.0], [0.6, 0, -0.8]])
    >>> pixels = np.array([1.0, 0.4])[:, None, None] * np.full((2, 50, 3), 0.5)
    >>> found = intensities_from_card(pixels, np.zeros((2, 50), bool), lights)
    >>> found.intensities[:, 0].round(3).tolist()  # 0.5 and 0.2 / 0.8, over their mean
    [1.333, 0.667]
    """
    pixels = np.asarray(images, dtype=np.float64).reshape(len(images), -1, 3)
    usable = ~np.asarray(saturated, dtype=bool).reshape(len(images), -1) & (pixels.max(-1) > _DARK)
    enough = usable.sum(1) >= max(1, min(_LEAST_PIXELS, pixels.shape[1] // 2))
    notes = []
    if light_directions is None:
        cosine, slope = np.ones(len(pixels)), np.zeros(len(pixels))
        notes.append("without light directions the card gives the light that falls on it, not the lights' intensities")
    else:
        facing = np.array([0.0, 0.0, -1.0]) if normal is None else np.asarray(normal, dtype=np.float64)
        cosine = np.asarray(light_directions, dtype=np.float64) @ (facing / np.linalg.norm(facing))
        slope = np.sqrt(np.maximum(1 - cosine**2, 0.0)) / np.maximum(cosine, _GRAZING)
        if normal is None:
            notes.append(f"the gray card was taken to face the camera to {tilt_deg:g} degrees")
    found = enough & (cosine > _GRAZING)
    intensities, spread = np.full((len(pixels), 3), np.nan), np.full(len(pixels), np.nan)
    for j in np.flatnonzero(found):
        values = pixels[j, usable[j]]
        intensities[j] = np.median(values, axis=0) / cosine[j]
        grey = values.mean(-1)
        spread[j] = 1.4826 * np.median(np.abs(grey - np.median(grey))) / np.median(grey) / np.sqrt(len(grey))
    std = np.hypot(spread, slope * np.radians(tilt_deg))
    return _finished(intensities, std, found, notes, "the gray card")


def intensities_from_matte_ball(
    images: NDArray[Any], normals: NDArray[Any], light_directions: NDArray[Any],
    saturated: NDArray[np.bool_] | None = None,
) -> LightIntensities:  # fmt: skip
    """Intensities from the pixels of a matte ball of one colour, whose outline gives its normals.

        e_j = the robust slope of I_j(p) over max(n_p . l_j, 0)

    by least squares with Cauchy weights, so that highlights and cast shadows count little. `images` (N, P, 3) linear,
    `normals` (P, 3), `light_directions` (N, 3) in one frame (see `sphere_normals`).

    Raises `InputError` where no image shows it between black and white.

    >>> lights = np.array([[0, 0, -1.0], [0.6, 0, -0.8]])
    >>> normals = sphere_normals((21, 21), (10.5, 10.5, 9.0))
    >>> normals = normals[(normals**2).sum(-1) > 0]
    >>> shading = np.maximum(normals @ lights.T, 0).T[..., None] * np.array([0.3, 0.6])[:, None, None] * np.ones(3)
    >>> intensities_from_matte_ball(shading, normals, lights).intensities[:, 1].round(3).tolist()
    [0.667, 1.333]
    """
    pixels = np.asarray(images, dtype=np.float64)
    cosine = np.asarray(light_directions, dtype=np.float64) @ np.asarray(normals, dtype=np.float64).T
    lit = (cosine > _GRAZING) & (pixels.max(-1) > _DARK)
    if saturated is not None:
        lit &= ~np.asarray(saturated, dtype=bool)
    found = lit.sum(1) >= _LEAST_PIXELS
    intensities, std, misfits = np.full((len(pixels), 3), np.nan), np.full(len(pixels), np.nan), []
    for j in np.flatnonzero(found):
        values, shading = pixels[j, lit[j]], cosine[j, lit[j]]
        slope = np.median(values / shading[:, None], axis=0)
        for _ in range(_ROUNDS):
            residual = (values - slope * shading[:, None]) / max(float(slope.mean()), _DARK)
            weight = 1 / (1 + (residual**2).mean(-1) / _LOSS_SCALE**2)
            slope = (weight * shading) @ values / (weight @ shading**2)
        intensities[j] = slope
        misfit = float(np.sqrt((weight @ (residual**2).mean(-1)) / weight.sum()))
        misfits.append(misfit)
        # What is left over is the material's doing, alike in neighbouring pixels: it does not average out.
        std[j] = misfit / np.sqrt(_LEAST_PIXELS)
    notes = []
    if misfits and np.median(misfits) > _ROUGH:
        notes.append(f"the matte ball is {100 * np.median(misfits):.0f} % off Lambert's law: check that it is matte, "
                     "and the camera's response")  # fmt: skip
    return _finished(intensities, std, found, notes, "the matte ball")


def intensities_from_highlights(flux: NDArray[Any], saturated: NDArray[np.bool_]) -> LightIntensities:
    """Intensities from the flux (N, 3) of a mirror ball's highlights, NaN where there was none.

    A mirror ball of radius R sends the fraction R^2 / 4 of a distant lamp's irradiance into each unit of solid angle,
    whatever the angle, so the sum over a highlight is the intensity up to one factor (the mirror's Fresnel reflectance,
    within 2 % of constant up to 60 degrees for metals, left out). Saturated highlights tell nothing.

    Raises `InputError` where all are saturated.

    >>> found = intensities_from_highlights(np.array([[2.0, 2, 2], [1, 1, 1]]), np.array([False, False]))
    >>> found.intensities[:, 0].round(3).tolist()
    [1.333, 0.667]
    """
    sums = np.asarray(flux, dtype=np.float64)
    found = np.isfinite(sums).all(1) & (sums.mean(1) > 0) & ~np.asarray(saturated, dtype=bool)
    notes = ["intensities come from the highlights on the mirror ball"]
    return _finished(np.where(found[:, None], sums, np.nan), np.where(found, 0.03, np.nan), found, notes,
                     "the highlights on the mirror ball")  # fmt: skip


def sphere_normals(
    shape: tuple[int, int], circle: tuple[float, float, float], inside: float = 0.9
) -> NDArray[np.float64]:
    """Unit normals (H, W, 3) of a sphere seen by an orthographic camera, OpenCV frame, from its outline's x, y and
    radius (pixel centres at +0.5); zero beyond `inside` of the radius.

    >>> sphere_normals((20, 20), (10.5, 10.5, 9.0))[10, 10].round(6).tolist()
    [0.0, 0.0, -1.0]
    """
    rows, columns = np.indices(shape) + 0.5
    x, y = (columns - circle[0]) / circle[2], (rows - circle[1]) / circle[2]
    square = x**2 + y**2
    normals = np.stack([x, y, -np.sqrt(np.maximum(1 - square, 0.0))], axis=-1)
    return np.asarray(np.where((square <= inside**2)[..., None], normals, 0.0), dtype=np.float64)


def _finished(
    intensities: Array, std: Array, found: NDArray[np.bool_], notes: list[str], what: str
) -> LightIntensities:
    """Scaled to mean 1; notes on the lights that were not found."""
    if not found.any():
        raise InputError(what, "an image in which it is neither black nor saturated", f"none of {len(found)}",
                         "expose for it, or leave the intensities to --method semicalibrated")  # fmt: skip
    missing = [str(j + 1) for j in np.flatnonzero(~found)]
    if missing:
        more = "" if len(missing) <= 5 else f" and {len(missing) - 5} more"
        notes.append(f"{what} is black, saturated or turned away in image {', '.join(missing[:5])}{more}")
    return LightIntensities(intensities / np.nanmean(intensities), std, found, tuple(notes))
