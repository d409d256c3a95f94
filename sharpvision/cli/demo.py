"""`sharpvision demo NAME`: a task solved on an example that travels in the wheel; no download, opens nothing."""

from __future__ import annotations

import importlib.resources
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sharpvision.cli.exits import ends_well
from sharpvision.cli.photometric_run import Request, solve_and_write

if TYPE_CHECKING:
    from sharpvision.reconstruct.capture import Capture

PHOTOMETRIC_EXAMPLE = "photometric/figurine"

demo = typer.Typer(help="Solve an example that comes with sharpvision.", no_args_is_help=True)


@demo.callback()
def demos() -> None:
    """Solve an example that comes with sharpvision."""


@demo.command()
@ends_well
def photometric(
    out: Annotated[Path, typer.Option(help="Folder to write.")] = Path("sharpvision-demo"),
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an earlier output.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the result alone, as JSON.")] = False,
) -> int:
    """Photometric stereo on a path-traced object whose true normals are known."""

    def prepare(progress: Callable[[str, float], None]) -> Capture:
        from sharpvision.reconstruct.capture import CaptureOptions, prepare_capture

        return prepare_capture(example, CaptureOptions(remember=False), progress)

    with importlib.resources.as_file(importlib.resources.files("scenes") / PHOTOMETRIC_EXAMPLE) as example:
        return solve_and_write(Request(out, overwrite=overwrite, json=json), prepare)
