"""Normals that belong to a surface: the curl of their slopes vanishes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from sharpvision.priors.energy import PRIORS


def slopes(
    normals: Float[Tensor, "height width 3"], least_facing: float = 0.1
) -> tuple[Float[Tensor, "height width"], Float[Tensor, "height width"]]:
    """dz/dx and dz/dy of the surface under an orthographic camera, in pixels: p = -n_x / n_z, q = -n_y / n_z.

    OpenCV's frame (n_z < 0 faces the camera, depth grows away from it). n_z is held below -`least_facing`, so that
    grazing normals give large but finite slopes, whose derivative by n_z is zero there.

    >>> p, q = slopes(torch.tensor([[[0.6, 0.0, -0.8]]]))
    >>> round(p.item(), 6), round(q.item(), 6)
    (0.75, 0.0)
    """
    facing = normals[..., 2].clamp(max=-least_facing)
    return -normals[..., 0] / facing, -normals[..., 1] / facing


def curl(normals: Float[Tensor, "height width 3"], least_facing: float = 0.1) -> Float[Tensor, "rows columns"]:
    """Circulation of the slopes round each square of four pixels, (H - 1, W - 1): zero where one surface has them all.

        c = (p_00 + p_01) / 2 + (q_01 + q_11) / 2 - (p_10 + p_11) / 2 - (q_00 + q_10) / 2

    with p_yx, q_yx of `slopes`: the trapezoidal rule along the square's sides, so it is exact for quadratic surfaces
    and of second order in the pixel for smooth ones. In pixels of depth.

    >>> curl(torch.tensor([0.0, 0.0, -1.0]).expand(3, 4, 3)).abs().max().item()
    0.0
    """
    p, q = slopes(normals, least_facing)
    along_x, along_y = 0.5 * (p[:, :-1] + p[:, 1:]), 0.5 * (q[:-1] + q[1:])
    return along_x[:-1] + along_y[:, 1:] - along_x[1:] - along_y[:, :-1]


def integrability_energy(
    normals: Float[Tensor, "height width 3"],
    mask: Bool[Tensor, "height width"],
    scale: float = 0.1,
    least_facing: float = 0.1,
) -> Float[Tensor, ""]:
    """Robust energy of the curl over the squares of four pixels that lie in the mask.

        E = sum over squares of s^2 (sqrt(1 + (c / s)^2) - 1),   c of `curl`, s = `scale` > 0 in pixels of depth

    Quadratic for |c| << s and linear beyond, so that a depth step, where normals truly do not integrate, pulls with a
    bounded force. Gauge: any surface's normals cost nothing (up to the discretisation). What lies outside the mask, NaN
    included, has no part in it. Horn and Brooks, The variational approach to shape from shading, CVGIP 1986, section 3;
    robust after Agrawal, Raskar and Chellappa, What is the range of surface reconstructions from a gradient field?,
    ECCV 2006.

    >>> flat = torch.tensor([0.0, 0.0, -1.0]).expand(3, 4, 3)
    >>> integrability_energy(flat, torch.ones(3, 4, dtype=torch.bool)).item()
    0.0
    """
    inside = normals.where(mask.unsqueeze(-1), normals.new_tensor([0.0, 0.0, -1.0]))
    whole = mask[:-1, :-1] & mask[1:, :-1] & mask[:-1, 1:] & mask[1:, 1:]
    square = (curl(inside, least_facing) / scale).where(whole, 0.0) ** 2
    return scale**2 * (square / (torch.sqrt(1 + square) + 1)).sum()


@PRIORS.register("integrability")
@dataclass(frozen=True)
class Integrability:
    """`integrability_energy` of the unknown `name`, unit normals (H, W, 3), on `mask` (H, W)."""

    name: str
    mask: Tensor
    scale: float = 0.1
    least_facing: float = 0.1

    def __call__(self, unknowns: Mapping[str, Tensor], /) -> Tensor:
        """The energy, a scalar."""
        return integrability_energy(unknowns[self.name], self.mask, self.scale, self.least_facing)
