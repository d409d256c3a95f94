"""Large steps: gradient descent on vertices whose steps are smoothed over the mesh, so that they may be large."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import scipy.sparse
import torch
from scipy.sparse.linalg import splu
from torch import Tensor

from sharpvision.core.errors import InputError
from sharpvision.solvers.first_order import Adam, step_size_of_each
from sharpvision.solvers.gradient_descent import GradientDescent, Rule, Stopping
from sharpvision.solvers.problem import Problem
from sharpvision.solvers.solution import Solution
from sharpvision.solvers.solve import SOLVERS, Callback


class Smoothed:
    """direction = A^-1 AdamUniform(A^-1 g), A = I + smoothing L: descent in u = A x, whose metric prefers smooth moves.

    `laplacian` L (N, N) is symmetric and positive semidefinite, the unknown x (N, C). A is factorised once, in float64
    (SuperLU with a symmetric ordering).

    >>> chain = scipy.sparse.csr_matrix(np.array([[1.0, -1.0], [-1.0, 1.0]]))
    >>> Smoothed(chain, smoothing=1.0, betas=(0.9, 0.999)).direction(torch.tensor([[3.0], [0.0]])).round(decimals=3)
    tensor([[0.8330],
            [0.6670]])
    """

    def __init__(self, laplacian: scipy.sparse.spmatrix, smoothing: float, betas: tuple[float, float]) -> None:
        matrix = scipy.sparse.identity(laplacian.shape[0], format="csc") + smoothing * laplacian.tocsc()
        options = {"SymmetricMode": True}
        self.factor = splu(matrix.tocsc(), permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options=options)
        self.adam = Adam(betas, uniform=True)

    def forget(self) -> None:
        """Start again without memory of earlier gradients."""
        self.adam.forget()

    def direction(self, gradient: Tensor) -> Tensor:
        """See the class."""
        return self._solve(self.adam.direction(self._solve(gradient)))

    def _solve(self, right: Tensor) -> Tensor:
        columns = np.asfortranarray(right.detach().cpu().double().numpy())
        return torch.from_numpy(np.ascontiguousarray(self.factor.solve(columns))).to(right)


@SOLVERS.register("large_steps")
@dataclass(frozen=True)
class LargeSteps:
    """x <- x - step A^-1 AdamUniform(A^-1 dE/dx), A = I + smoothing L, for the unknowns that `laplacians` names.

    L is the graph Laplacian of a mesh (`sv.geometry.graph_laplacian`) or any symmetric positive semidefinite matrix of
    as many rows as the unknown. Unknowns without one move by Adam, each entry by itself. The minimum is that of the
    problem: nothing is added to its value, only its metric changes; so detail that the images ask for is reached, while
    a step never tears the mesh. `smoothing` (lambda) is the reach of a step in squared edges: 19 for silhouettes that
    are far off, less later. Nicolet, Jacobson and Jakob, Large Steps in Inverse Rendering of Geometry, SIGGRAPH Asia
    2021. Raises `InputError` where a Laplacian fits no unknown.
    """

    laplacians: Mapping[str, scipy.sparse.spmatrix] = field(default_factory=dict, metadata={"plain": False})
    step_size: float | Mapping[str, float] = 1e-2
    smoothing: float = 19.0
    betas: tuple[float, float] = (0.9, 0.999)
    stopping: Stopping = field(default_factory=Stopping)

    def run(self, problem: Problem, max_steps: int, callbacks: Sequence[Callback]) -> Solution:
        """See `sharpvision.solvers.solve`."""
        sizes = step_size_of_each(self.step_size, problem)
        for name, laplacian in self.laplacians.items():
            rows = problem.unknowns[name].shape[:1] if name in problem.unknowns else None
            if rows is None or tuple(laplacian.shape) != (*rows, *rows):
                expected = "a square matrix of as many rows as an unknown of this name"
                raise InputError(f"laplacian of {name!r}", expected, f"{laplacian.shape} for {rows}", "build it anew")
        rules: dict[str, Rule] = {name: Adam(self.betas) for name in problem.unknowns}
        rules |= {name: Smoothed(L, self.smoothing, self.betas) for name, L in self.laplacians.items()}
        return GradientDescent(problem, rules, sizes, self.stopping, callbacks).run("large_steps", max_steps)
