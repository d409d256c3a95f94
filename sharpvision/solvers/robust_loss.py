"""Robust losses: how much a residual counts, from least squares to redescending."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from sharpvision.core.errors import InputError
from sharpvision.core.registry import Registry


@runtime_checkable
class RobustLoss(Protocol):
    """An even function rho of a residual with rho(0) = 0, non-decreasing in |r|.

    `value` is rho, `weight` is rho'(r) / r with its limit at zero (the weight of iteratively reweighted least squares),
    `curvature` is rho''(r). All take and return tensors of one shape; they are smooth enough to differentiate at zero.
    """

    def value(self, r: Tensor) -> Tensor: ...

    def weight(self, r: Tensor) -> Tensor: ...

    def curvature(self, r: Tensor) -> Tensor: ...


LOSSES: Registry[type] = Registry("robust loss")


@LOSSES.register("least_squares")
@dataclass(frozen=True)
class LeastSquares:
    """rho(r) = r^2 / 2.

    >>> LeastSquares().value(torch.tensor([3.0])).item()
    4.5
    """

    def value(self, r: Tensor) -> Tensor:
        """rho."""
        return 0.5 * r * r

    def weight(self, r: Tensor) -> Tensor:
        """rho' / r."""
        return torch.ones_like(r)

    def curvature(self, r: Tensor) -> Tensor:
        """rho''."""
        return torch.ones_like(r)


@dataclass(frozen=True)
class _Scaled:
    """A loss that is r^2 / 2 for |r| << scale; `scale` > 0 in the unit of the residual."""

    scale: float = 1.0

    def __post_init__(self) -> None:
        if not self.scale > 0:
            fix = "give the scale in the residual's unit"
            raise InputError(type(self).__name__, "a scale above zero", str(self.scale), fix)

    def _u(self, r: Tensor) -> Tensor:
        return (r / self.scale) ** 2


@LOSSES.register("pseudo_huber")
@dataclass(frozen=True)
class PseudoHuber(_Scaled):
    """rho(r) = c^2 (sqrt(1 + (r/c)^2) - 1): r^2 / 2 near zero, c |r| - c^2 far out; a smooth L1 as c goes to zero.

    Charbonnier et al., Two deterministic half-quadratic regularization algorithms, ICIP 1994 (SciPy's `soft_l1`).

    >>> round(PseudoHuber(1e-6).value(torch.tensor([2.0], dtype=torch.float64)).item() / 1e-6, 4)
    2.0
    """

    def value(self, r: Tensor) -> Tensor:
        """rho, in the form u / (sqrt(1 + u) + 1) that keeps its digits near zero."""
        u = self._u(r)
        return self.scale**2 * u / (torch.sqrt(1 + u) + 1)

    def weight(self, r: Tensor) -> Tensor:
        """rho' / r."""
        return torch.rsqrt(1 + self._u(r))

    def curvature(self, r: Tensor) -> Tensor:
        """rho''."""
        return (1 + self._u(r)) ** -1.5


@LOSSES.register("huber")
@dataclass(frozen=True)
class Huber(_Scaled):
    """rho(r) = r^2 / 2 where |r| <= c, c |r| - c^2 / 2 elsewhere.

    Huber, Robust estimation of a location parameter, 1964.

    >>> Huber(1.0).value(torch.tensor([0.5, 3.0])).tolist()
    [0.125, 2.5]
    """

    def value(self, r: Tensor) -> Tensor:
        """rho."""
        near = r.abs().clamp(max=self.scale)
        return near * (r.abs() - 0.5 * near)

    def weight(self, r: Tensor) -> Tensor:
        """rho' / r."""
        return self.scale / r.abs().clamp(min=self.scale)

    def curvature(self, r: Tensor) -> Tensor:
        """rho'': 1 inside, 0 outside."""
        return (r.abs() <= self.scale).to(r.dtype)


@LOSSES.register("cauchy")
@dataclass(frozen=True)
class Cauchy(_Scaled):
    """rho(r) = c^2 / 2 log(1 + (r/c)^2): grows as a logarithm, so that an outlier's pull vanishes.

    >>> round(Cauchy(1.0).value(torch.tensor([1.0])).item(), 4)
    0.3466
    """

    def value(self, r: Tensor) -> Tensor:
        """rho."""
        return 0.5 * self.scale**2 * torch.log1p(self._u(r))

    def weight(self, r: Tensor) -> Tensor:
        """rho' / r."""
        return 1 / (1 + self._u(r))

    def curvature(self, r: Tensor) -> Tensor:
        """rho''; negative beyond c."""
        u = self._u(r)
        return (1 - u) / (1 + u) ** 2


@LOSSES.register("geman_mcclure")
@dataclass(frozen=True)
class GemanMcClure(_Scaled):
    """rho(r) = (r^2 / 2) / (1 + (r/c)^2): bounded by c^2 / 2.

    Geman and McClure, Bayesian image analysis, 1985.

    >>> GemanMcClure(1.0).value(torch.tensor([1.0])).item()
    0.25
    """

    def value(self, r: Tensor) -> Tensor:
        """rho."""
        return 0.5 * r * r / (1 + self._u(r))

    def weight(self, r: Tensor) -> Tensor:
        """rho' / r."""
        return (1 + self._u(r)) ** -2

    def curvature(self, r: Tensor) -> Tensor:
        """rho''; negative beyond c / sqrt(3)."""
        u = self._u(r)
        return (1 - 3 * u) / (1 + u) ** 3


@LOSSES.register("student_t")
@dataclass(frozen=True)
class StudentT(_Scaled):
    """rho(r) = (nu + 1) / 2 log(1 + r^2 / (nu s^2)): minus the log likelihood of Student's t, less its constant.

    Unlike the others it is a likelihood: its curvature at zero is (nu + 1) / (nu s^2), not 1.
    Lange, Little and Taylor, Robust statistical modeling using the t distribution, JASA 1989.

    >>> round(StudentT(1.0, degrees=1.0).value(torch.tensor([1.0])).item(), 4)
    0.6931
    """

    degrees: float = 4.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.degrees > 0:
            raise InputError("StudentT", "degrees of freedom above zero", str(self.degrees), "take 4 where in doubt")

    def _steepness(self) -> float:
        return (self.degrees + 1) / (self.degrees * self.scale**2)

    def value(self, r: Tensor) -> Tensor:
        """rho."""
        return 0.5 * (self.degrees + 1) * torch.log1p(self._u(r) / self.degrees)

    def weight(self, r: Tensor) -> Tensor:
        """rho' / r."""
        return self._steepness() / (1 + self._u(r) / self.degrees)

    def curvature(self, r: Tensor) -> Tensor:
        """rho''; negative beyond s sqrt(nu)."""
        u = self._u(r) / self.degrees
        return self._steepness() * (1 - u) / (1 + u) ** 2
