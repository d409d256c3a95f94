"""Remeshing: closed, free of self-intersections, near the surface, also from a surface that passes through itself."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import trimesh

from sharpvision.core.errors import InputError
from sharpvision.geometry import Mesh
from sharpvision.geometry.remeshing import remesh
from sharpvision.geometry.self_intersection import intersecting_faces


def mesh_of(mesh: trimesh.Trimesh) -> Mesh:
    return Mesh(torch.from_numpy(mesh.vertices.astype(np.float32)), torch.from_numpy(mesh.faces.astype(np.int64)))


def checked(mesh: Mesh) -> trimesh.Trimesh:
    result = trimesh.Trimesh(mesh.vertices.numpy(), mesh.faces.numpy(), process=False)
    assert result.is_watertight
    assert result.is_winding_consistent
    assert intersecting_faces(mesh.vertices, mesh.faces) == 0
    return result


def test_torus_keeps_its_shape_and_genus() -> None:
    torus = trimesh.creation.torus(1.0, 0.4, 64, 32)
    result = checked(remesh(mesh_of(torus), 0.1))
    assert result.euler_number == 0
    assert result.volume == pytest.approx(torus.volume, rel=0.02)
    radius = np.hypot(np.hypot(result.vertices[:, 0], result.vertices[:, 1]) - 1.0, result.vertices[:, 2])
    assert np.abs(radius - 0.4).max() < 0.01
    lengths = result.edges_unique_length
    assert 0.06 < np.median(lengths) < 0.08
    assert lengths.max() < 0.16


def test_overlapping_spheres_become_one_surface() -> None:
    first, second = trimesh.creation.icosphere(3), trimesh.creation.icosphere(3)
    second.apply_translation([0.9, 0.1, 0.2])
    both = mesh_of(trimesh.util.concatenate([first, second]))
    assert intersecting_faces(both.vertices, both.faces) > 0
    result = checked(remesh(both, 0.1))
    assert result.euler_number == 2
    distance, radius = np.linalg.norm([0.9, 0.1, 0.2]), 1.0
    lens = np.pi * (4 * radius + distance) * (2 * radius - distance) ** 2 / 12
    assert result.volume == pytest.approx(2 * 4 / 3 * np.pi - lens, rel=0.03)


def test_sheets_that_meet_in_vertices_are_drawn_apart() -> None:
    """Two spheres nearer to each other than an edge: the grid joins or snaps them in places."""
    first, second = (trimesh.creation.icosphere(3) for _ in range(2))
    second.apply_translation([2.06, 0.03, 0.02])
    for length in (0.1, 0.13, 0.16, 0.2):
        checked(remesh(mesh_of(trimesh.util.concatenate([first, second])), length))


@pytest.mark.parametrize("length", [0.0, -1.0, 1e-4, float("nan")])
def test_lengths_that_make_no_sense_are_refused(length: float) -> None:
    with pytest.raises(InputError, match="edge length"):
        remesh(mesh_of(trimesh.creation.icosphere(1)), length)


def test_a_surface_turned_inside_out_is_refused() -> None:
    sphere = mesh_of(trimesh.creation.icosphere(2))
    with pytest.raises(InputError, match="turn its faces"):
        remesh(Mesh(sphere.vertices, sphere.faces.flip(1)), 0.2)
