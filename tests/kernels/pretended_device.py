"""A device that pretends to be `cuda:0` and computes on the CPU, to walk the ways of code that CUDA tensors take.

A `Pretended` tensor says that it is on CUDA and holds a CPU tensor. Torch's operations check what a device would: all
tensors of one device, but for scalars and indices. Kernels are launched as on CUDA, whole, but on the CPU.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from typing import Any

import pytest
import torch
import warp as wp
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves, tree_map

from sharpvision.kernels import views

CUDA = torch.device("cuda:0")
_INDEXED = ("aten::index", "aten::index_put", "aten::index_put_", "aten::_index_put_impl_")
_MOVES = ("aten::copy_",)


class Pretended(Tensor):
    """See above; `held` on the CPU."""

    held: Tensor

    @staticmethod
    def __new__(cls, held: Tensor) -> Pretended:
        self = Tensor._make_wrapper_subclass(
            cls, held.size(), strides=held.stride(), storage_offset=held.storage_offset(), dtype=held.dtype,
            requires_grad=held.requires_grad,
        )  # fmt: skip
        self.held = held.detach()
        return self

    @property
    def device(self) -> torch.device:  # type: ignore[override]
        return CUDA

    def data_ptr(self) -> int:
        return self.held.data_ptr()

    def tolist(self) -> Any:
        return self.held.tolist()

    def cpu(self) -> Tensor:  # type: ignore[override]
        return self.held.clone()

    def new_tensor(self, values: Any, **kwargs: Any) -> Tensor:
        return Pretended(self.held.new_tensor(values, **kwargs))

    def __repr__(self) -> str:  # type: ignore[override]
        return f"Pretended({self.held})"

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        tensors = [v for v in tree_leaves((args, kwargs)) if isinstance(v, Tensor)]
        # Indices may be the CPU's. Forward mode makes tensors of zeros by itself, on what it takes for the device.
        bound = tree_leaves((args[0], args[2:], kwargs)) if func._schema.name in _INDEXED else tensors
        mixed = [v for v in bound if isinstance(v, Tensor) and not isinstance(v, Pretended) and v.dim()]
        if any(not v._is_zerotensor() for v in mixed) and func._schema.name not in _MOVES:
            shapes = [(tuple(v.shape), "cuda" if isinstance(v, Pretended) else "cpu") for v in tensors]
            raise RuntimeError(f"Expected all tensors to be on the same device: {func} of {shapes}")
        owner = {id(v.held): v for v in tensors if isinstance(v, Pretended)}

        def opened(v: Any) -> Any:
            return v.held if isinstance(v, Pretended) else torch.device("cpu") if v == CUDA else v

        def closed(v: Any) -> Any:
            return owner.get(id(v)) or Pretended(v) if isinstance(v, Tensor) else v

        args, kwargs = tree_map(opened, (args, kwargs))
        return tree_map(lambda v: owner[id(v)] if id(v) in owner else closed(v), func(*args, **kwargs))


def _maker(make: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """A factory that knows the device."""

    @wraps(make)
    def made(*args: Any, **kwargs: Any) -> Tensor:
        if kwargs.get("device") in (CUDA, "cuda:0"):
            return Pretended(make(*args, **kwargs | {"device": "cpu"}))
        return make(*args, **kwargs)

    return made


def _to(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """`Tensor.to`, which moves."""
    named = [v for v in (*args, *kwargs.values()) if isinstance(v, Tensor | torch.device | str)]
    rest = [v.dtype if isinstance(v, Tensor) else v for v in args if not isinstance(v, torch.device | str)]
    kwargs.pop("device", None)
    there = torch.device(named[0]) if named and isinstance(named[0], str) else named[0] if named else self
    there = there.device if isinstance(there, Tensor) else there
    if there.type != self.device.type:
        self = pretended(self) if there == CUDA else self.held.clone()
    return _TO(self, *rest, **kwargs) if rest or kwargs else self


_TO = Tensor.to
_MAKERS = ("arange", "as_tensor", "empty", "eye", "full", "linspace", "ones", "rand", "randn", "tensor", "zeros")


def pretended(tensor: Tensor) -> Pretended:
    """A copy on the device, a leaf."""
    return Pretended(tensor.detach().clone())


def held(tensor: Tensor) -> Tensor:
    """What is computed with: for comparison."""
    assert isinstance(tensor, Pretended)
    return tensor.held


def moved(module: nn.Module) -> nn.Module:
    """The module, its parameters and buffers on the device."""
    for part in module.modules():
        for name, value in part._parameters.items():
            part._parameters[name] = None if value is None else nn.Parameter(pretended(value), value.requires_grad)
        for name, value in part._buffers.items():
            part._buffers[name] = None if value is None else pretended(value)
    return module


def pretend_device(monkeypatch: pytest.MonkeyPatch) -> None:
    """From here on the device is there."""
    array, launch = views.warp_array, wp.launch

    def array_of(tensor: Tensor, dtype: Any = None) -> wp.array:
        return array(tensor.held if isinstance(tensor, Pretended) else tensor, dtype)

    def launched(kernel: wp.Kernel, *args: Any, device: str, **kwargs: Any) -> Any:
        return launch(kernel, *args, device="cpu" if device == "cuda:0" else device, **kwargs)

    for name, module in list(sys.modules.items()):
        if name.startswith("sharpvision.kernels") and hasattr(module, "warp_array"):
            monkeypatch.setattr(module, "warp_array", array_of)
    monkeypatch.setattr(wp, "launch", launched)
    for name in ("current_stream", "default_stream"):
        monkeypatch.setattr(torch.cuda, name, lambda device: device.index)
    monkeypatch.setattr(Tensor, "to", _to)
    for name in _MAKERS:
        monkeypatch.setattr(torch, name, _maker(getattr(torch, name)))
