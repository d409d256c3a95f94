"""Photometric stereo with known light directions and unknown intensities: what the object itself says about them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from sharpvision.data.observations import PhotometricObservations
from sharpvision.reconstruct.photometric.options import PhotometricOptions
from sharpvision.reconstruct.photometric.physics import solve_physics
from sharpvision.reconstruct.photometric.physics_solution import physics_solution
from sharpvision.reconstruct.photometric.pixel_observations import GREY, PixelObservations, gather
from sharpvision.reconstruct.photometric.settings import PhysicsSettings
from sharpvision.solvers.solution import Solution, Status

_DARK, _DARK_FLOOR, _LIT = 0.3, 0.1, 0.02
_BALANCE_ROUNDS = 10
_FIRST_SCALE, _LAST_SCALE = 0.3, 0.05
_ROUNDS, _GRADUATED = 40, 15
_TOLERANCE = 1e-4
_MODEL_PIXELS = 400.0
"""Pixels whose misfit counts as one observation: neighbours share what Lambert's model gets wrong (rendered objects and
photographs have errors of 0.3 to 3 times what a fifth of this states)."""
_LEAST_MISFIT = 0.002
UNDETERMINED = 0.14
"""Relative standard deviation of an intensity above which the intensities count as not determined."""


@dataclass(frozen=True, eq=False)
class IntensityEstimate:
    """Estimated intensities of N lights, RGB (N, 3), the mean of each channel's logarithm 0.

    `std` (N,) is the relative standard deviation of a light's grey intensity, infinite where the images say nothing
    about it (no pixel that it lights, or a change of intensities that a change of normals undoes); `determined` is
    false where one of them is above 0.14; `reason` then says why.
    """

    intensities: NDArray[np.float32]
    std: NDArray[np.float32]
    determined: bool
    reason: str = ""


def solve_semicalibrated(observations: PhotometricObservations, options: PhotometricOptions) -> Solution:
    """The physics solver from estimated intensities, which it then corrects without a pull; given ones are not looked
    at.

    Status ILL_POSED, with the values found, where the images do not determine the intensities.
    """
    blind = replace(observations, light_intensities=torch.ones(observations.light_count, 3, dtype=torch.float64))
    pixels = gather(blind)
    options.progress("light intensities", 0.0)
    estimate = estimate_intensities(pixels)
    result = solve_physics(
        with_intensities(pixels, estimate.intensities), options, PhysicsSettings(intensity_pull=0.0)
    )
    solution = physics_solution(blind, result)
    found = solution.values["light_intensities"]
    solution.std["light_intensities"] = found * torch.from_numpy(estimate.std)[:, None]
    solution.notes.insert(0, "the lights' intensities are estimated with the object, up to one factor a channel: the "
                          "albedo's scale and colour are relative to them")  # fmt: skip
    if estimate.determined:
        solution.figures["light_intensity_std_percent"] = 100.0 * float(estimate.std.mean())
    else:
        solution.status = Status.ILL_POSED
        solution.message = f"the images do not determine the lights' intensities: {estimate.reason}"
    return solution


def estimate_intensities(observations: PixelObservations, cells: int = 4500) -> IntensityEstimate:
    """Intensities of the lights from images of one object, directions known.

        I_pj = e_j max(b_p . l_j, 0),   p a pixel, j a light, b_p = albedo n

    Robust (Cauchy, graduated from 0.3 to 0.05 of a pixel's brightness; dark observations weigh less), by Gauss-Newton
    steps in log e with the b_p eliminated (variable projection), started at intensities that give all images the same
    median brightness. RGB: e_jc by robust rank one in each channel over the normals found. Gauge: one factor a channel.

    K different normals give N K equations for 3 K + N - 1 unknowns: one plane never determines the intensities, three
    lights never do. `radiance` of `observations` must be over intensities of one. Papers: Cho, Matsushita, Tai, Kweon,
    Semi-Calibrated Photometric Stereo, 2020; Golub & Pereyra 1973 for the elimination.

    >>> from sharpvision.reconstruct.photometric.grid import PixelGrid
    >>> random = np.random.default_rng(0)
    >>> def unit(v): return v / np.linalg.norm(v, axis=1, keepdims=True)
    >>> n, l = (unit(random.uniform(-0.5, 0.5, (count, 3)) - [0, 0, 1]).astype(np.float32) for count in (400, 12))
    >>> e = np.exp(random.uniform(-0.5, 0.5, (12, 3))).astype(np.float32)
    >>> image = np.maximum(n @ l.T, 0)[..., None] * e
    >>> pixels = PixelObservations(PixelGrid(np.ones((20, 20), bool)), image, np.ones((400, 12), np.uint8), l,
    ...                            np.ones((12, 3), np.float32), np.tile(np.float32([0, 0, -1]), (400, 1)), 1e-4)
    >>> found = estimate_intensities(pixels)
    >>> bool(np.ptp(np.log(found.intensities / e), axis=0).max() < 1e-3), found.determined
    (True, True)
    """
    small = observations.on(observations.grid.reduced(cells))
    grey, lights = (small.radiance @ GREY).astype(np.float64), small.lights.astype(np.float64)
    usable = small.usable > 0
    seen = (usable & (grey > 3.0 * small.noise)).sum(1) >= 3
    grey, usable = grey[seen], usable[seen]
    count = len(lights)
    unknown = ~(usable & (grey > 0)).any(0)
    if len(grey) < 3 or unknown.all():
        ones = np.ones((count, 3), np.float32)
        return IntensityEstimate(ones, np.full(count, np.inf, np.float32), False, "no pixel is lit by three lights")
    logs = _balanced(grey, usable)
    for step in range(_ROUNDS):
        scale = _FIRST_SCALE * (_LAST_SCALE / _FIRST_SCALE) ** min(step / _GRADUATED, 1.0)
        system = _Elimination.at(logs, grey, usable, lights, scale)
        change = np.clip(system.step(), -0.5, 0.5)
        logs = logs + change
        if step > _GRADUATED and np.abs(change).max() < _TOLERANCE:
            break
    system = _Elimination.at(logs, grey, usable, lights, _LAST_SCALE)
    std = system.std()
    colours = _colour_ratios(small.radiance[seen].astype(np.float64), np.exp(logs), system)
    intensities = np.exp(logs)[:, None] * colours
    intensities /= np.exp(np.log(intensities).mean(0))
    reason = _reason(std, count)
    return IntensityEstimate(intensities.astype(np.float32), std.astype(np.float32), not reason, reason)


def with_intensities(observations: PixelObservations, intensities: NDArray) -> PixelObservations:
    """The same observations over other intensities (N, 3)."""
    intensities = intensities.astype(np.float32)
    ratio = (observations.intensities / intensities).astype(np.float32)
    return replace(
        observations, radiance=observations.radiance * ratio, intensities=intensities,
        noise=observations.noise * float(observations.intensities.mean() / intensities.mean()),
    )  # fmt: skip


def _balanced(grey: NDArray, usable: NDArray) -> NDArray:
    """Log intensities (N,), mean zero, under which the median pixel is equally bright in all images: the start."""
    logs = np.zeros(grey.shape[1])
    known = np.where(usable, grey, np.nan)
    for _ in range(_BALANCE_ROUNDS):
        scale = np.nanquantile(known / np.exp(logs), 0.8, axis=1)
        ratio = known / np.maximum(scale, 1e-12)[:, None]
        floor = 0.2 * np.nanmedian(ratio, axis=0)
        bright = np.where(ratio > floor, ratio, np.nan)
        lit = np.isfinite(bright).any(0)
        logs[lit] = np.log(np.maximum(np.nanmedian(bright[:, lit], axis=0), 1e-9))
        logs -= logs.mean()
    return logs


@dataclass(frozen=True, eq=False)
class _Elimination:
    """Normal equations in log e (N,), the scaled normals b (P, 3) eliminated, at their own robust fit."""

    matrix: NDArray
    gradient: NDArray
    shading: NDArray
    weight: NDArray
    variance: float

    @classmethod
    def at(cls, logs: NDArray, grey: NDArray, usable: NDArray, lights: NDArray, scale: float) -> _Elimination:
        """Fit b at intensities exp(logs) by a few reweighted passes, then eliminate it."""
        e = np.exp(logs)
        bright = np.maximum(np.quantile(grey / e, 0.9, axis=1), 1e-12)
        observed = grey / (e * bright[:, None])
        dark = usable * np.clip(observed / _DARK, _DARK_FLOOR, 1.0)
        weight = dark * (observed > _LIT)
        for _ in range(4):
            normal_matrix = np.einsum("pj,ja,jb->pab", weight, lights, lights, optimize=True)
            ridge = 1e-9 * np.trace(normal_matrix, axis1=1, axis2=2)[:, None, None] + 1e-12
            normal_matrix = normal_matrix + ridge * np.eye(3)
            b = np.linalg.solve(normal_matrix, ((weight * observed) @ lights)[..., None])[..., 0]
            shading = np.maximum(b @ lights.T, 0.0)
            residual = observed - shading
            weight = dark * (shading > _LIT) / (1.0 + (residual / scale) ** 2)
        normal_matrix = np.einsum("pj,ja,jb->pab", weight, lights, lights, optimize=True)
        ridge = 1e-9 * np.trace(normal_matrix, axis1=1, axis2=2)[:, None, None] + 1e-12
        factor = np.linalg.cholesky(normal_matrix + ridge * np.eye(3))
        cross = np.linalg.solve(factor, lights.T[None] * (weight * shading)[:, None])  # (P, 3, N)
        right = np.linalg.solve(factor, ((weight * residual) @ lights)[..., None])[..., 0]
        flat = cross.reshape(-1, len(e))
        matrix = np.diag((weight * shading**2).sum(0)) - flat.T @ flat
        gradient = (weight * shading * residual).sum(0) - flat.T @ right.ravel()
        freedom = max(weight.sum() * (1.0 - 3.0 / max((weight > 0).sum(1).mean(), 3.5)), 1e-9)
        variance = float((weight * residual**2).sum() / freedom) + _LEAST_MISFIT**2
        return cls(matrix, gradient, shading, weight, variance)

    def _modes(self) -> tuple[NDArray, NDArray]:
        """Eigenvalues and vectors (N, N) of the matrix, the gauge (all logs alike) taken out."""
        count = len(self.matrix)
        hold = np.eye(count) - 1.0 / count
        values, vectors = np.linalg.eigh(hold @ self.matrix @ hold)
        gauge = np.abs(vectors.sum(0)) > 0.9 * np.sqrt(count)
        return np.where(gauge, np.inf, np.maximum(values, 0.0)), vectors

    def step(self) -> NDArray:
        """Gauss-Newton step in log e, modes that nothing determines left as they are."""
        values, vectors = self._modes()
        finite = values[np.isfinite(values)]
        floor = 1e-9 * float(finite.max()) if finite.size else 0.0
        share = np.where(np.isfinite(values) & (values > floor), 1.0 / np.maximum(values, floor + 1e-300), 0.0)
        return vectors @ (share * (vectors.T @ self.gradient))

    def std(self) -> NDArray:
        """Standard deviation (N,) of log e, from the residuals taken to be shared by neighbours."""
        values, vectors = self._modes()
        finite = values[np.isfinite(values)]
        floor = 1e-9 * float(finite.max()) if finite.size else 0.0
        open_modes = np.isfinite(values) & (values <= floor)
        inverse = np.where(np.isfinite(values) & ~open_modes, 1.0 / np.maximum(values, 1e-300), 0.0)
        found = np.sqrt((vectors**2 @ inverse) * self.variance * _MODEL_PIXELS)
        return np.where((vectors[:, open_modes] ** 2).sum(1) > 1e-6, np.inf, found)


def _colour_ratios(radiance: NDArray, e: NDArray, system: _Elimination) -> NDArray:
    """Intensities of the channels over the grey ones (N, 3): robust rank one, I_pjc / (e_j m_pj) = a_pc x_jc."""
    ratios = np.ones((len(e), 3))
    shading = system.shading
    for c in range(3):
        lit = radiance[..., c] / e
        top = np.maximum(np.quantile(lit, 0.9, axis=1), 1e-12)[:, None]
        lit = lit / top
        weight = system.weight
        for _ in range(10):
            model = shading * ratios[:, c]
            albedo = (weight * model * lit).sum(1) / np.maximum((weight * model**2).sum(1), 1e-12)
            model = albedo[:, None] * shading
            ratios[:, c] = (weight * model * lit).sum(0) / np.maximum((weight * model**2).sum(0), 1e-12)
            ratios[:, c] = np.maximum(ratios[:, c], 1e-3)
            ratios[:, c] /= np.exp(np.log(ratios[:, c]).mean())
            weight = system.weight / (1.0 + ((lit - model * ratios[:, c]) / _LAST_SCALE) ** 2)
    return ratios


def _reason(std: NDArray, count: int) -> str:
    """Why the intensities are not determined; empty where they are."""
    if count < 4:
        return "three lights fit any intensities: the normals can follow"
    if not np.isfinite(std).all():
        return "the object shows too few different normals, or a light that no pixel sees"
    if std.max() > UNDETERMINED:
        return f"the intensity of a light is uncertain by {100 * std.max():.0f} %"
    return ""
