"""Tensors as arguments of kernels: arrays and structs as the bytes that machine code takes.

Warp's own arrays and structs cost ten microseconds each to make, and a render takes two hundred. What a CPU kernel is
handed is a C struct, of which all but the address follows from shape and type: it is looked up once for each, from an
array or struct of Warp's own.
"""

from __future__ import annotations

import ctypes
from functools import cache
from struct import Struct
from struct import error as StructError
from typing import Any

import torch
import warp as wp
from torch import Tensor

SCALARS = {torch.float32: wp.float32, torch.float64: wp.float64, torch.int32: wp.int32, torch.uint8: wp.uint8}
LETTERS = {
    ctypes.c_int8: "b", ctypes.c_uint8: "B", ctypes.c_int16: "h", ctypes.c_uint16: "H", ctypes.c_int32: "i",
    ctypes.c_uint32: "I", ctypes.c_int64: "q", ctypes.c_uint64: "Q", ctypes.c_float: "f", ctypes.c_double: "d",
}  # fmt: skip
_ADDRESS = Struct("=Q").pack
KEPT_FORMS = 4096
_forms: dict[tuple[torch.Size, Any], bytes] = {}


class ArrayView:
    """A tensor's memory as a kernel sees it: `packed`, the C struct's bytes. Keeps the tensor alive."""

    __slots__ = ("dtype", "packed", "tensor")

    def __init__(self, tensor: Tensor, dtype: Any, packed: bytes) -> None:
        self.tensor, self.dtype, self.packed = tensor, dtype, packed

    @property
    def array(self) -> wp.array:
        """The same as an array of Warp's own."""
        return warp_array(self.tensor, self.dtype)


class StructView:
    """A struct of numbers and arrays: `packed`, its bytes. Keeps the arrays' tensors alive."""

    __slots__ = ("kind", "packed", "values")

    def __init__(self, kind: Any, values: list[Any], packed: bytes) -> None:
        self.kind, self.values, self.packed = kind, values, packed

    @property
    def struct(self) -> Any:
        """The same as a struct of Warp's own."""
        return _struct_of(self.kind, self.values)


def warp_array(tensor: Tensor, dtype: Any = None) -> wp.array:
    """An array of Warp's own (no copy) over a contiguous tensor; `dtype` may be a vector or matrix type for the last
    axes. The tensor must outlive it.

    Raises `ValueError` where the tensor is not contiguous: a hidden copy would lose what the kernel writes.

    >>> warp_array(torch.zeros(5, 3), wp.vec3).shape
    (5,)
    """
    if not tensor.is_contiguous():
        raise ValueError("a kernel needs a contiguous tensor")
    dtype = SCALARS[tensor.dtype] if dtype is None else dtype
    shape = tuple(tensor.shape[: tensor.dim() - len(getattr(dtype, "_shape_", ()))])
    device = "cpu" if tensor.device.type == "cpu" else f"cuda:{tensor.device.index or 0}"
    return wp.array(ptr=tensor.data_ptr(), shape=shape, dtype=dtype, device=device, copy=False)


def warp_view(tensor: Tensor, dtype: Any = None) -> ArrayView:
    """The same for `dispatch`, at a tenth of the time; raises as `warp_array`.

    >>> view = warp_view(torch.zeros(5, 3), wp.vec3)
    >>> view.packed == bytes(view.array.__ctype__())
    True
    """
    if not tensor.is_contiguous():
        raise ValueError("a kernel needs a contiguous tensor")
    key = (tensor.shape, tensor.dtype if dtype is None else dtype)
    form = _forms.get(key)
    if form is None:
        if len(_forms) >= KEPT_FORMS:
            _forms.clear()
        form = _forms[key] = bytes(warp_array(tensor, dtype).__ctype__())[8:]
    return ArrayView(tensor, dtype, _ADDRESS(tensor.data_ptr()) + form)


def struct_view(kind: Any, values: list[Any]) -> StructView:
    """A struct of `kind` with `values` for its fields in order: numbers, or tensors, seen as the field's type; None for
    an array that the kernel won't touch.

    Raises `TypeError` where this version of Warp lays out structs in another way, or a field's type is not packed here.
    """
    dtypes, pack = _layout(kind)
    values = [v if d is None or v is None else warp_view(v, d) for v, d in zip(values, dtypes, strict=True)]
    return StructView(kind, values, pack(*_contents(values)))


def _contents(values: list[Any]) -> list[Any]:
    return [v.packed if type(v) is ArrayView else b"" if v is None else v for v in values]  # bytes are filled with 0


@cache
def _layout(kind: Any) -> tuple[list[Any], Any]:
    """Types of the arrays among the fields, None for a number; and what packs the fields."""
    dtypes = [getattr(variable.type, "dtype", None) for variable in kind.vars.values()]
    parts, at = ["="], 0
    for name, declared in kind.ctype._fields_:
        place = getattr(kind.ctype, name)
        parts.append(f"{place.offset - at}x{LETTERS.get(declared, f'{place.size}s')}")
        at = place.offset + place.size
    pack = Struct("".join(parts) + f"{ctypes.sizeof(kind.ctype) - at}x").pack
    sample = [_sample(variable.type, 7 + i) for i, variable in enumerate(kind.vars.values())]
    try:
        same = pack(*_contents(sample)) == bytes(_struct_of(kind, sample).__ctype__())
    except StructError:
        same = False
    if not same:
        raise TypeError(f"{kind.key}: fields of a kind that is not packed here (Warp {wp.__version__})")
    return dtypes, pack


def _sample(declared: Any, number: int) -> Any:
    """A value for a field of a type: an array of zeros, or the number."""
    dtype = getattr(declared, "dtype", None)
    if dtype is None:
        return number
    scalar = getattr(dtype, "_wp_scalar_type_", dtype)
    scalar = {int: wp.int32, float: wp.float32}.get(scalar, scalar)
    kind = next(t for t, s in SCALARS.items() if s is scalar)
    return warp_view(torch.zeros(*[2] * declared.ndim, *getattr(dtype, "_shape_", ()), dtype=kind), dtype)


def _struct_of(kind: Any, values: list[Any]) -> Any:
    made = kind()
    for name, value in zip(kind.vars, values, strict=True):
        if value is None:
            continue
        setattr(made, name, value.array if isinstance(value, ArrayView) else value)
    return made
