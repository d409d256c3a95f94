"""Neighbours on the grid of pixels."""

from __future__ import annotations

from jaxtyping import Bool, Float
from torch import Tensor


def squared_differences(
    field: Float[Tensor, "height width channels"], mask: Bool[Tensor, "height width"]
) -> tuple[Float[Tensor, "height columns"], Float[Tensor, "rows width"]]:
    """|f_right - f_p|^2 (H, W - 1) and |f_below - f_p|^2 (H - 1, W); zero where one of the two is outside the mask.

    What lies outside the mask, NaN included, has no part in the result or its gradient.

    >>> import torch
    >>> mask = torch.tensor([[True, True], [True, False]])
    >>> right, down = squared_differences(torch.arange(4.0).reshape(2, 2, 1), mask)
    >>> right.tolist(), down.tolist()
    ([[1.0], [0.0]], [[4.0, 0.0]])
    """
    inside = field.where(mask.unsqueeze(-1), 0.0)
    right = ((inside[:, 1:] - inside[:, :-1]) ** 2).sum(-1).where(mask[:, 1:] & mask[:, :-1], 0.0)
    down = ((inside[1:] - inside[:-1]) ** 2).sum(-1).where(mask[1:] & mask[:-1], 0.0)
    return right, down
