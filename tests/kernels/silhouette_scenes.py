"""Scenes of flat colours, their plans and their area-sampled images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import trimesh
from torch import Tensor

from sharpvision.cameras import View
from sharpvision.geometry.edges import edges_of
from sharpvision.kernels.batch import Batch
from sharpvision.kernels.raster_types import Plan, Raster
from sharpvision.kernels.rasterize import rasterize
from sharpvision.kernels.silhouette_edges import MeshEdges
from sharpvision.kernels.silhouette_plan import PlanSettings, plan


@dataclass
class Flat:
    """Coordinates (V, 4) of one view, faces, a colour for each (where it changes is an edge of the mesh), edges."""

    projected: Tensor
    faces: Tensor
    colour: Tensor
    edges: MeshEdges
    size: int
    near: float = 0.01

    def batch(self) -> Batch:
        return Batch.of_one_mesh(self.faces, len(self.projected), views=1, height=self.size, width=self.size)

    def raster(self) -> Raster:
        return rasterize(self.projected, self.batch(), self.near)

    def plan(self, **settings: object) -> Plan:
        return plan(self.projected, self.batch(), self.raster(), self.edges, self.settings(**settings))

    def settings(self, **settings: object) -> PlanSettings:
        return PlanSettings(near=self.near, **settings)  # type: ignore[arg-type]

    def area_sampled(self, samples: int = 64) -> Tensor:
        """Mean colour (H, W) over each pixel on a grid of samples; background 0."""
        scaled = self.projected.double() * torch.tensor([samples, samples, 1, 1]).double()
        side = self.size * samples
        batch = Batch.of_one_mesh(self.faces, len(scaled), views=1, height=side, width=side)
        colours = torch.cat([self.colour.double(), torch.zeros(1).double()])
        hit = rasterize(scaled, batch, self.near).face[0].long()
        return colours[hit].view(self.size, samples, self.size, samples).mean((1, 3))


def numbered(mesh: trimesh.Trimesh) -> tuple[Tensor, Tensor]:
    return torch.tensor(np.array(mesh.vertices)), torch.tensor(np.array(mesh.faces))


def seen(vertices: Tensor, eye: tuple[float, float, float], size: int, dtype: torch.dtype, fov: float = 60.0) -> Tensor:
    """Projected rows of vertices for a camera that looks at the origin."""
    place = torch.tensor(eye, dtype=dtype)
    view = View.look_at(place, torch.zeros(3).to(dtype), torch.tensor([0.01, -1, 0.02]).to(dtype), fov, (size, size))
    with torch.no_grad():
        return view.projected(vertices.to(dtype), 0.01).reshape(-1, 4).contiguous()


def box_parts() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Vertices, faces, the side of the box that each face lies on, and normal indices of the sides' own."""
    box = trimesh.creation.box()
    vertices, faces = numbered(box)
    normal = np.round(box.face_normals).astype(int)
    side = torch.tensor([2 * abs(int(n @ [0, 1, 2])) + int(n.sum() < 0) for n in normal])
    return vertices, faces, side, faces + 8 * side[:, None]


def make(name: str, dtype: torch.dtype = torch.float32, size: int = 24) -> Flat:
    """A scene by name."""
    if name == "soup":
        g = torch.Generator().manual_seed(4)
        centre = torch.rand(12, 1, 3, generator=g) * 2 - 1
        centre[:, :, 2] = torch.arange(12).view(-1, 1) * 0.4 - 2
        slant = torch.cat([torch.rand(12, 3, 2, generator=g) * 1.6 - 0.8, torch.rand(12, 3, 1, generator=g) * 0.15], 2)
        vertices, faces = (centre + slant).view(-1, 3).double(), torch.arange(36).view(-1, 3)
        rows = seen(vertices, (0.3, 0.1, -6.0), size, dtype)
        return Flat(rows, faces, torch.rand(12, generator=g), edges_of(faces, vertices), size)
    if name.startswith("box"):
        vertices, faces, side, normal_faces = box_parts()
        colour = torch.tensor([0.1, 0.3, 0.5, 0.7, 0.9, 1.0])[side]
        eye = {"box": (0.9, 0.7, -1.6), "box_front": (0.0, 0.0, -1.6), "box_near": (0.3, 0.1, -0.6)}.get(
            name, (0.01, 0.1, -1.6)
        )
        if name == "box_fin":
            vertices = vertices * torch.tensor([0.02, 1, 1])
        near = 0.3 if name == "box_near" else 0.01
        rows = seen(vertices, eye, size, dtype)
        return Flat(rows, faces, colour, edges_of(faces, vertices, normal_faces), size, near)
    ball, ball_faces = numbered(trimesh.creation.icosphere(1))
    ring, ring_faces = numbered(trimesh.creation.torus(1, 0.4, major_sections=12, minor_sections=8))
    vertices, faces, eye = ball, ball_faces, (0.1, 0.3, -2.6)
    if name == "inside_out":
        faces = faces.flip(1)
    if name == "open":
        faces = faces[ball[faces].mean(1)[:, 2] > -0.3]
    if name == "torus":
        vertices, faces, eye = ring, ring_faces, (0.3, 2.4, 1.0)
    colour = torch.ones(len(faces))
    if name == "two":
        vertices = torch.cat([ball * 0.6 + torch.tensor([0.3, 0.1, -1.6]), ring])
        faces = torch.cat([ball_faces, ring_faces + len(ball)])
        colour = torch.cat([torch.full((len(ball_faces),), 0.4), torch.ones(len(ring_faces))])
        eye = (0.3, 0.4, -3.4)
    rows = seen(vertices, eye, size, dtype)
    if name == "frame":
        rows = rows + rows[:, 3:] * torch.tensor([0.4 * size, 0.3 * size, 0, 0]).to(dtype)
    return Flat(rows, faces, colour, edges_of(faces, vertices), size)


SCENES = (
    "ball", "inside_out", "open", "torus", "two", "frame", "soup", "box", "box_front", "box_near", "box_fin"
)  # fmt: skip
