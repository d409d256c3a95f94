"""The colours that an object is painted in, from one photograph: each colour is a surface in the space of pixel values.

A pixel of paint rho (3,) and unit normal n under three lights, all of which reach it, has

    I_c = rho_c sum_k M_ck n.l_k,   so   b(rho) = (M L)^-1 (I / rho)   is n, and |b| = 1:

three unknowns a paint and one equation a pixel, whatever the pixel's normal. Where |b(rho)| = 1 fails, the pixel has
another paint, or a light does not reach it (then one of n.l_k is 0), or a highlight adds to it.
Papers: Hernandez, Vogiatzis, Brostow, Stenger, Cipolla, Non-rigid Photometric Stereo with Colored Lights, 2007 (one
paint); Fischler & Bolles 1981 for drawing hypotheses from small sets.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from scipy.spatial import cKDTree

from sharpvision.reconstruct.photometric.grid import PixelGrid

TOLERANCE = 0.02
"""Of log |b|: what the model gets wrong, beside the sensor's noise."""
_SHADOW_PENALTY, _HIGHLIGHT_PENALTY = 1.0, 1.0
LOBE_RAD = 0.2
"""How far a normal with a highlight may be from the half vector of light and view (one standard deviation)."""
_EXPLAINED = 3.0
_ALIKE = 0.1
_DISCS, _DISC_PIXELS, _SCORED = 90, 120, 1500
_CHROMA_SPREAD = 0.6
_LEAST_SHARE = 0.015
_MOST_PAINTS = 9
_CAP, _LEAST_GAIN = 4.0, 0.03
_STARTS = np.array([[0.0, 0, 0], [0.5, 0, -0.5], [-0.5, 0, 0.5], [0.25, -0.5, 0.25], [-0.25, 0.5, -0.25]])


@dataclass(frozen=True, eq=False)
class Unmixing:
    """`mixing` M (3, 3), rows channels, columns lights; `lights` L (3, 3), rows unit directions, OpenCV frame."""

    mixing: NDArray[np.float64]
    lights: NDArray[np.float64]

    @property
    def inverse(self) -> NDArray[np.float64]:
        """(M L)^-1: pixel values over albedo to the normal."""
        return np.asarray(np.linalg.inv(self.mixing @ self.lights))

    def normals(self, pixels: NDArray, paint: NDArray) -> NDArray:
        """b (P, 3) of pixels (P, 3) for one paint (3,) or one each (P, 3)."""
        return np.asarray((pixels / paint) @ self.inverse.T)

    @property
    def half_vectors(self) -> NDArray[np.float64]:
        """Unit normals (3, 3) that mirror each light to an orthographic camera."""
        half = self.lights + np.array([0.0, 0.0, -1.0])
        return np.asarray(half / np.linalg.norm(half, axis=1, keepdims=True))

    def shading(self, pixels: NDArray, paint: NDArray) -> NDArray:
        """n.l_k (P, 3) of pixels as if every light reached them: M^-1 (I / rho)."""
        return np.asarray((pixels / paint) @ np.linalg.inv(self.mixing).T)


def tolerance_of(pixels: NDArray, noise: float, unmixing: Unmixing) -> NDArray[np.float64]:
    """Standard deviation (P,) of log |b| that is to be expected: of the model, and of the noise for a normal that faces
    the camera."""
    scale = np.maximum(pixels.mean(1), 1e-9) / unmixing.mixing.sum(1).mean()
    gain = np.linalg.norm(unmixing.inverse[2])
    return np.asarray(np.hypot(TOLERANCE, np.minimum(noise * gain / scale, 1.0)))


def averaged(pixels: NDArray, grid: PixelGrid, width: float = 1.0) -> NDArray[np.float64]:
    """Pixels (P, C) averaged over a small Gaussian inside the mask: a quarter of the noise, borders blurred."""
    image = grid.image(np.concatenate([pixels, np.ones((len(pixels), 1))], 1))
    image = np.stack([gaussian_filter(image[..., c], width) for c in range(image.shape[-1])], -1)[grid.index]
    return np.asarray(image[:, :-1] / image[:, -1:])


def paint_misfit(pixels: NDArray, paint: NDArray, unmixing: Unmixing, tolerance: NDArray) -> NDArray:
    """How badly a paint explains pixels (P,), in tolerances (P,): the least over the ways in which it may.

    All lights: log |b| = 0, every n.l_k >= 0 and n towards the camera. Light k missing: n.l_k measured as 0, and the
    other two of a unit normal, |least-norm n| <= 1. Highlight of light k: b less a part of (M L)^-1 (M_k / rho) is a
    unit normal near the half vector. The last two cost one tolerance more.
    """
    b = unmixing.normals(pixels, paint)
    size = np.maximum(np.linalg.norm(b, axis=1), 1e-6)
    s = unmixing.shading(pixels, paint)
    away = np.maximum(b[:, 2] / size + 0.1, 0.0) + np.maximum(-s.min(1), 0.0)
    best = (np.abs(np.log(size)) + away) / tolerance
    for k in range(3):
        i, j = [m for m in range(3) if m != k]
        pair = unmixing.lights[[i, j]]
        least = np.linalg.norm(s[:, [i, j]] @ np.linalg.pinv(pair).T, axis=1)
        shadowed = np.abs(s[:, k]) + np.maximum(least - 1.0, 0.0) + np.maximum(-s[:, [i, j]].min(1), 0.0)
        best = np.minimum(best, shadowed / tolerance + _SHADOW_PENALTY)
        best = np.minimum(best, _highlight_misfit(b, k, paint, unmixing) + _HIGHLIGHT_PENALTY)
    return np.asarray(best)


def _highlight_misfit(b: NDArray, light: int, paint: NDArray, unmixing: Unmixing) -> NDArray:
    """Angle to the half vector, in lobes (P,), of the unit normal b - h c, h > 0; infinite where there is none."""
    c = unmixing.inverse @ (unmixing.mixing[:, light] / paint)
    along, square = b @ c, (b**2).sum(1)
    root = along**2 - (c @ c) * (square - 1.0)
    h = (along - np.sqrt(np.maximum(root, 0.0))) / (c @ c)
    n = b - h[:, None] * c
    apart = np.linalg.norm(n - unmixing.half_vectors[light], axis=1) / LOBE_RAD
    return np.where((root >= 0) & (h > 0), apart, np.inf)


def find_paints(
    pixels: NDArray, grid: PixelGrid, unmixing: Unmixing, noise: float = 0.0, seed: int = 0
) -> NDArray[np.float64]:
    """Paints (K, 3), the commonest first, each found as the hypothesis that explains most of what is left.

    Hypotheses are least-squares fits of |b| = 1 to the pixels of small discs. Pixels that are black or not finite
    belong to no paint. The scale of all paints is that of M: albedo times the lights' intensity.
    """
    bright = pixels.min(1) > 0.02 * np.quantile(pixels.max(1), 0.95)
    if bright.sum() < 12:
        return np.maximum(pixels.mean(0, keepdims=True), 1e-6) / unmixing.mixing.sum(1)
    if noise > 0.015 * np.median(pixels[bright]):
        pixels, noise = averaged(pixels, grid), 0.3 * noise
    tolerance = tolerance_of(pixels, noise, unmixing)
    usual = float(np.median(tolerance[bright]))
    candidates = _hypotheses(pixels, grid, bright, unmixing, seed)
    sample = np.flatnonzero(bright)[:: max(1, int(bright.sum()) // _SCORED)]
    left = bright.copy()
    paints: list[NDArray] = []
    while len(paints) < _MOST_PAINTS:
        if left.sum() < max(_LEAST_SHARE * bright.sum(), 12):
            break
        scored = pixels[sample[left[sample]]]
        paint = candidates[int(_support(scored, candidates, unmixing, usual).argmax())]
        for _ in range(3):
            near = left & (np.abs(np.log(_size(pixels, paint, unmixing))) < 4 * usual)
            if near.sum() < 12:
                break
            paint = fit_paints(pixels[near][None], unmixing, np.log(paint)[None], usual)[0][0]
        explained = left & (paint_misfit(pixels, paint, unmixing, tolerance) < _EXPLAINED)
        if paints and explained.sum() < _LEAST_SHARE * bright.sum():
            break
        if all(np.abs(np.log(paint / other)).max() > _ALIKE for other in paints):
            paints.append(paint)
        elif not explained.any():
            break
        left &= ~explained
    return _needed(np.array(paints), pixels, grid, unmixing, tolerance)


def _needed(paints: NDArray, pixels: NDArray, grid: PixelGrid, unmixing: Unmixing, tolerance: NDArray) -> NDArray:
    """Those paints without which the others explain the pixels worse; a paint that two true ones replace goes.

    The misfits are averaged over a neighbourhood: what fits by chance does not fit all over a patch.
    """
    misfit = np.stack([np.minimum(paint_misfit(pixels, paint, unmixing, tolerance), _CAP) for paint in paints], 1)
    misfit = averaged(misfit, grid, 2.0)
    kept = list(range(len(paints)))
    while len(kept) > 1:
        total = float(misfit[:, kept].min(1).mean())
        without = [float(misfit[:, [m for m in kept if m != k]].min(1).mean()) - total for k in kept]
        least = int(np.argmin(without))
        if without[least] > _LEAST_GAIN:
            break
        del kept[least]
    shares = np.bincount(misfit[:, kept].argmin(1), minlength=len(kept))
    return np.asarray(paints[kept][np.argsort(-shares, kind="stable")])


def _size(pixels: NDArray, paint: NDArray, unmixing: Unmixing) -> NDArray:
    return np.maximum(np.linalg.norm(unmixing.normals(pixels, paint), axis=1), 1e-6)


def _support(pixels: NDArray, paints: NDArray, unmixing: Unmixing, tolerance: float) -> NDArray:
    """How many pixels each of many paints (G, 3) explains, softly (G,)."""
    found = np.zeros(len(paints))
    for first in range(0, len(paints), 64):
        chosen = paints[first : first + 64]
        b = (pixels[None] / chosen[:, None]) @ unmixing.inverse.T
        square = np.maximum((b**2).sum(-1), 1e-12)
        valid = (b[..., 2] < 0) & (b[..., 2] ** 2 > 0.0025 * square) & ((b @ unmixing.lights.T).min(-1) > -0.05)
        found[first : first + 64] = (valid / (1.0 + (0.5 * np.log(square) / tolerance) ** 2)).sum(1)
    return found


def _hypotheses(pixels: NDArray, grid: PixelGrid, bright: NDArray, unmixing: Unmixing, seed: int) -> NDArray:
    """Paints fitted to discs of the mask, from several starts each."""
    places = np.stack(grid.index, 1)[bright].astype(np.float64)
    inside = pixels[bright]
    count = min(_DISC_PIXELS, len(places))
    random = np.random.default_rng(seed)
    centres = random.permutation(len(places))[:_DISCS]
    tree = cKDTree(places)
    _, near = tree.query(places[centres], k=count)
    _, wide = tree.query(places[centres[: _DISCS // 2]], k=min(4 * count, len(places)))
    groups = [inside[near], inside[wide[:, :: max(1, wide.shape[1] // count)][:, :count]]]
    found = []
    for group in groups:
        level = np.log(np.maximum(np.median(group, axis=1) / unmixing.mixing.sum(1), 1e-6)) + 0.2
        grey = level.mean(1, keepdims=True).repeat(3, 1)
        for start in (level, *(grey + shift for shift in _STARTS)):
            found.append(fit_paints(group, unmixing, start)[0])
    paints = np.concatenate(found)
    return paints[np.isfinite(paints).all(1)]


def fit_paints(
    groups: NDArray, unmixing: Unmixing, start: NDArray, tolerance: float = TOLERANCE, steps: int = 25
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Paints (G, 3) of groups of pixels (G, m, 3), and their mean robust cost (G,).

        min over y = log rho of  mean_p log(1 + (log |b_p| / t)^2) + |y - mean y|^2 / (m 0.6^2)

    from y = `start` (G, 3), t falling from 0.2 to `tolerance`. Gauss-Newton with damping.
    """
    y, inverse = start.copy(), unmixing.inverse
    weight = np.ones(groups.shape[:2])
    centring = np.eye(3) - 1.0 / 3.0
    prior = centring / _CHROMA_SPREAD**2
    for step in range(steps):
        t = 0.2 * (tolerance / 0.2) ** min(step / (0.6 * steps), 1.0)
        parts = (groups * np.exp(-y)[:, None])[..., None, :] * inverse  # (G, m, 3 of b, 3 of c)
        b = parts.sum(-1)
        square = np.maximum((b**2).sum(-1), 1e-12)
        residual = 0.5 * np.log(square)
        slope = -np.einsum("gmac,gma->gmc", parts, b) / square[..., None]
        weight = 1.0 / (t**2 + residual**2)
        matrix = np.einsum("gm,gmc,gmd->gcd", weight, slope, slope) + prior
        right = -np.einsum("gm,gmc,gm->gc", weight, slope, residual) - y @ prior
        ridge = 1e-3 * np.trace(matrix, axis1=1, axis2=2)[:, None, None] * np.eye(3)
        y = y + np.clip(np.linalg.solve(matrix + ridge, right[..., None])[..., 0], -0.3, 0.3)
    cost = np.log1p((residual / tolerance) ** 2).mean(1)
    return np.exp(np.clip(y, -12.0, 12.0)), cost
