"""How far two surfaces are apart, by samples."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from sharpvision.core.errors import InputError
from sharpvision.geometry.mesh import Mesh
from sharpvision.kernels.mesh_queries import distance_to_mesh


class SurfaceDistance(NamedTuple):
    """Of distances from samples of each surface to the other, both ways together: `mean`, and the largest."""

    mean: float
    largest: float


def sample_surface(mesh: Mesh, count: int, generator: torch.Generator) -> Float[Tensor, "{count} 3"]:
    """Points spread evenly over the faces' area, at random; `InputError` for a mesh without area.

    >>> triangle = Mesh(torch.eye(3), torch.tensor([[0, 1, 2]]))
    >>> points = sample_surface(triangle, 5, torch.Generator().manual_seed(0))
    >>> torch.allclose(points.sum(1), torch.ones(5))
    True
    """
    areas = mesh.face_areas().double()
    if not float(areas.sum()) > 0:
        raise InputError("sample_surface", "a mesh with area", f"{len(mesh.faces)} faces of none", "check the mesh")
    face = torch.multinomial(areas, count, replacement=True, generator=generator)
    u, v = torch.rand(2, count, 1, generator=generator, dtype=mesh.vertices.dtype)
    a, b, c = mesh.vertices[mesh.faces[face]].unbind(1)
    root = u.sqrt()
    return (1 - root) * a + root * (1 - v) * b + root * v * c


def surface_distance(first: Mesh, second: Mesh, samples: int = 20_000, seed: int = 0) -> SurfaceDistance:
    """Mean and largest distance between two surfaces: mean of d(p, second), p on first, and d(q, first), q on second.

    `samples` points on each; in the unit of the meshes. The mean has a standard error of about 1 / sqrt(2 samples) of
    the distances' spread; the largest is that of the samples, so a little too small.

    >>> from sharpvision.geometry.primitives import icosphere
    >>> distance = surface_distance(icosphere(1.0), icosphere(1.1), samples=500)
    >>> round(distance.mean, 2), round(distance.largest, 2)
    (0.1, 0.1)
    """
    generator = torch.Generator().manual_seed(seed)
    there = distance_to_mesh(second.vertices, second.faces, sample_surface(first, samples, generator))
    back = distance_to_mesh(first.vertices, first.faces, sample_surface(second, samples, generator))
    both = torch.cat([there, back])
    return SurfaceDistance(float(both.mean()), float(both.max()))
