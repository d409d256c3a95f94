"""Motion between images of one surface under different lights, from the low rank of what does not move."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

Motion = Literal["translation", "similarity"]
Floats = NDArray[np.float32]
_BORDER = 6
_SMOOTH, _LIGHT_BLUR = 0.7, 3.0
_FLOOR = 0.05
_NOISES = 2.0
_PIXELS = 24000
_RANK = 3
_BLOCKS = 5
HIGH_PASS = 2.0
"""Standard deviation in pixels of the blur that is subtracted."""
_SCHEDULE = ((6.0, 6), (3.0, 4), (2.0, 4), (1.0, 40))
_POLISH = ((1.0, 12),)
_TOLERANCE = 0.003
_DAMPING = 1e-4


@dataclass(frozen=True)
class MotionFit:
    """`parameters` (N, 2 or 4): see `warp`; `std` (N,) of the shift in pixels, from how parts of the image disagree;
    `misfit` (N,): median deviation of each image's residuals, in units of the local contrast."""

    parameters: NDArray[np.float64]
    std: NDArray[np.float64]
    misfit: NDArray[np.float64]


def warp(
    image: Floats, parameters: NDArray[np.float64], interpolation: int = cv2.INTER_CUBIC,
    border: int = cv2.BORDER_REPLICATE,
) -> Floats:  # fmt: skip
    """The image (H, W[, C]) as seen from where the reference was: out(p) = image(p + u(p)).

    u(p) = (t_x, t_y) for two parameters; with four, u(p) = t + a q + b q', where q is p from the image's middle in half
    longer sides and q' = (-q_y, q_x): a is the growth and b the turn, both as pixels at half the longer side.
    """
    height, width = image.shape[:2]
    x, y = parameters[:2]
    matrix = np.array([[1.0, 0.0, x], [0.0, 1.0, y]])
    if len(parameters) == 4:
        half = max(height, width) / 2
        grow, turn = parameters[2:] / half
        linear = np.array([[grow, -turn], [turn, grow]])
        middle = np.array([(width - 1) / 2, (height - 1) / 2])
        matrix[:, :2] += linear
        matrix[:, 2] -= linear @ middle
    flags = interpolation | cv2.WARP_INVERSE_MAP
    moved = cv2.warpAffine(image, matrix, (width, height), flags=flags, borderMode=border)
    return np.asarray(moved, dtype=np.float32)


def misfit(images: Floats, parameters: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far each of the images (N, H, W) with these motions undone is from low rank: `MotionFit.misfit`."""
    return _Linearised(_equally_bright(images), parameters).misfit()


def fit_motion(
    images: Floats, start: NDArray[np.float64], *, polish: bool = False, high_pass: float = HIGH_PASS
) -> MotionFit:
    """Motion of images (N, H, W), linear or nearly so, that makes them of low rank: robust variable projection.

    Images of one matte surface under N distant lights span three dimensions; so do their high-passed copies m_i, with
    the lights' coordinates L (N, r) from blurred images, which a shift of a few pixels leaves alone. Both are divided
    by the pixel's own contrast, so that edges of albedo and silhouettes count against shading. It minimises over the
    motion, and for each pixel over b, with graduated non-convexity (the scale c sigma falls from 6 sigma to sigma, the
    residuals' median deviation),

        sum_p min_b sum_i rho(m_i(p + u_i(p)) - L_i . b),   rho(r) = r^2 / (r^2 + c^2 sigma^2)

    by Gauss-Newton steps of iteratively reweighted least squares in which b is eliminated exactly: if it lagged behind,
    a shift proportional to the light's direction (how shading moves over a round thing) would take hundreds of steps.
    Highlights, cast shadows and whatever else is not of low rank drops out by its weight.

    Gauge: the mean motion is zero. `start` (N, 2 or 4) says which motion is meant; with `polish` it is known to be
    near, and c stays at 1. Golub and Pereyra, "The differentiation of pseudo-inverses and nonlinear least squares
    problems whose variables separate", 1973; Peng et al., "RASL: robust alignment by sparse and low-rank
    decomposition", TPAMI 2012.
    """
    scaled = _equally_bright(images)
    parameters = start - start.mean(0)
    for width, iterations in _POLISH if polish else _SCHEDULE:
        parameters = _descend(scaled, parameters, high_pass, width, iterations)
    linearised = _Linearised(scaled, parameters, high_pass)
    return MotionFit(parameters, linearised.step(1.0)[1], linearised.misfit())


def _descend(
    images: Floats, parameters: NDArray[np.float64], high_pass: float, width: float, iterations: int
) -> NDArray[np.float64]:
    """Damped Gauss-Newton steps at one width of the loss; a step that raises the residuals is taken back and damped."""
    best, level, damping = _Linearised(images, parameters, high_pass), np.inf, _DAMPING
    before: NDArray[np.float64] | None = None
    here, present = parameters, best
    for index in range(iterations):
        step, _, sigma = present.step(width, damping)
        if sigma > 1.02 * level:
            damping, before = 10 * damping, None
            here, present = parameters, best
            step, _, sigma = present.step(width, damping)
        else:
            parameters, best, level = here, present, min(sigma, level)
            damping = max(damping / 3, _DAMPING)
        factor = 1.0
        if before is not None and index % 3 == 2:  # the slow mode's geometric series, summed (Aitken)
            ratio = float((step * before).sum() / max((before**2).sum(), 1e-12))
            factor = 1.0 / (1.0 - min(max(ratio, 0.0), 0.85))
        before = step if factor == 1.0 else None
        if np.abs(step).max() < _TOLERANCE:
            break
        here = here + np.clip(factor * step, -1.5, 1.5)
        present = _Linearised(images, here, high_pass)
    return parameters


def _equally_bright(images: Floats) -> Floats:
    return (images / np.maximum(np.percentile(images, 95, axis=(1, 2)), 1e-9)[:, None, None]).astype(np.float32)


class _Linearised:
    """The images about their present motion: high-passed values and their derivatives (K N, P) at chosen pixels."""

    def __init__(self, images: Floats, parameters: NDArray[np.float64], high_pass: float = HIGH_PASS) -> None:
        count, height, width = images.shape
        rank = max(1, min(_RANK, count - 2))
        pairs = zip(images, parameters, strict=True)
        moved = np.stack([cv2.GaussianBlur(warp(image, motion), (0, 0), _SMOOTH) for image, motion in pairs])
        blurred = np.stack([cv2.GaussianBlur(image, (0, 0), _LIGHT_BLUR) for image in moved])
        brightness = blurred.mean(0)
        norm = brightness + _FLOOR * max(float(np.percentile(brightness, 95)), 1e-6)
        inner = (slice(_BORDER, height - _BORDER), slice(_BORDER, width - _BORDER))
        coarse = (blurred / norm)[:, inner[0], inner[1]][:, ::2, ::2].reshape(count, -1).astype(np.float64)
        self.lights = np.linalg.eigh(coarse @ coarse.T)[1][:, -rank:].astype(np.float32)
        high = moved - np.stack([cv2.GaussianBlur(image, (0, 0), high_pass) for image in moved])
        noise = float(np.percentile(np.abs(high[:, ::2, ::2]), 25)) / 0.3186  # a Gaussian's quartile
        high /= norm
        energy = np.sqrt(cv2.GaussianBlur((high**2).mean(0), (0, 0), _LIGHT_BLUR))
        high /= energy + _FLOOR * max(float(np.percentile(energy, 90)), 1e-9) + _NOISES * noise / norm
        dx, dy = np.empty_like(high), np.empty_like(high)
        dx[:, :, 1:-1], dy[:, 1:-1] = (high[:, :, 2:] - high[:, :, :-2]) / 2, (high[:, 2:] - high[:, :-2]) / 2
        strength = (dx[:, inner[0], inner[1]] ** 2 + dy[:, inner[0], inner[1]] ** 2).sum(0).ravel()
        chosen = np.argpartition(-strength, min(_PIXELS, strength.size) - 1)[:_PIXELS]
        row, column = np.unravel_index(chosen, (height - 2 * _BORDER, width - 2 * _BORDER))
        row, column = row + _BORDER, column + _BORDER
        self.values = high[:, row, column]
        gx, gy = dx[:, row, column], dy[:, row, column]
        columns = [gx, gy]
        if parameters.shape[1] == 4:
            half = max(height, width) / 2
            qx = ((column - (width - 1) / 2) / half).astype(np.float32)
            qy = ((row - (height - 1) / 2) / half).astype(np.float32)
            columns += [gx * qx + gy * qy, gy * qx - gx * qy]
        self.jacobian = np.concatenate(columns)
        self.block = (row * _BLOCKS // height) * _BLOCKS + column * _BLOCKS // width
        self.count, self.kinds = count, len(columns)

    def step(
        self, width: float, damping: float = _DAMPING
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
        """A Gauss-Newton step (N, K), mean zero, the standard deviation of the shift (N,) in pixels, and the residuals'
        median deviation here."""
        weight, inverse, residual = self._weights(width)
        lights, rank = self.lights, self.lights.shape[1]
        weighted = np.tile(weight, (self.kinds, 1)) * self.jacobian
        normal = np.zeros((len(weighted), len(weighted)))
        each = np.arange(self.count)
        for a in range(self.kinds):
            for b in range(self.kinds):
                rows, columns = a * self.count + each, b * self.count + each
                normal[rows, columns] = np.einsum("np,np->n", weighted[rows], self.jacobian[columns])
        tiled = np.tile(lights, (self.kinds, 1))
        for a in range(rank):
            for b in range(rank):
                pairs = (weighted * inverse[:, a, b]) @ weighted.T
                normal -= tiled[:, a, None] * pairs * tiled[None, :, b]
        scores = -weighted * np.tile(residual, (self.kinds, 1))
        gradient = scores.sum(1, dtype=np.float64)
        gauge = np.kron(np.eye(self.kinds), np.ones((self.count, self.count)) / self.count)
        stiffness = np.trace(normal) / len(normal)
        solved = np.linalg.inv(normal + stiffness * (gauge + damping * np.eye(len(normal))))
        step = (solved @ gradient).reshape(self.kinds, self.count).T
        parts = np.stack([scores[:, self.block == b].sum(1) for b in np.unique(self.block)])
        parts = (parts - parts.mean(0)) @ solved
        variance = (parts**2).sum(0).reshape(self.kinds, self.count)[:2].sum(0) / 2
        sigma = 1.4826 * float(np.median(np.abs(residual[:, ::4])))
        return step - step.mean(0), np.sqrt(variance), sigma

    def misfit(self) -> NDArray[np.float64]:
        """Median deviation (N,) of the residuals, in units of the local contrast."""
        return np.asarray(1.4826 * np.median(np.abs(self._weights(1.0)[2]), axis=1), dtype=np.float64)

    def _weights(self, width: float) -> tuple[Floats, Floats, Floats]:
        """Weights (N, P), the inverse normal matrices of b (P, r, r), residuals (N, P) at the weighted best b."""
        lights, rank = self.lights, self.lights.shape[1]
        outer = (lights[:, :, None] * lights[:, None, :]).reshape(self.count, -1)
        weight = np.ones_like(self.values)
        for _ in range(4):
            matrix = (weight.T @ outer).reshape(-1, rank, rank) + 1e-4 * np.eye(rank, dtype=np.float32)
            inverse = np.linalg.inv(matrix)
            right = (weight * self.values).T @ lights
            surface = np.einsum("pab,pb->pa", inverse, right)
            residual = self.values - lights @ surface.T
            sigma = 1.4826 * float(np.median(np.abs(residual[:, ::4]))) + 1e-7
            weight = 1.0 / (1.0 + (residual / (width * sigma)) ** 2) ** 2
        return weight, inverse, residual
