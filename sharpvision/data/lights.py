"""Light directions and intensities from text files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sharpvision.core.errors import InputError
from sharpvision.core.frames import opencv_from_opengl
from sharpvision.data.files import read_text

DIRECTIONS = "light_directions.txt"
INTENSITIES = "light_intensities.txt"
LEAST_SPREAD = 5e-3
"""Smallest over largest singular value of the directions below which normals would be noise (rank below 3)."""


def read_directions(path: Path, *, files_frame_is_opencv: bool = False) -> tuple[NDArray[np.float64], list[str]]:
    """Unit directions (N, 3) in the OpenCV frame, and notes; the file holds x right, y up, z to the viewer.

    Raises `InputError` for what is not N rows of three numbers, and for a light of length zero.
    """
    rows, lines = read_table(path, (3,), "a light direction x y z in each row")
    lengths = np.linalg.norm(rows, axis=1)
    if (lengths < 1e-9).any():
        line = lines[int(np.argmin(lengths))]
        raise InputError(f"{path}, line {line}", "a direction of unit length", "a light of length zero",
                         "give its direction, or remove the light and its photograph")  # fmt: skip
    notes = []
    if np.abs(lengths - 1).max() > 0.01:
        worst = lengths[np.abs(lengths - 1).argmax()]
        notes.append(f"{path.name}: directions were not of unit length (one has {worst:.4g}); they were normalised, "
                     "their lengths do not count as intensities")  # fmt: skip
    unit = rows / lengths[:, None]
    return unit if files_frame_is_opencv else opencv_from_opengl(unit), notes


def read_intensities(path: Path, count: int) -> NDArray[np.float64]:
    """RGB intensities (N, 3) from rows of three numbers or one; `InputError` unless there are `count`, all positive."""
    rows, lines = read_table(path, (1, 3), "an intensity, or red green blue, in each row")
    if (rows <= 0).any():
        row = int(np.flatnonzero((rows <= 0).any(1))[0])
        raise InputError(f"{path}, line {lines[row]}", "intensities above zero", f"{rows[row].min():g}",
                         "measure the light again, or remove it and its photograph")  # fmt: skip
    check_count(path, len(rows), count, "photograph")
    return np.broadcast_to(rows, (count, 3)).copy()


def check_count(path: Path, found: int, count: int, of_what: str) -> None:
    """`InputError` unless the file has a row for each of `count` things."""
    if found != count:
        raise InputError(path, f"{count} rows, one for each {of_what}", f"{found}",
                         "add the missing ones or remove those too many; rows follow the sorted names")  # fmt: skip


def check_spread(path: Path, directions: NDArray[np.float64]) -> None:
    """`InputError` where fewer than three lights, or all but in one plane with the object, leave the normals open.

    n is determined by N lights only if the matrix of directions (N, 3) has rank 3, by its singular values.
    """
    if len(directions) < 3:
        raise InputError(path, "at least 3 lights", f"{len(directions)}", "photograph under more lights")
    values = np.linalg.svd(directions, compute_uv=False)
    if values[1] < LEAST_SPREAD * values[0]:
        raise InputError(path, "lights from different directions", f"{len(directions)} identical ones",
                         "move the light between photographs, or correct the file")  # fmt: skip
    if values[2] < LEAST_SPREAD * values[0]:
        raise InputError(path, "lights that do not lie in one plane with the object",
                         f"coplanar ones (singular values {values[0]:.3g}, {values[1]:.3g}, {values[2]:.2g})",
                         "add a light out of that plane")  # fmt: skip


def read_table(path: Path, widths: tuple[int, ...], row_means: str) -> tuple[NDArray[np.float64], list[int]]:
    """Finite numbers, as many in each row as in the first, and the line of each row.

    Blanks, tabs, commas or semicolons between them; empty lines and what follows # are left out.
    """
    rows: list[list[float]] = []
    lines: list[int] = []
    for number, line in enumerate(read_text(path, row_means).splitlines(), 1):
        fields = line.partition("#")[0].replace(",", " ").replace(";", " ").split()
        if not fields:
            continue
        try:
            row = [float(f) for f in fields]
        except ValueError as error:
            bad = str(error).partition(": ")[2]
            raise InputError(f"{path}, line {number}", row_means, f"the word {bad}", "correct the line") from error
        allowed = (len(rows[0]),) if rows else widths
        if len(row) not in allowed:
            raise InputError(f"{path}, line {number}", f"{' or '.join(map(str, allowed))} numbers", f"{len(row)}",
                             "correct the line")  # fmt: skip
        if not np.isfinite(row).all():
            raise InputError(f"{path}, line {number}", "finite numbers", line.strip()[:60], "correct the line")
        rows.append(row)
        lines.append(number)
    if not rows:
        raise InputError(path, row_means, "no rows", "write one row for each photograph")
    return np.array(rows, np.float64), lines
