"""Levenberg-Marquardt where it is hard: singular, rank-deficient, bounded, with priors, with wrong derivatives."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.optimize
import torch
from torch import Tensor

from sharpvision.core.errors import InputError
from sharpvision.solvers import Bounds, Cauchy, LevenbergMarquardt, Prior, Residual, Status, StudentT, solve
from sharpvision.solvers.normal_equations import linearise
from sharpvision.solvers.posedness import judge
from sharpvision.solvers.problem import Problem, Unknowns

GENERATOR = torch.Generator().manual_seed(11)
DESIGN = torch.randn(30, 4, generator=GENERATOR, dtype=torch.float64)
OBSERVED = DESIGN @ torch.tensor([1.0, -2.0, 0.5, 3.0], dtype=torch.float64)
OBSERVED = OBSERVED + 0.1 * torch.randn(30, generator=GENERATOR, dtype=torch.float64)
START = {"x": torch.zeros(4, dtype=torch.float64)}


def linear(weight: float | Tensor = 1.0) -> Residual:
    return Residual("linear", lambda u: DESIGN @ u["x"] - OBSERVED, weight=weight)


def powell_singular() -> Problem:
    def residual(u: Unknowns) -> Tensor:
        a, b, c, d = u["x"].unbind()
        return torch.stack([a + 10 * b, 5**0.5 * (c - d), (b - 2 * c) ** 2, 10**0.5 * (a - d) ** 2])

    return Problem({"x": torch.tensor([3.0, -1.0, 0.0, 1.0], dtype=torch.float64)}, [Residual("powell", residual)])


def test_powell_singular_converges_to_zero() -> None:
    # The Jacobian has rank 2 at the solution, zero; convergence is linear and its end an honest gradient.
    problem = powell_singular()
    solution = solve(problem, LevenbergMarquardt(), 100)
    assert solution.status is Status.CONVERGED
    assert float(problem.value(solution.values)) <= 1e-10
    np.testing.assert_allclose(solution.values["x"].numpy(), 0, atol=3e-3)


def test_one_step_solves_a_linear_problem_and_gives_its_covariance() -> None:
    solution = solve(Problem(START, [linear()]), LevenbergMarquardt(initial_damping=1e-15))
    exact, squares, *_ = np.linalg.lstsq(DESIGN.numpy(), OBSERVED.numpy(), rcond=None)
    covariance = np.linalg.inv((DESIGN.T @ DESIGN).numpy()) * squares / (30 - 4)
    assert len(solution.history) <= 2
    np.testing.assert_allclose(solution.values["x"], exact, rtol=1e-10)
    np.testing.assert_allclose(solution.std["x"], np.sqrt(np.diag(covariance)), rtol=1e-8)


def test_weights_are_inverse_variances() -> None:
    weight = torch.linspace(0.1, 4, 30, dtype=torch.float64)
    solution = solve(Problem(START, [linear(weight)]), LevenbergMarquardt())
    _, covariance = scipy.optimize.curve_fit(
        lambda a, *x: a @ np.array(x), DESIGN.numpy(), OBSERVED.numpy(), np.zeros(4), sigma=weight.numpy() ** -0.5
    )
    np.testing.assert_allclose(solution.std["x"], np.sqrt(np.diag(covariance)), rtol=1e-5)


def test_a_quadratic_prior_is_ridge_regression() -> None:
    ridge = Prior("small", lambda u: 0.5 * (u["x"] ** 2).sum(), weight=3.0)
    solution = solve(Problem(START, [linear()], [ridge]), LevenbergMarquardt())
    exact = torch.linalg.solve(DESIGN.T @ DESIGN + 3 * torch.eye(4), DESIGN.T @ OBSERVED)
    torch.testing.assert_close(solution.values["x"], exact)


def test_a_prior_alone_and_its_concave_part() -> None:
    # cos has a negative curvature at the start, which the model leaves out.
    well = Prior("well", lambda u: 1 + torch.cos(u["x"]).sum())
    solution = solve(Problem({"x": torch.full((2,), 0.4, dtype=torch.float64)}, [], [well]), LevenbergMarquardt())
    assert solution.status is Status.CONVERGED
    np.testing.assert_allclose(torch.cos(solution.values["x"]), -1, rtol=1e-10)
    assert torch.isnan(solution.std["x"]).all()


def test_two_unknowns_that_only_their_sum_binds_are_named() -> None:
    def residual(u: Unknowns) -> Tensor:
        return DESIGN[:, 0] * (u["gain"] + u["offset"]) + DESIGN[:, 1] * u["tilt"][1] - OBSERVED

    start = {"gain": torch.tensor(0.0), "offset": torch.tensor(0.0), "tilt": torch.zeros(2)}
    problem = Problem({k: v.double() for k, v in start.items()}, [Residual("both", residual)])
    solution = solve(problem, LevenbergMarquardt())
    assert solution.status is Status.ILL_POSED
    assert any(words in solution.message for words in ("gain - offset", "-gain + offset"))
    assert "tilt[0]" in solution.message
    assert "tilt[1]" not in solution.message
    assert [float(solution.std[k]) for k in ("gain", "offset")] == [math.inf, math.inf]
    assert torch.isfinite(solution.std["tilt"]).tolist() == [False, True]
    assert float(solution.std["tilt"][1]) > 0


def test_a_bound_or_a_prior_settles_what_the_data_leave_open() -> None:
    both = Residual("both", lambda u: DESIGN[:, 0] * (u["x"][0] + u["x"][1]) - OBSERVED)
    start = {"x": torch.zeros(2, dtype=torch.float64)}
    small = Prior("small", lambda u: (u["x"] ** 2).sum(), weight=0.1)
    assert solve(Problem(start, [both]), LevenbergMarquardt()).status is Status.ILL_POSED
    assert solve(Problem(start, [both], [small]), LevenbergMarquardt()).status is Status.CONVERGED
    held = {"x": Bounds(torch.tensor([0.0, -1.0]), torch.tensor([0.0, 9.0]))}
    assert solve(Problem(start, [both], bounds=held), LevenbergMarquardt()).status is Status.CONVERGED


@pytest.mark.parametrize("lower", [-0.5, 0.0, 0.9])
def test_bounds_are_scipys(lower: float) -> None:
    bounds = {"x": Bounds(lower, 1.5)}
    start = {"x": torch.full((4,), 1.0, dtype=torch.float64)}
    solution = solve(Problem(start, [linear()], bounds=bounds), LevenbergMarquardt())
    exact = scipy.optimize.lsq_linear(DESIGN.numpy(), OBSERVED.numpy(), bounds=(lower, 1.5), tol=1e-14)
    assert solution.status is Status.CONVERGED
    np.testing.assert_allclose(solution.values["x"], exact.x, atol=1e-8)
    at_bound = (solution.values["x"] == lower) | (solution.values["x"] == 1.5)
    assert torch.isnan(solution.std["x"]).tolist() == at_bound.tolist()


def test_everything_at_its_bound_is_a_solution() -> None:
    start = {"x": torch.full((4,), 50.0, dtype=torch.float64)}
    pull = Residual("pull", lambda u: u["x"] - 100.0)
    solution = solve(Problem(start, [pull], bounds={"x": Bounds(0, 60)}), LevenbergMarquardt())
    assert solution.status is Status.CONVERGED
    assert solution.values["x"].tolist() == [60.0] * 4


def test_units_of_the_unknowns_do_not_matter() -> None:
    scale = torch.tensor([1e6, 1e-6, 1.0, 1e3], dtype=torch.float64)
    scaled = Residual("scaled", lambda u: DESIGN @ (scale * u["x"]) - OBSERVED)
    solution = solve(Problem(START, [scaled]), LevenbergMarquardt())
    plain = solve(Problem(START, [linear()]), LevenbergMarquardt())
    assert solution.status is Status.CONVERGED
    torch.testing.assert_close(solution.values["x"] * scale, plain.values["x"], rtol=1e-7, atol=0)
    torch.testing.assert_close(solution.std["x"] * scale, plain.std["x"], rtol=1e-7, atol=0)


def test_derivatives_that_disagree_with_the_values_are_found_out() -> None:
    lying = Residual("lying", lambda u: (u["x"] - 2 * u["x"].detach() + 2.0).repeat(3))
    problem = Problem({"x": torch.ones(1, dtype=torch.float64)}, [lying])
    solution = solve(problem, LevenbergMarquardt(derivative="reverse"))
    assert solution.status is Status.DIVERGED
    assert "disagree" in solution.message


def test_a_wall_of_infinite_values_is_walked_around() -> None:
    barrier = Residual("barrier", lambda u: torch.stack([torch.log(u["x"]), 0.1 * (u["x"] - 3)]))
    solution = solve(Problem({"x": torch.tensor(20.0, dtype=torch.float64)}, [barrier]), LevenbergMarquardt())
    expected = scipy.optimize.minimize_scalar(lambda y: y**2 + 0.01 * (math.exp(y) - 3) ** 2)
    assert solution.status is Status.CONVERGED
    assert float(solution.values["x"]) == pytest.approx(math.exp(expected.x), rel=1e-4)


def test_start_at_the_solution_takes_no_step() -> None:
    problem = Problem({"x": torch.tensor(2.0)}, [Residual("root", lambda u: u["x"] ** 2 - 4)])
    solution = solve(problem, LevenbergMarquardt())
    assert solution.status is Status.CONVERGED
    assert solution.history == []


@pytest.mark.parametrize("derivative", ["forward", "reverse"])
@pytest.mark.parametrize("loss", [Cauchy(0.3), StudentT(0.5)])
def test_normal_equations_are_the_derivatives_of_the_value(derivative, loss) -> None:
    problem = Problem(
        START, [Residual("wave", lambda u: torch.sin(DESIGN @ u["x"]) - OBSERVED, loss, weight=0.7)],
        [Prior("small", lambda u: (u["x"] ** 2).sum())],
    )  # fmt: skip
    x = torch.tensor([0.3, -0.1, 0.2, 0.5], dtype=torch.float64)
    model = linearise(problem, x, derivative)

    def value(point: np.ndarray) -> float:
        return float(problem.value({"x": torch.from_numpy(point)}))

    expected = scipy.optimize.approx_fprime(x.numpy(), value, 1e-7)
    assert model.value == pytest.approx(value(x.numpy()))
    np.testing.assert_allclose(model.gradient, expected, rtol=1e-5, atol=1e-5)


def test_exact_matrix_is_the_hessian_where_residuals_are_linear() -> None:
    problem = Problem(START, [Residual("linear", lambda u: DESIGN @ u["x"] - OBSERVED, Cauchy(2.0))])
    x = torch.tensor([0.9, -1.8, 0.4, 2.8], dtype=torch.float64)
    expected = torch.autograd.functional.hessian(lambda point: problem.value({"x": point}), x)
    torch.testing.assert_close(linearise(problem, x, exact=True).matrix, expected)


def test_robust_std_holds_against_repetition() -> None:
    # 80 draws of noise with outliers: the stated std is the spread of the estimates, as well as 80 draws tell it.
    generator = torch.Generator().manual_seed(5)
    noise = 0.1 * torch.randn(80, 60, generator=generator, dtype=torch.float64)
    noise += 1.5 * (torch.rand(80, 60, generator=generator) < 0.05)
    means = Residual("means", lambda u: u["x"].unsqueeze(1) + noise, Cauchy(0.2))
    solution = solve(Problem({"x": torch.zeros(80, dtype=torch.float64)}, [means]), LevenbergMarquardt())
    assert float(solution.std["x"].mean()) == pytest.approx(float(solution.values["x"].std()), rel=0.2)


def test_float32_ends_at_its_precision() -> None:
    design, observed = DESIGN.float(), OBSERVED.float()
    problem = Problem({"x": torch.zeros(4)}, [Residual("linear", lambda u: design @ u["x"] - observed)])
    solution = solve(problem, LevenbergMarquardt())
    assert solution.status is Status.CONVERGED
    exact = torch.linalg.lstsq(DESIGN, OBSERVED).solution
    torch.testing.assert_close(solution.values["x"].double(), exact, rtol=1e-5, atol=1e-5)
    assert judge(problem, solution.values["x"]).undetermined == ""


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Problem({}, [linear()]), "one dtype"),
        (lambda: Problem({"x": torch.zeros(4, dtype=torch.int64)}, [linear()]), "floating point"),
        (lambda: Problem({"x": torch.zeros(1), "y": torch.zeros(1, dtype=torch.float64)}, [linear()]), "one dtype"),
        (lambda: Problem(START, []), "at least one residual"),
        (lambda: Problem(START, [linear()], bounds={"z": Bounds(0, 1)}), "found \\['z'\\]"),
        (lambda: Problem(START, [linear()], bounds={"x": Bounds(1, 2)}), "a start inside its bounds"),
        (lambda: Problem({"x": torch.full((4,), torch.nan)}, [linear()]), "a start inside its bounds"),
    ],
)
def test_a_problem_that_does_not_fit_together_is_refused(make, says: str) -> None:
    with pytest.raises(InputError, match=says):
        make()
