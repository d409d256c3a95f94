"""One number by samples and Brent's method: for a costly value with no derivatives and more than one valley."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import torch
from scipy.optimize import minimize_scalar

from sharpvision.core.errors import InputError
from sharpvision.solvers.posedness import judge
from sharpvision.solvers.problem import Problem
from sharpvision.solvers.solution import Solution, Status, Step
from sharpvision.solvers.solve import SOLVERS, Callback


@SOLVERS.register("scalar_search")
@dataclass(frozen=True)
class ScalarSearch:
    """Samples at equal distances over [lower, upper], both ends included, then SciPy's bounded Brent around the best.

    `tolerance` is in shares of upper - lower. Finds the deepest valley that is wider than the samples' distance. As a
    solver it takes a problem with one unknown of one element and finite bounds.
    """

    samples: int = 9
    tolerance: float = 1e-3

    def run(self, problem: Problem, max_steps: int, callbacks: Sequence[Callback]) -> Solution:
        """See `sharpvision.solvers.solve`; a step is an evaluation of the value."""
        lower, upper = problem.flat_limits()
        if lower.numel() != 1 or not bool(torch.isfinite(lower + upper)):
            found = f"{lower.numel()} elements, bounds {lower.tolist()} to {upper.tolist()}"
            raise InputError("scalar search", "one unknown of one element, bounded", found, "use another solver")
        (name,) = problem.unknowns

        def value(x: float) -> float:
            return float(problem.value(problem.unflatten(lower.new_tensor([x]))))

        solution = search(value, float(lower), float(upper), self, name=name, max_steps=max_steps, callbacks=callbacks)
        solution.values = problem.unflatten(solution.values[name].to(lower).reshape(1))
        if solution.status is Status.CONVERGED:
            solution.std = judge(problem, problem.flatten(solution.values)).std
        return solution


def search(
    function: Callable[[float], float],
    lower: float,
    upper: float,
    settings: ScalarSearch | None = None,
    *,
    name: str = "x",
    max_steps: int = 50,
    callbacks: Sequence[Callback] = (),
) -> Solution:
    """The number in [lower, upper] with the lowest value found, as a 0-d float64 tensor in `values[name]`.

    CONVERGED within the tolerance; STEP_LIMIT after `max_steps` evaluations; ILL_POSED where all values are equal to
    rounding; DIVERGED where none is finite; INTERRUPTED on Ctrl-C, with the best so far. A value that is not finite
    counts as the worst. `figures["at_bound"]` is 'lower', 'upper' or 'none': a minimum at a bound is one of the bound.

    >>> round(search(lambda x: (x - 0.3) ** 2, 0.0, 1.0).values["x"].item(), 3)
    0.3
    """
    settings = settings or ScalarSearch()
    if not (math.isfinite(lower) and math.isfinite(upper) and lower < upper):
        raise InputError("scalar search", "finite bounds, lower below upper", f"{lower} and {upper}", "give both")
    started, trail = time.perf_counter(), _Trail(function, callbacks)
    points = np.linspace(lower, upper, max(min(settings.samples, max_steps), 2))
    width = settings.tolerance * (upper - lower)
    status = Status.CONVERGED
    try:
        for point in points:
            trail(float(point))
        best = int(np.argmin([value for _, value in trail.seen]))
        left, right = points[max(best - 1, 0)], points[min(best + 1, len(points) - 1)]
        budget = max_steps - len(points)
        if math.isfinite(trail.best[1]) and budget > 0:
            options = {"xatol": width, "maxiter": budget}
            found = minimize_scalar(trail, bounds=(left, right), method="bounded", options=options)
            status = Status.CONVERGED if found.success else Status.STEP_LIMIT
        else:
            status = Status.STEP_LIMIT
    except KeyboardInterrupt:
        status = Status.INTERRUPTED
    x, value = trail.best if trail.seen else (lower, math.nan)
    at_bound = "lower" if x - lower <= width else "upper" if upper - x <= width else "none"
    if status is not Status.INTERRUPTED:
        status = trail.fault() or status
    place = "inside the bounds" if at_bound == "none" else f"at the {at_bound} bound"
    message = f"{name} = {x:.6g}, value {value:.6g}, after {len(trail.seen)} evaluations; " + {
        Status.CONVERGED: f"a minimum {place}",
        Status.STEP_LIMIT: f"not yet within {width:.3g}",
        Status.ILL_POSED: f"the value does not depend on {name}",
        Status.DIVERGED: "no value is finite",
        Status.INTERRUPTED: "interrupted, the best so far",
    }[status]
    return Solution(
        "scalar_search", status, message, {name: torch.tensor(x, dtype=torch.float64)}, {}, trail.history,
        figures={"at_bound": at_bound, "value": value}, settings=asdict(settings) | {"max_steps": max_steps},
        seconds=time.perf_counter() - started,
    )  # fmt: skip


class _Trail:
    """The function with a memory; a value that is not finite counts as the worst seen, infinite at first."""

    def __init__(self, function: Callable[[float], float], callbacks: Sequence[Callback]) -> None:
        self.function, self.callbacks = function, callbacks
        self.seen: list[tuple[float, float]] = []
        self.history: list[Step] = []

    def __call__(self, x: float) -> float:
        started, previous = time.perf_counter(), self.best[0] if self.seen else x
        value = float(self.function(x))
        value = value if math.isfinite(value) else math.inf
        self.seen.append((float(x), value))
        self.history.append(Step(value, math.nan, abs(x - previous), math.nan, time.perf_counter() - started))
        for callback in self.callbacks:
            callback(self.history[-1])
        finite = [v for _, v in self.seen if math.isfinite(v)]
        return value if math.isfinite(value) or not finite else max(finite)

    @property
    def best(self) -> tuple[float, float]:
        """The point with the lowest value, the first of equals."""
        return min(self.seen, key=lambda pair: pair[1])

    def fault(self) -> Status | None:
        """DIVERGED without a finite value, ILL_POSED where all are equal to rounding."""
        low, high = min(value for _, value in self.seen), max(value for _, value in self.seen)
        if not math.isfinite(low):
            return Status.DIVERGED
        return Status.ILL_POSED if math.isfinite(high) and high - low <= 1e-12 * max(abs(low), abs(high)) else None
