"""The camera's response curve from the object itself, where the lights' directions are known and nothing else is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sharpvision.core.errors import InputError
from sharpvision.reconstruct.calibration.response import BRIGHTEST, DARKEST, ResponseEstimate
from sharpvision.sensor.response_curve import LINEAR, SRGB, ResponseCurve, log_rows

Array = NDArray[np.float64]


@dataclass(frozen=True)
class ObjectResponseSettings:
    """How the response is read from an object: one setting for all.

    `bends`: values of the curve's parameter `srgb` that are tried, 0 linear, 1 sRGB; `code_scale` of the Cauchy loss on
    codes; `samples` pixels and `lights` images at most; `cells`: resampled regions of the object, a side; `systematic`:
    standard deviation of the bend by which real materials, less or more peaked than Lambert's law, move the estimate;
    `vague`: that of the estimate from which it counts as not told, and `misfit` the
    residual, in codes, from which no curve counts as right.
    """

    bends: tuple[float, ...] = tuple(np.round(np.arange(-0.3, 1.51, 0.15), 2))
    code_scale: float = 0.02
    samples: int = 1200
    lights: int = 24
    cells: int = 5
    systematic: float = 0.1
    vague: float = 0.35
    misfit: float = 0.03


_PEAKS = ((0.25, 0.0, 0.02), (0.35, 1.0, 0.08))
"""Prior of the bend: share, mean, std of cameras that are linear, and of those that write sRGB; the rest is even."""
_LEAST_LIGHTS, _LEAST_PIXELS = 5, 50
_ITERATIONS, _COARSE = 16, 5
_RESAMPLES = 200
_TABLE = np.linspace(0.0, 1.5, 1501)
_EVEN = np.linspace(-0.4, 1.6, 801)


def response_from_object(
    codes: NDArray[Any], light_directions: NDArray[Any], mask: NDArray[np.bool_] | None = None,
    intensities: NDArray[Any] | None = None, settings: ObjectResponseSettings = ObjectResponseSettings(),
) -> ResponseEstimate:  # fmt: skip
    """The curve between linear and sRGB under which an object looks most like Lambert's law.

    Codes (N, H, W) or (N, H, W, C) in [0, 1], light directions (N, 3) in the frame of the photographs, `intensities`
    (N,) or (N, C) linear, equal where they are not given. For each pixel and each curve f, b = albedo * normal is found
    in the domain of the codes, where noise does not depend on the curve (a misfit of linear values would favour curves
    that make everything dark):

        min over b of  sum_j rho(z_j - f^-1(max(b . l_j, 0) e_j)),  rho Cauchy: shadows and highlights weigh little

    and the curve's posterior is that misfit, its spread from resampled regions of the object and from what materials
    do to it, times a prior that knows linear and sRGB cameras. `curve` is the posterior's mean. A power law can't be
    told from a material whose shading is that power of Lambert's: that is `systematic`. `determined` is False, and
    `curve` the more plausible of linear and sRGB, where the data are vaguer than `vague` or the best curve lies beyond
    those that were tried, or no curve suits the lights' directions.

    Raises `InputError` for fewer than five images, lights without directions, and too few pixels between black and
    white.
    """
    z, lights, cells = _gathered(codes, light_directions, mask, intensities, settings)
    profiles = np.stack([_pixel_costs(z, lights, bend_curve(bend), settings.code_scale) for bend in settings.bends], 1)
    best, statistical = _minimum(profiles, cells, np.asarray(settings.bends))
    spread = float(np.hypot(statistical, settings.systematic))
    inside = settings.bends[0] < best < settings.bends[-1]
    mean, std = _posterior(best, spread)
    freedom = z.shape[1] / (z.shape[1] - 3)
    cost = np.interp(mean, settings.bends, profiles.mean(0))
    residual = settings.code_scale * float(np.sqrt(np.expm1(cost) * freedom))
    determined = bool(inside and spread < settings.vague and residual < settings.misfit)
    notes = []
    if determined:
        curve = bend_curve(mean)
    else:
        curve = SRGB if mean > 0.5 else LINEAR
        why = "its pixels disagree" if residual < settings.misfit else "under these lights it is far from matte"
        why = why if inside else "no curve between linear and sRGB suits it"
        read_as = "sRGB" if mean > 0.5 else "linear"
        notes.append(f"the object does not tell the camera's response ({why}): read as {read_as}; take three exposures "
                     "of one scene, or give --response")  # fmt: skip
    rows = log_rows(np.arange(5, 251) / 255.0)[:, 1]
    return ResponseEstimate(
        curve, np.array([0.0, std, 0.0, 0.0]), std * float(rows.std()), residual, determined, len(z), np.zeros(0),
        tuple(notes),
    )  # fmt: skip


def bend_curve(bend: float) -> ResponseCurve:
    """Linear at 0, sRGB at 1, v^(1 - bend) s(v)^bend between and beyond.

    >>> bend_curve(1.0) == SRGB
    True
    """
    return ResponseCurve(1.0, float(bend))


def _gathered(
    codes: NDArray[Any], directions: NDArray[Any], mask: NDArray[np.bool_] | None, intensities: NDArray[Any] | None,
    settings: ObjectResponseSettings,
) -> tuple[Array, Array, NDArray[np.intp]]:  # fmt: skip
    """Codes (S, N') of each sample's brightest channel, the light vectors (S, N', 3), intensities included, and the
    region (S,) of the object that it lies in."""
    codes = np.asarray(codes)
    if codes.ndim == 3:
        codes = codes[..., None]
    lights = np.asarray(directions, dtype=np.float64)
    count, height, width, channels = codes.shape
    if lights.shape != (count, 3) or count < _LEAST_LIGHTS or not np.isfinite(lights).all():
        raise InputError("response from the object", f"{_LEAST_LIGHTS} images or more, a direction for each",
                         f"{count} images, directions {lights.shape}",
                         "calibrate the lights, or give --response")  # fmt: skip
    gains = np.ones((count, channels)) if intensities is None else np.asarray(intensities, dtype=np.float64)
    gains = np.broadcast_to(gains.reshape(count, -1), (count, channels))
    inside = np.ones((height, width), bool) if mask is None else np.asarray(mask, dtype=bool)
    chosen = np.unique(np.linspace(0, count - 1, min(count, settings.lights)).round().astype(int))
    rows, columns = np.nonzero(inside)
    taken = np.linspace(0, len(rows) - 1, min(len(rows), 6 * settings.samples)).astype(int)
    rows, columns = rows[taken], columns[taken]
    all_channels = codes[chosen][:, rows, columns].astype(np.float64)
    brightest = np.argmax(all_channels.mean(0), -1)
    pixel = np.arange(len(rows))
    z = all_channels[:, pixel, brightest].T
    usable = (z > DARKEST) & (z < BRIGHTEST)
    told = np.flatnonzero((usable.sum(1) >= _LEAST_LIGHTS - 1) & (np.quantile(z, 0.8, axis=1) > 0.15))
    if len(told) < _LEAST_PIXELS:
        raise InputError("response from the object", "pixels between black and white in most images",
                         f"{len(told)} of {int(inside.sum())}",
                         "expose for the object, or give --response")  # fmt: skip
    told = told[np.linspace(0, len(told) - 1, min(len(told), settings.samples)).astype(int)]
    vectors = lights[chosen][None] * gains[chosen].T[brightest[told]][..., None]
    cells = settings.cells
    region = (rows[told] - rows.min()) * cells // (np.ptp(rows) + 1) * cells
    return z[told], vectors, region + (columns[told] - columns.min()) * cells // (np.ptp(columns) + 1)


def _pixel_costs(z: Array, lights: Array, curve: ResponseCurve, scale: float) -> Array:
    """Mean robust misfit (S,) of each sample's codes (S, N) under lights (S, N, 3) at its best b, by Gauss-Newton."""
    usable = (z < BRIGHTEST).astype(np.float64)
    values = _values(curve)
    linear = np.interp(z, _TABLE, values)
    weight = usable * (z > 2 * DARKEST) / np.interp(np.maximum(z, DARKEST), _TABLE, _slopes(curve, values)) ** 2
    b = _solve(lights, weight, linear)
    for iteration in range(_ITERATIONS):
        product = np.einsum("sna,sa->sn", lights, b)
        code = np.interp(np.maximum(product, 0.0), values, _TABLE)
        residual = z - code
        width = scale * (4.0 if iteration < _COARSE else 1.0)
        # 1 / slope is dz/dL; shadowed observations are held by the others
        sensitivity = (product > 0) / np.interp(np.maximum(code, DARKEST / 2), _TABLE, _slopes(curve, values))
        weight = usable / (1 + (residual / width) ** 2) * sensitivity**2
        step = _solve(lights, weight, residual / np.maximum(sensitivity, 1e-9) * (sensitivity > 0))
        length = np.linalg.norm(step, axis=1, keepdims=True)
        b = b + step * np.minimum(1.0, 0.3 * np.linalg.norm(b, axis=1, keepdims=True) / np.maximum(length, 1e-12))
    code = np.interp(np.maximum(np.einsum("sna,sa->sn", lights, b), 0.0), values, _TABLE)
    cost = usable * np.log1p(((z - code) / scale) ** 2)
    return np.asarray(cost.sum(1) / usable.sum(1), dtype=np.float64)


def _solve(lights: Array, weight: Array, target: Array) -> Array:
    """Weighted least squares (S, 3), slightly damped."""
    normal = np.einsum("sn,sna,snb->sab", weight, lights, lights)
    damping = 1e-4 * np.trace(normal, axis1=1, axis2=2) + 1e-12
    normal += damping[:, None, None] * np.eye(3)
    right = np.einsum("sn,sna,sn->sa", weight, lights, target)
    return np.asarray(np.linalg.solve(normal, right[..., None])[..., 0], dtype=np.float64)


def _values(curve: ResponseCurve) -> Array:
    """Linear values of the codes `_TABLE`; above 1 the curve goes on as a power law, since predictions may."""
    inside = curve.linear(np.minimum(_TABLE, 1.0))
    return np.asarray(inside * np.maximum(_TABLE, 1.0) ** float(curve.local_exponent(np.array(1.0))), dtype=np.float64)


def _slopes(curve: ResponseCurve, values: Array) -> Array:
    """dL/dv at the codes `_TABLE`, at least that of `DARKEST` / 2."""
    v = np.maximum(_TABLE, DARKEST / 2)
    return np.interp(v, _TABLE, values) * curve.local_exponent(np.minimum(v, 1.0)) / v


def _minimum(profiles: Array, cells: NDArray[np.intp], bends: Array) -> tuple[float, float]:
    """The bend with the least mean cost, and its standard deviation over resampled regions of the object."""
    regions = np.unique(cells)
    sums = np.stack([profiles[cells == region].sum(0) for region in regions])
    generator = np.random.default_rng(0)
    drawn = generator.multinomial(len(regions), np.full(len(regions), 1 / len(regions)), _RESAMPLES)
    minima = [_valley(bends, cost) for cost in drawn @ sums]
    return _valley(bends, sums.sum(0)), float(np.std(minima))


def _valley(bends: Array, cost: Array) -> float:
    """The least value's place, by a parabola through it and its neighbours; an end of the range as it is."""
    at = int(np.argmin(cost))
    if at in (0, len(bends) - 1):
        return float(bends[at])
    below, here, above = cost[at - 1 : at + 2]
    return float(bends[at] + 0.5 * (bends[1] - bends[0]) * (below - above) / max(below - 2 * here + above, 1e-12))


def _posterior(best: float, spread: float) -> tuple[float, float]:
    """Mean and standard deviation of the bend."""
    peaks = [w / std * np.exp(-0.5 * ((_EVEN - mean) / std) ** 2) for w, mean, std in _PEAKS]
    even = (1 - sum(peak[0] for peak in _PEAKS)) * np.sqrt(2 * np.pi) / (_EVEN[-1] - _EVEN[0])
    density = (even + sum(peaks)) * np.exp(-0.5 * ((_EVEN - best) / spread) ** 2)
    density /= density.sum()
    mean = float((density * _EVEN).sum())
    return mean, float(np.sqrt((density * (_EVEN - mean) ** 2).sum()))
