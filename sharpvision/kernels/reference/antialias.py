"""Plain-torch twin of `kernels.antialias`: the image, and its change by the boundary integral, by autograd."""

from __future__ import annotations

import torch
from torch import Tensor

from sharpvision.kernels.raster_types import Plan


def antialias(radiance: Tensor, background: Tensor, projected: Tensor, plan: Plan) -> Tensor:
    """See `kernels.antialias_function.antialias`; differentiable by torch itself.

    The boundary integral enters as a term that is zero and whose derivative is the integral's: length * jump * n.(m -
    m held constant).
    """
    count, (height, width) = plan.sample.numel(), plan.sample.shape[1:]
    views = plan.sample.shape[0]
    ground = background.repeat(count // len(background), 1) if len(background) in (1, height * width) else background
    assert len(ground) == views * height * width
    table = torch.cat([radiance, ground])  # a point, or after the points the pixel's background
    pixel = torch.arange(count, device=radiance.device)
    sample = plan.sample.reshape(-1).long()

    def looked_up(points: Tensor, pixels: Tensor) -> Tensor:
        return table[torch.where(points >= 0, points, len(radiance) + pixels)]

    image = looked_up(sample.clamp(min=-1), pixel)
    several = (sample < -1).nonzero()[:, 0]
    if len(several):
        sets = plan.samples[-2 - sample[several]].long()
        image = image.index_put((several,), looked_up(sets, several[:, None].expand_as(sets)).mean(1))
    pieces = plan.pieces
    if len(pieces.pixel):
        at = pieces.pixel.long()
        jump = radiance[pieces.inner.long()] - looked_up(pieces.outer.long(), at)
        ends = projected[pieces.rows.long()]
        middle = torch.lerp(ends[:, 0], ends[:, 1], pieces.along[:, None])
        place = middle[:, :2] / middle[:, 3:]
        moved = ((place - place.detach()) * pieces.normal).sum(-1)
        term = pieces.coefficient[:, None] * jump + (pieces.length * moved)[:, None] * jump.detach()
        image = image.index_add(0, at, term)
    return image.view(*plan.sample.shape, -1)
