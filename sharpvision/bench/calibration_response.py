"""Case `response` of suite `calibration`: the response curve of synthetic cameras from exposures of one scene."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sharpvision.bench.calibration import CALIBRATION_CASES, CalibrationCase
from sharpvision.bench.suite import MeasuredRow, Measurement
from sharpvision.core.srgb import srgb_from_linear

Array = NDArray[np.float64]

EXPOSURES = (1 / 16, 1 / 8, 1 / 4, 1 / 2, 1.0)
SIDE, QUALITY = 256, 92
FULL_WELL, READ_NOISE = 8000.0, 6.0


def _gamma(linear: Array) -> Array:
    return np.asarray(linear ** (1 / 2.2), dtype=np.float64)


def _rec709(linear: Array) -> Array:
    return np.where(linear < 0.018, 4.5 * linear, 1.099 * np.maximum(linear, 1e-9) ** 0.45 - 0.099)


def _contrast(linear: Array) -> Array:
    """sRGB under half a smooth step, as cameras' picture styles do."""
    u = np.asarray(srgb_from_linear(linear), dtype=np.float64)
    return 0.5 * u + 0.5 * u**2 * (3 - 2 * u)


def _filmic(linear: Array) -> Array:
    """Narkowicz's fit to the ACES tone curve, 2015, in sRGB; white at 1."""
    x = linear * (2.51 * linear + 0.03) / (linear * (2.43 * linear + 0.59) + 0.14)
    return np.asarray(srgb_from_linear(x / (2.54 / 3.16)), dtype=np.float64)


CURVES: dict[str, Callable[[Array], Array]] = {
    "srgb": lambda linear: np.asarray(srgb_from_linear(linear), dtype=np.float64), "gamma_2.2": _gamma,
    "rec709": _rec709, "contrast": _contrast, "filmic": _filmic,
}  # fmt: skip


def scene(generator: np.random.Generator) -> Array:
    """Radiance (SIDE, SIDE, 3) over three decades: patches of coloured paper under uneven light, with some texture."""
    import cv2

    patches = generator.uniform(0.05, 1.0, (8, 8, 3))
    paper = np.kron(patches, np.ones((SIDE // 8, SIDE // 8, 1)))
    light = cv2.resize(generator.uniform(-3.5, 0.5, (4, 4)), (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    texture = 1 + 0.02 * generator.standard_normal((SIDE, SIDE, 1))
    blurred = cv2.GaussianBlur(paper * np.exp(light)[..., None] * texture, (0, 0), 1.0)
    return np.asarray(2.0 * blurred / np.quantile(blurred, 0.99), dtype=np.float64)


def photographs(radiance: Array, encode: Callable[[Array], Array], generator: np.random.Generator) -> Array:
    """Codes (K, H, W, 3) in [0, 1]: photon and read noise, clipped, the camera's curve, 8 bits, JPEG."""
    import cv2

    images = []
    for exposure in EXPOSURES:
        signal = radiance * exposure
        electrons = generator.poisson(FULL_WELL * signal) + READ_NOISE * generator.standard_normal(signal.shape)
        codes = encode(np.clip(electrons / FULL_WELL, 0.0, 1.0))
        quality = [cv2.IMWRITE_JPEG_QUALITY, QUALITY]
        stored = cv2.imencode(".jpg", np.rint(255 * codes).astype(np.uint8)[..., ::-1], quality)[1]
        read = cv2.imdecode(stored, cv2.IMREAD_COLOR)
        assert read is not None
        images.append(read[..., ::-1] / 255.0)
    return np.stack(images)


def decoding(encode: Callable[[Array], Array]) -> Callable[[Array], Array]:
    """The inverse of a camera's curve, by interpolation."""
    linear = np.concatenate([[0.0], np.geomspace(1e-6, 1.0, 100_000)])
    return lambda codes: np.interp(codes, encode(linear), linear)


def measure(folder: Path | None, seed: int) -> Measurement:
    """A row for each curve; `log_response_rms` over the codes 5 to 250 of 255, the scale of the response left out."""
    from sharpvision.reconstruct.calibration.response import log_response_rms, response_from_exposures

    rows, seconds = [], 0.0
    for name, encode in CURVES.items():
        generator = np.random.default_rng(seed)
        images = photographs(scene(generator), encode, generator)
        started = time.perf_counter()
        estimate = response_from_exposures(images, EXPOSURES)
        seconds += time.perf_counter() - started
        rms = log_response_rms(estimate.curve, decoding(encode))
        metrics = {"log_response_rms": rms, "stated_log_std": estimate.log_std,
                   "residual_levels": 255 * estimate.residual}  # fmt: skip
        rows.append(MeasuredRow("response", metrics, {"curve": name, "exposures": len(EXPOSURES), "bits": 8}))
    return Measurement({}, seconds / len(rows), rows=tuple(rows))


CALIBRATION_CASES.register("response")(CalibrationCase("exposures", measure))
