"""Normals, paints and depth of one colour-multiplexed photograph: rounds over pixels, labels, depth and paints."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_erosion, gaussian_filter

from sharpvision.reconstruct.integration_bilateral import bilateral_depth
from sharpvision.reconstruct.integration_settings import IntegrationSettings
from sharpvision.reconstruct.photometric.grid import PixelGrid
from sharpvision.reconstruct.photometric.multiplexed.explanations import (
    EXPLANATIONS,
    UNEXPLAINED_PRICE,
    Evidence,
    Fit,
    explain,
    facing,
)
from sharpvision.reconstruct.photometric.multiplexed.labels import smooth_labels
from sharpvision.reconstruct.photometric.multiplexed.paints import Unmixing, find_paints, fit_paints, paint_misfit


@dataclass(frozen=True)
class MultiplexedSettings:
    """`relative_noise` is what the model gets wrong in proportion to a pixel's value; `guide_std` (radians) how far a
    normal may be from that of the depth around it; `label_jump` and `case_jump` what a change of paint and of
    explanation between neighbours costs, in half chi squares; `least_area` the share of the mask that a paint must
    cover."""

    relative_noise: float = 0.02
    guide_std: float = 0.25
    label_jump: float = 6.0
    case_jump: float = 1.0
    least_area: float = 0.01
    rounds: int = 4
    largest_albedo_std: float = 0.5
    least_albedo_std: float = 0.02
    bilateral_k: float = 4.0


@dataclass(eq=False)
class MultiplexedState:
    """Estimates at the pixels of `grid`: `paints` (K, 3), `labels` (P,), `cases` (P,) index into `EXPLANATIONS`, -1 where
    none fits, the pixels' `fit`, `guide` normals (P, 3) of the depth, `depth` (P,), `albedo_std` (K,)."""

    grid: PixelGrid
    paints: NDArray[np.float64]
    labels: NDArray[np.intp]
    cases: NDArray[np.intp]
    fit: Fit
    guide: NDArray[np.float64]
    depth: NDArray[np.float64]
    albedo_std: NDArray[np.float64]
    changes: list[float] = field(default_factory=list)
    costs: list[float] = field(default_factory=list)


def estimate(
    pixels: NDArray, usable: NDArray, grid: PixelGrid, unmixing: Unmixing, noise: float,
    settings: MultiplexedSettings, start: MultiplexedState | None = None, seed: int = 0,
    progress: Callable[[float], None] = lambda done: None,
) -> MultiplexedState:  # fmt: skip
    """See `solve_multiplexed`."""
    paints = find_paints(pixels, grid, unmixing, seed) if start is None else start.paints
    albedo_std = np.full(len(paints), settings.least_albedo_std * 2)
    sigma = np.hypot(noise, settings.relative_noise * np.maximum(pixels, 0.3 * pixels.max(1, keepdims=True)))
    misfit = np.stack([paint_misfit(pixels, paint, unmixing) for paint in paints], 1)
    labels = smooth_labels(0.5 * np.minimum(misfit, 8.0) ** 1.0, grid, 2.0)
    keep = _large_enough(labels, grid, len(paints), settings.least_area)
    paints, misfit, albedo_std = paints[keep], misfit[:, keep], albedo_std[keep]
    labels = smooth_labels(0.5 * np.minimum(misfit, 8.0) ** 1.0, grid, 2.0)
    normals = unmixing.normals(pixels, paints[labels])
    trusted = np.where(misfit[np.arange(len(pixels)), labels] < 2.0, 1.0, 1e-3)
    normals = facing(normals)
    guide = _smoothed(normals, trusted, grid, 4.0)
    depth = np.zeros(grid.size)
    state = MultiplexedState(grid, paints, labels, np.zeros(grid.size, np.intp), None, guide, depth, albedo_std)
    guide_std = 0.5
    for step in range(settings.rounds):
        evidence = Evidence(pixels, usable, sigma, unmixing, state.guide, np.full(grid.size, guide_std))
        previous = normals
        _explain_all(evidence, state, settings, normals)
        normals = state.fit.normals
        _integrate(state, settings)
        guide_std = settings.guide_std
        state.changes.append(float(np.arccos(np.clip((normals * previous).sum(1), -1, 1)).mean()))
        state.costs.append(float(np.minimum(state.fit.cost, UNEXPLAINED_PRICE).mean()))
        if step + 1 < settings.rounds:
            _update_paints(state, evidence, settings)
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


def _explain_all(evidence: Evidence, state: MultiplexedState, settings: MultiplexedSettings, start: NDArray) -> None:
    """Fit every paint and explanation, then choose them with their neighbours in view."""
    count, kinds = state.grid.size, len(state.paints)
    fits: list[list[Fit]] = []
    costs = np.zeros((count, kinds, len(EXPLANATIONS)))
    for k in range(kinds):
        paint = np.broadcast_to(state.paints[k], (count, 3))
        spread = np.full(count, state.albedo_std[k])
        fits.append([])
        for e, explanation in enumerate(EXPLANATIONS):
            clean = facing(evidence.unmixing.normals(evidence.pixels, paint)) if e == 0 else state.guide
            fit = explain(evidence, paint, spread, explanation, clean)
            fits[k].append(fit)
            costs[:, k, e] = fit.cost
    capped = np.minimum(costs.min(2), UNEXPLAINED_PRICE)
    state.labels = smooth_labels(capped, state.grid, settings.label_jump)
    mine = costs[np.arange(count), state.labels]
    with_none = np.concatenate([mine, np.full((count, 1), UNEXPLAINED_PRICE)], 1)
    cases = smooth_labels(np.minimum(with_none, 3 * UNEXPLAINED_PRICE), state.grid, settings.case_jump)
    state.cases = np.where(cases == len(EXPLANATIONS), -1, cases)
    chosen = Fit(state.guide.copy(), np.zeros(count), np.zeros(count), np.full(count, UNEXPLAINED_PRICE),
                 np.broadcast_to(settings.guide_std**2 * np.eye(2), (count, 2, 2)).copy())  # fmt: skip
    for k in range(kinds):
        for e in range(len(EXPLANATIONS)):
            here = (state.labels == k) & (state.cases == e)
            for name in ("normals", "log_albedo", "highlight", "cost", "covariance"):
                getattr(chosen, name)[here] = getattr(fits[k][e], name)[here]
    state.fit = chosen


def _integrate(state: MultiplexedState, settings: MultiplexedSettings) -> None:
    """Depth with steps from the normals, confident where they are determined; its own normals are the next guide."""
    spread = np.sqrt(np.einsum("pii->p", state.fit.covariance))
    confidence = np.where(state.cases < 0, 1e-2, 1.0 / (1.0 + (spread / 0.05) ** 2)) + 1e-3
    grid = state.grid
    bilateral = IntegrationSettings(method="bilateral", k=settings.bilateral_k, min_nz=0.12, max_steps=20, tolerance=1e-3)
    initial = grid.image(state.depth, np.nan) if np.any(state.depth) else None
    result = bilateral_depth(
        grid.image(state.fit.normals), grid.mask, weights=grid.image(confidence), initial=initial, settings=bilateral
    )
    state.depth = result.depth[grid.index]
    state.guide = facing(result.own_normals[grid.index])


def _update_paints(state: MultiplexedState, evidence: Evidence, settings: MultiplexedSettings) -> None:
    """Paints again from their clean pixels, and how much the albedo varies within each."""
    for k in range(len(state.paints)):
        mine = (state.labels == k) & (state.cases == 0)
        if mine.sum() < 30:
            continue
        sample = evidence.pixels[mine][:: max(1, int(mine.sum()) // 4000)]
        state.paints[k] = fit_paints(sample[None], evidence.unmixing, np.log(state.paints[k])[None], 10)[0][0]
        size = np.linalg.norm(evidence.unmixing.normals(evidence.pixels[mine], state.paints[k]), axis=1)
        spread = 1.4826 * np.median(np.abs(np.log(np.maximum(size, 1e-6))))
        state.albedo_std[k] = np.clip(spread, settings.least_albedo_std, settings.largest_albedo_std)
