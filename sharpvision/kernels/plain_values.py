"""The numbers of a tensor, under whatever transform of `torch.func` it travels."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor
from torch._functorch.pyfunctorch import temporarily_clear_interpreter_stack

from sharpvision.kernels.positional_function import PositionalFunction


class _Found:
    """What a list would be, were lists not taken apart by `torch.func`."""

    values: Tensor


class _Reached(PositionalFunction):
    """`forward` is called below all transforms, with a plain tensor: the place to take hold of it."""

    @staticmethod
    def forward(found: _Found, values: Tensor) -> Tensor:
        found.values = values.detach()
        return values.new_zeros(())

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        ctx.mark_non_differentiable(output)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[None, None]:
        return None, None

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> None:
        return None

    @staticmethod
    def vmap(info: Any, in_dims: tuple[Any, ...], found: _Found, values: Tensor) -> tuple[Tensor, None]:
        raise RuntimeError("what a pixel sees has no batch of its own: map over a `Renderer`, or loop")


def plain_values(values: Tensor) -> Tensor:
    """The tensor without derivative and outside of `grad` and `jvp`, as a kernel needs it that decides what is seen.

    Raises `RuntimeError` under `torch.func.vmap`, where there is no one tensor.

    >>> torch.func.grad(lambda x: x * plain_values(x))(torch.tensor(3.0)).item()
    3.0
    """
    if not torch._C._are_functorch_transforms_active():
        return values.detach().contiguous()
    found = _Found()
    _Reached.apply(found, values)
    return found.values.contiguous()


def outside_transforms() -> AbstractContextManager[Any]:
    """A context for work on plain tensors within `grad` or `jvp`, where even a new tensor would be a wrapped one."""
    return temporarily_clear_interpreter_stack()
