"""All shapes of a scene as one mesh: what stays fixed while parameters move, and what moves."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from sharpvision.geometry.edges import edges_of
from sharpvision.kernels.batch import Batch
from sharpvision.kernels.corners import Corners, corners_of
from sharpvision.kernels.normals import vertex_normals
from sharpvision.kernels.plain_values import outside_transforms, plain_values
from sharpvision.kernels.silhouette_edges import MeshEdges
from sharpvision.rendering.scene import Scene, Shape


@dataclass(frozen=True, eq=False)
class SceneTopology:
    """Faces of all shapes, one after the other; index tensors int32.

    `faces`, `normal_faces`, `uv_faces` (F, 3); `face_shape` (F,) int64 which shape; `uv` (T, 2); `corners` of vertices
    and `normal_corners` of shading normals; `edges` with coincident vertices of a shape merged.
    """

    faces: Tensor
    normal_faces: Tensor
    uv_faces: Tensor
    face_shape: Tensor
    uv: Tensor
    vertices: int
    normals: int
    corners: Corners
    normal_corners: Corners
    edges: MeshEdges
    batches: dict[tuple[int, int, int], Batch] = field(default_factory=dict, init=False)
    """What `batch` made."""

    def batch(self, views: int, height: int, width: int) -> Batch:
        """So many views of the scene, in images of this size; the last one asked for is kept."""
        size = views, height, width
        if size not in self.batches:
            self.batches.clear()
            self.batches[size] = Batch.of_one_mesh(self.faces, self.vertices, views=views, height=height, width=width)
        return self.batches[size]


@dataclass(frozen=True, eq=False)
class SurfaceState:
    """What moves: `vertices` (V, 3) and unit shading `normals` (N, 3), both in the world."""

    vertices: Tensor
    normals: Tensor


def topology_of(scene: Scene) -> SceneTopology:
    """The scene's topology; made once and kept with the scene until its faces are replaced."""
    shapes = scene.shape_list
    key = [v for s in shapes for v in (s.faces, s.normal_faces, s.uv_faces, s.uv)]
    kept = scene.__dict__.get("_topology")
    # The tensors themselves are kept: the id of one that is gone may be another's.
    if kept is None or len(kept[0]) != len(key) or any(a is not b for a, b in zip(kept[0], key, strict=True)):
        places = plain_values(torch.cat([s.vertices for s in shapes]))
        with torch.no_grad(), outside_transforms():
            kept = (key, _build(shapes, places))
        scene.__dict__["_topology"] = kept
    topology: SceneTopology = kept[1]
    return topology


def _build(shapes: list[Shape], places: Tensor) -> SceneTopology:
    faces, normal_faces, uv_faces, uvs = [], [], [], []
    vertex = normal = texture = 0
    for shape in shapes:
        own = shape.faces if shape.normal_faces is None else shape.normal_faces
        uv = places.new_zeros(1, 2) if shape.uv is None else shape.uv
        faces.append(shape.faces + vertex)
        normal_faces.append(own + normal)
        uv_faces.append(torch.zeros_like(shape.faces) + texture if shape.uv_faces is None else shape.uv_faces + texture)
        uvs.append(uv)
        vertex += len(shape.vertices)
        normal += len(shape.vertices) if shape.normal_faces is None else int(own.max()) + 1 if own.numel() else 0
        texture += len(uv)
    corners, normal_corners, uv_corners = (_packed(v) for v in (faces, normal_faces, uv_faces))
    if torch.equal(corners, normal_corners):  # one list instead of two in the caches
        normal_corners = corners
    counts = torch.tensor([len(f) for f in faces], device=corners.device)
    face_shape = torch.repeat_interleave(torch.arange(len(faces), device=corners.device), counts)
    # Coincident vertices of different shapes are kept apart: by an offset for each shape that no coordinate reaches.
    span = 4 * places.abs().max().clamp(min=1) if len(places) else 1.0
    sizes = torch.tensor([len(s.vertices) for s in shapes], device=places.device)
    shift = torch.repeat_interleave(torch.arange(len(shapes), device=places.device), sizes)
    apart = places.double() + (span * shift.to(places))[:, None].double()
    return SceneTopology(
        corners, normal_corners, uv_corners, face_shape, torch.cat(uvs), vertex, normal, corners_of(corners, vertex),
        corners_of(normal_corners, normal), edges_of(corners, apart, normal_corners, uv_corners),
    )  # fmt: skip


def _packed(parts: list[Tensor]) -> Tensor:
    return torch.cat(parts).to(torch.int32).contiguous()


def surface_of(scene: Scene, topology: SceneTopology) -> SurfaceState:
    """Vertices of all shapes in the world, one shape's after the other's, and their area-weighted shading normals."""
    shapes = scene.shape_list
    moved = [shape.vertices if shape.pose.is_resting else shape.pose(shape.vertices) for shape in shapes]
    vertices = torch.cat(moved) if len(moved) > 1 else moved[0]
    normals = vertex_normals(vertices, topology.faces, topology.normal_faces, topology.normal_corners)
    return SurfaceState(vertices, normals)
