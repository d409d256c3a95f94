"""Plain-torch twin of `kernels.rasterize`: every face against every pixel, by the same rule."""

from __future__ import annotations

import torch
from torch import Tensor

from sharpvision.kernels.batch import Batch
from sharpvision.kernels.near_plane import GUARD

_FACES = 256  # at once


def rasterize(projected: Tensor, batch: Batch, near: float) -> tuple[Tensor, Tensor]:
    """`face` and `key` of `kernels.raster_types.Raster`, (B, H, W); no derivative.

    A face with all corners in front of the near plane and within the guard band has integer edges between places in
    1/256 pixel; of any other, edges that lack such an end are lines in float64 (see `kernels.near_plane`).
    """
    y, x = torch.meshgrid(torch.arange(batch.height), torch.arange(batch.width), indexing="ij")
    centre = torch.stack([256 * x.reshape(-1) + 128, 256 * y.reshape(-1) + 128], 1)
    shape = (batch.height, batch.width)
    faces, keys = [], []
    for view in range(batch.views):
        face, key = torch.full((len(centre),), -1), projected.new_full((len(centre),), torch.inf)
        first = int(batch.first_face[view])
        for index in torch.arange(first, first + int(batch.face_count[view])).split(_FACES):
            rows = batch.faces[index].long() + int(batch.row_offset[view])
            found = _keys(projected, rows, centre, near)
            nearest = found.min(0).values
            lowest = torch.where(found == nearest, index[:, None], 2**31).min(0).values
            better = nearest < key
            face, key = torch.where(better, lowest, face), torch.where(better, nearest, key)
        faces.append(face.view(shape))
        keys.append(key.view(shape))
    return torch.stack(faces).to(torch.int32), torch.stack(keys)


def _keys(projected: Tensor, rows: Tensor, centre: Tensor, near: float) -> Tensor:
    """Depth keys (F, P) of faces at pixel centres, infinite where a face is not seen."""
    corners = projected[rows]
    x, y, q, w = corners.unbind(2)
    placed = (w >= near) & ((x / w).abs() <= GUARD) & ((y / w).abs() <= GUARD)
    place = torch.where(placed[..., None], (corners[..., :2] / w[..., None] * 256 + 0.5).floor(), 0.0).long()
    whole = placed.all(1)
    plain = _integer_keys(place, q / w, centre)
    cut = _cut_keys(corners, rows, place, placed, centre, near)
    return torch.where(whole[:, None], plain, cut)


def _owned(edge: Tensor, dx: Tensor, dy: Tensor) -> Tensor:
    """Inside an edge, or on it where it is a top or a left one."""
    return (edge > 0) | ((edge == 0) & ((dy < 0) | ((dy == 0) & (dx > 0)))[:, None])


def _edge(a: Tensor, step: Tensor, centre: Tensor) -> Tensor:
    return step[:, :1] * (centre[:, 1] - a[:, 1:]) - step[:, 1:] * (centre[:, 0] - a[:, :1])


def _integer_keys(place: Tensor, key: Tensor, centre: Tensor) -> Tensor:
    u, v = place[:, 1] - place[:, 0], place[:, 2] - place[:, 0]
    area = u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]
    inside = (area != 0)[:, None].expand(-1, len(centre))
    for k in range(3):
        step = (place[:, (k + 1) % 3] - place[:, k]) * area.sign()[:, None]
        inside = inside & _owned(_edge(place[:, k], step, centre), step[:, 0], step[:, 1])
    ku, kv = key[:, 1] - key[:, 0], key[:, 2] - key[:, 0]
    inverse = 1 / area.to(key)
    slope_x = (v[:, 1].to(key) * ku - u[:, 1].to(key) * kv) * inverse
    slope_y = (u[:, 0].to(key) * kv - v[:, 0].to(key) * ku) * inverse
    away = (centre - place[:, :1]).to(key)
    depth = (key[:, :1] + slope_y[:, None] * away[..., 1]) + slope_x[:, None] * away[..., 0]
    return torch.where(inside, depth, torch.inf)


def _cut_keys(
    corners: Tensor, rows: Tensor, place: Tensor, placed: Tensor, centre: Tensor, near: float
) -> Tensor:
    wide, q = corners[..., [0, 1, 3]].double(), corners[..., 2:3].double()
    lines = []
    for k in range(3):
        i, j = (k + 1) % 3, (k + 2) % 3
        a, b = wide[:, i], wide[:, j]
        ascending = (rows[:, i] < rows[:, j])[:, None]
        lines.append(torch.where(ascending, torch.linalg.cross(a, b), -torch.linalg.cross(b, a)))
    determinant = (lines[0] * wide[:, 0]).sum(1)
    sign = determinant.sign()[:, None]
    line = torch.stack(lines, 1) * sign[..., None]
    point = (centre.double() / 256).T

    def at(plane: Tensor) -> Tensor:
        return plane[:, :1] * point[0] + plane[:, 1:2] * point[1] + plane[:, 2:]

    inside = ((sign != 0) & ~sign.isnan()).expand(-1, len(centre))
    for k in range(3):
        i, j = (k + 1) % 3, (k + 2) % 3
        step = (place[:, j] - place[:, i]) * sign.nan_to_num().long()
        exact = _owned(_edge(place[:, i], step, centre), step[:, 0], step[:, 1])
        side = _owned(at(line[:, k]), line[:, k, 1], -line[:, k, 0])
        inside = inside & torch.where((placed[:, i] & placed[:, j])[:, None], exact, side)
    size = determinant.abs()[:, None]
    inverse_w = at(line.sum(1) / size)
    inside = inside & (inverse_w > 0) & (inverse_w * near <= 1)
    return torch.where(inside, at((q * line).sum(1) / size), torch.inf).to(corners)
