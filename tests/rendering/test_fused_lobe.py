"""A glossy lobe under a distant light: the renderer's fused kernel against its own deferred shading."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from sharpvision.cameras import Orthographic, View
from sharpvision.core.pose import Pose
from sharpvision.geometry import Mesh
from sharpvision.geometry.primitives import icosphere
from sharpvision.illumination import Ambient, Directional
from sharpvision.materials import GGX
from sharpvision.rendering import RenderSettings, Scene, Shape, draw, render

DOUBLE = torch.float64


def glossy_ball() -> Scene:
    mesh = icosphere(subdivisions=3)
    gold = GGX(torch.tensor(0.4, dtype=DOUBLE), torch.tensor([0.9, 0.6, 0.3], dtype=DOUBLE))
    shape = Shape(Mesh(mesh.vertices.to(DOUBLE), mesh.faces), gold)
    lights = {
        "sun": Directional(torch.tensor([0.4, 0.5, 0.8], dtype=DOUBLE), torch.tensor([3.0, 2.5, 2.0], dtype=DOUBLE)),
        "room": Ambient(torch.tensor([0.1, 0.2, 0.3], dtype=DOUBLE)),
    }
    return Scene({"ball": shape}, lights, torch.zeros(3, dtype=DOUBLE))


def view_from(*eyes: tuple[float, float, float]) -> View:
    places = torch.tensor(eyes, dtype=DOUBLE)
    up = torch.tensor([0.0, 1.0, 0.0], dtype=DOUBLE).expand_as(places)
    target = torch.zeros_like(places)
    if len(eyes) == 1:
        places, target, up = places[0], target[0], up[0]
    return View.look_at(places, target, up, 60.0, (24, 24))


def orthographic() -> View:
    pose = Pose.from_matrix(torch.tensor([[1.0, 0, 0, 0], [0, -1, 0, 0], [0, 0, -1, 3]], dtype=DOUBLE))
    return View(Orthographic(torch.tensor(9.0, dtype=DOUBLE), torch.tensor([12.0, 12.0], dtype=DOUBLE)), pose, 24, 24)


def rendered(view: View) -> tuple[Tensor, list[Tensor]]:
    scene = glossy_ball()
    wanted = [p for p in [*scene.parameters(), *view.parameters()] if p.requires_grad]
    image = render(scene, view, RenderSettings(buffers=("image",))).image
    assert image is not None
    weight = torch.randn(image.shape, generator=torch.Generator().manual_seed(3), dtype=DOUBLE)
    found = torch.autograd.grad((image * weight).sum(), wanted, allow_unused=True, materialize_grads=True)
    return image.detach(), list(found)


@pytest.mark.parametrize(
    "view",
    [
        view_from((0.0, 0.3, 3.0)), view_from((0.0, 0.3, 3.0), (1.5, 0.0, 2.5)), orthographic(),
        view_from((0.0, 0.0, 1.02)),  # the near plane cuts the ball
        view_from((0.1, 0.0, 3.0), (0.0, 0.0, 1.02)),
    ],
    ids=["one view", "two views", "orthographic", "cut by the near plane", "one of two is cut"],
)  # fmt: skip
def test_fused_and_deferred_shading_agree(view: View, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    fused = draw.ggx_directional
    monkeypatch.setattr(draw, "ggx_directional", lambda *a: calls.append(a) or fused(*a))
    image, gradients = rendered(view)
    assert calls
    monkeypatch.setattr(draw._Context, "_lobe", lambda *a: None)
    expected, theirs = rendered(view)
    torch.testing.assert_close(image, expected, rtol=1e-9, atol=1e-10)
    assert float(image.max()) > 0.5
    for mine, other in zip(gradients, theirs, strict=True):
        assert float((mine - other).norm()) <= 1e-6 * float(other.norm()) + 1e-9
