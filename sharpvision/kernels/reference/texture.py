"""Plain-torch twin of `kernels.texture`: texture look-up that torch differentiates by itself."""

from __future__ import annotations

import torch
from torch import Tensor

from sharpvision.kernels.reference.mipmap import levels


def texture(texels: Tensor, uv: Tensor, lod: Tensor | None, wrap: str, filter: str) -> Tensor:
    """See `kernels.texture.texture`."""
    if filter != "mipmap" or lod is None:
        return _sample(texels, uv, wrap, filter)
    chain = levels(texels)
    at = lod.detach().clamp(0.0, len(chain) - 1.0)
    low = at.floor().clamp(max=max(0, len(chain) - 2))
    share = (at - low)[:, None]
    sampled = torch.stack([_sample(level, uv, wrap, "bilinear") for level in chain])
    point = torch.arange(len(uv), device=uv.device)
    fine, coarse = low.long(), (low.long() + 1).clamp(max=len(chain) - 1)
    return sampled[fine, point] * (1 - share) + sampled[coarse, point] * share


def _sample(texels: Tensor, uv: Tensor, wrap: str, filter: str) -> Tensor:
    """One level, (P, C)."""
    height, width, _ = texels.shape
    x, y = uv[:, 0] * width - 0.5, (1 - uv[:, 1]) * height - 0.5
    if filter == "nearest":
        return texels[_wrapped((y + 0.5).floor(), height, wrap), _wrapped((x + 0.5).floor(), width, wrap)]
    x0, y0 = x.detach().floor(), y.detach().floor()
    fx, fy = (x - x0)[:, None], (y - y0)[:, None]
    columns = [_wrapped(x0 + k, width, wrap) for k in (0, 1)]
    rows = [_wrapped(y0 + k, height, wrap) for k in (0, 1)]
    upper, lower = (texels[r, columns[0]] * (1 - fx) + texels[r, columns[1]] * fx for r in rows)
    return upper * (1 - fy) + lower * fy


def _wrapped(index: Tensor, size: int, wrap: str) -> Tensor:
    """Integers of any size, as floats, to texel indices."""
    index = index.detach()
    if wrap == "clamp":
        return index.clamp(0, size - 1).long()
    if wrap == "repeat":
        return index.remainder(size).long()
    folded = index.remainder(2 * size).long()
    return torch.where(folded < size, folded, 2 * size - 1 - folded)
