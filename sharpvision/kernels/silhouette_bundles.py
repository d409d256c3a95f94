"""The structs in which the kernels of silhouettes take their arrays.

A launch costs half a microsecond for each argument and band, and the same arrays serve several launches.
"""

from functools import cache
from types import SimpleNamespace
from typing import Any

import warp as wp
from torch import Tensor

from sharpvision.kernels.batch import Batch
from sharpvision.kernels.dispatch import real_of
from sharpvision.kernels.launch import start_warp
from sharpvision.kernels.raster_types import Plan, Raster
from sharpvision.kernels.silhouette_edges import EdgeBatch
from sharpvision.kernels.views import struct_view

start_warp()


@cache
def bundle_types(real: type) -> SimpleNamespace:
    """The structs in one precision; fields as in the dataclasses that their docstrings name."""
    return SimpleNamespace(**vars(_inputs(real)), **vars(_pieces(real)), **vars(_outputs(real)))


def _inputs(real: type) -> SimpleNamespace:
    vec4 = wp.types.vector(4, real)

    @wp.struct
    class Scene:
        """`Batch`, coordinates, `Raster` and its `Bins`."""

        near: real
        tile: int
        rows: int
        columns: int
        tiles: int
        projected: wp.array(dtype=vec4)
        faces: wp.array(dtype=wp.vec3i)
        first_slot: wp.array(dtype=int)
        first_face: wp.array(dtype=int)
        row_offset: wp.array(dtype=int)
        key: wp.array3d(dtype=real)
        entry: wp.array(dtype=int)
        slot_box: wp.array(dtype=wp.vec4i)
        slot_entry: wp.array(dtype=int)
        entry_slot: wp.array(dtype=int)
        tile_first: wp.array(dtype=int)
        tile_entry: wp.array(dtype=int)

    @wp.struct
    class Edges:
        """`EdgeBatch`."""

        ends: wp.array(dtype=wp.vec2i)
        faces: wp.array(dtype=wp.vec2i)
        opposite: wp.array(dtype=wp.vec2i)
        flags: wp.array(dtype=wp.uint8)
        face_flags: wp.array(dtype=wp.uint8)
        first_edge: wp.array(dtype=int)
        edge_count: wp.array(dtype=int)
        first_block: wp.array(dtype=int)

    return SimpleNamespace(Scene=Scene, Edges=Edges)


def _pieces(real: type) -> SimpleNamespace:
    vec2 = wp.types.vector(2, real)
    vec4 = wp.types.vector(4, real)

    @wp.struct
    class EdgePieces:
        """`silhouette_select.EdgePieces`."""

        cell: wp.array(dtype=int)
        ends: wp.array(dtype=vec4)
        depth: wp.array(dtype=vec4)
        owner: wp.array(dtype=wp.vec2i)

    @wp.struct
    class PixelPieces:
        """`silhouette_split.PixelPieces`."""

        tile_pixel: wp.array(dtype=int)
        place: wp.array(dtype=wp.vec2i)
        cell: wp.array(dtype=int)
        first: wp.array(dtype=int)
        ends: wp.array(dtype=vec4)
        middle: wp.array(dtype=vec4)
        owner: wp.array(dtype=wp.vec2i)

    @wp.struct
    class Answers:
        """`silhouette_query.Answers`."""

        offsets: wp.array(dtype=vec2)
        sample: wp.array2d(dtype=int)
        outer: wp.array(dtype=int)
        inner: wp.array(dtype=int)

    return SimpleNamespace(EdgePieces=EdgePieces, PixelPieces=PixelPieces, Answers=Answers)


def _outputs(real: type) -> SimpleNamespace:
    vec2 = wp.types.vector(2, real)

    @wp.struct
    class Points:
        """`raster_types.Points`."""

        entry_first: wp.array(dtype=int)
        entry_count: wp.array(dtype=int)
        face: wp.array(dtype=int)
        view: wp.array(dtype=int)
        pixel: wp.array(dtype=int)
        position: wp.array(dtype=vec2)
        moves: wp.array(dtype=wp.uint8)
        edge: wp.array(dtype=wp.uint8)
        along: wp.array(dtype=real)
        groups: wp.array2d(dtype=int)  # rows as the fields of `gather.Groups`

    @wp.struct
    class Plan:
        """`raster_types.Plan` with its `Pieces`, without its points."""

        sample: wp.array(dtype=int)
        samples: wp.array2d(dtype=int)
        piece_first: wp.array(dtype=int)
        pixel: wp.array(dtype=int)
        rows: wp.array(dtype=wp.vec2i)
        along: wp.array(dtype=real)
        normal: wp.array(dtype=vec2)
        length: wp.array(dtype=real)
        coefficient: wp.array(dtype=real)
        inner: wp.array(dtype=int)
        outer: wp.array(dtype=int)

    return SimpleNamespace(Points=Points, Plan=Plan)


def band_size(items: int) -> int:
    """Items of a band for kernels whose items are heavy: at most 32 bands."""
    return max(1, -(-items // 32))


def bundle(kind: Any, *sources: Any, **values: Any) -> Any:
    """A struct of `kind` whose fields are `values`, or else the attributes of `sources` of these names; tensors become
    views."""
    return struct_view(
        kind, [values[n] if n in values else next(getattr(s, n) for s in sources if hasattr(s, n)) for n in kind.vars]
    )


def unfilled(kind: Any, **values: Any) -> Any:
    """A struct of `kind` for a launch that touches no arrays of it but `values`."""
    return struct_view(kind, [values.get(name) for name in kind.vars])


def bundle_scene(projected: Tensor, batch: Batch, raster: Raster, near: float) -> Any:
    """`Scene` of a batch."""
    bins = raster.bins
    kind = bundle_types(real_of(projected)).Scene
    flat = {"near": near, "tiles": len(bins.tile_first) - 1, "projected": projected, "entry": raster.entry.view(-1)}
    return bundle(kind, batch, bins, raster, **flat)


def bundle_edges(edges: EdgeBatch, projected: Tensor) -> Any:
    """`Edges` for kernels in the precision of `projected`."""
    real = real_of(projected)
    if real not in edges.bundles:
        edges.bundles[real] = bundle(bundle_types(real).Edges, edges, edges.edges)
    return edges.bundles[real]


def bundle_plan(plan: Plan, groups: Tensor) -> list[Any]:
    """Structs `Points`, with its `groups` (4, G), and `Plan`."""
    types = bundle_types(real_of(plan.points.along))
    return [
        bundle(types.Points, plan.points, groups=groups),
        bundle(types.Plan, plan, plan.pieces, sample=plan.sample.view(-1)),
    ]
