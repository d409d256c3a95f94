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


def in_pixels(points: Tensor, faces: Tensor, size: int) -> Flat:
    """A scene given by places in pixels and depths (V, 3), in float64."""
    x, y, w = points.unbind(1)
    rows = torch.stack([x * w, y * w, w - 1, w], 1).contiguous()
    colour = torch.rand(len(faces), generator=torch.Generator().manual_seed(2))
    return Flat(rows, faces, colour, edges_of(faces, points), size)


def slivers(name: str, seed: int = 0, size: int = 11) -> Flat:
    """Faces as thin as they get, at depths of their own.

    `needles` are 1e-2 to 1e-16 pixels wide; `lattice`: corners at centres, borders and corners of pixels, some faces
    without area; `centre`: two that cross in the middle of a pixel, `corner`: one that ends there; `edge_on`: seen
    along its plane; `end_on`: an edge towards the camera; `t_junction`: a flat face fills in between two edges and one.
    """
    g = torch.Generator().manual_seed(seed)
    fixed = {
        "centre": ([[1, 1, 2], [10, 10, 2], [10, 2, 2], [1, 10, 3], [10, 1, 3], [10, 0.5, 3]], [[0, 1, 2], [3, 4, 5]]),
        "corner": ([[5.5, 5.5, 2], [10, 10, 2], [10, 2, 2]], [[0, 1, 2]]),
        "edge_on": ([[5.5, 1, 2], [5.5, 10, 2], [5.5, 4, 3], [9, 6, 2.5]], [[0, 1, 2], [1, 3, 2]]),
        "end_on": ([[3, 3, 2], [3, 3, 3], [8, 5.5, 2.5]], [[0, 1, 2]]),
        "t_junction": ([[1, 2, 2], [10, 2, 2], [5, 2, 2], [6, 9, 2]], [[0, 1, 3], [0, 2, 1]]),
    }
    if name in fixed:
        points, faces = (torch.tensor(v) for v in fixed[name])
        return in_pixels(points.double(), faces, size)
    points = torch.randint(0, 2 * size + 1, (15, 3), generator=g).double() / 2
    points[:, 2] = 2 + 0.3 * torch.arange(5).repeat_interleave(3)
    if name == "needles":
        points[:, 2] += 0.1 * torch.rand(15, generator=g)
        points[2::3] = (points[::3] + points[1::3]) / 2
        points[2::3, :2] += 10.0 ** -torch.randint(2, 17, (5, 1), generator=g).double()
    return in_pixels(points, torch.arange(15).view(-1, 3), size)


SLIVERS = ("needles", "lattice", "centre", "corner", "edge_on", "end_on", "t_junction")
