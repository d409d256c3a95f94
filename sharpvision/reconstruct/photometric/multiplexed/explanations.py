"""What may have happened at a pixel of a colour-multiplexed photograph, and the normal that follows from each case.

    I_c = (rho_c + t (rho'_c - rho_c)) a sum_k V_k M_ck max(n.l_k, 0) + h M_cm

An *explanation* says which lights reach the pixel (V), whether a highlight of one light m adds to it (h), and whether
it lies on the border to another paint rho' (t); a is what the albedo differs from the paint's. Three numbers are seen
and n has two, so constant paint (a near 1) leaves one to spare: a pixel that misses one light still has its normal, and
so has one with a highlight or on a border.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sharpvision.reconstruct.photometric.multiplexed.paints import LOBE_RAD, Unmixing

_STEPS = 8
_MOST_TURN = 0.4


@dataclass(frozen=True)
class Explanation:
    """`lit`: which lights reach the pixel; `highlight`: the light whose highlight adds to it, or None; `border`: two
    paints mix; `price` in units of half a chi square, what it costs to assume it."""

    lit: tuple[bool, bool, bool]
    highlight: int | None
    price: float
    border: bool = False


def _without(*missing: int) -> tuple[bool, bool, bool]:
    return (0 not in missing, 1 not in missing, 2 not in missing)


CLEAN = Explanation((True, True, True), None, 0.0)
SHADOWS = tuple(Explanation(_without(k), None, 3.0) for k in range(3))
DEEP_SHADOWS = tuple(Explanation(_without(i, j), None, 7.0) for i, j in ((0, 1), (0, 2), (1, 2)))
HIGHLIGHTS = tuple(Explanation(_without(), k, 3.0) for k in range(3))
BORDER = Explanation(_without(), None, 1.5, border=True)
EXPLANATIONS = (CLEAN, *SHADOWS, *DEEP_SHADOWS, *HIGHLIGHTS, BORDER)
UNEXPLAINED_PRICE = 14.0
"""Half chi square from which a pixel counts as explained by nothing: it then follows its neighbours."""


@dataclass(frozen=True, eq=False)
class Evidence:
    """What the fit of all pixels reads: `pixels` (P, 3), `usable` (P, 3) 0 where saturated, `noise` (P, 3) standard
    deviations, `unmixing`; the prior `guide` (P, 3), unit normals of the surface around, `guide_std` (P,) radians."""

    pixels: NDArray[np.float64]
    usable: NDArray[np.float64]
    noise: NDArray[np.float64]
    unmixing: Unmixing
    guide: NDArray[np.float64]
    guide_std: NDArray[np.float64]

    def subset(self, index: NDArray) -> Evidence:
        """Of some pixels only."""
        return Evidence(self.pixels[index], self.usable[index], self.noise[index], self.unmixing, self.guide[index],
                        self.guide_std[index])  # fmt: skip


@dataclass(eq=False)
class Fit:
    """Normals (P, 3), log albedo over the paint's (P,), `extra` h or t (P,), half chi square (P,), covariance (P, 2, 2)
of the normal's tangents."""

    normals: NDArray[np.float64]
    log_albedo: NDArray[np.float64]
    extra: NDArray[np.float64]
    cost: NDArray[np.float64]
    covariance: NDArray[np.float64]

    def subset(self, index: NDArray) -> Fit:
        """Of some pixels only."""
        return Fit(self.normals[index], self.log_albedo[index], self.extra[index], self.cost[index],
                   self.covariance[index])  # fmt: skip


@dataclass(frozen=True, eq=False)
class Paints:
    """The paint of each pixel (P, 3), the paint beyond the nearest border (P, 3), and the spread of log a (P,)."""

    own: NDArray[np.float64]
    beyond: NDArray[np.float64]
    spread: NDArray[np.float64]

    def subset(self, index: NDArray) -> Paints:
        """Of some pixels only."""
        return Paints(self.own[index], self.beyond[index], self.spread[index])


def explain(evidence: Evidence, paints: Paints, explanation: Explanation, start: NDArray) -> Fit:
    """The likeliest normal, albedo and highlight of pixels under one explanation, from normals `start` (P, 3).

        1/2 sum_c ((I_c - model_c) / sigma_c)^2 + 1/2 (log a / s_a)^2 + 1/2 |n - n_g|^2 / s_g^2 + price

    and for a highlight 1/2 |n - half vector|^2 / 0.2^2 besides;
    s_a the spread of `paints`; h >= 0 and 0 <= t <= 1 share a place. Levenberg-Marquardt, a damping a pixel.
    """
    count = len(evidence.pixels)
    n, alpha, h = start.copy(), np.zeros(count), np.zeros(count)
    cost = _cost(evidence, paints, explanation, n, alpha, h)
    damping = np.full(count, 1e-3)
    matrix = np.zeros((count, 4, 4))
    for step in range(_STEPS + 1):
        t1, t2 = tangents(n)
        matrix, right = _system(evidence, paints, explanation, (n, alpha, h), (t1, t2))
        if step == _STEPS:
            break
        damped = matrix + damping[:, None, None] * np.einsum("pii->pi", matrix)[..., None] * np.eye(4)
        d = np.linalg.solve(damped, right[..., None])[..., 0]
        d[:, :2] *= np.minimum(1.0, _MOST_TURN / np.maximum(np.linalg.norm(d[:, :2], axis=1), 1e-12))[:, None]
        new_n = facing(n + d[:, :1] * t1 + d[:, 1:2] * t2)
        new_alpha = np.clip(alpha + np.clip(d[:, 2], -0.5, 0.5), -3.0, 3.0)
        new_h = np.clip(h + d[:, 3], 0.0, 1.0 if explanation.border else np.inf)
        new_cost = _cost(evidence, paints, explanation, new_n, new_alpha, new_h)
        better = new_cost <= cost
        n = np.where(better[:, None], new_n, n)
        alpha, h, cost = (np.where(better, new, old) for new, old in ((new_alpha, alpha), (new_h, h), (new_cost, cost)))
        damping = np.where(better, damping * 0.3, np.minimum(damping * 10.0, 1e4))
    covariance: NDArray = np.linalg.inv(matrix)[:, :2, :2]
    return Fit(n, alpha, h, cost + explanation.price, covariance)


def modelled(unmixing: Unmixing, paints: Paints, explanation: Explanation, fit: Fit) -> NDArray:
    """Pixel values (P, 3, 3), (pixel, light, channel): what each light adds under one explanation."""
    s, _ = _shading(unmixing, fit.normals, explanation.lit)
    albedo = _albedo(paints, explanation, fit.log_albedo, fit.extra)
    parts = s[..., None] * unmixing.mixing.T * albedo[:, None]
    if explanation.highlight is not None:
        parts[:, explanation.highlight] += fit.extra[:, None] * unmixing.mixing[:, explanation.highlight]
    return np.asarray(parts)


def tangents(n: NDArray) -> tuple[NDArray, NDArray]:
    """Two unit tangents (P, 3) each of unit normals with n_z < 0."""
    t1 = np.stack([-n[:, 2], np.zeros(len(n)), n[:, 0]], 1)
    t1 /= np.maximum(np.linalg.norm(t1, axis=1, keepdims=True), 1e-9)
    return t1, np.cross(n, t1)


def facing(n: NDArray, least: float = 0.05) -> NDArray:
    """Unit normals turned to n_z <= -least."""
    n = n / np.maximum(np.linalg.norm(n, axis=1, keepdims=True), 1e-12)
    n = n + np.minimum(-least - n[:, 2:], 0.0) * np.array([0.0, 0.0, 1.0])
    return np.asarray(n / np.linalg.norm(n, axis=1, keepdims=True))


def _shading(unmixing: Unmixing, n: NDArray, lit: tuple[bool, bool, bool]) -> tuple[NDArray, NDArray]:
    s = n @ unmixing.lights.T
    on = (s > 0) & np.array(lit)
    return np.where(on, s, 0.0), on


def _albedo(paints: Paints, explanation: Explanation, alpha: NDArray, extra: NDArray) -> NDArray:
    own = paints.own + extra[:, None] * (paints.beyond - paints.own) if explanation.border else paints.own
    return np.asarray(own * np.exp(alpha)[:, None])


def _cost(evidence: Evidence, paints: Paints, explanation: Explanation, n: NDArray, alpha: NDArray,
          extra: NDArray) -> NDArray:  # fmt: skip
    unmixing = evidence.unmixing
    s, _ = _shading(unmixing, n, explanation.lit)
    model = _albedo(paints, explanation, alpha, extra) * (s @ unmixing.mixing.T)
    if explanation.highlight is not None:
        model = model + extra[:, None] * unmixing.mixing[:, explanation.highlight]
    residual = evidence.usable * (evidence.pixels - model) / evidence.noise
    guide = ((n - evidence.guide) ** 2).sum(1) / evidence.guide_std**2
    if explanation.highlight is not None:
        guide = guide + ((n - unmixing.half_vectors[explanation.highlight]) ** 2).sum(1) / LOBE_RAD**2
    return np.asarray(0.5 * ((residual**2).sum(1) + (alpha / paints.spread) ** 2 + guide))


def _system(evidence: Evidence, paints: Paints, explanation: Explanation, unknowns: tuple[NDArray, NDArray, NDArray],
            frame: tuple[NDArray, NDArray]) -> tuple[NDArray, NDArray]:  # fmt: skip
    """Gauss-Newton matrix (P, 4, 4) and right-hand side (P, 4) in (tangent, tangent, log a, h or t)."""
    (n, alpha, extra), unmixing = unknowns, evidence.unmixing
    s, on = _shading(unmixing, n, explanation.lit)
    albedo = _albedo(paints, explanation, alpha, extra)
    light = s @ unmixing.mixing.T
    model = albedo * light
    slope = np.zeros((len(n), 3, 4))
    for column, t in enumerate(frame):
        slope[:, :, column] = albedo * ((on * (t @ unmixing.lights.T)) @ unmixing.mixing.T)
    slope[:, :, 2] = model
    if explanation.highlight is not None:
        model = model + extra[:, None] * unmixing.mixing[:, explanation.highlight]
        slope[:, :, 3] = unmixing.mixing[:, explanation.highlight]
    if explanation.border:
        slope[:, :, 3] = (paints.beyond - paints.own) * np.exp(alpha)[:, None] * light
    scale = evidence.usable / evidence.noise
    slope *= scale[..., None]
    residual = scale * (evidence.pixels - model)
    matrix = np.einsum("pci,pcj->pij", slope, slope)
    right = np.einsum("pci,pc->pi", slope, residual)
    guide = 1.0 / evidence.guide_std**2
    for column, t in enumerate(frame):
        matrix[:, column, column] += guide
        right[:, column] += guide * ((evidence.guide - n) * t).sum(1)
        if explanation.highlight is not None:
            matrix[:, column, column] += 1.0 / LOBE_RAD**2
            right[:, column] += ((unmixing.half_vectors[explanation.highlight] - n) * t).sum(1) / LOBE_RAD**2
    matrix[:, 2, 2] += 1.0 / paints.spread**2
    right[:, 2] -= alpha / paints.spread**2
    matrix[:, 3, 3] += 1e-6 if explanation.highlight is not None or explanation.border else 1.0
    return matrix, right
