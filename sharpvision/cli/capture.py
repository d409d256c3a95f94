"""`sharpvision capture`: `check`, what a folder of photographs has and lacks; `lamps`, where lamps nearby stand."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sharpvision.cli.exits import BAD_INPUT, Interruption, ends_well, stdout_for_results

if TYPE_CHECKING:
    from sharpvision.reconstruct.capture.check import CaptureCheck
    from sharpvision.reconstruct.capture.lamps import Lamps

capture = typer.Typer(help="Look at photographs before they are solved.", no_args_is_help=True)
_STYLES = {"good": "green", "improve": "yellow", "missing": "magenta", "bad": "red"}


@capture.callback()
def captures() -> None:
    """Look at photographs before they are solved."""


@capture.command()
@ends_well
def check(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Photographs of one object under a moving light.")],
    mask: Annotated[Path | None, typer.Option(metavar="FILE", help="Image, white on the object.")] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Light directions, mask and movement as a .png or a .html page.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an earlier FILE.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the result alone, as JSON.")] = False,
) -> int:
    """What is good, what is missing and what to do about it; exit code 2 where something stands in the way."""
    with Interruption():
        with stdout_for_results():
            found = _check(folder, mask, out, overwrite)
        if json:
            from sharpvision.report.result import as_json

            typer.echo(as_json(_record(found)), nl=False)
        else:
            _table(found, out)
    return 0 if found.usable else BAD_INPUT


@capture.command()
@ends_well
def lamps(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Photographs of two mirror balls under the lamps.")],
    radius: Annotated[str, typer.Option(metavar="R[,R]", help="Of the balls, left to right, in the length unit.")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="Where to write, such as photos/owl/lights.json.")],
    focal: Annotated[
        float | None, typer.Option(metavar="PX", min=1e-6, help="Focal length; else capture.json or EXIF.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an earlier FILE.")] = False,
) -> int:
    """Where lamps nearby stand, by what two mirror balls of known radius reflect; written as lights.json."""
    radii = _radii(radius)
    with Interruption(), stdout_for_results():
        from rich.console import Console

        from sharpvision.data.lights_file import write_lights_file
        from sharpvision.data.whole_file import check_free

        check_free(out, overwrite, "choose another --out, or add --overwrite")
        with Console(stderr=True).status("reading photographs, finding the balls"):
            from sharpvision.reconstruct.capture.lamps import find_lamps

            found = find_lamps(folder, radii, focal)
        write_lights_file(out, found.lights, overwrite)
    _lamp_table(found, out)
    return 0


def _radii(text: str) -> list[float]:
    """Two radii from `R` or `R,R`."""
    try:
        radii = [float(part) for part in text.split(",")]
    except ValueError:
        radii = []
    if len(radii) not in (1, 2) or not all(0 < value < float("inf") for value in radii):
        raise typer.BadParameter("expected one radius above zero, or two with a comma between", param_hint="--radius")
    return radii if len(radii) == 2 else radii * 2


def _lamp_table(found: Lamps, out: Path) -> None:
    """The lamps' places, as the file has them, and what they are uncertain by."""
    from rich.console import Console
    from rich.table import Table

    from sharpvision.core.frames import opencv_from_opengl

    unit = found.lights.length_unit
    table = Table("lamp", *(f"{axis} ({unit})" for axis in "xyz"), f"std ({unit})", title_justify="left")
    for number, (place, std) in enumerate(zip(found.positions.positions, found.positions.std, strict=True), 1):
        table.add_row(str(number), *(f"{value:.1f}" for value in opencv_from_opengl(place) + 0.0), f"{std:.2g}")
    console = Console()
    console.print(table)
    console.print(f"lights     {out}", soft_wrap=True, markup=False)


def _check(folder: Path, mask: Path | None, out: Path | None, overwrite: bool) -> CaptureCheck:
    """Check under a progress bar on stderr, and write the picture."""
    from rich.console import Console

    from sharpvision.core.errors import InputError
    from sharpvision.data.whole_file import check_free, write_whole

    if out is not None:
        if out.suffix.lower() not in (".png", ".html"):
            raise InputError(out, "a name that ends in .png or .html", repr(out.suffix), "rename --out")
        check_free(out, overwrite, "choose another --out, or add --overwrite")
    console = Console(stderr=True)
    with console.status("reading photographs") as status:
        from sharpvision.reconstruct.capture.check import check_capture

        def progress(done: int, total: int) -> None:
            status.update(f"photograph {done} of {total}" if done < total else "movement, mask, ball")

        found = check_capture(folder, mask, progress)
    if out is not None:
        from sharpvision.report.capture_check import check_figure, page_of, png_of

        data = page_of(found) if out.suffix.lower() == ".html" else png_of(check_figure(found))
        write_whole({out: data}, overwrite)
    return found


def _record(found: CaptureCheck) -> dict[str, Any]:
    """What --json prints."""
    items = [{"name": i.name, "state": i.state, "found": i.found, "advice": i.advice} for i in found.items]
    record: dict[str, Any] = {"name": found.name, "usable": found.usable, "items": items}
    record["photographs"] = list(found.image_names)
    record["left_out"] = list(found.left_out)
    if found.coverage is not None:
        record["lights"] = {
            "polar_deg": found.coverage.polar_deg.tolist(), "azimuth_deg": found.coverage.azimuth_deg.tolist(),
            "gap_deg": found.coverage.gap_deg, "condition": found.coverage.condition,
        }  # fmt: skip
    if found.shifts is not None:
        record["shifts_px"] = found.shifts.tolist()
    return record


def _table(found: CaptureCheck, out: Path | None) -> None:
    from rich.console import Console
    from rich.table import Column, Table

    fold: Any = "fold"
    table = Table("", "", Column("found", overflow=fold), Column("what to do", overflow=fold), title=found.name,
                  title_justify="left")  # fmt: skip
    for item in found.items:
        table.add_row(item.name, f"[{_STYLES[item.state]}]{item.state}[/]", _escaped(item.found), _escaped(item.advice))
    console = Console()
    console.print(table)
    if out is not None:
        console.print(f"picture    {out}", soft_wrap=True, markup=False)


def _escaped(text: str) -> str:
    from rich.markup import escape

    return escape(text)
