"""The edges of meshes that silhouettes are made of, and which of them each view has."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

EDGES_PER_BLOCK = 256
"""Edges that one item of the selection works on."""

SECOND_CORNER, SAME_WAY, HARD, OUTWARD, INWARD = 4, 16, 32, 64, 128
"""Bits of `MeshEdges.flags` above the first face's corner."""


@dataclass(frozen=True, eq=False)
class MeshEdges:
    """N edges of a mesh, each once; made by `geometry.edges_of`. Index tensors int32.

    `ends` (N, 2) vertices A, B in the order in which the first face passes them; `faces` (N, 2) the faces on its two
    sides, -1 where there is none; `opposite` (N, 2) their third vertices, -1 where there is none; `flags` (N,) uint8:
    bits 0-1 the corner of the first face at A, bits 2-3 that of the second face where its own pass of the edge starts,
    `SAME_WAY` where the second face passes A before B too (winding not consistent), `HARD` where normals or texture
    coordinates differ across the edge, `OUTWARD` or `INWARD` where the edge belongs to a closed, consistently wound
    part whose faces are counter-clockwise (clockwise) seen from outside. `face_flags` (F,) uint8: the last two for each
    face of the mesh.
    """

    ends: Tensor
    faces: Tensor
    opposite: Tensor
    flags: Tensor
    face_flags: Tensor
    batches: dict[int, EdgeBatch] = field(default_factory=dict)
    """What `EdgeBatch.of_one_mesh` made of it."""

    def __len__(self) -> int:
        return len(self.ends)

    @property
    def hard(self) -> Tensor:
        """(N,) bool: attributes differ across the edge."""
        return (self.flags & HARD) > 0

    @property
    def closed(self) -> Tensor:
        """(N,) bool: the edge belongs to a closed part with consistent winding."""
        return (self.flags & (OUTWARD | INWARD)) > 0

    @property
    def orientation(self) -> Tensor:
        """(N,) int8: 1 outward, -1 inward, 0 unknown."""
        return ((self.flags & OUTWARD) > 0).to(torch.int8) - ((self.flags & INWARD) > 0).to(torch.int8)


@dataclass(frozen=True, eq=False)
class EdgeBatch:
    """Edges of the meshes of a `Batch`: `edges` with vertices and faces counted through all meshes; view b has those
    from `first_edge[b]` on, `edge_count[b]` of them, in blocks `first_block[b]` to `first_block[b + 1]` - 1.

    >>> i, flags = torch.tensor([[0, 1]], dtype=torch.int32), torch.zeros(1, dtype=torch.uint8)
    >>> one = MeshEdges(i, i, i, flags, flags)
    >>> EdgeBatch.of_one_mesh(one, 3).first_block.tolist()
    [0, 1, 2, 3]
    """

    edges: MeshEdges
    first_edge: Tensor
    edge_count: Tensor
    first_block: Tensor
    blocks: int
    bundles: dict[Any, Any] = field(default_factory=dict)
    """What `bundle_edges` made of it."""

    @classmethod
    def of_one_mesh(cls, edges: MeshEdges, views: int) -> EdgeBatch:
        """All views see the same mesh; made once."""
        if views not in edges.batches:
            none, all_of_them = torch.zeros(views, dtype=torch.int32), torch.full((views,), len(edges))
            edges.batches[views] = cls._make(edges, none, all_of_them)
        return edges.batches[views]

    @classmethod
    def of_meshes(cls, edges: list[MeshEdges], faces: list[int], vertices: list[int]) -> EdgeBatch:
        """View b sees mesh b; `faces` and `vertices` count those of each mesh, as for `Batch.of_meshes`."""
        first_face = torch.tensor([0, *faces[:-1]]).cumsum(0).tolist()
        first_vertex = torch.tensor([0, *vertices[:-1]]).cumsum(0).tolist()
        packed = MeshEdges(
            torch.cat([e.ends + v for e, v in zip(edges, first_vertex, strict=True)]),
            torch.cat([_moved(e.faces, f) for e, f in zip(edges, first_face, strict=True)]),
            torch.cat([_moved(e.opposite, v) for e, v in zip(edges, first_vertex, strict=True)]),
            torch.cat([e.flags for e in edges]),
            torch.cat([e.face_flags for e in edges]),
        )
        count = torch.tensor([len(e) for e in edges], dtype=torch.int32)
        return cls._make(packed, count.cumsum(0, dtype=torch.int32) - count, count)

    @classmethod
    def _make(cls, edges: MeshEdges, first: Tensor, count: Tensor) -> EdgeBatch:
        blocks = torch.zeros(len(first) + 1, dtype=torch.int32)
        blocks[1:] = (-(-count // EDGES_PER_BLOCK)).cumsum(0)
        to = edges.ends.device
        return cls(edges, first.to(to), count.to(torch.int32).to(to), blocks.to(to), int(blocks[-1]))


def _moved(indices: Tensor, by: int) -> Tensor:
    """Indices plus `by`; -1 stays."""
    return torch.where(indices < 0, indices, indices + by)
