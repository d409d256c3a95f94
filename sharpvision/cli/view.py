"""`sharpvision view SCENE -o view.html`: a page to turn a scene about, offline and by touch too."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sharpvision.cli.exits import Interruption, ends_well, stdout_for_results
from sharpvision.core.errors import InputError

CHOOSE = "choose another -o"


@ends_well
def view(
    scene: Annotated[
        str, typer.Argument(metavar="SCENE", help="A scene file (YAML), or the name of one that comes along.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="The page, .html.")] = Path("view.html"),
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an earlier file.")] = False,
) -> None:
    """A web page, self-contained, to turn a scene about."""
    with Interruption() as interruption:
        with stdout_for_results():
            from sharpvision.data.whole_file import check_free, write_whole

            if out.suffix.lower() not in (".html", ".htm"):
                raise InputError(out, "a name that ends in .html", repr(out.suffix), "rename the output")
            check_free(out, overwrite, CHOOSE)
            from sharpvision.data.scene_file import read_scene
            from sharpvision.report.scene_page import build_scene_page

            file = read_scene(scene)
            page = build_scene_page(file, file.path.stem).encode()
            with interruption.deferred():
                write_whole({out: page}, overwrite, CHOOSE)
        for note in file.notes:
            typer.echo(f"note: {note}")
        typer.echo(f"{out}: {len(page) / 1e6:.1f} MB; open it in a browser")
