"""Which corners of faces meet at a vertex: a compressed list, made once for a tensor of faces and kept with it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor
from torch.compiler import is_compiling
from torch.utils.weak import WeakIdKeyDictionary

from sharpvision.kernels.custom_ops import traced_query


@dataclass(frozen=True, eq=False)
class Corners:
    """Corner 3 f + k is the k-th of face f; vertex v has `corner[first[v] : first[v + 1]]`, ascending. All int32."""

    first: Tensor  # (V + 1,)
    corner: Tensor  # (3 F,)

    def __len__(self) -> int:
        return len(self.first) - 1


_kept: WeakIdKeyDictionary = WeakIdKeyDictionary()


def corners_of(faces: Int[Tensor, "f 3"], vertices: int | None = None) -> Corners:
    """The corners at each of `vertices` vertices (by default as many as `faces` name), not negative.

    Found once for a tensor that isn't written to, and kept with it. Raises `ValueError` where `faces` name more.

    >>> corners = corners_of(torch.tensor([[0, 1, 2], [2, 1, 3]]), 5)
    >>> corners.first.tolist(), corners.corner.tolist()
    ([0, 1, 3, 5, 6, 6], [0, 1, 4, 2, 3, 5])
    """
    if is_compiling() and vertices is not None:
        return _copied(faces, vertices)
    return _corners(faces, vertices)


def _corners(faces: Tensor, vertices: int | None) -> Corners:
    version = 0 if faces.is_inference() else faces._version
    kept = _kept.get(faces)
    if kept is None or kept[0] != version:
        kept = (version, {})
        _kept[faces] = kept
    found: dict[int | None, Corners] = kept[1]
    if vertices not in found:
        with torch.no_grad():
            flat = faces.reshape(-1)
            ends = torch.bincount(flat, minlength=vertices or 0).cumsum(0)
            if vertices is not None and len(ends) > vertices:
                raise ValueError(f"faces must index {vertices} vertices, not {len(ends) - 1}")
            first = torch.zeros(len(ends) + 1, dtype=torch.int32, device=faces.device)
            first[1:] = ends
            other = next(iter(found.values()), None)
            corner = flat.argsort(stable=True).to(torch.int32) if other is None else other.corner
            found[vertices] = Corners(first, corner)
    return found[vertices]


def _outline(faces: Tensor, vertices: int) -> Corners:
    first, corner = (torch.empty(n, dtype=torch.int32, device=faces.device) for n in (vertices + 1, faces.numel()))
    return Corners(first, corner)


@traced_query(_outline, name="corners_of")
def _copied(faces: Tensor, vertices: int) -> Corners:
    """A copy of what is kept: what an operation returns is its caller's."""
    found = _corners(faces, vertices)
    return Corners(found.first.clone(), found.corner.clone())
