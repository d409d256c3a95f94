"""Case `shake` of suite `calibration`: photographs moved by known parts of a pixel, and what is left of that."""

from __future__ import annotations

import importlib.resources
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sharpvision.bench.calibration import CALIBRATION_CASES, CalibrationCase
from sharpvision.bench.suite import MeasuredRow, Measurement

SHAKE, LIGHTS, MARGIN = 3.0, 20, 4
FULL_WELL, READ_NOISE = 20000.0, 5.0  # electrons
OBJECTS = ("cat", "reading")
RENDERED = "captures/handheld"


Images = NDArray[np.float32]
Shifts = NDArray[np.float64]


def shaken(images: Images, generator: np.random.Generator) -> tuple[Images, Shifts]:
    """Images (N, H, W, 3) in [0, 1] moved by up to `SHAKE` pixels along each axis, and the shifts (N, 2) as x, y.

    Fifth-order splines, which blur less than a demosaicked photograph is blurred; photon and read noise; without the
    margin that came in from outside.
    """
    from scipy.ndimage import shift

    shifts = generator.uniform(-SHAKE, SHAKE, (len(images), 2))
    moved = np.stack([
        np.stack([shift(image[..., c], (y, x), order=5, mode="nearest") for c in range(3)], -1)
        for image, (x, y) in zip(images, shifts, strict=True)
    ])[:, MARGIN:-MARGIN, MARGIN:-MARGIN]  # fmt: skip
    electrons = generator.poisson(FULL_WELL * np.maximum(moved, 0)).astype(np.float64)
    electrons += READ_NOISE * generator.standard_normal(moved.shape)
    return np.clip(electrons / FULL_WELL, 0, 1).astype(np.float32), shifts


def shift_errors(found: Shifts, true: Shifts) -> Shifts:
    """Distance in pixels (N,) of shifts, the mean of each set taken off: where all images lie is nobody's to know."""
    difference = found - true
    return np.hypot(*(difference - difference.mean(0)).T)


def _photographs(folder: Path) -> Images:
    """`LIGHTS` photographs, linear, evenly spread over the folder's."""
    from sharpvision.data import ReadOptions, read_photometric

    observations = read_photometric(folder, ReadOptions(light_count=LIGHTS))
    return np.asarray(observations.load().images)


def _rendered() -> tuple[Images, Shifts]:
    """The example capture from a shaking hand, which is path-traced, and its true shifts."""
    from sharpvision.data import ReadOptions, read_photometric

    with importlib.resources.as_file(importlib.resources.files("scenes") / RENDERED) as folder:
        shifts = np.loadtxt(folder / "truth" / "shifts_px.txt")
        return np.asarray(read_photometric(folder, ReadOptions()).load().images), shifts


def measure(folder: Path | None, seed: int) -> Measurement:
    """A row for each set of photographs: the largest and the root mean square error of the shifts, and what is found
    where none moved."""
    from sharpvision.reconstruct.calibration.alignment import align

    assert folder is not None  # the case names its data
    rows, seconds = [], 0.0
    stacks: list[tuple[str, Images, Shifts]] = [("handheld (rendered)", *_rendered())]
    rest = {}
    for index, name in enumerate(OBJECTS):
        photographs = _photographs(folder / name)
        stacks.append((name, *shaken(photographs, np.random.default_rng([seed, index]))))
        rest[name] = float(np.abs(align(photographs).parameters).max())
    for name, images, true in stacks:
        started = time.perf_counter()
        found = align(images)
        seconds += time.perf_counter() - started
        errors = shift_errors(found.measured, true)
        metrics = {"shift_error_px": float(errors.max()), "shift_error_rms_px": float(np.sqrt((errors**2).mean())),
                   "left_px": float(shift_errors(found.parameters, true).max())}  # fmt: skip
        if name in rest:
            metrics["moved_at_rest_px"] = rest[name]
        rows.append(MeasuredRow("shake", metrics, {"photographs": name, "count": len(images), "shake_px": SHAKE}))
    return Measurement({}, seconds / len(rows), rows=tuple(rows))


CALIBRATION_CASES.register("shake")(CalibrationCase("low_rank", measure, data="diligent"))
