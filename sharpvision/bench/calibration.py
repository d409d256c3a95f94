"""Suite `calibration`: what is learned about a capture, each case in a file of its own that files it in
`CALIBRATION_CASES`; a new one is such a file and its name in `CASE_MODULES`."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from sharpvision.bench.suite import SUITES, Case, Measurement, Options, Row
from sharpvision.core.errors import InputError
from sharpvision.core.registry import Registry

CASE_MODULES = ("calibration_chrome_found", "calibration_led_position", "calibration_response", "calibration_shake")


@dataclass(frozen=True)
class CalibrationCase:
    """One row: `measure(folder, seed)` does the work and scores it, under the name `method` in the row.

    `data` is the folder that it reads below $SHARPVISION_DATA, such as `uw_psm`; None where it makes its own data
    (`folder` is then None).
    """

    method: str
    measure: Callable[[Path | None, int], Measurement]
    data: str | None = None
    settings: dict[str, Any] = field(default_factory=dict)


CALIBRATION_CASES: Registry[CalibrationCase] = Registry("calibration case")


def calibration_cases() -> Registry[CalibrationCase]:
    """All cases, their modules imported.

    >>> "chrome_found" in list(calibration_cases())
    True
    """
    for name in CASE_MODULES:
        importlib.import_module(f"sharpvision.bench.{name}")
    return CALIBRATION_CASES


@SUITES.register("calibration")
class Calibration:
    """Every registered case once; `--cases` narrows by name, `--data` takes the place of $SHARPVISION_DATA."""

    takes = ("data", "cases")

    def cases(self, options: Options) -> list[Case]:
        """Raises `InputError` where no case has such a name, or the data of one are not there."""
        from sharpvision.data.datasets import data_folder

        known = calibration_cases()
        for pattern in options.cases:
            if not any(fnmatchcase(name, pattern) for name in known):
                raise InputError(f"case {pattern!r}", f"one of {', '.join(known)}", repr(pattern), "use one of these")
        found = []
        for name, entry in known.items():
            if options.cases and not any(fnmatchcase(name, pattern) for pattern in options.cases):
                continue
            source = {}
            if entry.data is not None:
                folder = data_folder(entry.data) if options.data is None else options.data / entry.data
                if not folder.is_dir():
                    raise InputError(folder, f"the folder {entry.data}", "no such folder", "check --data")
                source["folder"] = str(folder.resolve())
            found.append(Case("calibration", name, entry.method, entry.settings, source))
        return found

    def run(self, case: Case, seed: int) -> Measurement:
        """What the case's own file does."""
        folder = case.source.get("folder")
        return calibration_cases()[case.case].measure(None if folder is None else Path(folder), seed)

    def derive(self, rows: list[Row]) -> list[Row]:
        """None."""
        return []
