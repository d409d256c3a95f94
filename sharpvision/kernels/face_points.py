"""What every kernel over groups of points reads: faces, their coordinates, and where the points lie."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import warp as wp
from torch import Tensor

from sharpvision.kernels.batch import Batch
from sharpvision.kernels.dispatch import real_of
from sharpvision.kernels.gather import CornerValues, Groups, Sum, gathered, groups_of, scattered
from sharpvision.kernels.raster_types import Points
from sharpvision.kernels.views import warp_view


@dataclass(frozen=True, eq=False)
class FacePoints:
    """Points of a batch, and whether the derivative of their barycentrics is `damped`, see `interpolate`."""

    points: Points
    batch: Batch
    damped: bool
    kept: dict[str, Any] = field(default_factory=dict)
    """What `views` made: value and derivative ask for the same."""

    @property
    def groups(self) -> Groups:
        """The points by entry."""
        return groups_of(self.points)

    def views(self, projected: Tensor) -> list[Any]:
        """First arguments of the kernels."""
        p, groups, real = self.points, self.groups, real_of(projected)
        vec2, vec4 = wp.types.vector(2, real), wp.types.vector(4, real)
        if not self.kept:
            self.kept["fixed"] = [
                int(self.damped), warp_view(groups.first), warp_view(groups.count), warp_view(groups.face),
                warp_view(groups.view), warp_view(p.position, vec2), warp_view(p.moves), warp_view(p.edge),
                warp_view(p.along), warp_view(self.batch.row_offset), warp_view(self.batch.faces, wp.vec3i),
            ]  # fmt: skip
        return [*self.kept["fixed"], warp_view(projected, vec4)]

    @property
    def coordinates(self) -> CornerValues:
        """The rows of `projected` that corners have."""
        return CornerValues(self.batch.faces, self.batch.row_offset)

    def sums(self, wanted: dict[int, Sum]) -> dict[int, Tensor]:
        """Sums (count, columns) of the groups' rows, by the same keys."""
        parts = [*wanted.values()]
        if parts and parts[0][0].device.type == "cpu":
            found = scattered(parts, self.groups)
        else:
            found = [gathered(r, self.groups, c, self.batch, n)[:, :columns] for r, c, n, columns in parts]
        return dict(zip(wanted, found, strict=True))
