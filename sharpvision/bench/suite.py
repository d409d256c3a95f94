"""What a suite is: a list of cases, and how to run one of them; a new suite is one file and one line in `MODULES`.

Suite modules are imported to list their cases, so they import torch, and whatever else is slow, inside `run`.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from sharpvision.core.errors import InputError
from sharpvision.core.registry import Registry

Row = dict[str, Any]

# A suite bears its module's name, with - for _.
MODULES = (
    "photometric", "photometric_rendered", "photometric_uncertainty", "photometric_scale", "integration", "fit",
    "render", "calibration", "near_light", "colour_multiplexed",
)  # fmt: skip


@dataclass(frozen=True)
class Options:
    """What the command line may narrow or widen; None or empty stands for the suite's own default."""

    data: Path | None = None
    objects: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    light_counts: tuple[int, ...] = ()
    seeds: tuple[int, ...] = (0,)
    sizes: tuple[float, ...] = ()
    cases: tuple[str, ...] = ()  # patterns of row names, such as gradient/torus/*
    peers: tuple[tuple[str, str], ...] = ()  # other renderers: name and the Python (or C++ source) that runs them


ALL_OPTIONS = ("data", "objects", "methods", "light_counts", "sizes", "cases", "peers")


@dataclass(frozen=True)
class Case:
    """One row to be: (suite, case, method, settings) names it, `source` says where its data are (not part of the
    row)."""

    suite: str
    case: str
    method: str
    settings: dict[str, Any] = field(default_factory=dict)
    source: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Ledger:
    """What a method costs besides time: parameters it learned, numbers it stores, images it was trained on."""

    learned_parameters: int = 0
    stored_numbers: int = 0
    training_images: int = 0


@dataclass(frozen=True)
class MeasuredRow:
    """One of several rows that a case makes; `settings` are added to the case's own."""

    case: str
    metrics: dict[str, float]
    settings: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Measurement:
    """Result of one case: `metrics` by name (the unit is part of the name), `seconds` from loaded observations to
    values in memory with kernels compiled, and what the method cost.

    `rows`, where there are any, take the place of the case's own row: what is costly to prepare serves them all.
    """

    metrics: dict[str, float]
    seconds: float
    ledger: Ledger = field(default_factory=Ledger)
    rows: tuple[MeasuredRow, ...] = ()


class Suite(Protocol):
    """A benchmark: `cases` and `derive` run in the caller's process and stay light, `run` in a process of its own."""

    @property
    def takes(self) -> tuple[str, ...]:
        """Options that have a meaning here (seeds always have); any other is refused, not ignored."""
        ...

    def cases(self, options: Options) -> list[Case]:
        """The cases these options ask for; raises `InputError` where the data are not there."""
        ...

    def run(self, case: Case, seed: int) -> Measurement:
        """Warm up (compile kernels on a tiny problem), load, time, score."""
        ...

    def derive(self, rows: list[Row]) -> list[Row]:
        """Rows made of other rows, such as a ratio of two of them; [] where there are none."""
        ...


def derived_row(case: Case, metrics: dict[str, float], rows: list[Row]) -> Row:
    """A row made of others: its seconds are their sum, its memory the largest of them, its ledger and environment the
    first's."""
    return {
        "suite": case.suite,
        "case": case.case,
        "method": case.method,
        "settings": case.settings,
        "metrics": metrics,
        "seconds": sum(row["seconds"] for row in rows),
        "seconds_total": sum(row["seconds_total"] for row in rows),
        "peak_mib": max(row["peak_mib"] for row in rows),
        "ledger": rows[0]["ledger"],
        "environment": rows[0]["environment"],
    }


def check_options(name: str, suite: Suite, options: Options) -> None:
    """Raises `InputError` for an option that the suite would ignore."""
    takes = suite.takes
    for option in ALL_OPTIONS:
        if getattr(options, option) and option not in takes:
            flag = f"--{option.replace('_', '-')}"
            listed = ", ".join(f"--{entry.replace('_', '-')}" for entry in takes) or "no option"
            raise InputError(f"suite {name}", listed, flag, "leave it out")


SUITES: Registry[type[Suite]] = Registry("suite")


def suite_named(name: str) -> Suite:
    """The suite of this name; raises `InputError` that lists the names there are.

    >>> try: suite_named("nothing")
    ... except InputError as error: print(error.found)
    'nothing'
    """
    module = name.replace("-", "_")
    if module not in MODULES:
        known = ", ".join(entry.replace("_", "-") for entry in MODULES)
        raise InputError(f"suite {name!r}", f"one of {known}", repr(name), "use one of these")
    importlib.import_module(f"sharpvision.bench.{module}")
    return SUITES[name]()
