"""What the kernels of the rasteriser hand on: bins of faces, the z-buffer, and the places to shade.

Coordinates are *projected*: rows (x w, y w, q, w) of a vertex seen by one view, (x, y) in pixels with centres at
integer + 0.5, w > 0 in front of the camera, q / w the depth key, smaller where nearer (a perspective camera has w = Z
and q = -1, so the key is -1 / Z; an orthographic one w = 1 and q = Z). All four are linear in space.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from torch import Tensor


@dataclass(frozen=True, eq=False)
class Bins:
    """Which faces may touch which tile of `tile` x `tile` pixels. An *entry* is a slot in a tile; E entries.

    Entries are numbered slot by slot, and within a slot by rows of its box of tiles: entry of tile (ty, tx) =
    `slot_entry[s]` + (ty - box[1]) (box[2] - box[0] + 1) + tx - box[0], with `box` = `slot_box[s]` = first and last
    tile column and row (x0, y0, x1, y1), inclusive; x1 < x0 where the slot touches nothing.
    Tile t = (view * rows + ty) * columns + tx holds `tile_entry[tile_first[t] : tile_first[t + 1]]`, ascending; these
    lists are made when first asked for. Boxes are those of the whole outline (every pixel that a point of the face may
    lie in), not of pixel centres.
    """

    tile: int
    rows: int
    columns: int
    slot_box: Tensor  # (S, 4) int32
    slot_entry: Tensor  # (S + 1,) int32
    slot_view: Tensor  # (S,) int32
    make_lists: Callable[[], tuple[Tensor, Tensor, Tensor]]

    @cached_property
    def _lists(self) -> tuple[Tensor, Tensor, Tensor]:
        return self.make_lists()

    @property
    def entries(self) -> int:
        """E."""
        return int(self.slot_entry[-1])

    @property
    def tile_first(self) -> Tensor:
        """(tiles + 1,) int32."""
        return self._lists[0]

    @property
    def tile_entry(self) -> Tensor:
        """(E,) int32."""
        return self._lists[1]

    @property
    def entry_slot(self) -> Tensor:
        """(E,) int32."""
        return self._lists[2]


@dataclass(frozen=True, eq=False)
class Raster:
    """The z-buffer at pixel centres: nearest face (index into `Batch.faces`) or -1, its entry or -1, its depth key or
    +inf; each (B, H, W). The key has the dtype of the coordinates. `side` (S,) uint8 of `silhouette_facing.facing`,
    where the backs of closed parts were left out; else None."""

    face: Tensor
    entry: Tensor
    key: Tensor
    bins: Bins
    side: Tensor | None = None


@dataclass(frozen=True, eq=False)
class Points:
    """P places where radiance is wanted, grouped by entry: entry e holds points `entry_first[e]` to `entry_first[e] +
    entry_count[e]` - 1 (groups in any order, none empty unless its count is 0).

    `face` (P,) index into `Batch.faces`; `view` (P,) int32; `pixel` (P,) int32, flat over (B, H, W); `position` (P, 2)
    of the coordinates' dtype, in pixels; `moves` (P,) uint8: 1 where the point stays put in the image while the surface
    moves (a sample: barycentrics have a derivative), 0 where it moves along (a place on an edge: they have none).

    `edge` (P,) uint8 and `along` (P,) of the coordinates' dtype: with `edge` = k < 3 the point lies on the face's edge
    from corner k to corner (k + 1) % 3, and its barycentrics are 1 - `along` and `along` of these corners and 0 of the
    third. Whoever interpolates must take them so: from `position` they are ill-conditioned, since the faces at a
    silhouette are seen nearly edge-on. With `edge` = 3 they follow from `position`, and `along` holds nothing.
    """

    entry_first: Tensor
    entry_count: Tensor
    face: Tensor
    view: Tensor
    pixel: Tensor
    position: Tensor
    moves: Tensor
    edge: Tensor
    along: Tensor

    def __len__(self) -> int:
        return len(self.face)


@dataclass(frozen=True, eq=False)
class Pieces:
    """N visible pieces of silhouettes, boundaries and hard edges, each inside one pixel; grouped by pixel.

    `pixel` (N,) int32; `rows` (N, 2) int32 into the coordinates: the edge's end vertices A, B; `along` (N,) the
    perspective-correct parameter of the piece's middle m, the same in space and in `projected` rows: m =
    ((1 - along) A + along B).xy / (..).w, valid for edges cut at the near plane too; `normal` (N, 2) unit, in the
    image, away from the inner side; `length` (N,) pixels; `coefficient` (N,) the weight of (inner - outer radiance) in
    the pixel's value; `inner` (N,) int32 the point that holds the inner side's radiance; `outer` (N,) int32 that of the
    outer side, -1 for the background.
    """

    pixel: Tensor
    rows: Tensor
    along: Tensor
    normal: Tensor
    length: Tensor
    coefficient: Tensor
    inner: Tensor
    outer: Tensor


@dataclass(frozen=True, eq=False)
class Plan:
    """How points make an image: value of a pixel = mean of its samples + sum over its pieces of coefficient (inner -
    outer).

    `sample` (B, H, W) int32: >= 0 the one point of the pixel; -1 background; -2 - c for the c-th of the Q pixels with
    several samples. `samples` (Q, K) int32: points of such a pixel, -1 background. `piece_first` (Q + 1,) int32: pieces
    of that pixel are `piece_first[c]` to `piece_first[c + 1]` - 1. Every pixel with a piece is one of the Q (K = 1 in
    mode `fast`).
    """

    points: Points
    pieces: Pieces
    sample: Tensor
    samples: Tensor
    piece_first: Tensor
