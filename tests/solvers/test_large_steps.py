"""Large steps: the smoothed direction against SciPy's dense algebra, and what smoothing does to a fit."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
import scipy.sparse
import torch
import trimesh

from sharpvision.core.errors import InputError
from sharpvision.geometry.laplacian import graph_laplacian
from sharpvision.solvers import FirstOrder, LargeSteps, Problem, Residual, Status, Stopping, solve
from sharpvision.solvers.large_steps import Smoothed

SPHERE = trimesh.creation.icosphere(2)
FACES = torch.from_numpy(SPHERE.faces.astype(np.int64))
VERTICES = torch.from_numpy(SPHERE.vertices.astype(np.float64))
LAPLACIAN = graph_laplacian(FACES, len(VERTICES))


def test_first_direction_is_that_of_dense_algebra() -> None:
    gradient = torch.randn(len(VERTICES), 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    matrix = np.eye(len(VERTICES)) + 7 * LAPLACIAN.toarray()
    inner = scipy.linalg.solve(matrix, gradient.numpy(), assume_a="pos")
    expected = scipy.linalg.solve(matrix, inner / np.abs(inner).max(), assume_a="pos")
    found = Smoothed(LAPLACIAN, 7.0, (0.9, 0.999)).direction(gradient)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-10, atol=1e-13)
    assert Smoothed(LAPLACIAN, 7.0, (0.9, 0.999)).direction(gradient.float()).dtype == torch.float32


def test_zero_gradient_moves_nothing() -> None:
    assert torch.equal(Smoothed(LAPLACIAN, 7.0, (0.9, 0.999)).direction(0 * VERTICES), 0 * VERTICES)


def half_seen() -> Problem:
    """Every fourth vertex shall move up by one; nothing is said of the others."""
    seen = torch.arange(0, len(VERTICES), 4)
    shift = torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64)
    return Problem({"x": VERTICES}, [Residual("seen", lambda u: (u["x"] - VERTICES - shift)[seen])])


def test_a_smoothed_step_takes_the_neighbours_along() -> None:
    stopping = Stopping(1e-7, least_scale=1e-3)
    smooth = solve(half_seen(), LargeSteps({"x": LAPLACIAN}, 0.1, 19.0, stopping=stopping), 2000)
    rough = solve(half_seen(), FirstOrder(0.1, stopping=stopping), 2000)
    assert smooth.status is rough.status is Status.CONVERGED
    assert smooth.figures["value"] == pytest.approx(0.0, abs=1e-4)
    moved = (smooth.values["x"] - VERTICES)[:, 2]
    unseen = torch.arange(len(VERTICES)) % 4 != 0
    assert float(moved[unseen].mean()) == pytest.approx(1.0, abs=0.1)
    assert float((rough.values["x"] - VERTICES)[unseen].abs().max()) == 0.0


def test_settings_hold_no_matrix() -> None:
    solution = solve(half_seen(), LargeSteps({"x": LAPLACIAN}), 2)
    assert "laplacians" not in solution.settings
    assert solution.settings["smoothing"] == 19.0


@pytest.mark.parametrize(("name", "rows"), [("y", len(VERTICES)), ("x", 3)])
def test_a_laplacian_that_fits_no_unknown_is_refused(name: str, rows: int) -> None:
    with pytest.raises(InputError, match="laplacian"):
        solve(half_seen(), LargeSteps({name: scipy.sparse.identity(rows)}), 2)


@pytest.mark.parametrize("sizes", [0.0, {"y": 0.1}, {"x": 0.1, "y": 0.1}])
def test_step_sizes_that_fit_no_unknown_are_refused(sizes: float | dict[str, float]) -> None:
    with pytest.raises(InputError, match="step_size"):
        solve(half_seen(), FirstOrder(sizes), 2)


def test_wrong_gradients_are_found_out() -> None:
    class Uphill(torch.autograd.Function):
        @staticmethod
        def forward(x: torch.Tensor) -> torch.Tensor:
            return x.clone()

        @staticmethod
        def setup_context(ctx: object, inputs: tuple, output: torch.Tensor) -> None:
            pass

        @staticmethod
        def backward(ctx: object, gradient: torch.Tensor) -> torch.Tensor:
            return -gradient

    problem = Problem({"x": torch.tensor([1.0])}, [Residual("one", lambda u: Uphill.apply(u["x"]) - 3)])
    solution = solve(problem, FirstOrder(0.1), 2000)
    assert solution.status is Status.DIVERGED
    assert "disagree" in solution.message
    assert solution.values["x"].item() == 1.0


def test_values_that_stop_being_finite_shorten_the_step() -> None:
    problem = Problem({"x": torch.tensor([0.5])}, [Residual("log", lambda u: torch.log(u["x"]) + 4)])
    solution = solve(problem, FirstOrder(1.0, stopping=Stopping(1e-7, least_scale=1e-5)), 4000)
    assert solution.status is Status.CONVERGED
    assert solution.values["x"].item() == pytest.approx(np.exp(-4), rel=1e-2)
