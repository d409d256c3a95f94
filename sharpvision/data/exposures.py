"""What the photographs' EXIF says about their exposures, and whether it agrees with itself."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sharpvision.data.exif import CameraSettings

SAME_EXPOSURE, SAME_FOCAL = 0.01, 0.005
"""Relative differences that do not count."""


@dataclass(frozen=True, eq=False)
class ExposureCheck:
    """`exposures` (N,) t S / N^2 in seconds at ISO 100, or None where EXIF does not tell them all; `stops`: how far
    they lie apart; `notes`: what a user must know, one line each."""

    exposures: NDArray[np.float64] | None
    stops: float
    notes: tuple[str, ...] = ()

    @property
    def differ(self) -> bool:
        """Whether there is something to undo."""
        return self.stops > math.log2(1 + SAME_EXPOSURE)

    @property
    def gains(self) -> NDArray[np.float64] | None:
        """Factors (N,) in (0, 1] that undo the exposures, 1 for the shortest."""
        return None if self.exposures is None else np.asarray(self.exposures.min() / self.exposures)


def check_exposures(settings: Sequence[CameraSettings], names: Sequence[str] = ()) -> ExposureCheck:
    """Gains from exposure time, ISO and f-number, and what in them does not fit together.

        exposure_j = t_j S_j / N_j^2,   gain_j = min exposure / exposure_j

    A value that no photograph has (the f-number of an old lens) counts as one that does not change; a value that some
    have and others lack leaves the gains untold. Nominal times are rounded (1/60 s is 1/64 s), which is up to 7 %.

    >>> check = check_exposures([CameraSettings(1 / 100, 100, 4.0), CameraSettings(1 / 50, 200, 4.0)])
    >>> check.gains.tolist(), check.stops
    ([1.0, 0.25], 2.0)
    """
    names = names or [f"image {i + 1}" for i in range(len(settings))]
    exposures: NDArray[np.float64] | None = None
    notes, stops = list[str](), 0.0
    lacking = _lacking(settings, names)
    if lacking:
        notes.append(lacking)
    elif settings and settings[0].seconds is not None:
        exposures = np.array([one.exposure for one in settings], dtype=np.float64)
        stops = float(np.log2(exposures.max() / exposures.min()))
    check = ExposureCheck(exposures, stops)
    if exposures is not None and check.differ:
        shortest, longest = names[int(np.argmin(exposures))], names[int(np.argmax(exposures))]
        notes.append(f"exposures from EXIF were undone; they differ by {stops:.1f} stops ({shortest} is the shortest, "
                     f"{longest} the longest)")  # fmt: skip
    if check.differ and any(one.automatic_exposure for one in settings):
        notes.append("the camera chose the exposures itself: its times are rounded, so set time, ISO and aperture by "
                     "hand")  # fmt: skip
    if any(one.automatic_white_balance for one in settings):
        notes.append("the camera's white balance was automatic: colours may differ from photograph to photograph; fix "
                     "it (RAW is not touched by it)")  # fmt: skip
    notes += _changes(settings, names, lambda one: one.f_number, "aperture", "f/{:.3g}", SAME_EXPOSURE)
    notes += _changes(settings, names, lambda one: one.focal_mm, "focal length", "{:.4g} mm", SAME_FOCAL)
    return replace(check, notes=tuple(notes))


def _lacking(settings: Sequence[CameraSettings], names: Sequence[str]) -> str:
    """The first value that some photographs have and others lack, in words; empty where there is none."""
    values = {
        "exposure time": [one.seconds for one in settings], "ISO": [one.iso for one in settings],
        "f-number": [one.f_number for one in settings],
    }  # fmt: skip
    for what, given in values.items():
        missing = [name for name, value in zip(names, given, strict=True) if value is None]
        if missing and len(missing) < len(settings):
            return (f"{len(missing)} of {len(settings)} photographs lack their {what} in EXIF (first: {missing[0]}): "
                    "exposures were taken as equal; give \"exposures\" in capture.json")  # fmt: skip
    return ""


def _changes(
    settings: Sequence[CameraSettings], names: Sequence[str], value: Callable[[CameraSettings], float | None],
    what: str, unit: str, tolerance: float,
) -> list[str]:  # fmt: skip
    """A note where a setting that ought to stay changes between photographs."""
    given = [(found, name) for one, name in zip(settings, names, strict=True) if (found := value(one)) is not None]
    if not given:
        return []
    (least, first), (most, second) = min(given), max(given)
    if most <= least * (1 + tolerance):
        return []
    return [f"the {what} changes, from {unit.format(least)} ({first}) to {unit.format(most)} ({second}): keep it"]
