"""Plain-torch twin of `kernels.rasterize`: every face against every pixel, by the same integer rule."""

from __future__ import annotations

import torch
from torch import Tensor

from sharpvision.kernels.batch import Batch


def rasterize(projected: Tensor, batch: Batch, near: float) -> tuple[Tensor, Tensor]:
    """`face` and `key` of `kernels.raster_types.Raster`, (B, H, W); for faces wholly beyond `near` alone.

    Raises `ValueError` where a face crosses the near plane: cutting is the kernel's own.
    """
    y, x = torch.meshgrid(torch.arange(batch.height), torch.arange(batch.width), indexing="ij")
    px, py = 256 * x.reshape(-1, 1) + 128, 256 * y.reshape(-1, 1) + 128
    faces, keys = [], []
    for view in range(batch.views):
        first, count = int(batch.first_face[view]), int(batch.face_count[view])
        index = torch.arange(first, first + count)
        rows = projected[batch.faces[index].long() + int(batch.row_offset[view])]
        in_front = rows[..., 3] >= near
        if bool((in_front.any(1) & ~in_front.all(1)).any()):
            raise ValueError("a face crosses the near plane")
        index, rows = index[in_front.all(1)], rows[in_front.all(1)]
        inverse = 1 / rows[..., 3:]
        place = (rows[..., :2] * inverse * 256 + 0.5).floor().long()
        key = (rows[..., 2:3] * inverse)[..., 0]
        a, b, c = place.unbind(1)
        area = _cross(b - a, c - a)
        swapped = (area < 0)[:, None]
        b, c = torch.where(swapped, c, b), torch.where(swapped, b, c)
        inside = (area != 0)[None]
        for p, q in ((a, b), (b, c), (c, a)):
            dx, dy = (q - p).unbind(-1)
            owned = (dy < 0) | ((dy == 0) & (dx > 0))
            edge = dx * (py - p[:, 1]) - dy * (px - p[:, 0])
            inside = inside & ((edge > 0) | ((edge == 0) & owned))
        u, v = place[:, 1] - place[:, 0], place[:, 2] - place[:, 0]
        ku, kv = key[:, 1] - key[:, 0], key[:, 2] - key[:, 0]
        scale = torch.where(area == 0, 0.0, 1 / area.to(key))
        slope_x, slope_y = (v[:, 1] * ku - u[:, 1] * kv) * scale, (u[:, 0] * kv - v[:, 0] * ku) * scale
        depth = key[:, 0] + slope_x * (px - a[:, 0]) + slope_y * (py - a[:, 1])
        depth = torch.where(inside, depth, torch.inf)
        if len(index) == 0:
            nearest = projected.new_full((len(px),), torch.inf)
            faces.append(torch.full((len(px),), -1))
        else:
            nearest, winner = depth.min(1)
            faces.append(torch.where(nearest < torch.inf, index[winner], -1))
        keys.append(nearest)
    shape = (batch.views, batch.height, batch.width)
    return torch.stack(faces).view(shape).to(torch.int32), torch.stack(keys).view(shape)


def _cross(a: Tensor, b: Tensor) -> Tensor:
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
