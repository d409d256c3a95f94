"""The Gauss-Newton model of a problem around a point."""

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

    def free(self, x: Tensor, lower: Tensor, upper: Tensor) -> Tensor:
        """Unknowns (P,) bool that no bound holds back from going downhill."""
        return ~(((x <= lower).cpu() & (self.gradient > 0)) | ((x >= upper).cpu() & (self.gradient < 0)))


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
        r, jacobian = r.detach().reshape(-1), jacobian.detach().double().cpu()
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
    value = float(problem.value(problem.unflatten(x)).detach())
    return NormalEquations(value, gradient, matrix, noise)


def _prior_model(problem: Problem, x: Tensor) -> tuple[Tensor, Tensor]:
    """Gradient and positive semidefinite part of the Hessian of the priors."""

    def energy(point: Tensor) -> Tensor:
        return problem.prior_value(problem.unflatten(point))

    slope, bend = torch.func.grad(energy)(x), torch.func.hessian(energy)(x)
    if not bool(torch.isfinite(bend).all()):
        return slope.double().cpu(), bend.double().cpu()
    eigenvalues, axes = torch.linalg.eigh(0.5 * (bend + bend.T).double().cpu())
    return slope.double().cpu(), (axes * eigenvalues.clamp(min=0)) @ axes.T
