"""Counts what a photometric solution costs besides time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sharpvision.bench.suite import Ledger

if TYPE_CHECKING:
    from torch import Tensor

    from sharpvision.solvers.solution import Solution

DERIVED = ("depth", "predicted", "predicted_lights", "predicted_physics")


def ledger_of(solution: Solution, mask: Tensor) -> Ledger:
    """What the method learned and what it has to keep: maps count inside the mask only, and what follows from other
    values (`DERIVED`) does not count. No method here is trained on images of other objects.

    >>> import torch
    >>> from sharpvision.solvers.solution import Solution, Status
    >>> mask = torch.tensor([[True, False]])
    >>> ledger_of(Solution("robust", Status.CONVERGED, "", {"normals": torch.zeros(1, 2, 3)}), mask)
    Ledger(learned_parameters=0, stored_numbers=3, training_images=0)
    """
    inside, height_width = int(mask.sum()), tuple(mask.shape)
    stored = 0
    for name, value in solution.values.items():
        if name not in DERIVED:
            is_map = tuple(value.shape[:2]) == height_width
            stored += value.numel() // mask.numel() * inside if is_map else value.numel()
    return Ledger(int(solution.figures.get("learned_parameters", 0)), stored, 0)
