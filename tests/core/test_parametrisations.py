"""Unconstrained forms: inverses, ranges, refusals."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.autograd import gradcheck

from sharpvision.core.parametrisations import bounded, positive, shares, unbounded, unpositive, unshares


@given(low=st.floats(-5, 5), width=st.floats(0.1, 50), share=st.floats(0, 1))
def test_bounded_values_come_back(low: float, width: float, share: float) -> None:
    value = torch.tensor([low + share * width], dtype=torch.float64).clamp(low, low + width)
    again = bounded(unbounded(value, low, low + width), low, low + width)
    torch.testing.assert_close(again, value, rtol=0.0, atol=1.1e-6 * width)


@given(value=st.floats(1e-5, 1e6))
def test_positive_values_come_back(value: float) -> None:
    again = positive(unpositive(torch.tensor([value], dtype=torch.float64)))
    assert again.item() == pytest.approx(value, rel=1e-9)


def test_large_values_are_exact_in_float32() -> None:
    focal = torch.tensor([3759.0123, 1e7])
    assert torch.equal(positive(unpositive(focal)), focal)


@given(weights=st.lists(st.floats(0, 1), min_size=1, max_size=7))
def test_shares_come_back(weights: list[float]) -> None:
    value = torch.tensor(weights, dtype=torch.float64)
    value = value / max(1.0, float(value.sum()))
    again = shares(unshares(value))
    torch.testing.assert_close(again, value, rtol=0.0, atol=1e-6 * (len(weights) + 1))
    assert float(again.sum()) <= 1.0


@pytest.mark.parametrize("function", [lambda r: bounded(r, -1.0, 3.0), positive, shares])
def test_any_real_is_allowed_and_gradients_match(function: Callable[[Tensor], Tensor]) -> None:
    raw = torch.tensor([-3.0, 0.0, 2.0], dtype=torch.float64, requires_grad=True)
    assert gradcheck(function, (raw,))
    extreme = torch.tensor([-1e30, -100.0, 100.0, 1e30], requires_grad=True)
    value = function(extreme)
    gradient = torch.autograd.grad(value[:3].sum(), extreme)[0]
    assert bool(value.isfinite().all() & gradient.isfinite().all())


@pytest.mark.parametrize(
    ("function", "value", "message"),
    [
        (lambda v: unbounded(v, 0.0, 1.0), [1.1], r"in \[0, 1\], not 1.1"),
        (lambda v: unbounded(v, 0.0, 1.0), [float("nan")], r"in \[0, 1\]"),
        (unpositive, [-0.1], "finite and >= 0"),
        (unpositive, [float("inf")], "finite and >= 0"),
        (unpositive, [float("nan")], "finite and >= 0"),
        (unshares, [0.7, 0.4], "sum to at most 1"),
        (unshares, [-0.1, 0.4], "must be >= 0"),
        (unshares, [float("nan")], "must be >= 0"),
    ],
)
def test_impossible_values_are_refused(function: Callable[[Tensor], Tensor], value: list[float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        function(torch.tensor(value))
