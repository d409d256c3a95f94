"""`sharpvision multiplexed PHOTO_OR_VIDEO --lights FILE --out OUT`: one photograph under three coloured lights."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sharpvision.cli.exits import ends_well
from sharpvision.cli.photometric import Response


@ends_well
def multiplexed(  # noqa: PLR0913  (a command has as many parameters as options)
    source: Annotated[
        Path, typer.Argument(metavar="PHOTO_OR_VIDEO", help="A photograph, a folder of frames, or a video.")
    ],
    lights: Annotated[
        Path,
        typer.Option(metavar="FILE", help="lights.json: three directional lights; their intensities (red, green, blue) "
                                          "are what the camera sees of each."),
    ],
    out: Annotated[Path, typer.Option(help="Folder to write; it appears whole or not at all.")],
    calibration: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Three photographs of a gray or white object, each under one of the "
                                            "lights, in their order: for lights without intensities."),
    ] = None,
    mask: Annotated[Path | None, typer.Option(metavar="FILE", help="Image, white on the object.")] = None,
    response: Annotated[
        Response | None, typer.Option(help="How pixel values follow light; else capture.json or the file type says.")
    ] = None,
    focal: Annotated[
        float | None,
        typer.Option(metavar="PX", min=1e-6, help="Focal length; else capture.json or EXIF, else orthographic."),
    ] = None,
    max_frames: Annotated[int | None, typer.Option(metavar="N", min=1, help="Of a video: only the first N.")] = None,
    seed: Annotated[int, typer.Option(metavar="S", min=0, help="The same seed gives the same bytes.")] = 0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an earlier output.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 3 unless the solve converged.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the result alone, as JSON.")] = False,
) -> int:
    """Normals, depth and paints from one photograph, or each frame of a video, under three coloured lights."""
    from sharpvision.cli.multiplexed_run import Request, run

    kind = response.value if response else None
    return run(Request(source, lights, out, calibration, mask, kind, focal, max_frames, seed, overwrite, strict, json))
