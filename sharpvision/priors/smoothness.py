"""Piecewise smooth fields: neighbouring pixels agree, except across a few edges."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from sharpvision.priors.energy import PRIORS
from sharpvision.priors.pixel_grid import squared_differences


def huber_smoothness(
    field: Float[Tensor, "height width channels"], mask: Bool[Tensor, "height width"], edge: float
) -> Float[Tensor, ""]:
    """Huber's penalty of the differences between 4-neighbours that both lie in the mask.

        E = sum over pairs (p, q) of h(|f_p - f_q|),   h(d) = d^2 / (2 edge) for d <= edge, d - edge / 2 beyond

    Differences below `edge` > 0 (in the field's unit; for unit normals about an angle in radians) are smoothed away,
    larger ones cost in proportion to their height, as in total variation, which it becomes for edge -> 0. The channels
    of a pixel change together, so that the energy does not depend on the frame. Gauge: a field that is constant on each
    component of the mask costs nothing. Differentiable everywhere; the second derivative jumps at d = edge.

    Werlberger et al., Anisotropic Huber-L1 optical flow, BMVC 2009.

    >>> step = torch.tensor([[[0.0], [0.0], [2.0]]])
    >>> huber_smoothness(step, torch.ones(1, 3, dtype=torch.bool), edge=0.5).item()
    1.75
    """
    right, down = squared_differences(field, mask)
    return _huber_of_square(right, edge).sum() + _huber_of_square(down, edge).sum()


def total_variation(
    field: Float[Tensor, "height width channels"], mask: Bool[Tensor, "height width"], epsilon: float = 1e-3
) -> Float[Tensor, ""]:
    """Isotropic total variation, rounded off: sum over pixels of sqrt(|f_right - f_p|^2 + |f_below - f_p|^2 + e^2) - e.

    A neighbour outside the mask adds no difference. `epsilon` > 0, in the field's unit, rounds the corner at zero off
    and makes it differentiable. Gauge: as for `huber_smoothness`.

    Rudin, Osher and Fatemi, Nonlinear total variation based noise removal algorithms, Physica D 1992.

    >>> step = torch.tensor([[[0.0], [0.0], [2.0]]])
    >>> round(total_variation(step, torch.ones(1, 3, dtype=torch.bool), epsilon=1e-4).item(), 3)
    2.0
    """
    right, down = squared_differences(field, mask)
    squares = torch.nn.functional.pad(right, (0, 1)) + torch.nn.functional.pad(down, (0, 0, 0, 1))
    return (squares / (torch.sqrt(squares + epsilon**2) + epsilon)).sum()


def _huber_of_square(square: Tensor, edge: float) -> Tensor:
    """h(d) from d^2; the clamp keeps the root's infinite slope at zero out of the derivative."""
    far = torch.sqrt(square.clamp(min=edge * edge)) - 0.5 * edge
    return torch.where(square <= edge * edge, square / (2 * edge), far)


@PRIORS.register("huber_smoothness")
@dataclass(frozen=True)
class HuberSmoothness:
    """`huber_smoothness` of the unknown `name` (H, W, C) on `mask` (H, W)."""

    name: str
    mask: Tensor
    edge: float = 0.05

    def __call__(self, unknowns: Mapping[str, Tensor], /) -> Tensor:
        """The energy, a scalar."""
        return huber_smoothness(unknowns[self.name], self.mask, self.edge)


@PRIORS.register("total_variation")
@dataclass(frozen=True)
class TotalVariation:
    """`total_variation` of the unknown `name` (H, W, C) on `mask` (H, W)."""

    name: str
    mask: Tensor
    epsilon: float = 1e-3

    def __call__(self, unknowns: Mapping[str, Tensor], /) -> Tensor:
        """The energy, a scalar."""
        return total_variation(unknowns[self.name], self.mask, self.epsilon)
