"""OpenCV, and everybody who puts pixel centres at integers: the frame is ours, the image's origin is not."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor


def k_from_integer_centres(k: Float[Tensor, "*batch 3 3"]) -> Float[Tensor, "*batch 3 3"]:
    """`k` for pixel centres at integer + 0.5 from one for centres at integers: c' = c + 0.5, all else the same.

    >>> import torch
    >>> k_from_integer_centres(torch.tensor([[100.0, 0, 31.5], [0, 100, 23.5], [0, 0, 1]]))[:2, 2].tolist()
    [32.0, 24.0]
    """
    return k + _half(k)


def k_to_integer_centres(k: Float[Tensor, "*batch 3 3"]) -> Float[Tensor, "*batch 3 3"]:
    """Inverse of `k_from_integer_centres`."""
    return k - _half(k)


def _half(k: Tensor) -> Tensor:
    return k.new_tensor([[0.0, 0.0, 0.5], [0.0, 0.0, 0.5], [0.0, 0.0, 0.0]])
