"""The film of a fit: a frame every few steps, of the point that the step reached, on disk as a picture file."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image

from sharpvision.reconstruct.fit_film import FitFilm, side_by_side
from sharpvision.solvers import FirstOrder, LevenbergMarquardt, Problem, Residual, Solver, solve


@pytest.mark.parametrize("solver", [LevenbergMarquardt(), FirstOrder(0.1)], ids=["second order", "first order"])
def test_frames_are_the_points_of_the_history(solver: Solver) -> None:
    problem = Problem({"x": torch.tensor([0.9])}, [Residual("root", lambda u: u["x"] ** 2 - 0.25)])
    film = FitFilm(every=2)
    watched = film.watch(problem, lambda u: u["x"].expand(4, 6, 3))
    solution = solve(watched, solver, 40, [film])
    assert len(film.frames) == 1 + len(solution.history) // 2
    assert film.frames[0][0, 0, 0].item() == pytest.approx(0.9)
    for frame, step in zip(film.frames[1:], solution.history[1::2], strict=True):
        value = 0.5 * (float(frame[0, 0, 0]) ** 2 - 0.25) ** 2
        assert value == pytest.approx(step.value, rel=1e-4, abs=1e-12)


def test_frames_of_different_size_become_one_film(tmp_path: Path) -> None:
    film = FitFilm()
    for side in (8, 16):
        zero = Problem({"x": torch.zeros(1)}, [Residual("zero", lambda u: u["x"])])
        film.watch(zero, lambda u: u["x"].expand(1, 1, 1))
        film.frames.append(side_by_side(torch.rand(2, side, side, 1), torch.rand(side, side, 1)))
    assert [tuple(frame.shape) for frame in film.frames] == [(1, 1, 1), (8, 16, 3), (16, 32, 3)]
    film.frames = film.frames[1:]
    with Image.open(film.write(tmp_path / "fit.gif")) as picture:
        assert (picture.n_frames, picture.size) == (2, (32, 16))  # type: ignore[attr-defined]
