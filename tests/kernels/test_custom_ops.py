"""Every operation of kernels while it is traced: registered as torch wants it, and the same as eager."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
import torch
from surface_points import random_surface
from torch import Tensor

from sharpvision.kernels.interpolate import interpolate


@dataclass
class Case:
    """A call of a public function: what it computes of some tensors, the tensors, those with a derivative first."""

    function: Callable[..., Tensor]
    inputs: tuple[Tensor, ...]


def interpolation() -> Case:
    points, projected, batch = random_surface(torch.float32)
    return Case(lambda p, a: interpolate(points, p, batch, a, batch.faces), (projected, torch.randn(12, 5)))


CASES = {"interpolate": interpolation}


@pytest.mark.parametrize("name", CASES)
def test_compiled_as_a_whole_is_eager(name: str) -> None:
    case = CASES[name]()
    inputs = [v.clone().requires_grad_() for v in case.inputs]

    def loss(*values: Tensor) -> Tensor:
        return case.function(*(1.5 * v for v in values)).sin().square().sum()

    compiled = torch.compile(loss, fullgraph=True, backend="aot_eager")
    mine, expected = compiled(*inputs), loss(*inputs)
    torch.testing.assert_close(mine, expected)
    for ours, theirs in zip(torch.autograd.grad(mine, inputs), torch.autograd.grad(expected, inputs), strict=True):
        torch.testing.assert_close(ours, theirs)
