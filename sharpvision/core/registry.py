"""A named collection of implementations of one kind: materials, lights, cameras, solvers, suites."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from sharpvision.core.errors import InputError

T = TypeVar("T")


class Registry(Generic[T]):
    """Maps a name to an implementation; an unknown name says which names there are.

    >>> shapes = Registry[type]("shape")
    >>> @shapes.register("ball")
    ... class Ball: pass
    >>> shapes["ball"] is Ball, list(shapes)
    (True, ['ball'])
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._entries: dict[str, T] = {}

    def register(self, name: str) -> Callable[[T], T]:
        """Decorator that files an implementation under `name`; a name is given once."""

        def file(entry: T) -> T:
            if name in self._entries:
                raise ValueError(f"{self.kind} {name!r} is registered twice")
            self._entries[name] = entry
            return entry

        return file

    def __getitem__(self, name: str) -> T:
        if name not in self._entries:
            expected = f"one of {', '.join(sorted(self._entries))}"
            raise InputError(f"{self.kind} {name!r}", expected, repr(name), "use one of these")
        return self._entries[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def items(self) -> list[tuple[str, T]]:
        """Names and entries in the order of registration."""
        return list(self._entries.items())
