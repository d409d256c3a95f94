"""The fit behind a GGX lobe under light from all around: six numbers of a roughness, plain torch."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

CUBIC = -0.221


def lobe_fit(roughness: Float[Tensor, "*batch"]) -> tuple[Tensor, ...]:
    """(b, p0, p1, p2, e, g), each (*batch), of GGX's alpha: with c = n.wo and m the mirror direction,

        light is seen along n + b (m - n), b = (1 - alpha) (sqrt(1 - alpha) + alpha);
        the lobe reflects A(c) = p0 + c (p1 + c (p2 + CUBIC c)), clamped to [0, 1], where f0 = 1,
        and Schlick's term adds B(c) = g (1 - c)^e, so that its albedo is f0 A + (1 - f0) B.

    Fitted to quadrature, see `illumination.distributed.lobe_albedo`.

    >>> [round(v.item(), 3) for v in lobe_fit(torch.tensor(1.0))]
    [0.0, 0.575, -0.591, 0.564, 0.341, 0.026]
    """
    s = roughness.sqrt()
    bend = (1 - roughness) * ((1 - roughness).clamp(min=1e-6).sqrt() + roughness)
    facets = (0.97 + s * (-0.717 + s * (1.85 - 1.528 * s)), 0.821 + s * (-2.864 + 1.452 * s), 0.414 + 0.15 * s)
    return bend, *facets, 5 * torch.exp(-2.684 * roughness), 1 / (1 + 38 * roughness**1.357)
