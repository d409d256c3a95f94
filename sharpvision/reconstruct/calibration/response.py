"""The camera's response curve from several exposures of one scene."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter

from sharpvision.core.errors import InputError
from sharpvision.sensor.response_curve import LINEAR, SRGB, ResponseCurve, exponent_rows, log_rows

Array = NDArray[np.float64]

DARKEST, BRIGHTEST = 0.03, 0.97
"""Codes between which an observation says something about the curve."""
_SAMPLES, _LEVELS, _PATCH = 3000, 16, 3
_LEAST_SAMPLES, _LEAST_RATIO = 30, 1.2
_STEPS, _LEAST_NOISE = 40, 0.2 / 255
_PRIOR_STD = np.array([0.5, 0.7, 0.5, 0.5])
"""Of the parameters about a curve halfway between linear and sRGB; wide: it holds what the exposures leave free."""
_FAMILY_STD = 0.015
"""What the curve family gets wrong of common cameras' curves, in log L."""
_VAGUE = 0.1
"""Standard deviation of the log response from which it counts as not told."""
_UNEVEN = 0.05


@dataclass(frozen=True, eq=False)
class ResponseEstimate:
    """A response curve and how sure it is.

    `std` (4,) of its parameters; `log_std` is the standard deviation of log L, the scale of L left out, as an RMS over
    the codes; `residual` the RMS misfit in codes (1 / 255 is one level of 8 bits); `determined` False where the
    data do not tell the curve: it is then a plausible one, not a measured one. `exposure_errors` (K,), of exposures, is
    the log of each image's true exposure over the given one; `notes` are what a user must know.
    """

    curve: ResponseCurve
    std: Array
    log_std: float
    residual: float
    determined: bool
    samples: int
    exposure_errors: Array
    notes: tuple[str, ...] = ()


def response_from_exposures(images: NDArray[Any], exposures: Sequence[float] | Array) -> ResponseEstimate:
    """The curve that makes K images (K, H, W) or (K, H, W, C) of one still scene agree, codes in [0, 1].

    Each sample p has a radiance E_p, and image k shows the code of E_p t_k. The codes are what carries noise, so they
    are what is compared:

        min over the curve f and E of  sum_pk rho(z_pk - f^-1(E_p t_k)) + prior

    by Gauss-Newton steps with E_p eliminated and Cauchy weights, from the linear problem in log L (Debevec and Malik,
    SIGGRAPH 1997; Mitsunaga and Nayar, CVPR 1999). `exposures` (K,) are times, or times over squared f-numbers, times
    ISO, in any unit. Samples are smooth patches of 3 x 3 pixels over all levels; all channels share the curve.

    Raises `InputError` for fewer than two different exposures, and where too few pixels are neither black nor
    saturated in two of them. Not `determined` where the exposures differ too little.

    >>> scene = np.linspace(0.01, 1.0, 4096).reshape(64, 64)
    >>> times = np.array([0.25, 0.5, 1.0])
    >>> estimate = response_from_exposures(np.rint(255 * SRGB.codes(scene * times[:, None, None])) / 255, times)
    >>> estimate.determined, log_response_rms(estimate.curve, SRGB.linear) < 0.01
    (True, True)
    """
    codes, times = _checked(images, exposures)
    z, valid, noise = _samples(codes)
    log_t = np.log(times)
    theta, scale = _initial(z, valid, log_t), 1.0
    for step in range(_STEPS):
        moved, residual, weight, normal = _step(z, valid, log_t, theta, scale * noise)
        theta, change = moved, float(np.abs(moved - theta).max())
        scale = max(1.0, 1.4826 * float(np.median(np.abs(residual / noise)[valid])))
        if change < 1e-5 and step > 3:
            break
    curve = ResponseCurve.of(theta)
    covariance = np.asarray(np.linalg.inv(normal), dtype=np.float64)
    log_std = float(np.hypot(_log_std(covariance), _FAMILY_STD))
    used = residual[weight > 0]
    errors = np.array([_exposure_error(r, w, v, curve) for r, w, v in zip(residual.T, weight.T, z.T, strict=True)])
    notes = _notes(log_std, errors - np.nanmean(errors))
    rms = float(np.sqrt(np.mean(used**2)))
    return ResponseEstimate(curve, np.sqrt(np.diag(covariance)), log_std, rms, log_std < _VAGUE, len(z), errors, notes)


def log_response_rms(curve: ResponseCurve, linear: Any, first: int = 5, last: int = 250) -> float:
    """RMS over the 8-bit codes `first` to `last` of the difference of two log responses, the scale (the mean) removed;
    `linear` maps codes in [0, 1] to the other response's values.

    >>> round(log_response_rms(LINEAR, lambda v: 3 * v), 12)
    0.0
    """
    v = np.arange(first, last + 1) / 255.0
    difference = np.log(curve.linear(v)) - np.log(linear(v))
    return float(np.std(difference))


def _checked(images: NDArray[Any], exposures: Sequence[float] | Array) -> tuple[Array, Array]:
    """Codes (K, H, W, C) and exposures (K,), sorted by exposure no more than needed: as given."""
    codes = np.asarray(images, dtype=np.float64)
    times = np.asarray(exposures, dtype=np.float64)
    if codes.ndim == 3:
        codes = codes[..., None]
    if codes.ndim != 4 or times.shape != codes.shape[:1]:
        found = f"images {codes.shape} and exposures {times.shape}"
        raise InputError("response", "K images of one size and K exposures", found, "give one exposure an image")
    if not (np.isfinite(times).all() and (times > 0).all()):
        raise InputError("response", "positive exposures", str(times.tolist()), "correct the exposures")
    if len(times) < 2 or times.max() < _LEAST_RATIO * times.min():
        found = f"{len(times)} of {times.min():.4g} to {times.max():.4g}" if len(times) else "none"
        raise InputError("response", "two exposures or more that differ by a fifth", found,
                         "photograph the scene again, each time with twice the exposure")  # fmt: skip
    return codes, times


def _samples(codes: Array) -> tuple[Array, NDArray[np.bool_], Array]:
    """Codes (S, K) of smooth patches, evenly over the levels, where they are neither black nor saturated, and their
    standard deviation (S, K)."""
    count, height, width, channels = codes.shape
    size = (1, min(_PATCH, height), min(_PATCH, width), 1)
    mean = uniform_filter(codes, size)
    variance = np.maximum(uniform_filter(codes**2, size) - mean**2, 0.0)
    # A patch with one saturated pixel would read too low.
    clipped = uniform_filter((codes >= BRIGHTEST).astype(np.float64), size) > 1e-9
    z = mean.reshape(count, -1).T
    valid = (z > DARKEST) & (z < BRIGHTEST) & ~clipped.reshape(count, -1).T
    useful = np.flatnonzero(valid.sum(1) >= 2)
    if len(useful) < _LEAST_SAMPLES:
        raise InputError("response", "pixels that are neither black nor saturated in two of the exposures",
                         f"{len(useful)} of {height * width * channels}",
                         "take exposures that differ less, of a scene with bright and dark parts")  # fmt: skip
    rough = np.where(valid, variance.reshape(count, -1).T, 0.0)[useful].sum(1) / valid[useful].sum(1)
    level = np.where(valid, z, 0.0)[useful].sum(1) / valid[useful].sum(1)
    chosen = []
    for inside in np.array_split(np.argsort(level, kind="stable"), _LEVELS):
        smooth = inside[np.argsort(rough[inside], kind="stable")][: max(1, len(inside) // 2)]
        chosen.append(smooth[:: max(1, len(smooth) * _LEVELS // _SAMPLES)])
    rows = useful[np.concatenate(chosen)]
    return z[rows], valid[rows], _noise(z[rows], variance.reshape(count, -1).T[rows], valid[rows])


def _noise(z: Array, variance: Array, valid: NDArray[np.bool_]) -> Array:
    """Standard deviation (S, K) of patches of 9 pixels with this variance, which is a matter of the level z alone.

    The mean of noisy codes is not the code of the mean: sigma^2 / (2 z), for curves near sRGB, counts as an error.
    """
    order = np.argsort(z[valid], kind="stable")
    bins = np.array_split(order, min(_LEVELS, max(1, len(order) // _LEAST_SAMPLES)))
    levels = [float(np.median(z[valid][inside])) for inside in bins]
    typical = [float(np.median(variance[valid][inside])) for inside in bins]
    single = np.interp(z, levels, typical)
    bent = 0.5 * single / np.maximum(z, DARKEST / 2)
    return np.asarray(np.sqrt(single / _PATCH**2 + bent**2 + _LEAST_NOISE**2), dtype=np.float64)


def _prior_mean() -> Array:
    return 0.5 * (LINEAR.parameters + SRGB.parameters)


def _initial(z: Array, valid: NDArray[np.bool_], log_t: Array) -> Array:
    """Least squares in log L: theta . phi(z_pk) - log E_p = log t_k, E_p eliminated by taking means."""
    weight = np.where(valid, z**2, 0.0)
    total = weight.sum(1, keepdims=True)
    rows = log_rows(np.clip(z, DARKEST / 2, 1.0))
    centred = rows - (weight[..., None] * rows).sum(1, keepdims=True) / total[..., None]
    target = log_t - (weight * log_t).sum(1, keepdims=True) / total
    pull = np.diag(0.01 * weight.sum() / len(_PRIOR_STD) / _PRIOR_STD**2) * 1e-2
    normal = np.einsum("sk,ski,skj->ij", weight, centred, centred) + pull
    slope = np.einsum("sk,ski,sk->i", weight, centred, target) + pull @ _prior_mean()
    theta = np.linalg.solve(normal, slope)
    return theta if ResponseCurve.rises(theta) else _prior_mean()


def _step(
    z: Array, valid: NDArray[np.bool_], log_t: Array, theta: Array, noise: Array
) -> tuple[Array, Array, Array, Array]:
    """One Gauss-Newton step: the new parameters, and at the old ones residuals (S, K), weights (S, K) and the normal
    matrix (4, 4) in units of the noise."""
    curve = ResponseCurve.of(theta)
    predicted, residual, weight = _fit_radiance(z, valid, log_t, curve, noise)
    sensitivity = predicted / (exponent_rows(predicted) @ theta)  # dz / d log L
    by_theta = -log_rows(predicted) * sensitivity[..., None]
    power = np.maximum((weight * sensitivity**2).sum(1), 1e-12)
    shared = np.einsum("sk,ski,sk->si", weight, by_theta, sensitivity) / power[:, None]
    by_theta = by_theta - shared[:, None] * sensitivity[..., None]
    prior = np.diag(1 / _PRIOR_STD**2)
    normal = np.einsum("sk,ski,skj->ij", weight, by_theta, by_theta) + prior
    slope = np.einsum("sk,ski,sk->i", weight, by_theta, residual) + prior @ (_prior_mean() - theta)
    step = np.linalg.solve(normal, slope)
    while not ResponseCurve.rises(theta + step) and np.abs(step).max() > 1e-9:
        step *= 0.5
    return theta + step if ResponseCurve.rises(theta + step) else theta, residual, weight, normal


def _fit_radiance(
    z: Array, valid: NDArray[np.bool_], log_t: Array, curve: ResponseCurve, noise: Array
) -> tuple[Array, Array, Array]:
    """Predicted codes, residuals and weights (S, K) at each sample's best radiance under the curve.

    Weights are robust, over the noise's variance; samples share their pixels' errors, hence one degree of freedom less.
    """
    safe = np.clip(z, DARKEST / 2, 1.0)
    weight = np.where(valid, 1.0 / noise**2, 0.0)
    w = np.where(valid, safe**2, 0.0)
    log_e = (w * (np.log(curve.linear(safe)) - log_t)).sum(1) / w.sum(1)
    for _ in range(3):
        predicted = np.maximum(curve.codes(np.exp(log_e[:, None] + log_t)), 1e-4)
        residual = np.where(valid, z - predicted, 0.0)
        weight = np.where(valid, 1.0 / (noise**2 * (1 + (residual / (3 * noise)) ** 2)), 0.0)
        sensitivity = predicted / curve.local_exponent(predicted)
        change = (weight * sensitivity * residual).sum(1) / np.maximum((weight * sensitivity**2).sum(1), 1e-12)
        log_e = log_e + np.clip(change, -0.5, 0.5)
    predicted = np.maximum(curve.codes(np.exp(log_e[:, None] + log_t)), 1e-4)
    return predicted, np.where(valid, z - predicted, 0.0), weight


def _log_std(covariance: Array) -> float:
    """RMS over the codes of the standard deviation of log L, its scale left out."""
    rows = log_rows(np.arange(5, 251) / 255.0)
    rows = rows - rows.mean(0)
    return float(np.sqrt(np.einsum("vi,ij,vj->v", rows, covariance, rows).mean()))


def _exposure_error(residual: Array, weight: Array, z: Array, curve: ResponseCurve) -> float:
    """Log of one image's exposure over the one given, from its residuals; NaN where it shows nothing."""
    if not (weight > 0).any():
        return float("nan")
    slope = np.where(weight > 0, z, 1.0) / curve.local_exponent(np.where(weight > 0, z, 1.0))
    return float((weight * slope * residual).sum() / (weight * slope**2).sum())


def _notes(log_std: float, errors: Array) -> tuple[str, ...]:
    notes = []
    if log_std >= _VAGUE:
        notes.append(f"the exposures do not tell the response curve (log response known to {log_std:.2f}): take "
                     "exposures further apart, of a scene with bright and dark parts")  # fmt: skip
    for index in np.flatnonzero(np.nan_to_num(np.abs(errors)) > _UNEVEN):
        more = 100 * np.expm1(errors[index])
        notes.append(f"image {index + 1} shows an exposure {more:+.0f} % beside the one given: check its exposure, or "
                     "whether the light changed")  # fmt: skip
    return tuple(notes)
