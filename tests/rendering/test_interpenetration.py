"""What is missing where surfaces pass through each other is what the docstrings say, in every mode, and no more."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from sharpvision.cameras import View
from sharpvision.core.pose import Pose
from sharpvision.geometry.primitives import plane
from sharpvision.illumination import Ambient
from sharpvision.kernels.batch import Batch
from sharpvision.kernels.rasterize import rasterize
from sharpvision.kernels.reference.silhouettes import plan as twin
from sharpvision.kernels.silhouette_plan import PlanSettings
from sharpvision.materials import Lambert
from sharpvision.rendering import Renderer, RenderSettings, Scene, Shape, render
from sharpvision.rendering.geometry import surface_of, topology_of
from sharpvision.rendering.settings import Mode

DOUBLE = torch.float64


def walls(dtype: torch.dtype = DOUBLE, lift: float = 0.0) -> Scene:
    """A dark and a bright plane that cross in the middle of the image and leave it on all sides; flat colours."""
    shapes = {}
    for name, tilt, shade in (("dark", 0.9, 0.2), ("bright", -0.7, 0.8)):
        pose = Pose(torch.tensor([tilt, 0.1, 0.0]), torch.tensor([0.0, lift if name == "bright" else 0.0, 0.0]))
        shapes[name] = Shape(plane((30.0, 30.0)), Lambert(torch.full((3,), shade)), pose)
    return Scene(shapes, {"sky": Ambient(torch.ones(3))}).to(dtype)


def view_of(size: int = 16, dtype: torch.dtype = DOUBLE) -> View:
    eye, at, up = torch.tensor([[0.3, 6.0, 0.2], [0.0, 0.0, 0.0], [0.1, 0.0, -1.0]], dtype=dtype)
    return View.look_at(eye, at, up, 40.0, (size, size))


def area_sampled(lift: float) -> Tensor:
    """Means of 16 x 16 samples a pixel, one channel."""
    settings = RenderSettings("fast", silhouettes=False, buffers=("image",))
    with torch.no_grad():
        fine = render(walls(lift=lift), view_of(16 * 16), settings)["image"][..., 0]
    return fine.view(16, 16, 16, 16).mean((1, 3))


@pytest.mark.parametrize("dtype", [torch.float32, DOUBLE])
@pytest.mark.parametrize("mode", ["fast", "default", "accurate"])
def test_the_line_where_surfaces_cross_has_no_derivative(mode: Mode, dtype: torch.dtype) -> None:
    """All that changes when one plane rises is that line: finite differences see it, no mode and no dtype does."""
    change = (area_sampled(0.05).mean() - area_sampled(-0.05).mean()) / 0.1
    assert abs(float(change)) > 0.02
    renderer = Renderer(walls(dtype), view_of(dtype=dtype), RenderSettings(mode, buffers=("image",)))
    rise = torch.zeros(3, dtype=dtype, requires_grad=True)
    (image,) = renderer({"bright.pose.translation": rise})
    (gradient,) = torch.autograd.grad(image.mean(), rise)
    assert float(gradient.abs().max()) == 0


def test_along_the_line_the_image_is_the_mean_of_the_samples_that_its_mode_takes() -> None:
    """A pixel takes one of the colours (one sample), or a quarter's step between them (four)."""
    exact, error = area_sampled(0.0), {}
    modes: dict[Mode, int] = {"fast": 1, "default": 1, "accurate": 4}
    for mode, samples in modes.items():
        with torch.no_grad():
            image = render(walls(), view_of(), RenderSettings(mode, buffers=("image",)))["image"][..., 0]
        share = samples * (image - 0.2) / 0.6
        torch.testing.assert_close(share, share.round(), rtol=0.0, atol=1e-6)
        off = (image - exact).abs()
        assert bool((off[(exact - 0.2).abs().lt(1e-6) | (exact - 0.8).abs().lt(1e-6)] < 1e-6).all())
        error[mode] = float(off.max())
    assert error["fast"] == error["default"] > error["accurate"]


def test_the_twin_leaves_out_the_same() -> None:
    scene, view = walls(), view_of(12)
    topology = topology_of(scene)
    with torch.no_grad():
        rows = view.projected(surface_of(scene, topology).vertices, 0.01).reshape(-1, 4).contiguous()
    batch = Batch.of_one_mesh(topology.faces, topology.vertices, views=1, height=12, width=12)
    raster = rasterize(rows, batch, 0.01)
    assert sorted(topology.face_shape[raster.face.unique().long()].unique().tolist()) == [0, 1]
    for everywhere in (False, True):
        layout = twin(rows, batch, raster, topology.edges, PlanSettings(everywhere=everywhere))
        assert len(layout.pieces.pixel) == 0
