"""The Gauss-Newton model of a problem around a point, and what it says about how well the unknowns are known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from sharpvision.solvers.problem import Problem

Derivative = Literal["auto", "forward", "reverse"]


@dataclass(frozen=True)
class NormalEquations:
    """Value, gradient (P,) and Gauss-Newton matrix (P, P) at a point, in float64; `noise` is the variance per residual.

    `matrix` = J^T diag(w rho'(r) / r) J + H, the majorant of iteratively reweighted least squares, or, from `linearise`
    with `exact`, J^T diag(w rho''(r)) J + H. H is the priors' Hessian without its negative eigenvalues.
    """

    value: float
    gradient: Tensor
    matrix: Tensor
    noise: float

    @property
    def finite(self) -> bool:
        """Whether every number is finite."""
        return bool(torch.isfinite(self.gradient).all() & torch.isfinite(self.matrix).all()) and self.value < torch.inf


def linearise(problem: Problem, x: Tensor, derivative: Derivative = "auto", *, exact: bool = False) -> NormalEquations:
    """The model at the flat point `x` (P,).

    Derivatives are exact, by forward mode where there are fewer unknowns than residuals and by reverse mode elsewhere.
    `noise` = [sum w psi(r)^2 / (M - P)] / [sum w rho''(r) / sum w], psi = rho': Huber's estimate (Robust Statistics,
    1981, section 7.6), the usual reduced sum of squares for least squares; NaN with no more residuals than unknowns.
    """
    count = x.numel()
    gradient, matrix = torch.zeros(count, dtype=torch.float64), torch.zeros(count, count, dtype=torch.float64)
    squares, curvatures, weights, observations = 0.0, 0.0, 0.0, 0
    for block in problem.residuals:

        def residual(point: Tensor, block=block) -> tuple[Tensor, Tensor]:
            r = block.function(problem.unflatten(point))
            return r.reshape(-1), r

        size = block.function(problem.unflatten(x)).numel()
        forward = derivative == "forward" or (derivative == "auto" and count <= size)
        jacobian, r = (torch.func.jacfwd if forward else torch.func.jacrev)(residual, has_aux=True)(x)
        w = torch.as_tensor(block.weight, dtype=r.dtype, device=r.device).expand_as(r).reshape(-1).double().cpu()
        r, jacobian = r.reshape(-1), jacobian.double().cpu()
        psi_over_r, curvature = block.loss.weight(r).double().cpu(), block.loss.curvature(r).double().cpu()
        psi = psi_over_r * r.double().cpu()
        gradient += jacobian.T @ (w * psi)
        matrix += jacobian.T @ ((w * (curvature if exact else psi_over_r)).unsqueeze(1) * jacobian)
        squares, curvatures = squares + float((w * psi * psi).sum()), curvatures + float((w * curvature).sum())
        weights, observations = weights + float(w.sum()), observations + size
    if problem.priors:
        slope, bend = _prior_model(problem, x)
        gradient, matrix = gradient + slope, matrix + bend
    noise = torch.nan
    if observations > count and curvatures > 0:
        noise = squares / (observations - count) / (curvatures / weights)
    return NormalEquations(float(problem.value(problem.unflatten(x))), gradient, matrix, noise)


def _prior_model(problem: Problem, x: Tensor) -> tuple[Tensor, Tensor]:
    """Gradient and positive semidefinite part of the Hessian of the priors."""

    def energy(point: Tensor) -> Tensor:
        return problem.prior_value(problem.unflatten(point))

    slope, bend = torch.func.grad(energy)(x), torch.func.hessian(energy)(x)
    if not bool(torch.isfinite(bend).all()):
        return slope.double().cpu(), bend.double().cpu()
    eigenvalues, axes = torch.linalg.eigh(0.5 * (bend + bend.T).double().cpu())
    return slope.double().cpu(), (axes * eigenvalues.clamp(min=0)) @ axes.T


def null_directions(matrix: Tensor, epsilon: float) -> Tensor:
    """Directions (K, P) along which the model does not change: the null space of a Gauss-Newton matrix (P, P).

    Found on the matrix scaled to a unit diagonal, so that the units of the unknowns play no part; an eigenvalue counts
    as zero below P epsilon of the largest. Each direction is scaled to a largest entry of 1. An unknown that nothing
    depends on is a direction of its own.

    >>> null_directions(torch.tensor([[1.0, -1.0], [-1.0, 1.0]]), 1e-12).round(decimals=6).abs().tolist()
    [[1.0, 1.0]]
    """
    diagonal = matrix.diagonal()
    scale = torch.where(diagonal > 0, diagonal, 1.0).rsqrt()
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


def standard_deviations(problem: Problem, x: Tensor, free: Tensor, epsilon: float, derivative: Derivative) -> Tensor:
    """Standard deviation (P,) of each unknown at a solution: the root of the diagonal of noise * matrix^-1.

    The matrix is the exact one where it is positive definite, else the majorant. NaN for an unknown that a bound holds
    (`free` false) and for all where the noise cannot be estimated; infinite along null directions.
    """
    std = torch.full((x.numel(),), torch.nan, dtype=torch.float64)
    model = linearise(problem, x, derivative, exact=True)
    matrix = model.matrix[free][:, free]
    if torch.linalg.cholesky_ex(matrix).info != 0:
        matrix = linearise(problem, x, derivative).matrix[free][:, free]
    directions = null_directions(matrix, epsilon)
    scale = torch.where(matrix.diagonal() > 0, matrix.diagonal(), 1.0).rsqrt()
    inverse = torch.linalg.pinv(scale.unsqueeze(1) * matrix * scale, rtol=len(matrix) * epsilon, hermitian=True)
    known = (model.noise * inverse.diagonal().clamp(min=0)).sqrt() * scale
    std[free] = torch.where((directions.abs() > 1e-6).any(0), torch.inf, known)
    return std
