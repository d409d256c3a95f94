"""A problem: named unknowns, residuals with robust losses, priors and bounds."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from sharpvision.core.errors import InputError
from sharpvision.priors.energy import Energy
from sharpvision.solvers.robust_loss import LeastSquares, RobustLoss

Unknowns = Mapping[str, Tensor]


@dataclass(frozen=True)
class Residual:
    """Residuals r(theta) of any shape, that close over their data: sum over i of weight_i rho(r_i).

    `weight` (a number, or a tensor that broadcasts to r) is an inverse variance where r is not yet in units of noise.
    """

    name: str
    function: Callable[[Unknowns], Tensor]
    loss: RobustLoss = field(default_factory=LeastSquares)
    weight: float | Tensor = 1.0


@dataclass(frozen=True)
class Prior:
    """An energy of the unknowns times a weight."""

    name: str
    energy: Energy
    weight: float = 1.0


@dataclass(frozen=True)
class Bounds:
    """lower <= unknown <= upper; numbers, or tensors that broadcast to the unknown."""

    lower: float | Tensor = -torch.inf
    upper: float | Tensor = torch.inf


@dataclass(frozen=True)
class Problem:
    """Minimise over theta: sum_b sum_i w_bi rho_b(r_bi(theta)) + sum_p w_p E_p(theta), lower <= theta <= upper.

    `unknowns` are the starting values by name, floating point tensors of one dtype and device.
    Raises `InputError` where the parts do not fit together or the start lies outside the bounds.

    >>> line = Problem({"slope": torch.tensor(1.0)}, [Residual("fit", lambda u: u["slope"] * torch.arange(3.0) - 2.0)])
    >>> line.value(line.unknowns).item()
    2.5
    """

    unknowns: dict[str, Tensor]
    residuals: Sequence[Residual]
    priors: Sequence[Prior] = ()
    bounds: Mapping[str, Bounds] = field(default_factory=dict)

    def __post_init__(self) -> None:
        kinds = {(u.dtype, u.device) for u in self.unknowns.values()}
        if len(kinds) != 1 or not next(iter(kinds))[0].is_floating_point:
            raise InputError("problem", "floating point unknowns of one dtype and device", str(kinds), "convert them")
        if not (self.residuals or self.priors):
            raise InputError("problem", "at least one residual or prior", "none", "say what to minimise")
        if strangers := set(self.bounds) - set(self.unknowns):
            raise InputError("problem", f"bounds on {sorted(self.unknowns)}", str(sorted(strangers)), "name an unknown")
        for name, u in self.unknowns.items():
            lower, upper = self.limits(name)
            if not bool(((lower <= u) & (u <= upper)).all()):
                raise InputError(f"unknown {name!r}", "a start inside its bounds", "one outside", "move either")

    def limits(self, name: str) -> tuple[Tensor, Tensor]:
        """Lower and upper bound of an unknown, in its shape."""
        u, bounds = self.unknowns[name], self.bounds.get(name, Bounds())
        lower, upper = (torch.as_tensor(b, dtype=u.dtype, device=u.device) for b in (bounds.lower, bounds.upper))
        return lower.expand_as(u), upper.expand_as(u)

    def flat_limits(self) -> tuple[Tensor, Tensor]:
        """Lower and upper bounds of the flat vector, each (P,)."""
        limits = {name: self.limits(name) for name in self.unknowns}
        lower, upper = ({name: pair[side] for name, pair in limits.items()} for side in (0, 1))
        return self.flatten(lower), self.flatten(upper)

    def value(self, unknowns: Unknowns) -> Tensor:
        """The minimised scalar at `unknowns`."""
        terms = [(b.weight * b.loss.value(b.function(unknowns))).sum() for b in self.residuals]
        return torch.stack(terms + [p.weight * p.energy(unknowns) for p in self.priors]).sum()

    def prior_value(self, unknowns: Unknowns) -> Tensor:
        """The priors' part of the minimised scalar; zero, but a function of the unknowns, without priors."""
        start = torch.stack([0.0 * u.sum() for u in unknowns.values()]).sum()
        return start + sum(p.weight * p.energy(unknowns) for p in self.priors)

    def flatten(self, unknowns: Unknowns) -> Tensor:
        """All unknowns as one vector (P,), in the order of `self.unknowns`."""
        return torch.cat([unknowns[name].reshape(-1) for name in self.unknowns])

    def unflatten(self, x: Tensor) -> dict[str, Tensor]:
        """The inverse of `flatten`."""
        parts = torch.split(x, [u.numel() for u in self.unknowns.values()])
        return {name: part.reshape(u.shape) for (name, u), part in zip(self.unknowns.items(), parts, strict=True)}

    def coordinate_names(self) -> list[str]:
        """A name for each entry of the flat vector: `slope`, `centre[0]`, `matrix[1,2]`."""
        names = []
        for name, u in self.unknowns.items():
            for index in itertools.product(*(range(size) for size in u.shape)):
                names.append(f"{name}[{','.join(map(str, index))}]" if index else name)
        return names
