"""Points on random faces, made without a rasteriser, for the tests of what is evaluated at points."""

from __future__ import annotations

import torch
from torch import Tensor

from sharpvision.kernels.batch import Batch
from sharpvision.kernels.raster_types import Points


def grouped(face: Tensor, view: Tensor, position: Tensor, batch: Batch, entries: int = 2) -> Points:
    """Points with `entries` entries a slot, most of them empty; the order of the groups is shuffled."""
    g = torch.Generator().manual_seed(1)
    slot = batch.first_slot[view] + face - batch.first_face[view]
    entry = slot * entries + torch.randint(0, entries, (len(face),), generator=g)
    rank = torch.randperm(batch.slots * entries, generator=g)
    order = rank[entry].argsort(stable=True)
    face, view, position, entry = face[order], view[order], position[order], entry[order]
    count = torch.bincount(entry, minlength=batch.slots * entries)
    first = torch.zeros_like(count)
    by_rank = rank.argsort()
    first[by_rank] = count[by_rank].cumsum(0) - count[by_rank]
    on_edge = torch.rand(len(face), generator=g) < 0.15
    edge = torch.where(on_edge, torch.randint(0, 3, (len(face),), generator=g), 3)
    along = torch.where(on_edge, torch.rand(len(face), generator=g), torch.nan).to(position.dtype)
    moves = ~on_edge & (torch.rand(len(face), generator=g) < 0.9)
    ints = [v.to(torch.int32) for v in (first, count, face, view, torch.zeros_like(face))]
    return Points(*ints, position.contiguous(), moves.to(torch.uint8), edge.to(torch.uint8), along)


def random_surface(
    dtype: torch.dtype, *, views: int = 2, meshes: bool = False, count: int = 200, seed: int = 0
) -> tuple[Points, Tensor, Batch]:
    """Points inside the images of random faces, their coordinates (some corners behind the camera) and the batch."""
    g = torch.Generator().manual_seed(seed)
    vertices, faces = 12, 15
    each = [torch.stack([torch.randperm(vertices, generator=g)[:3] for _ in range(faces)]) for _ in range(views)]
    if meshes:
        batch = Batch.of_meshes(each, [vertices] * views, height=16, width=16)
    else:
        batch = Batch.of_one_mesh(each[0], vertices, views=views, height=16, width=16)
    rows = views * vertices
    w = 0.5 + torch.rand(rows, generator=g, dtype=torch.float64)
    w[::11] -= 0.8
    place = 16 * torch.rand(rows, 2, generator=g, dtype=torch.float64)
    projected = torch.cat([place * w[:, None], -torch.ones(rows, 1, dtype=torch.float64), w[:, None]], 1)
    view = torch.randint(0, views, (count,), generator=g)
    face = batch.first_face[view] + torch.randint(0, faces, (count,), generator=g)
    inside = torch.rand(count, 3, generator=g, dtype=torch.float64) + 0.05
    corners = projected[batch.faces[face].long() + batch.row_offset[view].long()[:, None]]
    place = ((inside / inside.sum(1, keepdim=True))[..., None] * corners).sum(1)
    position = (place[:, :2] / place[:, 3:]).to(dtype)
    return grouped(face, view, position, batch), projected.to(dtype), batch
