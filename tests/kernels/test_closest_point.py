"""Closest points against trimesh and finite differences."""

from __future__ import annotations

import pytest
import torch
import trimesh
from torch import Tensor
from torch.autograd import gradcheck

from sharpvision.kernels.closest_point import closest_points


def mesh(subdivisions: int = 2) -> tuple[Tensor, Tensor]:
    ball = trimesh.creation.icosphere(subdivisions=subdivisions)
    return torch.from_numpy(ball.vertices * [1.0, 0.7, 1.3]), torch.from_numpy(ball.faces)


def cloud(count: int) -> Tensor:
    return 2 * torch.randn(count, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_agrees_with_trimesh() -> None:
    vertices, faces = mesh()
    points = cloud(150)
    ours = closest_points(points, vertices, faces)
    surface = trimesh.Trimesh(vertices.numpy(), faces.numpy(), process=False)
    position, distance, _ = trimesh.proximity.closest_point_naive(surface, points.numpy())
    torch.testing.assert_close(ours.distance, torch.from_numpy(distance), rtol=1e-6, atol=1e-7)
    torch.testing.assert_close(ours.position, torch.from_numpy(position), rtol=0.0, atol=1e-5)
    blend = (vertices[faces[ours.face]] * ours.barycentrics[..., None]).sum(1)
    torch.testing.assert_close(blend, ours.position)
    assert bool((ours.barycentrics > -1e-5).all())


def test_gradients_of_the_distance_are_finite_differences() -> None:
    """Outside a coarse mesh points are nearest to faces, edges and corners alike; steps that float32 can search."""
    vertices, faces = mesh(0)
    points = cloud(6)
    inputs = (points.requires_grad_(), vertices.requires_grad_())
    assert gradcheck(lambda p, v: closest_points(p, v, faces).distance, inputs, eps=1e-4, atol=2e-3, rtol=1e-3)


def test_on_the_surface_and_empty() -> None:
    vertices, faces = mesh(1)
    here = vertices[:2].clone().requires_grad_()
    found = closest_points(here, vertices, faces)
    assert float(found.distance.detach().max()) < 1e-6
    assert bool(torch.autograd.grad(found.distance.sum(), here)[0].isfinite().all())
    assert closest_points(cloud(0), vertices, faces).distance.shape == (0,)
    with pytest.raises(ValueError, match="without faces"):
        closest_points(cloud(1), vertices, faces[:0])


def test_a_face_without_area_is_a_segment() -> None:
    line = torch.tensor([[0.0, 0, 0], [1, 0, 0], [2, 0, 0]])
    found = closest_points(torch.tensor([[0.5, 3.0, 4.0]]), line, torch.tensor([[0, 1, 2]]))
    torch.testing.assert_close(found.distance, torch.tensor([5.0]))
