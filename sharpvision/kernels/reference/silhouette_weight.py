"""The weight of a piece of a silhouette in its pixel, by polygons: a part of the twin of `kernels.silhouette_plan`."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def weight(piece: tuple[Tensor, Tensor, Tensor], centre: Tensor, offsets: Tensor) -> float:
    """sigma (A - n / K): A by a polygon's area, n by a test of points in it.

    A is the area of the part of the pixel that the piece hides from its centre, n the number of the K samples at
    `offsets` (K, 2) in it, sigma -1 where one leaves the inner side there. `piece`: ends a, b and the normal (2,) to
    the outer side; in pixels, float64.
    """
    # Seen from off the centre by a hair: towards an end of the piece at the centre itself there is no direction.
    hair = 1e-5 if centre.dtype == torch.float32 else 1e-9
    apex = centre.new_tensor([1.1 * hair, 0.4 * hair], dtype=torch.float64)
    start, end = piece[0] - centre.double(), piece[1] - centre.double()
    a, b, d = start - apex, end - apex, end - start
    corners = [a.new_tensor(c) for c in ((0.5, 0.5), (-0.5, 0.5), (-0.5, -0.5), (0.5, -0.5))]
    out = [p * 0.5 / p.abs().max() for p in (a, b)]  # where the rays through a and b leave the pixel
    sign = 1.0 if _cross(a, b) >= 0 else -1.0

    def swept(p: Tensor) -> bool:
        return sign * _cross(a, p) >= 0 and sign * _cross(p, b) > 0

    between = sorted((c for c in corners if swept(c)), key=lambda c: math.atan2(_cross(a, c), float(a @ c)) * sign)
    polygon = torch.stack([a, out[0], *between, out[1], b])
    nxt = polygon.roll(-1, 0)
    area = sign * float((polygon[:, 0] * nxt[:, 1] - polygon[:, 1] * nxt[:, 0]).sum()) / 2
    leaves = float(piece[2] @ (a + b)) > 0
    beyond = 0
    for o in offsets.double():
        side = sign * _cross(d, o - start)
        beyond += swept(o - apex) and (side < 0 or (side == 0 and not leaves))
    return (-1 if leaves else 1) * (area - beyond / len(offsets))


def _cross(a: Tensor, b: Tensor) -> float:
    return float(a[0] * b[1] - a[1] * b[0])
