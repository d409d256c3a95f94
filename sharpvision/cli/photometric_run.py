"""Reserve OUT, prepare, solve with a progress bar, write, say what came out: photometric stereo as a command."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.table import Column, Table

from sharpvision.cli.exits import NOT_CONVERGED, Interruption, stdout_for_results

if TYPE_CHECKING:
    from sharpvision.data import PhotometricObservations
    from sharpvision.reconstruct.capture import Capture
    from sharpvision.solvers import Solution

    Preparer = Callable[[Callable[[str, float], None]], Capture]


@dataclass(frozen=True)
class Request:
    """What to solve and where to put it; `light_distance` in sides of the mask's bounding box."""

    out: Path
    method: str = "physics"
    light_distance: str | float = "fit"
    residual: bool = True
    seed: int = 0
    overwrite: bool = False
    strict: bool = False
    json: bool = False


def solve_and_write(request: Request, prepare: Preparer) -> int:
    """Everything between the parsed command and its exit code, which is returned.

    OUT is reserved first, so that a refusal comes before the work; a first Ctrl-C ends the solve and its last values
    are written, a second one ends the command with nothing written.
    """
    with Interruption() as interruption:
        with stdout_for_results():
            from sharpvision.report.output_folder import OutputFolder

            with OutputFolder(request.out, request.overwrite) as folder:  # before torch: a refusal comes at once
                from sharpvision.report.photometric import write_files

                capture = _prepare(prepare)
                solution = _solve(request, capture.observations)
                with interruption.deferred():
                    record = write_files(solution, folder, capture.findings)
                    out = folder.commit()
        if request.json:
            from sharpvision.report.result import as_json

            typer.echo(as_json({**record, "out": out}), nl=False)
        else:
            _summary(record, solution, out)
    if interruption.exit_code:
        return interruption.exit_code
    if solution.status == "interrupted":
        return 130
    return NOT_CONVERGED if request.strict and solution.status != "converged" else 0


def _prepare(prepare: Preparer) -> Capture:
    from sharpvision.report.progress import ProgressBar

    with ProgressBar("photographs", None, Console(stderr=True)) as progress:
        return prepare(progress)


def _solve(request: Request, observations: PhotometricObservations) -> Solution:
    from sharpvision import reconstruct
    from sharpvision.report.progress import ProgressBar, estimated_seconds

    if request.method != "least_squares":
        from sharpvision.kernels.compiled import precompile

        with Console(stderr=True).status("compiling kernels (some seconds, the first time only)"):
            precompile(bundles=request.method == "uncalibrated")
    pixels, images = int(observations.mask.sum()), observations.light_count
    title = f"{observations.name}, {images} images of {pixels:,} pixels"
    estimate = estimated_seconds(request.method, pixels, images)
    with ProgressBar(title, estimate, Console(stderr=True)) as progress:
        solution: Solution = reconstruct.photometric_stereo(
            observations,
            method=request.method,
            seed=request.seed,
            light_distance=request.light_distance,
            residual=request.residual,
            progress=progress,
        )
    return solution


def _summary(record: dict[str, Any], solution: Solution, out: Path) -> None:
    """What a user wants to know at once, and where the rest is."""
    figures = record["figures"]
    table = Table("", Column(overflow="fold"), show_header=False, box=None, pad_edge=False)
    status = record["status"].replace("_", " ")
    if record["status"] != "converged":
        status += f": {solution.status.advice}"
    table.add_row("status", status)
    if record["message"]:
        table.add_row("message", record["message"])
    if "mean_angular_error_deg" in figures:
        mean, median, p90 = (figures[f"{name}_angular_error_deg"] for name in ("mean", "median", "p90"))
        table.add_row("error", f"mean {mean:.2f}, median {median:.2f}, 90th percentile {p90:.2f} degrees")
    if record["explained"]:
        shares = [f"{name} {100 * share:.1f} %" for name, share in record["explained"].items() if share is not None]
        table.add_row("explained", ", ".join(shares))
    table.add_row("time", f"{record['seconds']:.1f} s")
    for note in record["notes"]:
        table.add_row("note", note)
    table.add_row("folder", ", ".join(sorted(file.name for file in out.iterdir())))
    console = Console()
    console.print(table)
    console.print(f"report     {out / 'report.html'}", soft_wrap=True, markup=False)  # a path is not to be broken
