"""`sharpvision photometric FOLDER --out OUT`: photographs under known lights in, an output folder out."""

from __future__ import annotations

import math
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sharpvision.cli.exits import ends_well
from sharpvision.cli.photometric_run import Request, solve_and_write

if TYPE_CHECKING:
    from sharpvision.data import PhotometricObservations


class Method(StrEnum):
    """The solvers of photometric stereo."""

    physics = "physics"
    robust = "robust"
    least_squares = "least_squares"


class Response(StrEnum):
    """How pixel values follow light."""

    linear = "linear"
    srgb = "srgb"


def light_distance(text: str) -> str:
    """Check the value of `--light-distance`."""
    if text in ("infinite", "fit"):
        return text
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not value > 0:
        raise typer.BadParameter("expected infinite, fit or a positive number (in mask sides)")
    return text


@ends_well
def photometric(  # noqa: PLR0913  (a command has as many parameters as options)
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Photographs and light_directions.txt.")],
    out: Annotated[Path, typer.Option(help="Folder to write; it appears whole or not at all.")],
    method: Annotated[Method, typer.Option(help="Solver.")] = Method.physics,
    light_count: Annotated[
        int | None, typer.Option(metavar="N", min=3, help="Use only this many lights, evenly spaced in their order.")
    ] = None,
    mask: Annotated[Path | None, typer.Option(metavar="FILE", help="Image, white on the object.")] = None,
    response: Annotated[
        Response | None, typer.Option(help="How pixel values follow light; else capture.json or the file type says.")
    ] = None,
    max_size: Annotated[
        int | None, typer.Option(metavar="PIXELS", min=8, help="Shrink so that the longer side has at most this many.")
    ] = None,
    distance: Annotated[
        str,
        typer.Option("--light-distance", metavar="infinite|fit|VALUE", callback=light_distance,
                     help="Of the lights; VALUE in longer sides of the mask's bounding box."),
    ] = "fit",
    focal: Annotated[
        float | None,
        typer.Option(metavar="PX", min=1e-6, help="Focal length; else capture.json or EXIF, else orthographic."),
    ] = None,
    residual: Annotated[
        bool, typer.Option("--residual/--no-residual", help="Learn what the analytic reflectance leaves over.")
    ] = True,
    seed: Annotated[int, typer.Option(metavar="S", min=0, help="The same seed gives the same bytes.")] = 0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an earlier output.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 3 unless the solve converged.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the result alone, as JSON.")] = False,
) -> int:
    """Normals, depth, mesh, reflectance and their uncertainty from photographs under known lights."""
    request = Request(
        out=out, method=method.value, residual=residual, seed=seed, overwrite=overwrite, strict=strict, json=json,
        light_distance=distance if distance in ("infinite", "fit") else float(distance),
    )  # fmt: skip

    def read(progress: Callable[[int, int], None]) -> PhotometricObservations:
        from sharpvision.data import ReadOptions, read_photometric

        options = ReadOptions(light_count, mask, response.value if response else None, max_size, focal)
        return read_photometric(folder, options, progress)

    return solve_and_write(request, read)
