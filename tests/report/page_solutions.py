"""A made-up glossy solution for the tests of the report page."""

from __future__ import annotations

from typing import Any

import torch
from synthetic_solution import sphere_solution

from sharpvision.solvers import Solution


def glossy_sphere(size: int = 48, **changes: Any) -> Solution:
    """The sphere with a rough diffuse term and two coloured lobes."""
    solution = sphere_solution(size)
    mask = solution.observations.mask[..., None]
    solution.values["rough_diffuse"] = torch.where(mask, torch.tensor([0.10, 0.08, 0.02]), 0.0)
    weights = torch.tensor([[0.06, 0.05, 0.02], [0.02, 0.03, 0.09]])
    solution.values["lobe_weights"] = torch.where(mask[..., None], weights, 0.0)
    for name, value in changes.items():
        setattr(solution, name, value)
    return solution
