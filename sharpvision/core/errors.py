"""The errors that sharpvision raises; each carries what a user needs in order to act."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sharpvision.solvers.solution import Solution


class SharpVisionError(Exception):
    """Base of every error that sharpvision raises on purpose."""


class InputError(SharpVisionError):
    """Bad input: says where, what was expected, what was found, and what to do.

    >>> str(InputError("lights.txt", "96 rows", "95", "add the missing light"))
    'lights.txt: expected 96 rows, found 95; add the missing light'
    """

    def __init__(self, where: str | Path, expected: str, found: str, fix: str) -> None:
        self.where, self.expected, self.found, self.fix = str(where), expected, found, fix
        super().__init__(f"{where}: expected {expected}, found {found}; {fix}")


class BackendUnavailable(SharpVisionError):
    """An optional dependency is missing; names the extra that brings it.

    >>> str(BackendUnavailable("raw", "RAW photographs"))
    "RAW photographs: expected the extra 'raw', found it missing; run: pip install 'sharpvision[raw]'"
    """

    def __init__(self, extra: str, purpose: str) -> None:
        self.extra = extra
        fix = f"run: pip install 'sharpvision[{extra}]'"
        super().__init__(f"{purpose}: expected the extra '{extra}', found it missing; {fix}")


class SolveFailed(SharpVisionError):
    """A solver ended without converging, and the caller asked to be told; carries the solution."""

    def __init__(self, solution: Solution) -> None:
        self.solution = solution
        super().__init__(f"{solution.method}: status {solution.status}: {solution.message}")
