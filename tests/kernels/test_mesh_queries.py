"""Distances and touching boxes against trimesh and brute force."""

from __future__ import annotations

import numpy as np
import torch
import trimesh

from sharpvision.kernels.mesh_queries import distance_to_mesh, touching_boxes


def test_distances_are_trimeshs() -> None:
    mesh = trimesh.creation.torus(1.0, 0.3, 16, 12)
    points = np.random.default_rng(0).uniform(-1.5, 1.5, (300, 3)).astype(np.float32)
    _, distance, _ = trimesh.proximity.closest_point_naive(mesh, points)
    vertices, faces = torch.from_numpy(mesh.vertices.copy()), torch.from_numpy(mesh.faces.copy())
    found = distance_to_mesh(vertices, faces, torch.from_numpy(points))
    np.testing.assert_allclose(found.numpy(), distance, rtol=1e-4, atol=1e-5)
    signed = distance_to_mesh(vertices, faces, torch.from_numpy(points), signed=True)
    inside = np.hypot(np.hypot(points[:, 0], points[:, 1]) - 1.0, points[:, 2]) < 0.3
    clear = distance > 0.03
    assert ((signed.numpy() < 0) == inside)[clear].all()
    np.testing.assert_allclose(signed.abs().numpy(), found.numpy(), rtol=1e-5, atol=1e-6)


def test_no_faces_are_infinitely_far_and_no_points_have_no_distance() -> None:
    assert distance_to_mesh(torch.zeros(1, 3), torch.zeros(0, 3, dtype=torch.int64), torch.zeros(2, 3)).isinf().all()
    face = torch.tensor([[0, 1, 2]])
    assert distance_to_mesh(torch.eye(3), face, torch.zeros(0, 3)).shape == (0,)
    assert touching_boxes(torch.eye(3), face[:0]).shape == (0, 2)


def test_boxes_are_those_of_brute_force() -> None:
    generator = torch.Generator().manual_seed(0)
    vertices = torch.rand(400, 3, generator=generator)
    faces = torch.randint(400, (150, 3), generator=generator)
    faces[:20] = faces[:20, :1]  # points
    corners = vertices[faces]
    lower, upper = corners.amin(1), corners.amax(1)
    touch = ((lower[:, None] <= upper[None]) & (upper[:, None] >= lower[None])).all(-1).triu(1)
    assert torch.equal(touching_boxes(vertices, faces), touch.nonzero())
