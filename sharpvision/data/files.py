"""Opens what a user names, and turns what the system says into a line that helps."""

from __future__ import annotations

import re
from pathlib import Path

from sharpvision.core.errors import InputError


def read_bytes(path: Path, expected: str) -> bytes:
    """All bytes of a file; `InputError` where it is missing, a folder, closed to us or empty."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise unreadable(path, expected, error) from error
    if not data:
        raise InputError(path, expected, "an empty file", "copy the file again from its source")
    return data


def read_text(path: Path, expected: str) -> str:
    """The file as UTF-8 text (a byte-order mark is dropped); `InputError` for anything else."""
    try:
        return read_bytes(path, expected).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(path, expected, f"bytes that are no UTF-8 text (at byte {error.start})",
                         "save the file as plain UTF-8 text") from error  # fmt: skip


def list_folder(folder: Path, expected: str) -> list[Path]:
    """The visible files of a folder in natural order (2 before 10); `InputError` where it is not a readable folder."""
    try:
        return sorted((p for p in folder.iterdir() if not p.name.startswith(".") and p.is_file()), key=natural_key)
    except OSError as error:
        raise unreadable(folder, expected, error) from error


def natural_key(path: Path) -> tuple[list[tuple[int, int, str]], str]:
    """Sorting key that reads digits as numbers.

    >>> [p.name for p in sorted(map(Path, ["10.png", "9.png", "a2.png", "a10.png"]), key=natural_key)]
    ['9.png', '10.png', 'a2.png', 'a10.png']
    """
    parts = re.findall(r"[0-9]+|[^0-9]+", path.name.casefold())
    return [(0, int(p), "") if p[0] in "0123456789" else (1, 0, p) for p in parts], path.name


def unreadable(path: Path, expected: str, error: OSError) -> InputError:
    """What to say where the system refuses to open `path`."""
    if isinstance(error, FileNotFoundError):
        return InputError(path, expected, "nothing of that name", "check the spelling of the path")
    if isinstance(error, PermissionError):
        return InputError(path, expected, "no permission to read it", f"run: chmod u+rX '{path}'")
    if isinstance(error, NotADirectoryError):
        return InputError(path, expected, "a file", "name the folder that holds the photographs")
    if isinstance(error, IsADirectoryError):
        return InputError(path, expected, "a folder", "name a file")
    return InputError(path, expected, f"the system's error {error.strerror or error}", "check the disk and the path")
