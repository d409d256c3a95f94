"""Torch operations out of a value, its gradient and its tangent, for kernels that have first derivatives only.

Gradient and tangent are operations of their own, so that `torch.func`'s `grad`, `jvp`, `jacrev`, `jacfwd` and `vmap` go
through them; a batch of `vmap` is a loop. While it is traced, an operation is one of `torch.library` (`custom_ops`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.compiler import is_compiling

from sharpvision.kernels.custom_ops import differentiable, never_entered
from sharpvision.kernels.positional_function import PositionalFunction

Value = Callable[..., tuple[Tensor, ...]]
"""(setting, *inputs) -> (result, *kept): `kept` holds what the derivatives want to use again."""
Gradient = Callable[..., tuple[Tensor | None, ...]]
"""(setting, wanted, gradient, *inputs, result, *kept) -> gradient to each of the inputs; None where not `wanted`."""
Tangent = Callable[..., Tensor]
"""(setting, tangents, *inputs, result, *kept) -> change of the result; a tangent is None where an input is fixed."""
Shapes = Callable[..., list[tuple[int, ...]]]
"""(setting, *inputs) -> shapes of what `Value` returns, for tracing."""


def first_order(
    name: str, value: Value, gradient: Gradient, tangent: Tangent, shapes: Shapes
) -> Callable[..., Tensor]:
    """The operation (setting, *inputs) -> result, differentiable once in reverse and in forward mode.

    `setting` is what has no derivative: dataclasses and tuples of tensors and numbers, so annotated in `value` (see
    `flattening.Layout`). Inputs reach the three functions contiguous. A second derivative raises `RuntimeError`, a
    batch of settings under `vmap` `ValueError`. Traced it is `torch.ops.sharpvision.<name>`, in reverse mode only.
    """

    class Derivative(PositionalFunction):
        """Both derivatives: `function` of tensors; the indices of those that it returns are found when it runs."""

        @staticmethod
        def forward(function: Callable[..., tuple[Tensor, ...]], *inputs: Tensor) -> tuple[Tensor, ...]:
            return function(*(v.contiguous() for v in inputs))

        @staticmethod
        def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
            pass

        @staticmethod
        def backward(ctx: Any, *gradients: Tensor) -> None:
            raise RuntimeError(f"{name} has first derivatives only")

        @staticmethod
        def vmap(info: Any, in_dims: tuple[Any, ...], *inputs: Any) -> tuple[tuple[Tensor, ...], Any]:
            return _one_by_one(Derivative, info.batch_size, in_dims, inputs)

    class Result(PositionalFunction):
        """The value."""

        @staticmethod
        def forward(setting: Any, *inputs: Tensor) -> tuple[Tensor, ...]:
            return value(bare(setting), *(v.contiguous() for v in inputs))

        @staticmethod
        def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
            ctx.setting, ctx.count = inputs[0], len(inputs) - 1
            ctx.mark_non_differentiable(*output[1:])
            ctx.save_for_backward(*inputs[1:], *output)
            ctx.save_for_forward(*inputs[1:], *output)

        @staticmethod
        def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
            setting, wanted = ctx.setting, ctx.needs_input_grad[1:]

            def found(*inputs: Tensor) -> tuple[Tensor, ...]:
                each = gradient(bare(setting), wanted, *inputs)
                return tuple(v for v, want in zip(each, wanted, strict=True) if want and v is not None)

            inputs = gradients[0], *ctx.saved_tensors
            if torch.is_grad_enabled() or torch._C._are_functorch_transforms_active():
                parts = iter(Derivative.apply(found, *inputs))
            else:  # nobody derives from the derivative
                parts = iter(found(*(v.contiguous() for v in inputs)))
            return None, *(next(parts) if want else None for want in wanted)

        @staticmethod
        def jvp(ctx: Any, _: None, *tangents: Tensor | None) -> tuple[Tensor | None, ...]:
            setting, moving, kept = ctx.setting, [v is not None for v in tangents], len(ctx.saved_tensors) - ctx.count
            count = sum(moving)

            def change(*inputs: Tensor) -> tuple[Tensor, ...]:
                given = iter(inputs[:count])
                return (tangent(bare(setting), [next(given) if m else None for m in moving], *inputs[count:]),)

            (result,) = Derivative.apply(change, *(v for v in tangents if v is not None), *ctx.saved_tensors)
            return result, *(None for _ in range(kept - 1))

        @staticmethod
        def vmap(info: Any, in_dims: tuple[Any, ...], *inputs: Any) -> tuple[tuple[Tensor, ...], Any]:
            return _one_by_one(Result, info.batch_size, in_dims, inputs)

    Result.__name__ = Result.__qualname__ = name
    Derivative.__name__ = Derivative.__qualname__ = f"{name}_derivative"

    never_entered(Derivative.forward, Derivative.vmap, Result.forward, Result.backward, Result.jvp, Result.vmap)

    def eager(setting: Any, *inputs: Tensor) -> Tensor:
        if not torch._C._are_functorch_transforms_active():
            setting = _Bare(setting)
        result: Tensor = Result.apply(setting, *inputs)[0]
        return result

    traced = differentiable(name, eager, value, gradient, shapes)

    def operation(setting: Any, *inputs: Tensor) -> Tensor:
        return traced(setting, *inputs) if is_compiling() else eager(setting, *inputs)

    return operation


class _Bare:
    """A setting given outside of transformations: nothing in it is wrapped, which takes time to find out."""

    __slots__ = ("setting",)

    def __init__(self, setting: Any) -> None:
        self.setting = setting


def bare(setting: Any) -> Any:
    """The same without the wrappers of `torch.func` around tensors made inside a transformation; itself if none is."""
    if isinstance(setting, _Bare):
        return setting.setting
    if isinstance(setting, Tensor):
        while torch._C._functorch.is_functorch_wrapped_tensor(setting):
            if torch._C._functorch.is_batchedtensor(setting):
                raise ValueError("vmap can't batch faces or points; give it a batch of coordinates or values")
            setting = torch._C._functorch.get_unwrapped(setting)
    elif isinstance(setting, tuple):
        setting = tuple(bare(v) for v in setting)
    elif is_dataclass(setting) and not isinstance(setting, type):
        old = {f.name: getattr(setting, f.name) for f in fields(setting)}
        new = {name: bare(v) for name, v in old.items()}
        if any(new[name] is not v for name, v in old.items()):
            setting = replace(setting, **new)
    return setting


def _one_by_one(
    function: type[Function], size: int, in_dims: tuple[Any, ...], inputs: tuple[Any, ...]
) -> tuple[tuple[Tensor, ...], Any]:
    """A batch as a loop; the first input is no tensor."""
    each = [
        function.apply(
            inputs[0], *(v if d is None else v.select(d, i) for v, d in zip(inputs[1:], in_dims[1:], strict=True))
        )
        for i in range(size)
    ]
    return tuple(torch.stack(v) for v in zip(*each, strict=True)), tuple(0 for _ in each[0])
