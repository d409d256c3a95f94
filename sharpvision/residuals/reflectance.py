"""What an object's reflectance keeps to itself: a small network shared by all its pixels, zero at initialisation."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

FEATURES = 4


def reflectance_features(
    n: Float[Tensor, "*#batch 3"], wi: Float[Tensor, "*#batch 3"], wo: Float[Tensor, "*#batch 3"]
) -> Float[Tensor, "*batch 4"]:
    """The four cosines on which an isotropic reflectance depends: n.l, n.v, n.h, l.h; unit vectors in.

    >>> up = torch.tensor([0.0, 0.0, 1.0])
    >>> reflectance_features(up, up, up).tolist()
    [1.0, 1.0, 1.0, 1.0]
    """
    h = torch.nn.functional.normalize(wi + wo, dim=-1)
    cosines = [(n * wi).sum(-1), (n * wo).sum(-1), (n * h).sum(-1), (wi * h).sum(-1)]
    return torch.stack(torch.broadcast_tensors(*cosines), -1)


class ReflectanceResidual(nn.Module):
    """A multiplicative correction of diffuse shading, learned on one object.

        m(n.l, n.v, n.h, l.h) = W3 tanh(W2 tanh(W1 features)),   W3 = 0 at initialisation,

    so that radiance = physics + albedo g V max(n.l, 0) m. Isotropic and shared by all pixels: it can't hold an image,
    only
    a reflectance. Zero at initialisation to the bit, whatever the input. `hidden` units give 4 hidden + hidden^2 + 3
    hidden + 1 parameters.

    >>> residual = ReflectanceResidual(24)
    >>> residual(torch.rand(5, 4)).abs().max().item(), sum(p.numel() for p in residual.parameters())
    (0.0, 745)
    """

    def __init__(self, hidden: int = 24) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(FEATURES, hidden), nn.Tanh(), nn.Linear(hidden, hidden), nn.Tanh())
        self.last = nn.Linear(hidden, 1)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)

    def forward(self, features: Float[Tensor, "*batch 4"]) -> Float[Tensor, "*batch"]:
        """The correction factor of each observation."""
        return self.last(self.layers(features)).squeeze(-1)
