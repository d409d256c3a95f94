"""Plain-torch twin of `kernels.interpolate`, differentiable by torch itself."""

from __future__ import annotations

import torch
from torch import Tensor

from sharpvision.kernels.barycentric import LEAST_COSINE, LEAST_HEIGHT
from sharpvision.kernels.batch import Batch
from sharpvision.kernels.raster_types import Points


def barycentrics(points: Points, projected: Tensor, batch: Batch, *, damped: bool = True) -> Tensor:
    """See `kernels.interpolate.barycentrics`."""
    rows = batch.faces[points.face.long()].long() + batch.row_offset[points.view.long()].long()[:, None]
    corners = projected[rows]
    place = torch.stack([points.position[:, 0], points.position[:, 1]], -1)
    local = torch.cat([corners[..., :2] - place[:, None] * corners[..., 3:], corners[..., 3:]], -1)
    a, b, c = local.unbind(1)
    numerators = torch.stack([_cross(b, c), _cross(c, a), _cross(a, b)], -1)
    total = numerators.sum(-1, keepdim=True)
    flat = total == 0
    weights = numerators / torch.where(flat, 1.0, total)
    outside = flat | (weights.amin(-1, keepdim=True) < -0.25)
    clamped = torch.where(flat, 0.0, weights.detach().clamp(min=0))
    moved = torch.where(flat, 1 / 3, clamped / clamped.sum(-1, keepdim=True).clamp(min=1e-30))
    weights = torch.where(outside, moved, weights)
    still = weights.detach()
    if damped:
        weights = still + _damping(local.detach())[:, None] * (weights - still)
    weights = torch.where((points.moves == 0)[:, None], still, weights)
    return torch.where((points.edge < 3)[:, None], _on_edge(points), weights)


def interpolate(
    points: Points, projected: Tensor, batch: Batch, attributes: Tensor, attribute_faces: Tensor,
    attribute_offset: Tensor | None = None, *, damped: bool = True,
) -> Tensor:  # fmt: skip
    """See `kernels.interpolate.interpolate`."""
    rows = attribute_faces[points.face.long()].long()
    if attribute_offset is not None:
        rows = rows + attribute_offset[points.view.long()].long()[:, None]
    weights = barycentrics(points, projected, batch, damped=damped)
    return (weights[..., None] * attributes[rows]).sum(1)


def _cross(a: Tensor, b: Tensor) -> Tensor:
    return a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]


def _on_edge(points: Points) -> Tensor:
    start = points.edge.long() % 3
    place = torch.where(points.edge < 3, points.along, 0.0)[:, None]
    first, second = (torch.nn.functional.one_hot((start + k) % 3, 3).to(place) for k in (0, 1))
    return (1 - place) * first + place * second


def _damping(local: Tensor) -> Tensor:
    ahead = (local[..., 2] > 0).all(-1)
    places = local[..., :2] / torch.where(ahead[:, None], local[..., 2], 1.0)[..., None]
    sides = torch.stack([places[:, (i + 1) % 3] - places[:, i] for i in range(3)], 1)
    longest = sides.norm(dim=-1).amax(-1).clamp(min=1e-30)
    height = _cross(sides[:, 0], sides[:, 1]).abs() / longest
    cosine = 2 / 3**0.5 * height / longest
    return torch.where(ahead, torch.maximum(height / LEAST_HEIGHT, cosine / LEAST_COSINE).clamp(max=1), 1.0)
