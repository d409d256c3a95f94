"""A scene as a function of some of its parameters, for solvers and for somebody's own model."""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch
from torch import Tensor, nn
from torch._C._functorch import is_batchedtensor

from sharpvision.cameras import View
from sharpvision.core.errors import InputError
from sharpvision.kernels.custom_ops import forward_mode, never_traced
from sharpvision.rendering.buffers import BufferName, Buffers
from sharpvision.rendering.render import render
from sharpvision.rendering.scene import Scene
from sharpvision.rendering.settings import RenderSettings

_NUMBERS = itertools.count()
_RENDERERS: weakref.WeakValueDictionary[int, Renderer] = weakref.WeakValueDictionary()


class Renderer(nn.Module):
    """Images of `scene` from `view` with the parameters given in place of the scene's or the view's own.

    `renderer({"shapes.bunny.pose.rotation": r})` is the tuple of the buffers named in `settings.buffers`, floating ones
    only, differentiable in every tensor given and in all parameters of scene and view. Names are those of
    `scene.named_parameters()`, `shapes.` or `lights.` may be left out, and, after `view.`, of
    `view.named_parameters()`; an unknown name raises `InputError`. Under `torch.compile` it is one opaque operation
    (`fullgraph=True` works; the backward pass renders again), without tangents: forward mode breaks the graph.
    `torch.func.vmap` renders one element after the other, `jvp` and `jacfwd` go through the kernels' tangents.

    >>> from sharpvision.rendering import example_scene
    >>> renderer = Renderer(*example_scene(size=(16, 16)), RenderSettings(buffers=("image",)))
    >>> turned = torch.tensor([0.0, 0.5, 0.0], requires_grad=True)
    >>> (image,) = renderer({"ball.pose.rotation": turned})
    >>> image.shape, torch.autograd.grad(image.sum(), turned)[0].shape
    (torch.Size([16, 16, 3]), torch.Size([3]))
    """

    def __init__(self, scene: Scene, view: View, settings: RenderSettings | None = None) -> None:
        super().__init__()
        self.scene, self.view = scene, view
        self.settings = RenderSettings(buffers=("image",)) if settings is None else settings
        self.number, self.views = next(_NUMBERS), view.batch_shape
        _RENDERERS[self.number] = self

    def full_name(self, name: str) -> str:
        """The name under `named_parameters` of this module that `name` abbreviates."""
        there = dict(self.named_parameters())
        tries = (name, f"scene.{name}", f"scene.shapes.{name}", f"scene.lights.{name}")
        full = next((t for t in tries if t in there), None)
        if full is None:
            known = sorted(n.removeprefix("scene.") for n in there)
            raise InputError("renderer", f"one of {', '.join(known)}", repr(name), "use one of these names")
        return full

    def buffers_with(self, parameters: Mapping[str, Tensor]) -> Buffers:
        """All buffers, with some parameters replaced."""
        replaced = {}
        for name, value in parameters.items():
            full = self.full_name(name)
            replaced[full] = value.to(self.get_parameter(full).dtype)  # what autocast made half as long
        found: Buffers = torch.func.functional_call(_Call(self), {f"renderer.{n}": v for n, v in replaced.items()}, ())
        return found

    def forward(self, parameters: Mapping[str, Tensor] | None = None) -> tuple[Tensor, ...]:
        """The floating buffers, in the order of `BufferName`."""
        parameters = {} if parameters is None else parameters
        if not torch.compiler.is_compiling() and not any(is_batchedtensor(v) for v in parameters.values()):
            return _rendered(self, parameters)
        if forward_mode():
            return _aside(self, parameters)
        own: dict[str, Tensor] = dict(self.named_parameters())
        for name, value in parameters.items():
            full = self.full_name(name)
            own[full] = value.to(own[full].dtype)
        return tuple(_render_operation(self.number, list(own.values())))


class _Call(nn.Module):
    """Gives `functional_call` something to call that is not the renderer's own `forward`."""

    def __init__(self, renderer: Renderer) -> None:
        super().__init__()
        self.renderer = renderer

    def forward(self) -> Buffers:
        return render(self.renderer.scene, self.renderer.view, self.renderer.settings)


def _names(renderer: Renderer) -> list[str]:
    """Names of all parameters, in the order in which they are handed to the operation."""
    return [name for name, _ in renderer.named_parameters()]


def _floating(buffers: Buffers) -> tuple[Tensor, ...]:
    return tuple(value for _, value in buffers.items() if value.is_floating_point())


def _rendered(renderer: Renderer, parameters: Mapping[str, Tensor]) -> tuple[Tensor, ...]:
    return _floating(renderer.buffers_with(parameters))


_aside = never_traced(_rendered)


def _shapes(renderer: Renderer, channels: int) -> list[tuple[int, ...]]:
    """Shapes of the floating buffers, for tracing."""
    inner: dict[BufferName, tuple[int, ...]] = {
        "image": (channels,), "alpha": (), "depth": (), "normal": (3,), "uv": (2,), "albedo": (channels,),
        "shading": (channels,),
    }  # fmt: skip
    size = (*renderer.views, renderer.view.height, renderer.view.width)
    return [(*size, *shape) for name, shape in inner.items() if name in renderer.settings.buffers]


@torch.library.custom_op("sharpvision::render", mutates_args=())
def _render_operation(number: int, values: list[Tensor]) -> list[Tensor]:
    with torch.no_grad():
        renderer = _RENDERERS[number]
        found = renderer.buffers_with(dict(zip(_names(renderer), values, strict=True)))
        return [v.clone() for v in _floating(found)]


@_render_operation.register_fake
def _(number: int, values: list[Tensor]) -> list[Tensor]:
    renderer = _RENDERERS[number]
    like = values[_names(renderer).index("scene.background")]
    return [like.new_empty(shape) for shape in _shapes(renderer, like.shape[-1])]


@torch.library.custom_op("sharpvision::render_backward", mutates_args=())
def _render_gradient(number: int, values: list[Tensor], gradients: list[Tensor]) -> list[Tensor]:
    renderer = _RENDERERS[number]

    def differentiated() -> list[Tensor]:
        leaves = [v.detach().requires_grad_() for v in values]
        outputs = _floating(renderer.buffers_with(dict(zip(_names(renderer), leaves, strict=True))))
        pairs = [(o, g) for o, g in zip(outputs, gradients, strict=True) if o.requires_grad]
        found = torch.autograd.grad(
            [o for o, _ in pairs], leaves, [g for _, g in pairs], allow_unused=True, materialize_grads=True
        )
        return [g.contiguous().clone() for g in found]

    # An operation's body runs below autograd, where nothing is recorded; a thread of its own starts above it.
    with ThreadPoolExecutor(1) as above:
        return above.submit(differentiated).result()


@_render_gradient.register_fake
def _(number: int, values: list[Tensor], gradients: list[Tensor]) -> list[Tensor]:
    return [torch.empty_like(v) for v in values]


def _keep(ctx: Any, inputs: tuple[int, list[Tensor]], output: list[Tensor]) -> None:
    ctx.number, values = inputs
    ctx.save_for_backward(*values)


def _backward(ctx: Any, gradients: list[Tensor]) -> tuple[None, list[Tensor]]:
    return None, _render_gradient(ctx.number, list(ctx.saved_tensors), [g.contiguous() for g in gradients])


_render_operation.register_autograd(_backward, setup_context=_keep)


@_render_operation.register_vmap
def _(info: Any, in_dims: tuple[Any, ...], number: int, values: list[Tensor]) -> tuple[list[Tensor], list[int]]:
    """One element after the other: their samples differ in number."""
    each = [_render_operation(number, _picked(values, in_dims[1], i)) for i in range(info.batch_size)]
    return [torch.stack(v) for v in zip(*each, strict=True)], [0 for _ in each[0]]


@_render_gradient.register_vmap
def _(
    info: Any, in_dims: tuple[Any, ...], number: int, values: list[Tensor], gradients: list[Tensor]
) -> tuple[list[Tensor], list[int]]:
    each = [
        _render_gradient(number, _picked(values, in_dims[1], i), _picked(gradients, in_dims[2], i))
        for i in range(info.batch_size)
    ]
    return [torch.stack(v) for v in zip(*each, strict=True)], [0 for _ in each[0]]


def _picked(values: list[Tensor], in_dims: Any, i: int) -> list[Tensor]:
    """The i-th of a batch."""
    dims = in_dims if isinstance(in_dims, list | tuple) else [in_dims] * len(values)
    return [v if d is None else v.select(d, i).contiguous() for v, d in zip(values, dims, strict=True)]
