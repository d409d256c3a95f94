"""Every solver on a matrix of problems, against `scipy.optimize.least_squares`."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.optimize
import torch
from torch import Tensor

from sharpvision.core.errors import InputError, SolveFailed
from sharpvision.solvers import (
    SOLVERS,
    Alternation,
    Bounds,
    Cauchy,
    FirstOrder,
    LargeSteps,
    LevenbergMarquardt,
    PseudoHuber,
    Residual,
    ScalarSearch,
    Solver,
    Status,
    Stopping,
    solve,
)
from sharpvision.solvers.problem import Problem, Unknowns
from sharpvision.solvers.robust_loss import RobustLoss

TIMES = torch.linspace(0, 4, 40, dtype=torch.float64)


def number(value: float) -> Tensor:
    return torch.tensor(value, dtype=torch.float64)


def rosenbrock() -> Problem:
    start = torch.tensor([-1.2, 1.0], dtype=torch.float64)
    return Problem(
        {"x": start},
        [Residual("valley", lambda u: torch.stack([10 * (u["x"][1] - u["x"][0] ** 2), 1 - u["x"][0]]))],
    )


def decay(loss: RobustLoss | None = None, bounds: dict[str, Bounds] | None = None) -> Problem:
    """An exponential with noise and every seventh sample far off."""
    noise = torch.randn(40, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    observed = 2.5 * torch.exp(-1.3 * TIMES) + 0.5 + 0.02 * noise
    observed[::7] += 3.0
    return Problem(
        {"amplitude": number(1.0), "rate": number(1.0), "offset": number(0.0)},
        [
            Residual(
                "samples",
                lambda u: u["amplitude"] * torch.exp(-u["rate"] * TIMES) + u["offset"] - observed,
                loss or PseudoHuber(0.1),
            )
        ],
        bounds=bounds or {},
    )


def line() -> Problem:
    """Two unknowns that trade off a little against each other, and outliers."""
    observed = 1.5 * (TIMES - 1.5) + 0.3 + 0.1 * torch.sin(9 * TIMES)
    observed[::9] -= 2.0
    residual = Residual("line", lambda u: u["slope"] * (TIMES - 1.5) + u["offset"] - observed, PseudoHuber(0.1))
    return Problem({"slope": number(0.2), "offset": number(0.0)}, [residual])


def slope() -> Problem:
    observed = 1.5 * TIMES + 0.1 * torch.sin(9 * TIMES)
    residual = Residual("line", lambda u: u["slope"] * TIMES - observed)
    return Problem({"slope": number(0.2)}, [residual], bounds={"slope": Bounds(-4, 4)})


def slope_at_bound() -> Problem:
    return Problem(slope().unknowns, slope().residuals, bounds={"slope": Bounds(-1.0, 1.0)})


def by_scipy(problem: Problem, loss: str = "linear", scale: float = 1.0) -> np.ndarray:
    """The flat solution of SciPy for a problem of one residual, from the same start."""
    residual = problem.residuals[0].function
    lower, upper = (limit.numpy() for limit in problem.flat_limits())

    def evaluate(x: np.ndarray) -> np.ndarray:
        return residual(problem.unflatten(torch.from_numpy(x))).numpy()

    start = problem.flatten(problem.unknowns).numpy()
    options = {"xtol": 1e-15, "ftol": 1e-15, "gtol": 1e-15, "max_nfev": 4000}
    return scipy.optimize.least_squares(evaluate, start, bounds=(lower, upper), loss=loss, f_scale=scale, **options).x


class SolverContract:
    """What every solver promises on the problems that it takes."""

    steps = 200
    accuracy = 1e-6

    def solver(self) -> Solver:
        raise pytest.UsageError("the tests of a solver say how to make it")

    def problems(self) -> list[tuple[Problem, np.ndarray]]:
        """Problems with the solutions of SciPy."""
        return [(slope(), by_scipy(slope())), (slope_at_bound(), by_scipy(slope_at_bound()))]

    def test_solutions_are_scipys(self) -> None:
        for problem, expected in self.problems():
            solution = solve(problem, self.solver(), self.steps)
            assert solution.status is Status.CONVERGED, solution.message
            assert solution.raise_if_failed() is solution
            found = problem.flatten(solution.values).numpy()
            np.testing.assert_allclose(found, expected, rtol=self.accuracy, atol=self.accuracy)

    def test_history_and_settings_tell_the_run(self) -> None:
        steps = []
        solution = solve(slope(), self.solver(), self.steps, [steps.append])
        assert solution.history == steps
        assert len(steps) >= 1
        assert solution.settings["max_steps"] == self.steps
        assert min(s.value for s in steps) == pytest.approx(float(slope().value(solution.values)), rel=1e-9)
        assert solution.seconds >= sum(s.seconds for s in steps) - 1e-3

    def test_same_bytes_twice(self) -> None:
        first, second = (solve(slope(), self.solver(), self.steps) for _ in range(2))
        assert torch.equal(first.values["slope"], second.values["slope"])
        assert [s.value for s in first.history] == [s.value for s in second.history]

    def test_unknowns_keep_dtype_and_shape_and_are_not_written_to(self) -> None:
        times = TIMES.float()
        start = torch.tensor([[0.2]])
        residual = Residual("line", lambda u: u["slope"][0] * times - times)
        problem = Problem({"slope": start}, [residual], bounds={"slope": Bounds(-3, 3)})
        solution = solve(problem, self.solver(), self.steps)
        assert (solution.values["slope"].dtype, solution.values["slope"].shape) == (torch.float32, (1, 1))
        assert float(solution.values["slope"]) == pytest.approx(1.0, abs=max(1e-4, 10 * self.accuracy))
        assert start.tolist() == [[pytest.approx(0.2)]]

    def test_step_limit(self) -> None:
        solution = solve(self.problems()[-1][0] if len(self.problems()) > 2 else slope(), self.solver(), 1)
        assert solution.status is Status.STEP_LIMIT
        with pytest.raises(SolveFailed, match="step_limit"):
            solution.raise_if_failed()

    def test_diverged_where_values_are_not_finite(self) -> None:
        residual = Residual("log", lambda u: torch.log(-1 - u["slope"] ** 2) * TIMES)
        problem = Problem({"slope": number(0.2)}, [residual], bounds={"slope": Bounds(-4, 4)})
        solution = solve(problem, self.solver(), self.steps)
        assert solution.status is Status.DIVERGED
        assert "finite" in solution.message or "nan" in solution.message or "inf" in solution.message

    def test_ill_posed_names_the_unknown(self) -> None:
        residual = Residual("constant", lambda u: 0 * u["idle"] + TIMES)
        problem = Problem({"idle": number(0.2)}, [residual], bounds={"idle": Bounds(-4, 4)})
        solution = solve(problem, self.solver(), self.steps)
        assert solution.status is Status.ILL_POSED
        assert "idle" in solution.message

    def test_interrupted_keeps_the_last_finished_step(self) -> None:
        calls = 0

        def stop(u: Unknowns) -> Tensor:
            nonlocal calls
            calls += 1
            if calls == 12:
                raise KeyboardInterrupt
            return u["slope"] * TIMES - 1.5 * TIMES + 0.1 * torch.sin(9 * TIMES)

        problem = Problem(slope().unknowns, [Residual("line", stop)], bounds=slope().bounds)
        solution = solve(problem, _impatient(self.solver()), self.steps)
        assert solution.status is Status.INTERRUPTED
        assert torch.isfinite(solution.values["slope"])
        assert float(problem.value(solution.values)) <= float(problem.value(problem.unknowns))

    def test_std_is_that_of_least_squares(self) -> None:
        solution = solve(slope(), self.solver(), self.steps)
        observed = (1.5 * TIMES + 0.1 * torch.sin(9 * TIMES)).numpy()
        _, covariance = scipy.optimize.curve_fit(lambda t, a: a * t, TIMES.numpy(), observed, p0=[0.2])
        assert float(solution.std["slope"]) == pytest.approx(math.sqrt(covariance[0, 0]), rel=1e-3)

    def test_no_step_is_refused(self) -> None:
        with pytest.raises(InputError, match="max_steps"):
            solve(slope(), self.solver(), 0)


def _impatient(solver: Solver) -> Solver:
    """Settings that do not stop early, so that an interrupt comes first."""
    tight = {"gradient_tolerance": 0.0, "step_tolerance": 0.0, "value_tolerance": 0.0}
    if isinstance(solver, LevenbergMarquardt):
        return LevenbergMarquardt(**tight, initial_damping=1e3)
    if isinstance(solver, Alternation):
        return Alternation(tolerance=0.0, inner=LevenbergMarquardt(**tight, initial_damping=1e3))
    return solver


class TestLevenbergMarquardt(SolverContract):
    def solver(self) -> Solver:
        return LevenbergMarquardt()

    def problems(self) -> list[tuple[Problem, np.ndarray]]:
        tight = {"rate": Bounds(0, 1.1), "offset": Bounds(-1, 1)}
        return [
            *super().problems(),
            (rosenbrock(), np.ones(2)),
            (decay(), by_scipy(decay(), "soft_l1", 0.1)),
            (decay(Cauchy(0.1)), by_scipy(decay(Cauchy(0.1)), "cauchy", 0.1)),
            (decay(PseudoHuber(1.0), tight), by_scipy(decay(bounds=tight), "soft_l1", 1.0)),
        ]


class TestAlternation(SolverContract):
    steps = 3000
    accuracy = 2e-4

    def solver(self) -> Solver:
        return Alternation()

    def problems(self) -> list[tuple[Problem, np.ndarray]]:
        return [*super().problems(), (rosenbrock(), np.ones(2)), (line(), by_scipy(line(), "soft_l1", 0.1))]


class TestScalarSearch(SolverContract):
    accuracy = 1e-3

    def solver(self) -> Solver:
        return ScalarSearch(tolerance=1e-5)


class TestFirstOrder(SolverContract):
    steps = 6000
    accuracy = 1e-4

    def solver(self) -> Solver:
        return FirstOrder(0.02, stopping=Stopping(1e-9, 1e-14, least_scale=1e-6))

    def problems(self) -> list[tuple[Problem, np.ndarray]]:
        return [*super().problems(), (decay(), by_scipy(decay(), "soft_l1", 0.1))]


class TestLargeSteps(SolverContract):
    steps = 6000
    accuracy = 1e-4

    def solver(self) -> Solver:
        return LargeSteps(step_size=0.02, stopping=Stopping(1e-9, 1e-14, least_scale=1e-6))

    def problems(self) -> list[tuple[Problem, np.ndarray]]:
        return [*super().problems(), (decay(), by_scipy(decay(), "soft_l1", 0.1))]


def test_every_solver_has_its_contract() -> None:
    tested = {type(case().solver()) for case in SolverContract.__subclasses__()}
    assert tested == {solver for _, solver in SOLVERS.items()}
