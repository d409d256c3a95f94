"""`antialias`: the image of a plan as a torch operation with reverse- and forward-mode derivatives."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.compiler import is_compiling

from sharpvision.kernels.antialias import (
    assemble_image,
    distribute_gradient,
    piece_jumps,
    plan_tensors,
    push_edges,
    sweep_edges,
)
from sharpvision.kernels.custom_ops import differentiable, never_entered
from sharpvision.kernels.positional_function import PositionalFunction
from sharpvision.kernels.raster_types import Plan

FIRST_ORDER = "antialias has first derivatives only"


def antialias(
    radiance: Float[Tensor, "points c"],
    background: Float[Tensor, "ground c"],
    projected: Float[Tensor, "rows 4"],
    plan: Plan,
) -> Float[Tensor, "views height width c"]:
    """Area-sampled image of radiances at a plan's points: mean of samples + sum of coefficient (inner - outer).

    `background` has one row, one for each pixel of a view, or one for each pixel of all views; linear radiance as
    `radiance`. Derivatives to radiance, background and, by the boundary integral over the plan's pieces, to
    `projected`; see `kernels/antialias.py` for what they leave out. First derivatives only, reverse and forward mode.
    Raises `ValueError` where the background's rows do not fit.

    >>> from sharpvision.kernels.raster_types import Pieces, Points
    >>> none = torch.zeros(0, dtype=torch.int32)
    >>> places = Points(none, none, none, none, none, torch.zeros(0, 2), none, none, torch.zeros(0))
    >>> pieces = Pieces(none, none.view(0, 2), *(torch.zeros(0) for _ in range(4)), none, none)
    >>> first = torch.zeros(1, dtype=torch.int32)
    >>> plan = Plan(places, pieces, torch.full((1, 1, 2), -1, dtype=torch.int32), none.view(0, 1), first)
    >>> antialias(torch.zeros(0, 1), torch.tensor([[0.5]]), torch.zeros(0, 4), plan).tolist()
    [[[[0.5], [0.5]]]]
    """
    _, height, width = plan.sample.shape
    if len(background) not in (1, height * width, plan.sample.numel()):
        allowed = f"1, {height * width} or {plan.sample.numel()}"
        raise ValueError(f"the background must have {allowed} rows, not {len(background)}")
    if is_compiling():
        return _traced(plan_tensors(plan), radiance, background, projected)
    return _eager(plan_tensors(plan), radiance, background, projected)


class _Antialias(PositionalFunction):
    """Inputs: radiance, background, projected, then the plan's tensors."""

    @staticmethod
    def forward(radiance: Tensor, background: Tensor, projected: Tensor, *plan: Tensor) -> Tensor:
        return assemble_image(radiance.contiguous(), background.contiguous(), plan)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)
        ctx.save_for_forward(*inputs)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        wanted = ctx.needs_input_grad[:3]
        found = iter(_AntialiasGradient.apply(wanted, gradient, *ctx.saved_tensors))
        return *(next(found) if need else None for need in wanted), *(None for _ in ctx.needs_input_grad[3:])

    @staticmethod
    def jvp(ctx: Any, *tangents: Tensor | None) -> Tensor:
        d_radiance, d_background, d_projected, *_ = tangents
        radiance, background, projected, *plan = ctx.saved_tensors
        moved = (
            torch.zeros_like(v) if d is None else d
            for v, d in ((radiance, d_radiance), (background, d_background), (projected, d_projected))
        )
        change: Tensor = _AntialiasTangent.apply(radiance, background, projected, *moved, *plan)
        return change

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], *inputs: Tensor) -> tuple[Tensor, int]:
        return _one_by_one(_Antialias, info.batch_size, in_dims, inputs)


class _AntialiasGradient(PositionalFunction):
    """`_Antialias.backward` as an operation of its own, so that `torch.func.grad` and `vmap` can go through it."""

    @staticmethod
    def forward(
        wanted: tuple[bool, bool, bool], gradient: Tensor, radiance: Tensor, background: Tensor, projected: Tensor,
        *plan: Tensor,
    ) -> tuple[Tensor, ...]:  # fmt: skip
        gradient, found = gradient.contiguous(), []
        if wanted[0] or wanted[1]:
            of_radiance, ground = distribute_gradient(gradient, len(radiance), plan, wanted[1])
            if wanted[0]:
                found.append(of_radiance)
            if wanted[1]:
                found.append(ground.view(-1, *background.shape).sum(0))
        if wanted[2]:
            jump = piece_jumps(radiance.contiguous(), background.contiguous(), plan)
            found.append(push_edges(jump, gradient, projected.contiguous(), plan))
        return tuple(found)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> None:
        raise RuntimeError(FIRST_ORDER)

    @staticmethod
    def vmap(info: Any, in_dims: tuple[Any, ...], wanted: Any, *inputs: Tensor) -> tuple[tuple[Tensor, ...], Any]:
        each = [
            _AntialiasGradient.apply(wanted, *_picked(i, in_dims[1:], inputs)) for i in range(info.batch_size)
        ]
        return tuple(torch.stack(v) for v in zip(*each, strict=True)), tuple(0 for _ in each[0])


class _AntialiasTangent(PositionalFunction):
    """The linear map of `_Antialias.jvp`, an operation of its own so that `jacfwd` can map over its directions."""

    @staticmethod
    def forward(
        radiance: Tensor, background: Tensor, projected: Tensor, d_radiance: Tensor, d_background: Tensor,
        d_projected: Tensor, *plan: Tensor,
    ) -> Tensor:  # fmt: skip
        change = assemble_image(d_radiance.contiguous(), d_background.contiguous(), plan)
        jump = piece_jumps(radiance.contiguous(), background.contiguous(), plan)
        return sweep_edges(change, jump, projected.contiguous(), d_projected.contiguous(), plan)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> None:
        raise RuntimeError(FIRST_ORDER)

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], *inputs: Tensor) -> tuple[Tensor, int]:
        return _one_by_one(_AntialiasTangent, info.batch_size, in_dims, inputs)


def _one_by_one(
    function: type[Function], size: int, in_dims: tuple[int | None, ...], inputs: tuple[Tensor, ...]
) -> tuple[Tensor, int]:
    """A batch as a loop: plans differ in size, so nothing can be shared."""
    return torch.stack([function.apply(*_picked(i, in_dims, inputs)) for i in range(size)]), 0


def _picked(i: int, in_dims: tuple[int | None, ...], inputs: tuple[Tensor, ...]) -> list[Tensor]:
    """The i-th of a batch."""
    return [v if d is None else v.select(d, i) for v, d in zip(inputs, in_dims, strict=True)]


never_entered(
    _Antialias.forward, _Antialias.backward, _Antialias.jvp, _Antialias.vmap, _AntialiasGradient.forward,
    _AntialiasGradient.vmap, _AntialiasTangent.forward, _AntialiasTangent.vmap,
)  # fmt: skip

_Setting = tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]
"""Of `plan_tensors`."""


def _value(setting: _Setting, *inputs: Tensor) -> tuple[Tensor, ...]:
    return (_Antialias.forward(*inputs, *setting),)


def _gradient(
    setting: _Setting, wanted: tuple[bool, bool, bool], gradient: Tensor, *inputs: Tensor
) -> tuple[Tensor | None, ...]:
    found = iter(_AntialiasGradient.forward(wanted, gradient, *inputs[:3], *setting))
    return tuple(next(found) if want else None for want in wanted)


def _shapes(setting: _Setting, *inputs: Tensor) -> list[tuple[int, ...]]:
    return [(*setting[0].shape, inputs[0].shape[1])]


def _eager(setting: _Setting, *inputs: Tensor) -> Tensor:
    image: Tensor = _Antialias.apply(*inputs, *setting)
    return image


_traced = differentiable("antialias", _eager, _value, _gradient, _shapes)
