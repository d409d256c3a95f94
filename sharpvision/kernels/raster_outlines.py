"""Shapes and types of what `rasterize` and `plan` return, for tracing them: sizes that depend on content are unknown.

Functions of the same arguments as the operations, for `custom_ops.traced_query`; the content of the tensors is not set.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.library import get_ctx

from sharpvision.kernels.batch import Batch
from sharpvision.kernels.bins import TILE
from sharpvision.kernels.raster_types import Bins, Pieces, Plan, Points, Raster
from sharpvision.kernels.silhouette_edges import EdgeBatch, MeshEdges

if TYPE_CHECKING:
    from sharpvision.kernels.silhouette_plan import PlanSettings

def grid_of(
    projected: Tensor, batch: Batch, near: float, edges: MeshEdges | EdgeBatch | None = None
) -> list[int]:
    """The integers of a raster: side of a tile, rows and columns of tiles, and 1 where it has no `side`."""
    return [TILE, -(-batch.height // TILE), -(-batch.width // TILE), int(edges is None)]


def raster_outline(
    projected: Tensor, batch: Batch, near: float, edges: MeshEdges | EdgeBatch | None = None
) -> Raster:
    """As `rasterize`, with its lists of tiles made."""
    images = (batch.views, batch.height, batch.width)
    tile, rows, columns, _ = grid_of(projected, batch, near)
    entries = get_ctx().new_dynamic_size()
    lists = (
        _ints(projected, batch.views * rows * columns + 1), _ints(projected, entries), _ints(projected, entries)
    )  # fmt: skip
    slots = _ints(projected, batch.slots, 4), _ints(projected, batch.slots + 1), _ints(projected, batch.slots)
    bins = Bins(tile, rows, columns, *slots, lambda: lists)
    side = None if edges is None else torch.empty(batch.slots, dtype=torch.uint8, device=projected.device)
    return Raster(_ints(projected, *images), _ints(projected, *images), projected.new_empty(images), bins, side)


def plan_outline(
    projected: Tensor, batch: Batch, raster: Raster, edges: MeshEdges | EdgeBatch, settings: PlanSettings
) -> Plan:
    """As `plan`."""
    points, pieces, kept = (get_ctx().new_dynamic_size() for _ in range(3))
    entries = raster.bins.entry_slot.shape[0]

    def ints(*shape: int) -> Tensor:
        return _ints(projected, *shape)

    def reals(*shape: int) -> Tensor:
        return projected.new_empty(shape)

    moves, edge = (torch.empty(points, dtype=torch.uint8, device=projected.device) for _ in range(2))
    places = Points(
        ints(entries), ints(entries), ints(points), ints(points), ints(points), reals(points, 2), moves, edge,
        reals(points),
    )  # fmt: skip
    cuts = Pieces(
        ints(pieces), ints(pieces, 2), reals(pieces), reals(pieces, 2), reals(pieces), reals(pieces), ints(pieces),
        ints(pieces),
    )  # fmt: skip
    samples = settings.samples if settings.silhouettes else 1
    return Plan(places, cuts, ints(*raster.face.shape), ints(kept, samples), ints(kept + 1))


def _ints(like: Tensor, *shape: int) -> Tensor:
    return torch.empty(shape, dtype=torch.int32, device=like.device)
