"""Takes the arguments of kernels apart into tensors and numbers, and puts them together again, by their annotations.

The kernels' functions take dataclasses; an operation that a compiler may put into a graph takes tensors and numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from jaxtyping import AbstractArray
from torch import Tensor

Flat = tuple[list[Tensor], list[int], list[float]]
"""Tensors; integers, truth values and words (as their number among those allowed); reals. Each in order."""
Parts = tuple["Layout", ...]


@dataclass(frozen=True)
class Layout:
    """How the values of one annotation come apart; both ways can be traced.

    An annotation may be a tensor (of jaxtyping too), `None`, `int`, `bool`, `float`, a `Literal` of strings, a tuple of
    annotations, one annotation or the other, a function without arguments that makes a tuple of tensors (called, and
    put together as one that returns them), or a class whose constructor's arguments are annotated so, and attributes of
    its objects. A `dict` holds what is kept with an object, and is left out. `TypeError` for any other.

    >>> layout = Layout.of(tuple[bool, tuple[float, Literal["left", "right"]]])
    >>> layout.take_apart((True, (0.5, "right")))
    ([], [1, 1], [0.5])
    >>> layout.put_together(([], [0, 0], [2.0]))
    (False, (2.0, 'left'))
    """

    annotation: Any
    kind: str
    names: tuple[str, ...] = ()
    parts: Parts = ()

    @classmethod
    def of(cls, annotation: Any) -> Layout:
        """The layout of an annotation."""
        origin, inner = get_origin(annotation), get_args(annotation)
        if origin is Literal:
            return cls(annotation, "word", inner)
        if origin in (Union, UnionType):
            return cls(annotation, "either", (), tuple(cls.of(a) for a in inner))
        if origin is Callable and not inner[0]:
            return cls(annotation, "function", (), (cls.of(inner[1]),))
        if origin is tuple:
            return cls.of_tuple(inner)
        if annotation in (None, type(None)):
            return cls(type(None), "nothing")
        if not isinstance(annotation, type):
            raise TypeError(f"expected an annotation that can be flattened, found {annotation}")
        if issubclass(annotation, Tensor | AbstractArray):
            return cls(Tensor, "tensor")
        if annotation in (int, bool, float):
            return cls(annotation, "real" if annotation is float else "integer")
        hints = get_type_hints(annotation.__init__)
        fields = {n: h for n, h in hints.items() if n != "return" and get_origin(h) is not dict}
        if not fields:
            raise TypeError(f"expected an annotation that can be flattened, found {annotation}")
        return cls(annotation, "object", tuple(fields), tuple(cls.of(h) for h in fields.values()))

    @classmethod
    def of_tuple(cls, annotations: tuple[Any, ...]) -> Layout:
        """The layout of tuples of so many values."""
        return cls(tuple, "tuple", (), tuple(cls.of(a) for a in annotations))

    def take_apart(self, value: Any) -> Flat:
        """The parts of a value."""
        found: Flat = ([], [], [])
        self._collect(value, found)
        return found

    def put_together(self, found: Flat) -> Any:
        """The value of parts; raises `ValueError` where there are more than it has."""
        value, rest = self._made(found)
        if any(len(r) for r in rest):
            raise ValueError(f"expected the parts of {self.annotation}, found more")
        return value

    def _collect(self, value: Any, found: Flat) -> None:
        if self.kind == "tensor":
            found[0].append(value)
        elif self.kind == "integer":
            found[1].append(int(value) if isinstance(value, bool) else value)
        elif self.kind == "word":
            found[1].append(self.names.index(value))
        elif self.kind == "real":
            found[2].append(float(value))
        elif self.kind == "nothing":
            return
        elif self.kind == "function":
            self.parts[0]._collect(value(), found)
        elif self.kind == "tuple":
            for part, inner in zip(self.parts, value, strict=True):
                part._collect(inner, found)
        elif self.kind == "either":
            which = [isinstance(value, part.annotation) for part in self.parts].index(True)
            found[1].append(which)
            self.parts[which]._collect(value, found)
        else:
            for part, name in zip(self.parts, self.names, strict=True):
                part._collect(getattr(value, name), found)

    def _made(self, found: Flat) -> tuple[Any, Flat]:
        """The value of the first parts, and the rest."""
        tensors, integers, reals = found
        if self.kind == "tensor":
            return tensors[0], (tensors[1:], integers, reals)
        if self.kind == "nothing":
            return None, found
        if self.kind == "real":
            return reals[0], (tensors, integers, reals[1:])
        if self.kind in ("integer", "word"):
            first = self.names[integers[0]] if self.names else integers[0]
            return bool(first) if self.annotation is bool else first, (tensors, integers[1:], reals)
        if self.kind == "either":
            return self.parts[integers[0]]._made((tensors, integers[1:], reals))
        values = []
        for part in self.parts:
            value, found = part._made(found)
            values.append(value)
        if self.kind == "function":
            return lambda: values[0], found
        return tuple(values) if self.kind == "tuple" else self.annotation(*values), found
