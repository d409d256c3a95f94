"""`sharpvision integrate NORMALS --out OUT`: a normal map in, depth and a mesh out."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sharpvision.cli.exits import NOT_CONVERGED, Interruption, ends_well, stdout_for_results

if TYPE_CHECKING:
    from torch import Tensor

    from sharpvision.reconstruct.integration import IntegrationSettings
    from sharpvision.solvers import Solution


class IntegrationMethod(StrEnum):
    """The methods of integration."""

    least_squares = "least_squares"
    bilateral = "bilateral"


@ends_well
def integrate(  # noqa: PLR0913  (a command has as many parameters as options)
    normals: Annotated[
        Path, typer.Argument(metavar="NORMALS", help="PNG, EXR, NPZ, NPY or MAT; x right, y up, z to the viewer.")
    ],
    out: Annotated[Path, typer.Option(help="Folder to write; it appears whole or not at all.")],
    method: Annotated[
        IntegrationMethod, typer.Option(help="least_squares for smooth surfaces, bilateral for surfaces with steps.")
    ] = IntegrationMethod.least_squares,
    focal: Annotated[
        float | None,
        typer.Option(metavar="PX", min=1e-6, help="Focal length; else capture.json or EXIF, else orthographic."),
    ] = None,
    mask: Annotated[Path | None, typer.Option(metavar="FILE", help="Image, white on the object.")] = None,
    sharpness: Annotated[
        float, typer.Option(metavar="K", min=1e-3, help="Of bilateral's weights; larger cuts at smaller steps.")
    ] = 8.0,
    max_steps: Annotated[int, typer.Option(metavar="N", min=1, help="Of bilateral's reweighting.")] = 150,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an earlier output.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 3 unless the solve converged.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the result alone, as JSON.")] = False,
) -> int:
    """Depth and a mesh from a map of normals."""
    with Interruption():
        with stdout_for_results():
            from sharpvision.report.output_folder import OutputFolder

            with OutputFolder(out, overwrite) as folder:  # before torch: a refusal comes at once
                from sharpvision.reconstruct.integration import IntegrationSettings, integrate_normals
                from sharpvision.report.integration import write_integration

                field, inside = _read(normals, mask)
                length, centre, notes = _camera(normals, focal, (int(inside.shape[0]), int(inside.shape[1])))
                settings = IntegrationSettings(method.value, length, centre, k=sharpness, max_steps=max_steps)
                solution = _solve(field, inside, settings, integrate_normals)
                solution.notes[:0] = notes
                record = write_integration(solution, folder)
                place = folder.commit()
        _report(record, solution, place, json)
    return NOT_CONVERGED if strict and solution.status != "converged" else 0


def _read(normals: Path, mask: Path | None) -> tuple[Tensor, Tensor]:
    """The field and where to integrate it: where there is a normal, or else everywhere in the given mask."""
    import torch

    from sharpvision.data import read_normals
    from sharpvision.data.masks import read_mask

    field, known = read_normals(normals)
    if mask is None:
        return field, known
    return field, torch.from_numpy(read_mask(mask, (int(known.shape[0]), int(known.shape[1]))))


def _camera(
    normals: Path, focal: float | None, shape: tuple[int, int]
) -> tuple[float | None, tuple[float, float] | None, list[str]]:
    """Focal length and principal point: from the option, the capture file beside the normals, or EXIF."""
    from sharpvision.data import read_capture_file
    from sharpvision.data.exif import focal_px_of
    from sharpvision.data.images import SUFFIXES, decode

    capture = read_capture_file(normals.parent)
    camera = capture.camera if capture is not None else None
    if focal is not None:
        return focal, camera.principal_point if camera is not None else None, []
    if camera is not None:
        return camera.focal_px, camera.principal_point, ["the camera is that of capture.json beside the normals"]
    if normals.suffix.lower() in SUFFIXES:
        length = focal_px_of(decode(normals).exif, shape[1], shape[0])
        if length is not None:
            return length, None, [f"focal length of {length:.0f} px from EXIF"]
    return None, None, []


def _solve(field: Tensor, inside: Tensor, settings: IntegrationSettings, integrate_normals: Any) -> Solution:
    """Integrate under a line on stderr that says what goes on."""
    from rich.console import Console

    console = Console(stderr=True)
    with console.status(f"{settings.method.replace('_', ' ')}, {int(inside.sum()):,} pixels"):
        solution: Solution = integrate_normals(field, inside, settings)
    return solution


def _report(record: dict[str, Any], solution: Solution, out: Path, json: bool) -> None:
    """The result on stdout, as JSON or as a table."""
    if json:
        from sharpvision.report.result import as_json

        typer.echo(as_json({**record, "out": out}), nl=False)
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(show_header=False, box=None, pad_edge=False)
    status = record["status"].replace("_", " ")
    table.add_row("status", status if status == "converged" else f"{status}: {solution.status.advice}")
    table.add_row("message", record["message"])
    table.add_row("time", f"{record['seconds']:.2f} s")
    for note in record["notes"]:
        table.add_row("note", note)
    table.add_row("folder", ", ".join(sorted(file.name for file in out.iterdir())))
    Console(soft_wrap=True).print(table)
