"""Normals, paints and depth of one colour-multiplexed photograph: rounds over pixels, labels, depth and paints."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_erosion, distance_transform_edt, gaussian_filter

from sharpvision.reconstruct.integration_bilateral import bilateral_depth
from sharpvision.reconstruct.integration_settings import IntegrationSettings
from sharpvision.reconstruct.photometric.grid import PixelGrid
from sharpvision.reconstruct.photometric.multiplexed.explanations import (
    CLEAN,
    EXPLANATIONS,
    UNEXPLAINED_PRICE,
    Evidence,
    Explanation,
    Fit,
    Paints,
    explain,
    facing,
)
from sharpvision.reconstruct.photometric.multiplexed.labels import Candidates, Continuity, choose, smooth_labels
from sharpvision.reconstruct.photometric.multiplexed.paints import (
    Unmixing,
    find_paints,
    fit_paints,
    paint_misfit,
    tolerance_of,
)

_BORDER = 4.0
FIT_FIELDS = ("normals", "log_albedo", "extra", "cost", "covariance")


@dataclass(frozen=True)
class MultiplexedSettings:
    """`relative_noise` is what the model gets wrong in proportion to a pixel's value; `guide_std` (radians) how far a
    normal may be from that of the depth around it; `candidates` a pixel are weighed against its neighbours';
    explanations are tried where plain light leaves half a chi square above `clean_cost`; `least_area` is the share of
    the mask that a paint must cover; the albedo std bounds are those of log albedo within a paint."""

    relative_noise: float = 0.02
    guide_std: float = 0.25
    least_guide_std: float = 0.03
    continuity: Continuity = field(default_factory=Continuity)
    candidates: int = 8
    clean_cost: float = 1.0
    least_area: float = 0.01
    rounds: int = 4
    largest_albedo_std: float = 0.5
    least_albedo_std: float = 0.02
    bilateral_k: float = 4.0


@dataclass(eq=False)
class MultiplexedState:
    """Estimates at the pixels of `grid`: `paints` (K, 3), `labels` (P,), `cases` (P,) index into `EXPLANATIONS`, -1
    where none fits, the pixels' `fit`, `guide` normals (P, 3) of the depth, `depth` (P,), `albedo_std` (K,), and the
    paint `beyond` the nearest border (P, 3)."""

    grid: PixelGrid
    paints: NDArray[np.float64]
    labels: NDArray[np.intp]
    cases: NDArray[np.intp]
    fit: Fit
    guide: NDArray[np.float64]
    depth: NDArray[np.float64]
    albedo_std: NDArray[np.float64]
    beyond: NDArray[np.float64]
    changes: list[float] = field(default_factory=list)
    costs: list[float] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class Photograph:
    """The pixels (P, 3) of `grid`, linear; `usable` (P, 3), 0 where a channel is saturated; `noise` of the sensor."""

    pixels: NDArray[np.float64]
    usable: NDArray[np.float64]
    grid: PixelGrid
    noise: float


def estimate(
    photograph: Photograph, unmixing: Unmixing, settings: MultiplexedSettings,
    start: MultiplexedState | None = None, seed: int = 0, progress: Callable[[float], None] = lambda done: None,
) -> MultiplexedState:  # fmt: skip
    """Rounds of: explanations of all pixels, their choice, depth, paints; from the paints of `start` where it is given.
    """
    pixels, usable, grid = photograph.pixels, photograph.usable, photograph.grid
    paints = find_paints(pixels, grid, unmixing, photograph.noise, seed) if start is None else start.paints
    albedo_std = np.full(len(paints), settings.least_albedo_std * 2)
    sigma = np.hypot(photograph.noise, settings.relative_noise * np.maximum(pixels, 0.3 * pixels.max(1, keepdims=True)))
    tolerance = tolerance_of(pixels, photograph.noise, unmixing)
    misfit = np.stack([paint_misfit(pixels, paint, unmixing, tolerance) for paint in paints], 1)
    labels = smooth_labels(0.5 * np.minimum(misfit, 8.0), grid, 2.0)
    keep = _large_enough(labels, grid, len(paints), settings.least_area)
    paints, misfit, albedo_std = paints[keep], misfit[:, keep], albedo_std[keep]
    labels = smooth_labels(0.5 * np.minimum(misfit, 8.0), grid, 2.0)
    normals = unmixing.normals(pixels, paints[labels])
    trusted = np.where(misfit[np.arange(len(pixels)), labels] < 2.0, 1.0, 1e-3)
    normals = facing(normals)
    guide = _smoothed(normals, trusted, grid, 4.0)
    depth = np.zeros(grid.size)
    state = MultiplexedState(grid, paints, labels, np.zeros(grid.size, np.intp), _no_fit(guide), guide, depth,
                             albedo_std, paints[labels])  # fmt: skip
    guide_std = 0.5
    for step in range(settings.rounds):
        evidence = Evidence(pixels, usable, sigma, unmixing, state.guide, np.full(grid.size, guide_std))
        previous = normals
        _explain_all(evidence, state, settings)
        normals = state.fit.normals
        _integrate(state, settings)
        guide_std = settings.guide_std if step + 2 < settings.rounds else _last_guide_std(state, settings)
        state.changes.append(float(np.arccos(np.clip((normals * previous).sum(1), -1, 1)).mean()))
        state.costs.append(float(np.minimum(state.fit.cost, UNEXPLAINED_PRICE).mean()))
        if step + 1 < settings.rounds:
            _update_paints(state, evidence, settings, float(np.median(tolerance)))
        progress((step + 1) / settings.rounds)
    return state


def _large_enough(labels: NDArray, grid: PixelGrid, kinds: int, least: float) -> NDArray[np.intp]:
    """Paints whose area has an inside, and enough of it; the first always."""
    inside = [binary_erosion(grid.image((labels == k).astype(np.uint8)) > 0, iterations=2).sum() for k in range(kinds)]
    return np.array([k for k in range(kinds) if k == 0 or inside[k] > least * grid.size], np.intp)


def _smoothed(normals: NDArray, weight: NDArray, grid: PixelGrid, width: float) -> NDArray:
    """Normals averaged over a Gaussian, by weight."""
    image = grid.image(np.concatenate([normals * weight[:, None], weight[:, None]], 1))
    image = np.stack([gaussian_filter(image[..., c], width) for c in range(4)], -1)[grid.index]
    return facing(image[:, :3] / np.maximum(image[:, 3:], 1e-9))


def _explain_all(evidence: Evidence, state: MultiplexedState, settings: MultiplexedSettings) -> None:
    """Fit every paint and explanation, then choose among each pixel's best with its neighbours in view."""
    count, kinds, cases = state.grid.size, len(state.paints), len(EXPLANATIONS)
    beyond = _paints_beyond(state)
    fits = []
    for k in range(kinds):
        paints = Paints(np.broadcast_to(state.paints[k], (count, 3)), beyond[k][0], np.full(count, state.albedo_std[k]))
        clean = explain(evidence, paints, CLEAN, facing(evidence.unmixing.normals(evidence.pixels, paints.own)))
        fits.append(clean)
        doubtful = clean.cost > settings.clean_cost
        for explanation in EXPLANATIONS[1:]:
            where = np.flatnonzero(doubtful & beyond[k][1] if explanation.border else doubtful)
            fits.append(_fit_where(evidence, paints, explanation, state.guide, where))
    unexplained = _no_fit(state.guide, settings.guide_std)
    costs = np.stack([*(fit.cost for fit in fits), unexplained.cost], 1)
    fits.append(unexplained)
    best = np.argsort(costs, 1)[:, : settings.candidates]
    of_paint = np.append(np.repeat(np.arange(kinds), cases), -1)
    of_case = np.append(np.tile(np.arange(cases), kinds), -1)
    normals = np.stack([fit.normals for fit in fits], 1)
    rows = np.arange(count)
    listed = Candidates(
        np.minimum(np.take_along_axis(costs, best, 1), 1e3),
        np.where(of_paint[best] < 0, state.labels[:, None], of_paint[best]),
        of_case[best], normals[rows[:, None], best],
    )  # fmt: skip
    chosen = best[rows, choose(listed, state.grid, settings.continuity)]
    state.labels = np.where(of_paint[chosen] < 0, state.labels, of_paint[chosen])
    state.cases = of_case[chosen]
    state.beyond = np.stack([near for near, _ in beyond], 1)[rows, state.labels]
    state.fit = Fit(*(np.stack([getattr(fit, name) for fit in fits], 1)[rows, chosen]
                      for name in FIT_FIELDS))  # fmt: skip


def _no_fit(normals: NDArray, std: float = 1.0) -> Fit:
    """The fit of pixels that nothing explains: the normals of the surface around."""
    count = len(normals)
    return Fit(normals, np.zeros(count), np.zeros(count), np.full(count, UNEXPLAINED_PRICE),
               np.broadcast_to(std**2 * np.eye(2), (count, 2, 2)))  # fmt: skip


def _fit_where(
    evidence: Evidence, paints: Paints, explanation: Explanation, start: NDArray, where: NDArray[np.intp]
) -> Fit:
    """An explanation tried at some pixels; out of the question at the others."""
    count = len(start)
    fit = Fit(start.copy(), np.zeros(count), np.zeros(count), np.full(count, np.inf), np.zeros((count, 2, 2)))
    if where.size:
        found = explain(evidence.subset(where), paints.subset(where), explanation, start[where])
        for name in FIT_FIELDS:
            getattr(fit, name)[where] = getattr(found, name)
    return fit


def _paints_beyond(state: MultiplexedState) -> list[tuple[NDArray, NDArray]]:
    """For each paint: the nearest other paint (P, 3) at each pixel, and whether it is within `_BORDER` pixels (P,)."""
    kinds = len(state.paints)
    distance = np.full((state.grid.size, kinds), np.inf)
    for k in range(kinds):
        elsewhere = state.grid.image((state.labels != k).astype(np.uint8), 1) > 0
        if not elsewhere.all():
            distance[:, k] = distance_transform_edt(elsewhere)[state.grid.index]
    found = []
    for k in range(kinds):
        others = distance.copy()
        others[:, k] = np.inf
        nearest = others.argmin(1)
        found.append((state.paints[nearest], others.min(1) <= _BORDER))
    return found


def _integrate(state: MultiplexedState, settings: MultiplexedSettings) -> None:
    """Depth with steps from the normals, confident where they are determined; its own normals are the next guide."""
    spread = np.sqrt(np.einsum("pii->p", state.fit.covariance))
    confidence = np.where(state.cases < 0, 1e-2, 1.0 / (1.0 + (spread / 0.05) ** 2)) + 1e-3
    grid = state.grid
    bilateral = IntegrationSettings(
        method="bilateral", k=settings.bilateral_k, min_nz=0.12, max_steps=20, tolerance=1e-3
    )
    initial = grid.image(state.depth, np.nan) if np.any(state.depth) else None
    result = bilateral_depth(
        grid.image(state.fit.normals), grid.mask, weights=grid.image(confidence), initial=initial, settings=bilateral
    )
    state.depth = result.depth[grid.index]
    state.guide = facing(result.own_normals[grid.index])


def _last_guide_std(state: MultiplexedState, settings: MultiplexedSettings) -> float:
    """How far normals truly are from the guide: what is left of their distance when the noise of both is taken off.

    In the last round it makes a noisy photograph's normals those of its depth, and leaves a clean one's alone.
    """
    clean = state.cases == 0
    if not clean.any():
        return settings.guide_std
    apart = ((state.fit.normals - state.guide) ** 2).sum(1)[clean]
    noise = np.einsum("pii->p", state.fit.covariance)[clean]
    square = 0.5 * max(float(np.median(apart) - np.median(noise)), 0.0) / np.log(2.0)
    return float(np.clip(np.sqrt(square), settings.least_guide_std, settings.guide_std))


def _update_paints(
    state: MultiplexedState, evidence: Evidence, settings: MultiplexedSettings, tolerance: float
) -> None:
    """Paints again from their clean pixels, and how much the albedo varies within each."""
    for k in range(len(state.paints)):
        mine = (state.labels == k) & (state.cases == 0)
        if mine.sum() < 30:
            continue
        sample = evidence.pixels[mine][:: max(1, int(mine.sum()) // 4000)]
        start = np.log(state.paints[k])[None]
        state.paints[k] = fit_paints(sample[None], evidence.unmixing, start, tolerance, 10)[0][0]
        size = np.linalg.norm(evidence.unmixing.normals(evidence.pixels[mine], state.paints[k]), axis=1)
        spread = 1.4826 * np.median(np.abs(np.log(np.maximum(size, 1e-6))))
        state.albedo_std[k] = np.clip(spread, settings.least_albedo_std, settings.largest_albedo_std)
