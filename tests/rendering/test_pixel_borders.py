"""Corners of faces on borders of pixels: rounding leaves slivers of edges there, which must not spoil derivatives."""

from __future__ import annotations

import pytest
import torch

from sharpvision.cameras import Pinhole, View
from sharpvision.core.pose import Pose
from sharpvision.geometry import Mesh
from sharpvision.illumination import SphericalHarmonics
from sharpvision.materials import Lambert, VertexColor
from sharpvision.rendering import RenderSettings, Scene, Shape, render
from sharpvision.rendering.settings import Mode

SIDE, FACES = 64, 300


@pytest.mark.parametrize("mode", ["fast", "default"])
def test_gradients_are_finite_where_corners_lie_on_pixel_borders(mode: Mode) -> None:
    generator = torch.Generator().manual_seed(0)
    place = torch.randint(1, SIDE, (3 * FACES, 2), generator=generator).float()
    depth = 1 + torch.rand(3 * FACES, 1, generator=generator)
    corners = torch.cat([(place - SIDE / 2) / 50 * depth, depth], 1)  # projected: whole numbers, up to rounding
    faces = torch.arange(3 * FACES).view(-1, 3)
    mesh = Mesh(corners, faces, vertex_colors=torch.rand(3 * FACES, 3, generator=generator))
    view = View(Pinhole.from_focal(50.0, SIDE, SIDE), Pose(torch.zeros(3), torch.zeros(3)), SIDE, SIDE)
    sky = SphericalHarmonics(torch.eye(9)[:, :1].expand(9, 3))
    scene = Scene({"faces": Shape(mesh, Lambert(VertexColor()))}, {"sky": sky})
    image = render(scene, view, RenderSettings(mode=mode, buffers=("image",))).image
    assert image is not None
    image.sum().backward()
    assert bool(image.isfinite().all())
    gradient = view.world_to_camera.translation.grad
    assert gradient is not None
    assert bool(gradient.isfinite().all())
    assert float(gradient[2]) < 0  # farther away is smaller, and the background is dark
