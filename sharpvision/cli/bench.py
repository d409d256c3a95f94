"""`sharpvision bench SUITE --json FILE`: measures, prints a table, and keeps the rows."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sharpvision.cli.exits import Interruption, ends_well


def names(text: str) -> tuple[str, ...]:
    """The parts of a list with commas.

    >>> names("ball, cat,")
    ('ball', 'cat')
    """
    return tuple(part.strip() for part in text.split(",") if part.strip())


def named(texts: list[str]) -> tuple[tuple[str, str], ...]:
    """NAME=WHERE, each.

    >>> named(["deodr=env/bin/python"])
    (('deodr', 'env/bin/python'),)
    """
    parts = [text.partition("=") for text in texts]
    if wrong := next((text for text, part in zip(texts, parts, strict=True) if not part[0] or not part[2]), None):
        raise typer.BadParameter(f"expected NAME=PYTHON, found {wrong!r}")
    return tuple((name, where) for name, _, where in parts)


def counts(text: str) -> tuple[int, ...]:
    """Whole numbers in a list with commas."""
    try:
        return tuple(int(part) for part in names(text))
    except ValueError as error:
        raise typer.BadParameter("expected whole numbers with commas between them, such as 96,20,10") from error


@ends_well
def bench(
    suite: Annotated[str, typer.Argument(metavar="SUITE", help="Such as photometric; an unknown one lists them.")],
    data: Annotated[Path | None, typer.Option(help="Folder of objects; else $SHARPVISION_DATA/diligent.")] = None,
    objects: Annotated[str, typer.Option(help="Only these objects, such as ball,cat.")] = "",
    methods: Annotated[str, typer.Option(help="Only these methods, such as robust,physics.")] = "",
    light_counts: Annotated[str, typer.Option(help="Numbers of lights, such as 96,20,10.")] = "",
    case: Annotated[str, typer.Option(help="Only rows whose names match, such as 'gradient/torus/*'.")] = "",
    peer: Annotated[
        list[str] | None, typer.Option(help="NAME=PYTHON of another renderer, deodr=env/bin/python; cpp=FILE.cpp.")
    ] = None,
    json: Annotated[Path | None, typer.Option(help="File for the rows.")] = None,
) -> None:
    """Measure a suite: errors, seconds, memory; one row a case."""
    from sharpvision.bench import Options, run_suite

    with Interruption():
        chosen = (names(objects), names(methods), counts(light_counts))
        run_suite(suite, Options(data, *chosen, cases=names(case), peers=named(peer or [])), json)
