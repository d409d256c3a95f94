"""`sharpvision photometric FOLDER --out OUT`: photographs under a moving light in, an output folder out."""

from __future__ import annotations

import math
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from sharpvision.cli.exits import ends_well
from sharpvision.cli.photometric_run import Request, solve_and_write

if TYPE_CHECKING:
    from sharpvision.reconstruct.capture import Capture


class Method(StrEnum):
    """The solvers of photometric stereo."""

    physics = "physics"
    robust = "robust"
    least_squares = "least_squares"
    semicalibrated = "semicalibrated"
    uncalibrated = "uncalibrated"

    @property
    def lights(self) -> Literal["full", "directions", "none"]:
        """What the solver wants to know of the lights."""
        if self is Method.uncalibrated:
            return "none"
        return "directions" if self is Method.semicalibrated else "full"


class Response(StrEnum):
    """How pixel values follow light."""

    linear = "linear"
    srgb = "srgb"
    unknown = "unknown"


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


def numbers(option: str, form: str) -> Callable[[str | None], str | None]:
    """A check that the value of `option` is numbers in this form, such as X,Y,R."""

    def check(text: str | None) -> str | None:
        if text is None or (text == "auto" and form.endswith("auto")):
            return text
        count = len(form.split("|")[0].split(","))
        values = text.split(",")
        try:
            finite = all(math.isfinite(float(value)) for value in values)
        except ValueError:
            finite = False
        if not finite or len(values) != count:
            raise typer.BadParameter(f"expected {form.replace('|', ' or ')} in pixels, not {text!r}")
        return text

    return check


@ends_well
def photometric(  # noqa: PLR0913  (a command has as many parameters as options)
    folder: Annotated[
        Path,
        typer.Argument(metavar="FOLDER", help="Photographs under a moving light, with its directions, or a mirror "
                                              "ball, or neither (--method uncalibrated)."),
    ],
    out: Annotated[Path, typer.Option(help="Folder to write; it appears whole or not at all.")],
    method: Annotated[Method, typer.Option(help="Solver.")] = Method.physics,
    light_count: Annotated[
        int | None, typer.Option(metavar="N", min=3, help="Use only this many lights, evenly spaced in their order.")
    ] = None,
    mask: Annotated[
        Path | None,
        typer.Option(metavar="FILE|auto|whole", help="Image, white on the object; else mask.png, else it is found."),
    ] = None,
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
    ball: Annotated[
        str | None,
        typer.Option(metavar="X,Y,R|auto", callback=numbers("--ball", "X,Y,R|auto"),
                     help="Mirror ball in the picture: centre and radius in pixels, or auto to find it."),
    ] = None,
    ball_folder: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Photographs of a mirror ball under the same lights.")
    ] = None,
    gray_card: Annotated[
        str | None,
        typer.Option(metavar="X,Y,W,H", callback=numbers("--gray-card", "X,Y,W,H"),
                     help="Matte card in the picture, for the lights' intensities."),
    ] = None,
    matte_ball: Annotated[
        str | None,
        typer.Option(metavar="X,Y,R", callback=numbers("--matte-ball", "X,Y,R"),
                     help="Matte ball in the picture, for the lights' intensities."),
    ] = None,
    dark_frame: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Photograph with the lamp off; else dark.* in FOLDER.")
    ] = None,
    align: Annotated[
        bool | None, typer.Option("--align/--no-align", help="Undo the shake of a hand-held camera.")
    ] = None,
    exposures_folder: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Exposures of one still scene, for the camera's response."),
    ] = None,
    remember: Annotated[
        bool, typer.Option("--remember/--no-remember", help="Write what is learned into FOLDER, for the next run.")
    ] = True,
    residual: Annotated[
        bool, typer.Option("--residual/--no-residual", help="Learn what the analytic reflectance leaves over.")
    ] = True,
    seed: Annotated[int, typer.Option(metavar="S", min=0, help="The same seed gives the same bytes.")] = 0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an earlier output.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 3 unless the solve converged.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the result alone, as JSON.")] = False,
) -> int:
    """Normals, depth, mesh, reflectance and their uncertainty from photographs under a moving light.

    The first run on a folder writes capture.json and lights.json there where it learned something; the next one needs
    no options.
    """
    request = Request(
        out=out, method=method.value, residual=residual, seed=seed, overwrite=overwrite, strict=strict, json=json,
        light_distance=distance if distance in ("infinite", "fit") else float(distance),
    )  # fmt: skip

    def prepare(progress: Callable[[str, float], None]) -> Capture:
        from sharpvision.data import ReadOptions
        from sharpvision.reconstruct.capture import CaptureOptions, prepare_capture

        made: Any = str(mask) if str(mask) in ("auto", "whole") else None
        values: Any = response.value if response else None
        read = ReadOptions(light_count, None if made else mask, values, max_size, focal, method.lights)
        options = CaptureOptions(
            read, _numbers(ball), ball_folder, _numbers(gray_card, round), dark_frame, made, align, exposures_folder,
            remember, _numbers(matte_ball),
        )
        return prepare_capture(folder, options, progress)

    return solve_and_write(request, prepare)


def _numbers(text: str | None, number: Callable[[float], float] = float) -> Any:
    """The numbers of an option, or its word."""
    return text if text in (None, "auto") else tuple(number(float(value)) for value in str(text).split(","))
