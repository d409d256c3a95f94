"""The search for one number: several valleys, bounds, values that are not finite, a budget."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sharpvision.core.errors import InputError
from sharpvision.solvers import Bounds, LevenbergMarquardt, Residual, ScalarSearch, Status, search, solve
from sharpvision.solvers.problem import Problem


@given(st.floats(-3, 3), st.floats(0.1, 10))
def test_finds_a_parabola_or_the_bound(centre: float, width: float) -> None:
    solution = search(lambda x: ((x - centre) / width) ** 2 + 1, -2.0, 2.0, ScalarSearch(tolerance=1e-4))
    expected = min(max(centre, -2.0), 2.0)
    assert solution.status is Status.CONVERGED
    assert float(solution.values["x"]) == pytest.approx(expected, abs=2e-3)
    assert solution.figures["at_bound"] in ("none", "lower" if expected < 0 else "upper")
    if abs(centre) > 2:
        assert solution.figures["at_bound"] != "none"


def test_deepest_of_several_valleys() -> None:
    solution = search(lambda x: math.sin(3 * x) + 0.1 * x, -3.0, 3.0, ScalarSearch(samples=15))
    assert float(solution.values["x"]) == pytest.approx(-math.pi / 6 - 2 * math.pi / 3, abs=0.05)


def test_values_that_are_not_finite_count_as_the_worst() -> None:
    solution = search(lambda x: (x - 0.2) ** 2 if 0.1 < x < 0.6 else math.nan, 0.0, 1.0)
    assert solution.status is Status.CONVERGED
    assert float(solution.values["x"]) == pytest.approx(0.2, abs=2e-3)


@pytest.mark.parametrize("budget", [1, 5, 11])
def test_budget_is_kept_and_said(budget: int) -> None:
    calls, settings = [], ScalarSearch(tolerance=1e-9)
    solution = search(lambda x: calls.append(x) or abs(x - 0.3), 0.0, 1.0, settings, max_steps=budget)
    assert solution.status is Status.STEP_LIMIT
    assert len(calls) == len(solution.history) <= max(budget, 2) + 1
    assert solution.figures["value"] == min(abs(x - 0.3) for x in calls)


@pytest.mark.parametrize(
    ("function", "status"),
    [
        (lambda x: math.nan, Status.DIVERGED), (lambda x: -math.inf, Status.DIVERGED),
        (lambda x: 7.0, Status.ILL_POSED), (lambda x: 0.0, Status.ILL_POSED),
        (lambda x: 7.0 if x < 0.9 else math.nan, Status.CONVERGED),
    ],
)  # fmt: skip
def test_a_value_that_tells_nothing(function, status: Status) -> None:
    assert search(function, 0.0, 1.0).status is status


@pytest.mark.parametrize("calls", [1, 4, 12])
def test_interrupt_returns_the_best_so_far(calls: int) -> None:
    seen = []

    def function(x: float) -> float:
        if len(seen) == calls - 1:
            raise KeyboardInterrupt
        seen.append(x)
        return (x - 0.3) ** 2

    solution = search(function, 0.0, 1.0)
    assert solution.status is Status.INTERRUPTED
    assert float(solution.values["x"]) == (min(seen, key=lambda x: abs(x - 0.3)) if seen else 0.0)


def test_agrees_with_levenberg_marquardt_on_value_and_spread() -> None:
    times = torch.linspace(0, 2, 50, dtype=torch.float64)
    observed = torch.exp(-0.7 * times) + 0.01 * torch.sin(40 * times)
    decay = Residual("decay", lambda u: torch.exp(-u["rate"] * times) - observed)
    problem = Problem({"rate": torch.tensor(0.5, dtype=torch.float64)}, [decay], bounds={"rate": Bounds(0, 3)})
    by_search, by_steps = solve(problem, ScalarSearch(tolerance=1e-7)), solve(problem, LevenbergMarquardt())
    torch.testing.assert_close(by_search.values["rate"], by_steps.values["rate"], rtol=1e-5, atol=0)
    torch.testing.assert_close(by_search.std["rate"], by_steps.std["rate"], rtol=1e-3, atol=0)


def test_refusals() -> None:
    with pytest.raises(InputError, match="lower below upper"):
        search(abs, 1.0, 1.0)
    with pytest.raises(InputError, match="lower below upper"):
        search(abs, 0.0, math.inf)
    two = Problem({"x": torch.zeros(2)}, [Residual("r", lambda u: u["x"])], bounds={"x": Bounds(-1, 1)})
    with pytest.raises(InputError, match="found 2 elements"):
        solve(two, ScalarSearch())
