"""Values taken apart and put together again by their annotations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any, Literal

import pytest
import torch
from jaxtyping import Float
from torch import Tensor

from sharpvision.kernels.flattening import Layout


@dataclass(frozen=True, eq=False)
class Sphere:
    centre: Float[Tensor, " 3"]
    radius: float
    side: Literal["inside", "outside"] = "outside"
    kept: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Scene:
    shape: Sphere | Tensor
    count: int
    lit: bool
    make: Callable[[], tuple[Tensor, Tensor]]
    pair: tuple[int, tuple[float, bool]]


def scene(shape: Sphere | Tensor) -> Scene:
    return Scene(shape, 4, True, lambda: (torch.ones(1), torch.zeros(2)), (7, (0.5, False)))


def test_all_parts_come_back() -> None:
    layout = Layout.of(Scene)
    sphere = Sphere(torch.arange(3.0), 2.0, "inside", {"old": 1})
    tensors, integers, reals = layout.take_apart(scene(sphere))
    assert [v.tolist() for v in tensors] == [[0, 1, 2], [1], [0, 0]]
    assert (integers, reals) == ([0, 0, 4, 1, 7, 0], [2.0, 0.5])
    found = layout.put_together((tensors, integers, reals))
    assert found.shape.centre is sphere.centre
    assert (found.shape.radius, found.shape.side, found.shape.kept) == (2.0, "inside", {})
    assert (found.count, found.lit, found.pair) == (4, True, (7, (0.5, False)))
    assert found.lit is True
    assert [v.tolist() for v in found.make()] == [[1], [0, 0]]


def test_one_kind_or_the_other() -> None:
    layout = Layout.of(Scene)
    plane = torch.eye(4)
    flat = layout.take_apart(scene(plane))
    assert flat[1][0] == 1
    assert layout.put_together(flat).shape is plane
    assert [f.name for f in fields(Scene)] == list(layout.names)


@pytest.mark.parametrize("value", [None, torch.ones(2)])
def test_something_or_nothing(value: Tensor | None) -> None:
    layout = Layout.of(tuple[Tensor | None, int])
    flat = layout.take_apart((value, 5))
    assert flat[1] == [int(value is None), 5]
    assert layout.put_together(flat) == (value, 5)


@pytest.mark.parametrize("annotation", [str, list[int], Any, Callable[[int], Tensor]])
def test_what_has_no_parts_is_refused(annotation: Any) -> None:
    with pytest.raises(TypeError, match="expected an annotation that can be flattened"):
        Layout.of(annotation)


def test_parts_too_many_are_refused() -> None:
    with pytest.raises(ValueError, match="found more"):
        Layout.of(tuple[int, int]).put_together(([], [1, 2, 3], []))
