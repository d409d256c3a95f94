"""Registries and errors say what a user needs."""

from __future__ import annotations

import pytest

from sharpvision.core.errors import BackendUnavailable, InputError, SharpVisionError
from sharpvision.core.registry import Registry


def test_entries_in_order_of_registration() -> None:
    shapes = Registry[type]("shape")
    shapes.register("tube")(int)
    shapes.register("ball")(str)
    assert list(shapes) == ["tube", "ball"]
    assert shapes.items() == [("tube", int), ("ball", str)]
    assert len(shapes) == 2


def test_unknown_name_lists_the_known_ones() -> None:
    shapes = Registry[type]("shape")
    shapes.register("tube")(int)
    shapes.register("ball")(str)
    with pytest.raises(InputError) as caught:
        shapes["cube"]
    assert str(caught.value) == "shape 'cube': expected one of ball, tube, found 'cube'; use one of these"


def test_a_name_is_given_once() -> None:
    shapes = Registry[type]("shape")
    shapes.register("ball")(str)
    with pytest.raises(ValueError, match="shape 'ball' is registered twice"):
        shapes.register("ball")(int)


def test_a_missing_extra_says_what_to_run() -> None:
    error = BackendUnavailable("raw", "RAW photographs")
    assert isinstance(error, SharpVisionError)
    assert str(error).endswith("run: pip install 'sharpvision[raw]'")
