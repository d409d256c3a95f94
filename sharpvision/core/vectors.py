"""Inner product, unit vector and angle over the last axis, safe where a vector is zero."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


def dot(a: Float[Tensor, "*#batch d"], b: Float[Tensor, "*#batch d"]) -> Float[Tensor, "*#batch"]:
    """Inner product over the last axis."""
    return (a * b).sum(-1)


def unit(v: Float[Tensor, "*batch d"]) -> Float[Tensor, "*batch d"]:
    """v / |v|; zero, with zero gradient, where v is zero.

    The largest component is divided out first, so nothing under- or overflows. It is held constant for the gradient,
    which stays exact: v / |v| does not depend on the scale of v. NaN stays NaN.

    >>> unit(torch.tensor([[3.0, 0.0, 4.0], [0.0, 0.0, 0.0], [1e-30, 0.0, 0.0]])).tolist()
    [[0.6000000238418579, 0.0, 0.800000011920929], [0.0, 0.0, 0.0], [1.0, 0.0, 0.0]]
    """
    scale = v.detach().abs().amax(-1, keepdim=True)
    zero = scale == 0
    scaled = v / torch.where(zero, 1.0, scale)
    return scaled / torch.where(zero, 1.0, (scaled * scaled).sum(-1, keepdim=True)).sqrt()


def angle(a: Float[Tensor, "*#batch 3"], b: Float[Tensor, "*#batch 3"]) -> Float[Tensor, "*#batch"]:
    """Angle between vectors of any length, in radians in [0, pi]: atan2(|a x b|, a.b), accurate near 0 and pi, where
    acos is not.

    Zero where a vector is zero. The gradient at parallel vectors, where the angle has a kink, is zero.

    >>> angle(torch.tensor([1.0, 0.0, 0.0]), torch.tensor([1.0, 1e-6, 0.0])).item()
    9.999999974752427e-07
    """
    a, b = torch.broadcast_tensors(a, b)
    a, b = unit(a), unit(b)
    cross = torch.linalg.cross(a, b)
    squared = dot(cross, cross)
    sine = torch.where(squared > 0, torch.where(squared > 0, squared, 1.0).sqrt(), 0.0)
    cosine = dot(a, b)
    return torch.atan2(sine, torch.where((sine == 0) & (cosine == 0), 1.0, cosine))
