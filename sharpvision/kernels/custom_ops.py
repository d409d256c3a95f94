"""Operations of kernels as `torch.library` custom operations, for what is traced: `torch.compile`, `torch.export`.

A compiler can't look into a kernel, nor into a `torch.autograd.Function` that launches one, but takes an operation
whose schema, shapes and gradient are registered. Eager code doesn't come here.
An operation takes lists of tensors and numbers: `Layout` flattens what the kernels' functions take. It returns tensors
of its own: those that share memory with another are copied.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from inspect import signature
from typing import Any, ParamSpec, TypeVar, get_type_hints

import torch
from torch import Tensor
from torch._C import _are_functorch_transforms_active
from torch._C._dynamo.eval_frame import _FrameAction, _FrameExecStrategy, set_code_exec_strategy
from torch.autograd import forward_ad
from torch.compiler import is_compiling
from torch.library import custom_op

from sharpvision.kernels.flattening import Layout

P = ParamSpec("P")
R = TypeVar("R")
OPERATIONS: dict[str, Any] = {}
"""All operations by name, `torch.library.CustomOpDef` each; gradients end in `_backward`."""


def traced_query(
    shapes: Callable[..., Any], numbers: Callable[..., list[int]] | None = None, *, name: str | None = None
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Decorates a function of kernels without derivative: while it is traced, it is one operation, `name` or its own.

    Arguments and result are annotated as `Layout` wants it. `shapes` takes the same arguments and returns a result with
    the right shapes and types and any content; sizes that depend on content are
    `torch.library.get_ctx().new_dynamic_size()`. `numbers` takes the arguments and returns the integers in the result.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        hints = get_type_hints(function)
        result = Layout.of(hints.pop("return"))
        arguments = Layout.of_tuple(tuple(hints.values()))
        called: Callable[..., Any] = function
        untraced = never_traced(function)
        defaults = {n: p.default for n, p in signature(function).parameters.items()}
        known = name or function.__name__

        def given(*parts: Any) -> dict[str, Any]:
            return dict(zip(defaults, arguments.put_together(parts), strict=True))

        def run(tensors: list[Tensor], integers: list[int], reals: list[float]) -> list[Tensor]:
            with torch.no_grad():
                found = called(**given(tensors, integers, reals))
                return _own(result.take_apart(found)[0], tensors)

        def fake(tensors: list[Tensor], integers: list[int], reals: list[float]) -> list[Tensor]:
            return result.take_apart(shapes(**given(tensors, integers, reals)))[0]

        operation = OPERATIONS[known] = custom_op(f"sharpvision::{known}", run, mutates_args=())
        operation.register_fake(fake)

        @wraps(function)
        def either(*args: P.args, **kwargs: P.kwargs) -> R:
            if not is_compiling():
                return function(*args, **kwargs)
            if transformed():
                return untraced(*args, **kwargs)
            named = defaults | dict(zip(defaults, args, strict=False)) | kwargs
            tensors, integers, reals = arguments.take_apart(tuple(named.values()))
            fixed = [] if numbers is None else numbers(**named)
            plain = [t.detach() if t.is_floating_point() else t for t in tensors]
            value: R = result.put_together((operation(plain, integers, reals), fixed, []))
            return value

        return either

    return decorate


def differentiable(
    name: str,
    eager: Callable[..., Tensor],
    value: Callable[..., Any],
    gradient: Callable[..., Any],
    shapes: Callable[..., list[tuple[int, ...]]],
) -> Callable[..., Tensor]:
    """The operation (setting, *inputs) -> result with a reverse derivative, to be called while tracing only.

    `eager` is the same where nothing can be traced. `value` and `gradient` as in `first_order`; the first parameter of
    `value` is annotated as `Layout` wants it. `shapes` takes what `value` takes, and returns the shapes of what it
    returns, which has the inputs' type.
    """
    layout, untraced = Layout.of(next(iter(get_type_hints(value).values()))), never_traced(eager)

    def run(inputs: list[Tensor], tensors: list[Tensor], integers: list[int], reals: list[float]) -> list[Tensor]:
        setting = layout.put_together((tensors, integers, reals))
        with torch.no_grad():
            return _own(value(setting, *(v.contiguous() for v in inputs)), [*inputs, *tensors])

    def fake(inputs: list[Tensor], tensors: list[Tensor], integers: list[int], reals: list[float]) -> list[Tensor]:
        setting = layout.put_together((tensors, integers, reals))
        return [inputs[0].new_empty(shape) for shape in shapes(setting, *inputs)]

    def run_backward(
        wanted: list[bool], arriving: Tensor, inputs: list[Tensor], outputs: list[Tensor], tensors: list[Tensor],
        integers: list[int], reals: list[float],
    ) -> list[Tensor]:  # fmt: skip
        setting = layout.put_together((tensors, integers, reals))
        given = (v.contiguous() for v in (arriving, *inputs, *outputs))
        with torch.no_grad():
            found = [v for v, want in zip(gradient(setting, wanted, *given), wanted, strict=True) if want]
        return _own(found, [arriving, *inputs, *outputs, *tensors])

    def fake_backward(
        wanted: list[bool], arriving: Tensor, inputs: list[Tensor], outputs: list[Tensor], tensors: list[Tensor],
        integers: list[int], reals: list[float],
    ) -> list[Tensor]:  # fmt: skip
        return [v.new_empty(v.shape) for v, want in zip(inputs, wanted, strict=True) if want]

    operation = OPERATIONS[name] = custom_op(f"sharpvision::{name}", run, mutates_args=())
    operation.register_fake(fake)
    back = OPERATIONS[f"{name}_backward"] = custom_op(f"sharpvision::{name}_backward", run_backward, mutates_args=())
    back.register_fake(fake_backward)

    def keep(ctx: Any, inputs: tuple[Any, ...], output: list[Tensor]) -> None:
        values, tensors, ctx.integers, ctx.reals = inputs
        ctx.counts = len(values), len(tensors)
        ctx.mark_non_differentiable(*output[1:])
        ctx.save_for_backward(*values, *tensors, *output)

    def backward(ctx: Any, arriving: list[Tensor]) -> tuple[Any, ...]:
        values, tensors = ctx.counts
        saved, wanted = ctx.saved_tensors, list(ctx.needs_input_grad[0])
        split = saved[:values], saved[values + tensors :], saved[values : values + tensors]
        found = iter(back(wanted, arriving[0], *(list(v) for v in split), ctx.integers, ctx.reals))
        # torch tells apart an empty list, which has no gradients, and a list of numbers, which has none.
        return [next(found) if want else None for want in wanted], [None] * tensors, *(
            None if numbers else [] for numbers in (ctx.integers, ctx.reals)
        )

    operation.register_autograd(backward, setup_context=keep)

    def traced(setting: Any, *inputs: Tensor) -> Tensor:
        if transformed():
            return untraced(setting, *inputs)
        result: Tensor = operation(list(inputs), *layout.take_apart(setting))[0]
        return result

    return traced


def transformed() -> bool:
    """Within `torch.func` or forward mode: operations of `torch.library` have no tangent, which torch calls zero."""
    return _are_functorch_transforms_active() or forward_mode()


def forward_mode() -> bool:
    """Within `torch.func.jvp` or a level of `torch.autograd.forward_ad`."""
    return forward_ad._current_level >= 0


def never_traced(function: Callable[P, R]) -> Callable[P, R]:
    """The function as one that breaks a graph: an error under `fullgraph=True`, else eager.

    `torch.compiler.disable` without importing the compiler, which takes as long as the rest of torch.
    """
    aside: Any = torch._disable_dynamo(function)
    aside._torchdynamo_disable = True
    aside._torchdynamo_disable_msg = "torch.func and forward mode do not go through kernels that are traced"
    return aside  # type: ignore[no-any-return]


def never_entered(*functions: Callable[..., Any]) -> None:
    """A compiler that has given up on a caller of these does not look into their frames, nor into what they call."""
    for function in functions:
        set_code_exec_strategy(function.__code__, _FrameExecStrategy(_FrameAction.SKIP, _FrameAction.SKIP))


def _own(found: Any, given: list[Tensor]) -> list[Tensor]:
    """Contiguous tensors that share no memory with the given ones, nor with one another."""
    taken = {v.untyped_storage()._cdata for v in given}
    own = []
    for tensor in found:
        tensor = tensor.contiguous()
        if tensor.untyped_storage()._cdata in taken:
            tensor = tensor.clone()
        taken.add(tensor.untyped_storage()._cdata)
        own.append(tensor)
    return own
