"""Distances between surfaces in closed form, and samples against trimesh's areas."""

from __future__ import annotations

import pytest
import torch

from sharpvision.core.errors import InputError
from sharpvision.geometry import Mesh
from sharpvision.geometry.distances import sample_surface, surface_distance
from sharpvision.geometry.primitives import box, icosphere


def test_of_shifted_squares_and_of_itself() -> None:
    square = Mesh(torch.tensor([[0.0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]]), torch.tensor([[0, 1, 2], [0, 2, 3]]))
    shifted = Mesh(square.vertices + torch.tensor([0.5, 0, 0]), square.faces)
    # Half of the points are on the other square, the rest 0 to 1/2 beside it.
    assert surface_distance(square, shifted).mean == pytest.approx(0.125, rel=0.02)
    assert surface_distance(square, shifted).largest == pytest.approx(0.5, rel=0.01)
    assert surface_distance(square, square).largest < 1e-6


def test_samples_are_even_in_area() -> None:
    mesh = box((1.0, 2.0, 4.0))
    points = sample_surface(mesh, 40_000, torch.Generator().manual_seed(0))
    lower, upper = mesh.vertices.amin(0), mesh.vertices.amax(0)
    for axis, area in enumerate((8.0, 4.0, 2.0)):
        on = torch.isclose(points[:, axis], lower[axis]) | torch.isclose(points[:, axis], upper[axis])
        assert float(on.double().mean()) == pytest.approx(area / 14, rel=0.05)


def test_a_surface_without_area_is_refused() -> None:
    point = Mesh(torch.zeros(3, 3), torch.tensor([[0, 1, 2]]))
    with pytest.raises(InputError, match="area"):
        surface_distance(point, icosphere())
