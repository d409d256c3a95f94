"""What every solver returns: a status that can't be overlooked, values, their spread, and how it got there."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from torch import Tensor

from sharpvision.core.errors import SolveFailed


class Status(StrEnum):
    """How a solve ended; `advice` says what to do about it."""

    CONVERGED = "converged"
    STEP_LIMIT = "step_limit"
    DIVERGED = "diverged"
    INTERRUPTED = "interrupted"
    ILL_POSED = "ill_posed"

    @property
    def advice(self) -> str:
        """One sentence on what the status asks of the user."""
        return {
            Status.CONVERGED: "nothing to do",
            Status.STEP_LIMIT: "raise the step limit, or look at the history for a step that stalls",
            Status.DIVERGED: "check the inputs and their units, or start closer",
            Status.INTERRUPTED: "the values are those of the last finished step; run again to go on",
            Status.ILL_POSED: "the data do not determine the unknowns; add images or a prior",
        }[self]


@dataclass(frozen=True)
class Step:
    """One line of a solver's history."""

    value: float
    gradient_norm: float
    step: float
    damping: float
    seconds: float
    stage: str = ""


@dataclass
class Solution:
    """Result of a solve.

    `values` and `std` are tensors by name (the task documents names, shapes, units); `explained` holds the shares of
    the observed energy that physics, the learned residual and neither account for (they sum to 1); `figures` holds
    plain numbers and words that belong into `result.json`; `notes` are sentences a user must read (assumptions made).
    """

    method: str
    status: Status
    message: str
    values: dict[str, Tensor]
    std: dict[str, Tensor] = field(default_factory=dict)
    history: list[Step] = field(default_factory=list)
    explained: dict[str, float] = field(default_factory=dict)
    figures: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0
    observations: Any = None

    def raise_if_failed(self) -> Solution:
        """Return self where the solve converged, raise `SolveFailed` otherwise."""
        if self.status is not Status.CONVERGED:
            raise SolveFailed(self)
        return self
