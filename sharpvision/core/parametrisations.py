"""Physical parameters in an unconstrained form, and back: what a factor stores and what it means.

Each pair maps all reals onto the physical set and inverts that map. Values on the boundary of an open set (albedo 0 or
1, weight 0) have no finite unconstrained form; the inverses move them inside by at most `MARGIN` of the set's width
(`unshares`: `MARGIN` for each share).
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

MARGIN = 1e-6


def bounded(raw: Float[Tensor, "*shape"], low: float, high: float) -> Float[Tensor, "*shape"]:
    """Reals to (low, high): low + (high - low) / (1 + exp(-raw)).

    >>> bounded(torch.tensor([0.0]), 1.0, 3.0).item()
    2.0
    """
    return low + (high - low) * torch.sigmoid(raw)


def unbounded(value: Float[Tensor, "*shape"], low: float, high: float) -> Float[Tensor, "*shape"]:
    """Inverse of `bounded`; raises `ValueError` where a value is outside [low, high] or not a number.

    >>> bounded(unbounded(torch.tensor([1.5]), 1.0, 3.0), 1.0, 3.0).item()
    1.5
    """
    if not bool(((value >= low) & (value <= high)).all()):
        raise ValueError(f"values must be in [{low:g}, {high:g}], not {value.min().item():g} to {value.max().item():g}")
    return torch.logit((value - low) / (high - low), eps=MARGIN)


def positive(raw: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Reals to (0, inf): log(1 + exp(raw)), near the identity for large values.

    >>> round(positive(torch.tensor([0.0])).item(), 4)
    0.6931
    """
    return torch.nn.functional.softplus(raw)


def unpositive(value: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Inverse of `positive`; raises `ValueError` where a value is negative, infinite or not a number.

    >>> round(positive(unpositive(torch.tensor([250.0]))).item(), 4)
    250.0
    """
    if not bool(((value >= 0) & value.isfinite()).all()):
        raise ValueError(f"values must be finite and >= 0, not {value.min().item():g} to {value.max().item():g}")
    value = value.clamp(min=MARGIN)
    return value + torch.log(-torch.expm1(-value))


def shares(raw: Float[Tensor, "*shape k"]) -> Float[Tensor, "*shape k"]:
    """Reals to {w > 0, sum w < 1}: exp(raw_k) / (1 + sum_j exp(raw_j)), a softmax with one silent class fixed at 0.

    >>> shares(torch.zeros(3)).tolist()
    [0.25, 0.25, 0.25]
    """
    return torch.softmax(torch.cat([raw, torch.zeros_like(raw[..., :1])], -1), -1)[..., :-1]


def unshares(value: Float[Tensor, "*shape k"]) -> Float[Tensor, "*shape k"]:
    """Inverse of `shares`; raises `ValueError` where a share is negative or not a number, or a sum exceeds 1.

    >>> shares(unshares(torch.tensor([0.5, 0.25]))).tolist()
    [0.5, 0.25]
    """
    total = value.sum(-1, keepdim=True)
    if not bool((value >= 0).all()) or not bool((total <= 1 + MARGIN).all()):
        least, most = value.min().item(), total.max().item()
        raise ValueError(f"shares must be >= 0 and sum to at most 1, not {least:g} and {most:g}")
    return value.clamp(min=MARGIN).log() - (1 - total).clamp(min=MARGIN).log()
