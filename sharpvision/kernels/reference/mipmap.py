"""Plain-torch twin of `kernels.mip_chain.mip_chain`: each level a box filter of the last, by overlaps of intervals."""

from __future__ import annotations

import torch
from torch import Tensor


def halve(texels: Tensor) -> Tensor:
    """The next level (max(1, H // 2), max(1, W // 2), C); each texel is the mean over its area of the finer level."""
    height, width, _ = texels.shape
    rows, columns = box_weights(height, like=texels), box_weights(width, like=texels)
    return torch.einsum("ij,kl,jlc->ikc", rows, columns, texels)


def box_weights(size: int, like: Tensor) -> Tensor:
    """(max(1, size // 2), size): how much of each coarse texel's length a fine one covers."""
    coarse = max(1, size // 2)
    ratio = size / coarse
    fine = torch.arange(size, dtype=like.dtype, device=like.device)
    first = torch.arange(coarse, dtype=like.dtype, device=like.device)[:, None] * ratio
    overlap = torch.minimum(fine + 1, first + ratio) - torch.maximum(fine, first)
    return overlap.clamp(min=0) / ratio


def levels(texels: Tensor) -> list[Tensor]:
    """All levels, down to one texel."""
    chain = [texels]
    while max(chain[-1].shape[:2]) > 1:
        chain.append(halve(chain[-1]))
    return chain
