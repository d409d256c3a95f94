"""Bins: boxes hold the whole face, entries are numbered as the contract says, lists are complete and ascending."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from sharpvision.kernels.batch import Batch
from sharpvision.kernels.bins import bin_faces, running_sum
from sharpvision.kernels.raster_types import Bins

NEAR = 0.1
SIZE = (70, 90)


def random_faces(seed: int, count: int, spread: float, behind: float) -> Tensor:
    """Projected corners (3 * count, 4); `behind` is how far some lie behind the camera."""
    g = torch.Generator().manual_seed(seed)
    depth = torch.rand(3 * count, 1, generator=g) * (4 + behind) - behind + 2 * NEAR
    places = (torch.rand(3 * count, 2, generator=g) - 0.3) * spread
    return torch.cat([places * depth.abs(), -torch.ones_like(depth), depth], 1)


def binned(rows: Tensor) -> tuple[Bins, Batch]:
    batch = Batch.of_one_mesh(torch.arange(len(rows)).view(-1, 3), len(rows), views=1, height=SIZE[0], width=SIZE[1])
    return bin_faces(rows, batch, NEAR)[1], batch


@pytest.mark.parametrize(("spread", "behind"), [(8.0, 0.0), (200.0, 0.0), (200.0, 3.0), (4000.0, 3.0)])
def test_every_point_of_a_face_lies_in_its_box(spread: float, behind: float) -> None:
    rows = random_faces(0, 200, spread, behind)
    box = binned(rows)[0].slot_box
    g = torch.Generator().manual_seed(1)
    weight = torch.rand(200, 400, 3, generator=g, dtype=torch.float64) ** 4
    weight[:, :3] = torch.eye(3, dtype=torch.float64) + 1e-12
    points = (weight / weight.sum(-1, keepdim=True)) @ rows.view(200, 3, 4).double()
    pixel = (points[..., :2] / points[..., 3:]).floor()
    inside = (points[..., 3] >= NEAR) & (pixel >= 0).all(-1) & (pixel[..., 0] < SIZE[1]) & (pixel[..., 1] < SIZE[0])
    assert int(inside.sum()) > 0
    tile = (pixel // 16).nan_to_num(0.0, 0.0, 0.0)
    held = (tile >= box[:, None, :2]).all(-1) & (tile <= box[:, None, 2:]).all(-1)
    assert bool(held[inside].all())


def test_entries_are_numbered_by_slot_and_row_of_tiles() -> None:
    bins, _ = binned(random_faces(2, 50, 120.0, 2.0))
    assert bins.columns == 6
    assert bins.rows == 5
    entry = 0
    listed: list[list[int]] = [[] for _ in range(30)]
    for slot, (x0, y0, x1, y1) in enumerate(bins.slot_box.tolist()):
        assert int(bins.slot_entry[slot]) == entry
        for ty in range(y0, y1 + 1):
            for tx in range(x0, x1 + 1):
                assert int(bins.entry_slot[entry]) == slot
                listed[ty * 6 + tx].append(entry)
                entry += 1
    assert int(bins.slot_entry[-1]) == bins.entries == entry
    for t, own in enumerate(listed):
        assert bins.tile_entry[bins.tile_first[t] : bins.tile_first[t + 1]].tolist() == own


def test_a_face_behind_the_camera_or_far_aside_touches_nothing() -> None:
    rows = random_faces(4, 3, 20.0, 0.0)
    rows[:3] = -rows[:3]
    rows[3:6, 0] += 1e9
    rows[6:9, 1] -= 1e5
    assert binned(rows)[0].entries == 0


def test_running_sum() -> None:
    assert running_sum(torch.tensor([2, 0, 5], dtype=torch.int32)).tolist() == [0, 2, 2, 7]
