"""The subcommands, each in a file of its own; none imports torch before it runs, so that `--help` is quick."""

from __future__ import annotations

from typing import Annotated

import typer

import sharpvision
from sharpvision.cli.bench import bench
from sharpvision.cli.capture import capture
from sharpvision.cli.demo import demo
from sharpvision.cli.integrate import integrate
from sharpvision.cli.multiplexed import multiplexed
from sharpvision.cli.photometric import photometric
from sharpvision.cli.render import render
from sharpvision.cli.view import view

app = typer.Typer(
    help="Physics-informed computer vision from few photographs: shape, reflectance and light, with their uncertainty.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(photometric)
app.command()(multiplexed)
app.command()(integrate)
app.command()(render)
app.command()(view)
app.command()(bench)
app.add_typer(capture, name="capture")
app.add_typer(demo, name="demo")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"sharpvision {sharpvision.__version__}")
        raise typer.Exit


@app.callback()
def sharpvision_command(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Physics-informed computer vision from few photographs: shape, reflectance and light, with their uncertainty."""
