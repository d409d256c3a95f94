"""What a prior is: a scalar energy of the named unknowns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from torch import Tensor

from sharpvision.core.registry import Registry


@runtime_checkable
class Energy(Protocol):
    """A non-negative, differentiable scalar of the unknowns, zero where the prior is met.

    A minus log probability without its constant: added to the misfit of the data with a weight.
    """

    def __call__(self, unknowns: Mapping[str, Tensor], /) -> Tensor: ...


PRIORS: Registry[type] = Registry("prior")
