"""What a rasteriser is given besides coordinates: which faces each view sees, and where their coordinates stand."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Batch:
    """B views of meshes that may differ in size; all index tensors int32, on one device.

    `faces` (F, 3): vertex indices, the meshes one after the other; view b sees the `face_count[b]` faces from
    `first_face[b]` on. Coordinates of all views are the rows of one tensor: vertex v of view b is row
    `row_offset[b] + v`. A *slot* is a face in a view: slot `first_slot[b] + face - first_face[b]`, S slots in all.
    Images are `height` by `width` pixels.

    >>> batch = Batch.of_one_mesh(torch.tensor([[0, 1, 2]]), 3, views=2, height=4, width=4)
    >>> batch.row_offset.tolist(), batch.first_slot.tolist(), batch.slots
    ([0, 3], [0, 1, 2], 2)
    """

    faces: Tensor
    first_face: Tensor
    face_count: Tensor
    row_offset: Tensor
    first_slot: Tensor
    height: int
    width: int
    slots: int

    @property
    def views(self) -> int:
        """B."""
        return len(self.first_face)

    @classmethod
    def of_one_mesh(cls, faces: Tensor, vertices: int, *, views: int, height: int, width: int) -> Batch:
        """All views see the same mesh: coordinates (B * V, 4), a view's after the other's."""
        count = len(faces)
        ones = torch.ones(views, dtype=torch.int32)
        rows = torch.arange(views, dtype=torch.int32) * vertices
        return cls._make(faces, (0 * ones, count * ones, rows), views * count, height, width)

    @classmethod
    def of_meshes(cls, faces: list[Tensor], vertices: list[int], *, height: int, width: int) -> Batch:
        """View b sees mesh b: `faces` index a mesh's own vertices; coordinates are the meshes' one after the other."""
        counts = torch.tensor([len(f) for f in faces], dtype=torch.int32)
        starts = torch.tensor([0, *vertices[:-1]], dtype=torch.int32).cumsum(0, dtype=torch.int32)
        packed = torch.cat([f.to(torch.int32) + s for f, s in zip(faces, starts.to(faces[0].device), strict=True)])
        first = counts.cumsum(0, dtype=torch.int32) - counts
        total = sum(len(f) for f in faces)
        return cls._make(packed, (first, counts, torch.zeros_like(first)), total, height, width)

    @classmethod
    def _make(
        cls, faces: Tensor, of_views: tuple[Tensor, Tensor, Tensor], total: int, height: int, width: int
    ) -> Batch:
        first, count, row = of_views
        slots = torch.zeros(len(first) + 1, dtype=torch.int32)
        slots[1:] = count.cumsum(0)
        to = faces.device
        faces = faces.to(torch.int32).contiguous()
        return cls(faces, first.to(to), count.to(to), row.to(to), slots.to(to), height, width, total)
