"""One way to solve: `solve(problem, solver, max_steps, callbacks)`."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, fields, is_dataclass, replace
from typing import Any, Protocol, runtime_checkable

from sharpvision.core.errors import InputError
from sharpvision.core.registry import Registry
from sharpvision.solvers.problem import Problem
from sharpvision.solvers.solution import Solution, Step

Callback = Callable[[Step], None]


@runtime_checkable
class Solver(Protocol):
    """Settings of a method, and the method: a frozen dataclass with `run`."""

    def run(self, problem: Problem, max_steps: int, callbacks: Sequence[Callback]) -> Solution: ...


SOLVERS: Registry[type[Solver]] = Registry("solver")


def solve(problem: Problem, solver: Solver, max_steps: int = 100, callbacks: Sequence[Callback] = ()) -> Solution:
    """The unknowns that minimise the problem's value, and an honest word on whether they do.

    `callbacks` are called after each step, with it. Ctrl-C is caught: the solution then holds the last finished step.
    Never raises for a failure of the method: see `Solution.status`, or call `raise_if_failed()`.

    >>> import torch
    >>> from sharpvision.solvers import LevenbergMarquardt, Residual
    >>> root = Problem({"x": torch.tensor(1.0, dtype=torch.float64)}, [Residual("square", lambda u: u["x"] ** 2 - 2)])
    >>> solution = solve(root, LevenbergMarquardt())
    >>> solution.status.value, round(solution.values["x"].item(), 6)
    ('converged', 1.414214)
    """
    if max_steps < 1:
        raise InputError("solve", "max_steps of at least 1", str(max_steps), "allow a step")
    started = time.perf_counter()
    solution = solver.run(problem, max_steps, callbacks)
    solution.seconds = time.perf_counter() - started
    solution.settings = {"max_steps": max_steps} | _plain_settings(solver)
    return solution


def _plain_settings(solver: Solver) -> dict[str, Any]:
    """A solver's settings without fields marked as not plain (matrices), which don't belong into a report."""
    if not is_dataclass(solver):
        return {}
    left_out = {f.name: type(getattr(solver, f.name))() for f in fields(solver) if not f.metadata.get("plain", True)}
    return {name: value for name, value in asdict(replace(solver, **left_out)).items() if name not in left_out}
