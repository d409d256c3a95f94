"""The arguments of a CPU launch as bytes, packed in a tenth of the time that a launch through Warp takes.

Warp hands a CPU kernel one C struct of all arguments. Where each lies follows from their types, so it is looked up once
for a kernel: `Packed` holds the places, and is made only where the bytes it packs equal those of Warp's own struct.
"""

from __future__ import annotations

import ctypes
from struct import Struct
from struct import error as StructError
from typing import Any

import warp as wp

from sharpvision.kernels.views import LETTERS, ArrayView, StructView

_BOUNDS = Struct("=I4xQQ")
Content = int | float | bytes


class Packed:
    """How one kernel's arguments lie in memory, and where its machine code is.

    `bounds` is Warp's struct of the launch's size, of which `team` changes the counts; `command`, a recorded launch,
    keeps the machine code in memory. Raises `TypeError` where this version of Warp packs in another way, or the kernel
    takes what is not packed here (its `first` not in front, a number type without a letter).

    >>> from sharpvision.kernels.bins import _kernels
    >>> kernel, counts, total = _kernels(wp.float32).offsets, wp.zeros((2, 3), dtype=int), wp.zeros(3, dtype=int)
    >>> command = wp.launch(kernel, dim=3, inputs=[0, counts, total], device="cpu", record_cmd=True)
    >>> packed = Packed(kernel, command, [counts, total])
    >>> len(packed([counts, total])) == packed.size
    True
    """

    def __init__(self, kernel: wp.Kernel, command: wp.Launch, inputs: list[Any]) -> None:
        self.command = command
        try:
            bounds, *params = command.params
            self.address = int(ctypes.cast(command.hooks.forward, ctypes.c_void_p).value or 0)
        except (AttributeError, ctypes.ArgumentError) as error:
            raise TypeError(f"Warp {wp.__version__} records launches in another way") from error
        names = [f"p{i}" for i in range(len(params))]
        fields = [(name, type(value)) for name, value in zip(names, params, strict=True)]
        layout = type("Layout", (ctypes.Structure,), {"_fields_": fields})
        if not self.address or ctypes.sizeof(bounds) != 24 or type(params[0]) is not ctypes.c_int:
            raise TypeError("a kernel without code, or of more than one dimension, or without `first`")
        self.size, self.bounds = ctypes.sizeof(layout), bytes(bounds)
        self._coordinates = _BOUNDS.unpack(self.bounds)[2]
        parts, at = ["="], 0
        for name, value in zip(names, params, strict=True):
            place = getattr(layout, name)
            letter = LETTERS.get(type(value), f"{place.size}s")
            parts.append(f"{place.offset - at}x{letter}")
            at = place.offset + place.size
        self._pack = Struct("".join(parts) + f"{self.size - at}x").pack
        expected = layout()
        for name, value in zip(names, params, strict=True):
            setattr(expected, name, value)
        try:
            same = self(inputs) == bytes(expected)
        except StructError:
            same = False
        if not same:
            raise TypeError(f"{kernel.key}: arguments of a kind that is not packed here")

    def __call__(self, inputs: list[Any]) -> bytes:
        """The struct's bytes for `inputs`, all arguments but `first`, which is 0."""
        return self._pack(0, *[_content(value) for value in inputs])

    def launch(self, arguments: bytes, items: int) -> None:
        """Run the kernel on the calling thread for items 0 to `items` - 1."""
        bounds = _BOUNDS.pack(items, items, self._coordinates)
        self.command.hooks.forward(bounds, arguments)


def _content(value: Any) -> Content:
    """A value as `struct` packs it: numbers as they are, arrays and structs as C has them, vectors as their numbers."""
    kind = type(value)
    if kind is ArrayView or kind is StructView:
        return value.packed  # type: ignore[no-any-return]
    if kind is int or kind is float:
        return value  # type: ignore[no-any-return]
    if hasattr(value, "__ctype__"):  # arrays and structs of Warp's own
        return bytes(value.__ctype__())
    if hasattr(value, "value"):
        return value.value  # type: ignore[no-any-return]
    return bytes(value)
