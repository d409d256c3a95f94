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
    squared = torch.where(zero, 1.0, (scaled * scaled).sum(-1, keepdim=True))
    return torch.where(zero, 0.0, scaled / squared.sqrt())


def angle(a: Float[Tensor, "*#batch 3"], b: Float[Tensor, "*#batch 3"]) -> Float[Tensor, "*#batch"]:
    """Angle between vectors of any length, in radians in [0, pi].

    2 atan2(|a' - b'|, |a' + b'|) of the unit vectors a', b': exact at 0 and pi and accurate near them, where acos loses
    half of its digits. Zero where a vector is zero. The gradient is zero at 0 and pi, where the angle has a kink.
    Kahan 2006, How futile are mindless assessments of roundoff, section 12.

    >>> angle(torch.tensor([1.0, 0.0, 0.0]), torch.tensor([[2.0, 0.0, 0.0], [-2.0, 0.0, 0.0]])).tolist()
    [0.0, 3.1415927410125732]
    """
    a, b = torch.broadcast_tensors(unit(a), unit(b))
    known = (a != 0).any(-1) & (b != 0).any(-1)
    half_sine = torch.where(known, _length(a - b), 0.0)
    half_cosine = torch.where(known, _length(a + b), 1.0)
    return 2 * torch.atan2(half_sine, half_cosine)


def _length(v: Tensor) -> Tensor:
    """|v|, with zero gradient where v is zero."""
    squared = dot(v, v)
    return torch.where(squared > 0, torch.where(squared > 0, squared, 1.0).sqrt(), 0.0)
