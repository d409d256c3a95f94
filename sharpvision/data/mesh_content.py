"""What a mesh file holds, before it is checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class MeshContent:
    """`vertices` (V, 3), `faces` (F, 3), linear `colours` (V, 3), `uv` (T, 2) with `uv_faces` (F, 3).

    `normal_faces` (F, 3): which corners of a vertex share a normal.
    """

    vertices: NDArray[Any]
    faces: NDArray[Any]
    colours: NDArray[Any] | None = None
    uv: NDArray[Any] | None = None
    uv_faces: NDArray[Any] | None = None
    normal_faces: NDArray[Any] | None = None

    def merged(self) -> MeshContent:
        """Vertices at one place made one, for formats that split them where texture or normals have a seam."""
        whole = np.ascontiguousarray(self.vertices + 0.0)  # -0 becomes 0
        _, first, index = np.unique(whole, axis=0, return_index=True, return_inverse=True)
        index = index.reshape(-1)
        return MeshContent(
            self.vertices[first],
            index[self.faces].reshape(-1, 3),
            None if self.colours is None else self.colours[first],
            self.uv,
            self.uv_faces,
            self.normal_faces,
        )
