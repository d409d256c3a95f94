"""What every kernel over groups of points reads: faces, their coordinates, and where the points lie."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import warp as wp
from torch import Tensor

from sharpvision.kernels.batch import Batch
from sharpvision.kernels.dispatch import real_of
from sharpvision.kernels.gather import CornerValues, Groups, gathered, groups_of, scattered
from sharpvision.kernels.raster_types import Points
from sharpvision.kernels.views import warp_view


@dataclass(frozen=True, eq=False)
class FacePoints:
    """Points of a batch, and whether the derivative of their barycentrics is `damped`, see `interpolate`."""

    points: Points
    batch: Batch
    damped: bool

    @property
    def groups(self) -> Groups:
        """The points by entry."""
        return groups_of(self.points)

    def views(self, projected: Tensor) -> list[Any]:
        """First arguments of the kernels."""
        p, groups, real = self.points, self.groups, real_of(projected)
        vec2, vec4 = wp.types.vector(2, real), wp.types.vector(4, real)
        return [
            int(self.damped), warp_view(groups.first), warp_view(groups.count), warp_view(groups.face),
            warp_view(groups.view), warp_view(p.position, vec2), warp_view(p.moves), warp_view(p.edge),
            warp_view(p.along), warp_view(self.batch.row_offset), warp_view(self.batch.faces, wp.vec3i),
            warp_view(projected, vec4),
        ]  # fmt: skip

    def summed(self, rows: Tensor, corners: CornerValues, count: int) -> Tensor:
        """Sums (count, 4 W) of the groups' rows (3 G, 4 W) at the rows that corners have."""
        if rows.device.type == "cpu":
            return scattered(rows, self.groups, corners, count)
        return gathered(rows, self.groups, corners, self.batch, count)

    def to_coordinates(self, rows: Tensor, count: int) -> Tensor:
        """Sums (count, 4) of the groups' rows (3 G, 4) at those of `projected`."""
        return self.summed(rows, CornerValues(self.batch.faces, self.batch.row_offset), count)
