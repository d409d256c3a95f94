"""Halvings of a picture of any size, for look-ups from afar."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


def mip_chain(texels: Float[Tensor, "h w c"]) -> list[Float[Tensor, "h2 w2 c"]]:
    """The picture and its halvings down to one texel: sides of n texels become floor(n / 2) (at least 1), as in OpenGL.

    Each texel is the mean of the finer picture over its own area. Of an even side that is the mean of two texels, of an
    odd one, n = 2 m + 1, of three: ((m - k) x_2k + m x_2k+1 + (k + 1) x_2k+2) / n. So every texel counts for as much
    as any other and the mean of the picture stays what it is. Linear, with both derivatives. Guthe and Heckbert 2005,
    Non-power-of-two mipmap creation (NVIDIA).

    >>> [tuple(v.shape) for v in mip_chain(torch.zeros(4, 3, 1))]
    [(4, 3, 1), (2, 1, 1), (1, 1, 1)]
    >>> mip_chain(torch.tensor([[[0.0], [5.0], [0.0], [0.0], [10.0]]]))[1].flatten().tolist()
    [2.0, 4.0]
    """
    chain = [texels]
    while max(chain[-1].shape[:2]) > 1:
        picture = chain[-1].permute(2, 0, 1)[None]
        pairs = tuple(2 - side % 2 for side in picture.shape[2:])
        if max(pairs) > 1:
            picture = torch.nn.functional.avg_pool2d(picture, pairs)
        for axis in (2, 3):
            if pairs[axis - 2] == 1 and picture.shape[axis] > 1:
                picture = _odd_halved(picture.transpose(axis, 3)).transpose(axis, 3)
        chain.append(picture[0].permute(1, 2, 0).contiguous())
    return chain


def _odd_halved(rows: Tensor) -> Tensor:
    """Rows (.., 2 m + 1) as (.., m), see `mip_chain`."""
    size = rows.shape[-1]
    half = size // 2
    k = torch.arange(half, dtype=rows.dtype, device=rows.device)
    ends = (half - k) * rows[..., :-1:2] + (k + 1) * rows[..., 2::2]
    return (ends + half * rows[..., 1::2]) / size
