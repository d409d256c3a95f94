"""Runs the cases of a suite, each in a process of its own, and keeps what is measured whatever happens after."""

from __future__ import annotations

import dataclasses
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from sharpvision.bench.environment import environment
from sharpvision.bench.suite import Case, Options, Row, check_options, suite_named
from sharpvision.bench.table import tables
from sharpvision.core.errors import InputError, SharpVisionError

TABLE_WIDTH = 132  # characters; a narrower terminal wraps lines, which reads better than cells cut to one letter


class CaseFailed(SharpVisionError):
    """A case ended without a measurement; says which, and the last line that its process left."""

    def __init__(self, case: Case, message: str) -> None:
        self.case = case
        super().__init__(f"{describe(case)}: {message}")


class BenchFailed(SharpVisionError):
    """Some cases failed; the rows of the others are in `rows` (and in the file that was asked for)."""

    def __init__(self, failures: list[CaseFailed], rows: list[Row]) -> None:
        self.failures, self.rows = failures, rows
        listed = "; ".join(str(failure) for failure in failures)
        super().__init__(f"{len(failures)} of {len(failures) + len(rows)} cases failed: {listed}")


def describe(case: Case) -> str:
    """One line that names a case.

    >>> describe(Case("photometric", "cat", "physics", {"light_count": 20}))
    'photometric cat physics light_count=20'
    """
    return " ".join([case.suite, case.case, case.method, *(f"{key}={value}" for key, value in case.settings.items())])


def run_suite(name: str, options: Options | None = None, json_path: Path | None = None) -> list[Row]:
    """Run a suite and return its rows; with `json_path` the file holds all finished rows after every case.

    A failing case does not stop the others. Raises `InputError` where data are absent or options ask for what there
    is not, `BenchFailed` after the last case where any failed. On Ctrl-C the rows so far stand in the file and the
    interrupt goes on.
    """
    options, console = options or Options(), Console(stderr=True)
    suite = suite_named(name)
    check_options(name, suite, options)
    cases = suite.cases(options)
    if not cases:
        raise InputError(f"suite {name}", "at least one case", "none", "ask for other objects or sizes")
    check_unique(cases)
    shared = environment()
    rows: list[Row] = []
    failures: list[CaseFailed] = []
    store(rows, json_path)
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(name, total=len(cases))
        for case in cases:
            progress.update(task, description=describe(case))
            try:
                rows += run_case(case, options.seeds, shared)
            except CaseFailed as failure:
                failures.append(failure)
                console.print(f"failed: {failure}", style="red", markup=False)
            store(rows, json_path)
            progress.advance(task)
    rows += suite.derive(rows)
    store(rows, json_path)
    wide = Console(stderr=True, width=max(console.width, TABLE_WIDTH))
    for entry in tables(rows):
        wide.print(entry)
    if failures:
        raise BenchFailed(failures, rows)
    return rows


def check_unique(cases: list[Case]) -> None:
    """Raises `InputError` where two cases would make rows of the same suite, case, method and settings."""
    seen = set()
    for case in cases:
        key = json.dumps([case.suite, case.case, case.method, case.settings], sort_keys=True)
        if key in seen:
            raise InputError(describe(case), "one case of this name", "two", "rename an object or ask for it once")
        seen.add(key)


def run_case(case: Case, seeds: tuple[int, ...], shared: dict[str, Any]) -> list[Row]:
    """The row of one case, or its rows: mean over seeds, with `metrics_std` where there are several; the largest memory
    of them."""
    load = round(os.getloadavg()[0], 2)
    answers = [run_process(case, seed) for seed in seeds]
    own = {"case": case.case, "settings": {}, "metrics": {}}
    same = {
        "seconds": statistics.fmean(answer["seconds"] for answer in answers),
        "seconds_total": statistics.fmean(answer["seconds_total"] for answer in answers),
        "peak_mib": max(answer["peak_mib"] for answer in answers),
        "ledger": answers[-1]["ledger"],
        "environment": shared | {"threads": answers[-1]["threads"], "load_average": load},
    }
    rows = []
    for index, part in enumerate(answers[0].get("rows") or [own]):
        measured = [answer["rows"][index]["metrics"] if answer.get("rows") else answer["metrics"] for answer in answers]
        values = {name: [metrics[name] for metrics in measured] for name in measured[0]}
        row: Row = {
            "suite": case.suite,
            "case": part["case"],
            "method": case.method,
            "settings": case.settings | part["settings"],
            "metrics": {name: statistics.fmean(values[name]) for name in values},
        }
        if len(seeds) > 1:
            row["metrics_std"] = {name: statistics.stdev(values[name]) for name in values}
        rows.append(row | same)
    return rows


def run_process(case: Case, seed: int) -> dict[str, Any]:
    """Run one case under one seed in a fresh process; raises `CaseFailed` with that process's last words."""
    with tempfile.TemporaryDirectory(prefix="sharpvision-bench-") as name:
        folder = Path(name)
        request, result, log = folder / "request.json", folder / "result.json", folder / "log.txt"
        request.write_text(json.dumps({"case": dataclasses.asdict(case), "seed": seed}))
        start = time.perf_counter()
        with log.open("wb") as output:
            command = [sys.executable, "-m", "sharpvision.bench.worker", str(request), str(result)]
            code = subprocess.run(command, stdout=output, stderr=output, stdin=subprocess.DEVNULL).returncode
        seconds = time.perf_counter() - start
        if code != 0 or not result.exists():
            words = log.read_text(errors="replace").strip().splitlines()
            raise CaseFailed(case, f"exit code {code}: {words[-1] if words else 'no output'}")
        return json.loads(result.read_text()) | {"seconds_total": seconds}


def store(rows: list[Row], path: Path | None) -> None:
    """Write all rows to a file, whole or not at all (a sibling is written and moved over it)."""
    if path is None:
        return
    sibling = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        sibling.write_text(json.dumps(rows, indent=1) + "\n")
        sibling.replace(path)
    except OSError as error:
        sibling.unlink(missing_ok=True)
        found = error.strerror or str(error)
        raise InputError(path, "a file that can be written", found, "choose another place") from error
