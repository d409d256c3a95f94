"""The z-buffer: which face is nearest at each pixel's centre.

Corners are rounded to 1/256 pixel and edge functions are integers, with the top-left rule, so a pixel on a shared edge
belongs to one face and the face ids are the same on every machine. The depth key q / w is affine in the image.
"""

from __future__ import annotations

import torch
import warp as wp
from jaxtyping import Float
from torch import Tensor

from sharpvision.kernels.batch import Batch
from sharpvision.kernels.bins import Screen, bin_faces
from sharpvision.kernels.custom_ops import traced_query
from sharpvision.kernels.dispatch import dispatch, real_of
from sharpvision.kernels.raster_kernels import raster_kernels
from sharpvision.kernels.raster_outlines import grid_of, raster_outline
from sharpvision.kernels.raster_types import Bins, Raster
from sharpvision.kernels.silhouette_edges import EdgeBatch, MeshEdges
from sharpvision.kernels.silhouette_facing import behind_near, flags_of
from sharpvision.kernels.views import warp_view

_BANDS = 16


@traced_query(raster_outline, grid_of)
def rasterize(
    projected: Float[Tensor, "rows 4"], batch: Batch, near: float, edges: MeshEdges | EdgeBatch | None = None
) -> Raster:
    """The face nearest to the camera at each pixel's centre, both windings drawn; no derivative.

    `projected` as in `raster_types`; parts with w < `near` are cut off. Faces without area in the image are skipped; of
    faces at the same depth the one of lower index is taken. With `edges`, backs of closed parts that are wound
    consistently are left out, unless something is nearer than `near`: their fronts hide them (where a part passes
    through itself, inside out, they need not). The same bytes for any number of threads.

    >>> corners = torch.tensor([[0.0, 0, 1], [4, 0, 1], [0, 4, 1]])
    >>> rows = torch.cat([corners[:, :2], -torch.ones(3, 1), corners[:, 2:]], 1)
    >>> batch = Batch.of_one_mesh(torch.tensor([[0, 1, 2]]), 3, views=1, height=2, width=3)
    >>> rasterize(rows, batch, 0.1).face.tolist()
    [[[0, 0, 0], [0, 0, -1]]]
    """
    hidden = None if edges is None else (flags_of(edges), behind_near(projected, near))
    projected = projected.detach().contiguous()
    screen, bins, side = bin_faces(projected, batch, near, hidden)
    draw = draw_by_bands if projected.device.type == "cpu" else draw_by_pixels
    face, entry, key = draw(projected, screen, bins, batch, near)
    return Raster(face, entry, key, bins, side)


def draw_by_bands(
    projected: Tensor, screen: Screen, bins: Bins, batch: Batch, near: float
) -> tuple[Tensor, Tensor, Tensor]:
    """`face`, `entry` and `key` of `Raster`, a band of rows at a time: for a CPU."""
    images, inputs = _inputs(projected, screen, bins, batch, near)
    inputs += [warp_view(screen.band_first), warp_view(screen.band_slot)]
    bands = batch.views * bins.rows
    dispatch(raster_kernels(real_of(projected)).bands, bands, inputs, projected.device, -(-bands // _BANDS))
    return images


def draw_by_pixels(
    projected: Tensor, screen: Screen, bins: Bins, batch: Batch, near: float
) -> tuple[Tensor, Tensor, Tensor]:
    """The same, a pixel at a time over the faces of its tile: for CUDA."""
    images, inputs = _inputs(projected, screen, bins, batch, near)
    inputs += [warp_view(bins.tile_first), warp_view(bins.tile_entry), warp_view(bins.entry_slot)]
    pixels = batch.views * bins.rows * bins.columns * bins.tile**2
    dispatch(raster_kernels(real_of(projected)).pixels, pixels, inputs, projected.device)
    return images


def _inputs(
    projected: Tensor, screen: Screen, bins: Bins, batch: Batch, near: float
) -> tuple[tuple[Tensor, Tensor, Tensor], list]:  # type: ignore[type-arg]
    """Images (face, entry, key) to be filled, and what both kernels take first."""
    shape = (batch.views, batch.height, batch.width)
    real = real_of(projected)
    # One block of memory: the allocator keeps it for the next image, while it hands back several of a megabyte each.
    face, entry, *rest = torch.empty(3 if real is wp.float32 else 2, *shape, dtype=torch.int32, device=projected.device)
    key = rest[0].view(torch.float32) if rest else projected.new_empty(shape)
    return (face, entry, key), [
        warp_view(projected, wp.types.vector(4, real)), warp_view(screen.place, wp.vec2i), warp_view(screen.key),
        warp_view(batch.faces, wp.vec3i), warp_view(batch.first_face), warp_view(batch.row_offset),
        warp_view(batch.first_slot), real(near), warp_view(bins.slot_box, wp.vec4i), warp_view(bins.slot_entry),
        wp.vec2i(bins.columns, bins.rows), wp.vec2i(batch.width, batch.height),
        *(warp_view(image.view(-1)) for image in (key, face, entry)),
    ]  # fmt: skip
