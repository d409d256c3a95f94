"""How well the data determine the unknowns at a solution: null directions and standard deviations."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sharpvision.solvers.normal_equations import Derivative, linearise
from sharpvision.solvers.problem import Problem


@dataclass(frozen=True)
class Posedness:
    """`undetermined` names the null directions ('' where there are none); `std` is in the shape of the unknowns."""

    undetermined: str
    std: dict[str, Tensor]


def judge(problem: Problem, x: Tensor, rank_tolerance: float = 1e-13, derivative: Derivative = "auto") -> Posedness:
    """Look at the Gauss-Newton matrix of the unknowns that no bound holds, at the flat solution `x` (P,).

    The standard deviation of an unknown is the root of the diagonal of noise * matrix^-1, with the exact matrix (of
    `linearise`) where it is positive definite, else its majorant. It is infinite for an unknown that a null direction
    moves, NaN for one that a bound holds, and NaN for all with no more residuals than unknowns.

    >>> from sharpvision.solvers import Problem, Residual
    >>> t = torch.arange(4.0, dtype=torch.float64)
    >>> both = {"a": torch.tensor(0.5, dtype=torch.float64), "b": torch.tensor(0.5, dtype=torch.float64)}
    >>> doubled = Problem(both, [Residual("line", lambda u: (u["a"] + u["b"]) * t - t)])
    >>> judge(doubled, doubled.flatten(doubled.unknowns)).undetermined.replace("-", "+")
    'a + b'
    """
    epsilon = max(rank_tolerance, torch.finfo(x.dtype).eps ** 2)
    model, exact = linearise(problem, x, derivative), linearise(problem, x, derivative, exact=True)
    free = model.free(x, *problem.flat_limits())
    std = torch.full_like(model.gradient, torch.nan)
    if not bool(free.any()):
        return Posedness("", problem.unflatten(std.to(x)))
    matrix = exact.matrix[free][:, free]
    if torch.linalg.cholesky_ex(matrix).info != 0:
        matrix = model.matrix[free][:, free]
    directions = null_directions(model.matrix[free][:, free], epsilon)
    scale = _unit_diagonal(matrix)
    inverse = torch.linalg.pinv(scale.unsqueeze(1) * matrix * scale, rtol=len(matrix) * epsilon, hermitian=True)
    known = (exact.noise * inverse.diagonal().clamp(min=0)).sqrt() * scale
    std[free] = torch.where((directions.abs() > 1e-6).any(0), torch.inf, known)
    names = [name for name, is_free in zip(problem.coordinate_names(), free.tolist(), strict=True) if is_free]
    return Posedness(describe(directions, names), problem.unflatten(std.to(x)))


def _unit_diagonal(matrix: Tensor) -> Tensor:
    """Scale (P,) that brings the diagonal of a positive semidefinite matrix to 1 where it is not 0."""
    diagonal = matrix.diagonal()
    return torch.where(diagonal > 0, diagonal, 1.0).rsqrt()


def null_directions(matrix: Tensor, epsilon: float) -> Tensor:
    """Directions (K, P) along which the model does not change: the null space of a Gauss-Newton matrix (P, P).

    Found on the matrix scaled to a unit diagonal, so that the units of the unknowns play no part; an eigenvalue counts
    as zero below P epsilon of the largest. Each direction is scaled to a largest entry of 1. An unknown that nothing
    depends on is a direction of its own.

    >>> null_directions(torch.tensor([[1.0, -1.0], [-1.0, 1.0]]), 1e-12).round(decimals=6).abs().tolist()
    [[1.0, 1.0]]
    """
    scale = _unit_diagonal(matrix)
    scaled = scale.unsqueeze(1) * matrix * scale
    eigenvalues, axes = torch.linalg.eigh(scaled)
    threshold = len(matrix) * epsilon * float(eigenvalues.max())
    null = axes[:, eigenvalues <= max(threshold, 0.0)].T * scale
    return null / null.gather(1, null.abs().argmax(1, keepdim=True))


def describe(directions: Tensor, names: list[str], most: int = 3) -> str:
    """Null directions in words.

    >>> describe(torch.tensor([[1.0, -0.5, 0.0]]), ["a", "b", "c"])
    'a - 0.5 b'
    """
    lines = []
    for direction in directions[:most]:
        terms: list[str] = []
        for index in (direction.abs() > 1e-3).nonzero().flatten()[:5].tolist():
            weight = float(direction[index])
            sign = "" if not terms and weight > 0 else "-" if not terms else " - " if weight < 0 else " + "
            terms.append(f"{sign}{'' if abs(abs(weight) - 1) < 5e-3 else f'{abs(weight):.2g} '}{names[index]}")
        lines.append("".join(terms) + (" + .." if int((direction.abs() > 1e-3).sum()) > 5 else ""))
    return "; ".join(lines) + (f"; and {len(directions) - most} more" if len(directions) > most else "")
