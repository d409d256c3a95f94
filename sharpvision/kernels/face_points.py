"""What every kernel over groups of points reads: faces, their coordinates, where points lie, and values at corners."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import warp as wp
from torch import Tensor

from sharpvision.kernels.batch import Batch
from sharpvision.kernels.corners import corners_of
from sharpvision.kernels.dispatch import real_of, warp_view
from sharpvision.kernels.gather import Groups, gathered, groups_of
from sharpvision.kernels.raster_types import Points


@dataclass(frozen=True, eq=False)
class FacePoints:
    """Points of a batch, and whether the derivative of their barycentrics is `damped`, see `interpolate`."""

    points: Points
    batch: Batch
    damped: bool

    @property
    def groups(self) -> Groups:
        """The points by entry."""
        return groups_of(self.points, self.batch)

    def views(self, projected: Tensor) -> list[Any]:
        """First arguments of the kernels."""
        p, groups, real = self.points, self.groups, real_of(projected)
        vec2, vec4 = wp.types.vector(2, real), wp.types.vector(4, real)
        return [
            int(self.damped), warp_view(groups.first), warp_view(groups.count), warp_view(p.face),
            warp_view(p.view), warp_view(p.position, vec2), warp_view(p.moves), warp_view(p.edge), warp_view(p.along),
            warp_view(self.batch.row_offset), warp_view(self.batch.faces, wp.vec3i), warp_view(projected, vec4),
        ]  # fmt: skip

    def gathered(self, rows: Tensor, values: CornerValues, count: int) -> Tensor:
        """Sums (count, 4 W) of the groups' rows (3 G, 4 W) at the rows that `values` gives to corners."""
        return gathered(rows, self.groups, self.batch, corners_of(values.faces), values.offset, count)

    def to_coordinates(self, rows: Tensor, count: int) -> Tensor:
        """Sums (count, 4) of the groups' rows (3 G, 4) at those of `projected`."""
        return self.gathered(rows, CornerValues(self.batch.faces, self.batch.row_offset), count)


@dataclass(frozen=True, eq=False)
class CornerValues:
    """Which row of some values a corner has: `faces` (F, 3) int32, plus `offset` (B,) int32 of the view."""

    faces: Tensor
    offset: Tensor

    @classmethod
    def of(cls, faces: Tensor, offset: Tensor | None, batch: Batch) -> CornerValues:
        """No offset counts as zeros. Raises `ValueError` where `faces` differ in number from the batch's."""
        if faces.shape != batch.faces.shape:
            found, wanted = tuple(faces.shape), tuple(batch.faces.shape)
            raise ValueError(f"the faces of values must be {wanted} as the batch's, not {found}")
        return cls(faces.contiguous(), torch.zeros_like(batch.row_offset) if offset is None else offset.contiguous())

    def views(self) -> list[Any]:
        """Arguments of the kernels."""
        return [warp_view(self.offset), warp_view(self.faces, wp.vec3i)]
