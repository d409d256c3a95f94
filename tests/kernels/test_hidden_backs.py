"""Leaving out the backs of closed parts changes no pixel, and is not done where they can be seen."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from sharpvision.cameras import View
from sharpvision.geometry.edges import edges_of
from sharpvision.geometry.primitives import icosphere, torus
from sharpvision.kernels.batch import Batch
from sharpvision.kernels.least_depth import CHUNK, least_depth
from sharpvision.kernels.raster_types import Raster
from sharpvision.kernels.rasterize import rasterize

UP, NEAR = torch.tensor([0.0, 1.0, 0.1]), 0.05


def rasters(vertices: Tensor, faces: Tensor, eyes: Tensor, size: int = 96) -> tuple[Raster, Raster]:
    """With all faces, and without the backs of closed parts."""
    view = View.look_at(eyes, eyes.new_tensor([0.05, 0.02, 0.0]), UP.to(eyes), 50.0, (size, size))
    rows = view.projected(vertices, NEAR).detach().reshape(-1, 4).contiguous()
    batch = Batch.of_one_mesh(faces, len(vertices), views=len(eyes), height=size, width=size)
    edges = edges_of(batch.faces, vertices.double(), batch.faces, batch.faces)
    return rasterize(rows, batch, NEAR), rasterize(rows, batch, NEAR, edges)


def shape(name: str) -> tuple[Tensor, Tensor]:
    if name == "two":
        one, other = icosphere(subdivisions=2), icosphere(subdivisions=3)
        vertices = torch.cat([0.6 * one.vertices - 0.3, 0.5 * other.vertices + 0.4])
        return vertices, torch.cat([one.faces, other.faces + len(one.vertices)])
    mesh = torus() if name == "torus" else icosphere(subdivisions=5)
    return mesh.vertices, mesh.faces


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("name", ["ball", "torus", "two"])
def test_no_pixel_changes(name: str, turned: bool, dtype: torch.dtype) -> None:
    vertices, faces = shape(name)
    eyes = 2.5 * torch.nn.functional.normalize(torch.randn(6, 3, generator=torch.Generator().manual_seed(2)), dim=1)
    every, fronts = rasters(vertices.to(dtype), faces.flip(1) if turned else faces, eyes.to(dtype))
    assert torch.equal(every.face, fronts.face)
    assert torch.equal(every.key, fronts.key)
    assert fronts.bins.entries < 0.65 * every.bins.entries


def test_an_open_part_keeps_its_backs() -> None:
    vertices, faces = shape("ball")
    every, fronts = rasters(vertices, faces[: len(faces) // 2], torch.tensor([[0.0, 0.3, -2.5], [0.0, -0.4, 2.5]]))
    assert torch.equal(every.face, fronts.face)
    assert fronts.bins.entries == every.bins.entries


def test_a_part_seen_from_within_keeps_its_backs() -> None:
    every, fronts = rasters(*shape("ball"), torch.tensor([[0.0, 0.1, 0.3]]))
    assert bool((every.face >= 0).all())
    assert torch.equal(every.face, fronts.face)


@pytest.mark.parametrize("count", [0, 1, CHUNK, 2 * CHUNK + 3])
def test_the_least_depth_is_found_again_after_a_write(count: int) -> None:
    rows = torch.rand(count, 4)
    for _ in range(2):
        assert float(least_depth(rows)) == (float(rows[:, 3].min()) if count else torch.inf)
        rows[-1:, 3] -= 7
