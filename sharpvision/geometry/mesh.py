"""Triangle meshes and their normals."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from sharpvision.core.vectors import unit


@dataclass(frozen=True, eq=False)
class Mesh:
    """Triangles in the OpenCV camera frame, counter-clockwise as seen from outside.

    `vertices` (V, 3) in the unit of the calibration; `faces` (F, 3) indices; `vertex_normals` (V, 3) unit, or zero
    where a vertex has no face with an area; `vertex_colors` (V, C) linear; `uv` (T, 2) texture coordinates, u right, v
    up from the lower left corner of the picture, with `uv_faces` (F, 3) indices into them; `normal_faces` (F, 3) says
    which corners share a shading normal (None: those of one vertex, smooth everywhere). Raises `ValueError` where
    shapes differ or an index is out of range.

    >>> triangle = Mesh(torch.tensor([[0.0, 0, 0], [0, 1, 0], [1, 0, 0]]), torch.tensor([[0, 1, 2]]))
    >>> triangle.with_vertex_normals().vertex_normals[0].tolist()
    [0.0, 0.0, -1.0]
    """

    vertices: Float[Tensor, "v 3"]
    faces: Int[Tensor, "f 3"]
    vertex_normals: Float[Tensor, "v 3"] | None = None
    vertex_colors: Float[Tensor, "v c"] | None = None
    uv: Float[Tensor, "t 2"] | None = None
    uv_faces: Int[Tensor, "f 3"] | None = None
    normal_faces: Int[Tensor, "f 3"] | None = None

    def __post_init__(self) -> None:
        for name in ("vertex_normals", "vertex_colors"):
            values = getattr(self, name)
            if values is not None and len(values) != len(self.vertices):
                raise ValueError(f"{name} must have {len(self.vertices)} rows as the vertices, not {len(values)}")
        if self.faces.numel() and not 0 <= int(self.faces.min()) <= int(self.faces.max()) < len(self.vertices):
            least, most = int(self.faces.min()), int(self.faces.max())
            raise ValueError(f"faces must index {len(self.vertices)} vertices, not {least} to {most}")

        if (self.uv is None) != (self.uv_faces is None):
            raise ValueError("uv and uv_faces go together")
        for name in ("uv_faces", "normal_faces"):
            values = getattr(self, name)
            if values is not None and values.shape != self.faces.shape:
                raise ValueError(f"{name} must be {tuple(self.faces.shape)} as the faces, not {tuple(values.shape)}")
        if self.uv is not None and self.uv_faces is not None and self.uv_faces.numel():
            least, most = int(self.uv_faces.min()), int(self.uv_faces.max())
            if not 0 <= least <= most < len(self.uv):
                raise ValueError(f"uv_faces must index {len(self.uv)} texture coordinates, not {least} to {most}")

    def face_normals(self) -> Float[Tensor, "f 3"]:
        """Unit normal of each face; zero where its area is zero."""
        return unit(area_vectors(self.vertices, self.faces))

    def face_areas(self) -> Float[Tensor, " f"]:
        """Area of each face."""
        return torch.linalg.vector_norm(area_vectors(self.vertices, self.faces), dim=-1)

    def with_vertex_normals(self) -> Mesh:
        """The same mesh with area-weighted vertex normals."""
        return replace(self, vertex_normals=area_weighted_normals(self.vertices, self.faces))


def area_vectors(vertices: Float[Tensor, "v 3"], faces: Int[Tensor, "f 3"]) -> Float[Tensor, "f 3"]:
    """(b - a) x (c - a) / 2 of each face: along its normal, as long as its area.

    >>> area_vectors(torch.tensor([[0.0, 0, 0], [2, 0, 0], [0, 1, 0]]), torch.tensor([[0, 1, 2]])).tolist()
    [[0.0, 0.0, 1.0]]
    """
    a, b, c = vertices[faces].unbind(1)
    return torch.linalg.cross(b - a, c - a) / 2


def area_weighted_normals(vertices: Float[Tensor, "v 3"], faces: Int[Tensor, "f 3"]) -> Float[Tensor, "v 3"]:
    """Unit normal of each vertex: the sum of its faces' area vectors, made unit; zero where that sum is zero.

    >>> vertices = torch.tensor([[0.0, 0, 0], [2, 0, 0], [0, 1, 0], [9, 9, 9]])
    >>> area_weighted_normals(vertices, torch.tensor([[0, 1, 2]]))[2:].tolist()
    [[0.0, 0.0, 1.0], [0.0, 0.0, 0.0]]
    """
    per_face = area_vectors(vertices, faces)
    total = torch.zeros_like(vertices).index_add(0, faces.T.reshape(-1), per_face.repeat(3, 1))
    return unit(total)
