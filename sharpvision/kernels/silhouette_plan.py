"""The plan of an image: where radiance is wanted and how it makes pixels, silhouettes included."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import torch
from jaxtyping import Float
from torch import Tensor

from sharpvision.kernels.batch import Batch
from sharpvision.kernels.custom_ops import traced_query
from sharpvision.kernels.raster_outlines import plan_outline
from sharpvision.kernels.raster_types import Plan, Raster
from sharpvision.kernels.silhouette_bundles import bundle_edges, bundle_scene
from sharpvision.kernels.silhouette_edges import EdgeBatch, MeshEdges
from sharpvision.kernels.silhouette_facing import behind_near, facing
from sharpvision.kernels.silhouette_points import assembled
from sharpvision.kernels.silhouette_query import Answers, answers
from sharpvision.kernels.silhouette_select import edge_pieces
from sharpvision.kernels.silhouette_split import PixelPieces, split_pieces

SAMPLES = {
    1: [(1.7e-4, 0.9e-4)],
    4: [(0.3791, 0.1187), (-0.1187, 0.3791), (-0.3791, -0.1187), (0.1187, -0.3791)],
}
"""Offsets of samples from the pixel's centre: the centre, or a rotated grid, a little off the round numbers at which
edges and vertices of made-up scenes stand: on which side of an edge a point on the edge lies, nothing can tell."""


@dataclass(frozen=True)
class PlanSettings:
    """`samples` (1 or 4) in the pixels of silhouettes, boundaries and hard edges, or `everywhere`: in all covered
    pixels and their neighbours; `silhouettes` False: one sample a pixel and no pieces. `near`: see `rasterize`."""

    samples: int = 4
    everywhere: bool = False
    silhouettes: bool = True
    near: float = 1e-2

    def __post_init__(self) -> None:
        if self.samples not in SAMPLES:
            raise ValueError(f"samples must be 1 or 4, not {self.samples}")


@traced_query(plan_outline)
def plan(
    projected: Float[Tensor, "rows 4"],
    batch: Batch,
    raster: Raster,
    edges: MeshEdges | EdgeBatch,
    settings: PlanSettings,
) -> Plan:
    """Points and pieces for the image of `raster`; no derivative of its own.

    `edges` as `MeshEdges` if all views see one mesh (`Batch.of_one_mesh`). With flat colours `antialias` turns the plan
    into the area-sampled image up to rounding. Not there: lines where surfaces interpenetrate, and the line along which
    the near plane cuts a face open (neither is an edge of the mesh; `rendering.near_cut` makes it one first); pieces
    seen through a gap narrower than a pixel whose two sides lie in different pixels (an error of a few hundredths of a
    pixel's area at most, where it was seen).
    Pieces of one pixel are compared in pairs, so time grows with the square of their number there.
    `torch.compile` wants `raster` made in the same graph.

    >>> from sharpvision.kernels.rasterize import rasterize
    >>> from sharpvision.kernels.silhouette_edges import MeshEdges
    >>> rows = torch.tensor([[0.5, 0.5, -1, 1], [3.5, 0.5, -1, 1], [0.5, 3.5, -1, 1]])
    >>> faces = torch.tensor([[0, 1, 2]], dtype=torch.int32)
    >>> ends, bits = torch.tensor([[0, 1], [1, 2], [2, 0]], dtype=torch.int32), torch.tensor([0, 1, 2])
    >>> one_side = torch.tensor([[0, -1]] * 3, dtype=torch.int32)
    >>> edges = MeshEdges(ends, one_side, one_side, bits.to(torch.uint8), torch.zeros(1, dtype=torch.uint8))
    >>> batch = Batch.of_one_mesh(faces, 3, views=1, height=4, width=4)
    >>> layout = plan(rows, batch, rasterize(rows, batch, 0.1), edges, PlanSettings(near=0.1))
    >>> layout.samples.shape, int((layout.sample >= 0).sum())
    (torch.Size([9, 4]), 1)
    """
    behind = behind_near(projected, settings.near)
    side = raster.side
    if side is None and settings.silhouettes:
        side = facing(projected, batch, edges, settings.near)
    projected = projected.detach().contiguous()
    if isinstance(edges, MeshEdges):
        edges = EdgeBatch.of_one_mesh(edges, batch.views)
    tiles = len(raster.bins.tile_first) - 1
    bundles = (bundle_scene(projected, batch, raster, settings.near), bundle_edges(edges, projected))
    if settings.silhouettes:
        assert side is not None
        offsets = _offsets(settings.samples, projected.dtype, projected.device)
        pieces = edge_pieces(projected, behind, side, edges, *bundles)
        pixels = split_pieces(pieces, settings.everywhere, tiles, *bundles)
        found = answers(pixels, side, offsets, tiles, *bundles)
        return assembled(raster, pixels, found, settings.everywhere, *bundles)
    none = torch.zeros(tiles + 1, dtype=torch.int32, device=projected.device)
    pixels = PixelPieces.empty(none, 0, 0, projected)
    found = Answers(_offsets(1, projected.dtype, projected.device), none[:0].view(0, 1), none[:0], none[:0])
    return assembled(raster, pixels, found, False, *bundles)


@cache
def _offsets(samples: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    return torch.tensor(SAMPLES[samples], dtype=dtype, device=device)
