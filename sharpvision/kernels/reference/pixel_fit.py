"""Torch twin of the per-pixel model and cost; see `sharpvision.kernels.pixel_fit`."""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from jaxtyping import Float
from torch import Tensor

from sharpvision.core.vectors import dot
from sharpvision.kernels.pixels import Pixels
from sharpvision.kernels.reference.reflectance_basis import basis, light_at_points


@dataclass(frozen=True, eq=False)
class PixelTensors:
    """The arrays of `sharpvision.kernels.pixels.Pixels` as tensors: P pixels, N lights."""

    observed: Float[Tensor, "p n 3"]
    weight: Float[Tensor, "p n"]
    visibility: Float[Tensor, "p n"]
    scale: Float[Tensor, " p"]
    lights: Float[Tensor, "n 3"]
    points: Float[Tensor, "p 3"]
    viewers: Float[Tensor, "p 3"]
    relative: float
    sparsity: float

    @classmethod
    def of(cls, pixels: Pixels, dtype: torch.dtype = torch.float64) -> PixelTensors:
        """Copies of the arrays in another precision."""
        values = {field.name: getattr(pixels, field.name) for field in fields(cls)}
        return cls(**{k: v if isinstance(v, float) else torch.from_numpy(v).to(dtype) for k, v in values.items()})


def scaled_basis(data: PixelTensors, normals: Float[Tensor, "p 3"]) -> Float[Tensor, "p n 6"]:
    """Basis times fall-off and visibility: what a weight of 1 adds to each observation."""
    directions, gains = light_at_points(data.lights, data.points)
    return basis(normals[:, None], directions, data.viewers[:, None]) * (gains * data.visibility)[..., None]


def predict(
    data: PixelTensors, normals: Float[Tensor, "p 3"], weights: Float[Tensor, "p 3 6"]
) -> Float[Tensor, "p n 3"]:
    """Radiance of each pixel under each light: the basis times the weights of each channel."""
    return torch.einsum("pnk,pck->pnc", scaled_basis(data, normals), weights)


def cost(
    data: PixelTensors,
    normals: Float[Tensor, "p 3"],
    weights: Float[Tensor, "p 3 6"],
    prior: Float[Tensor, "p 3"] | None = None,
    prior_weight: float = 0.0,
) -> Float[Tensor, " p"]:
    """The objective of each pixel, all terms.

    sum_j w_j log(1 + m_c r_jc^2 / (s^2 (1 + relative m_c I_jc^2))) / sum_j w_j + sparsity sum_c x_c1 + w_p |n - n_p|^2,
    m_c the mean over channels, r = I - prediction. Zero data term where no observation counts.
    """
    residual = data.observed - predict(data, normals, weights)
    scale2 = data.scale[:, None] ** 2 * (1 + data.relative * data.observed.square().mean(-1))
    loss = torch.log1p(residual.square().mean(-1) / scale2)
    total = (data.weight * loss).sum(-1) / data.weight.sum(-1).clamp(min=1e-12)
    total = total + data.sparsity * weights[..., 1].sum(-1)
    if prior is not None:
        offset = normals - prior
        total = total + prior_weight * dot(offset, offset)
    return total
