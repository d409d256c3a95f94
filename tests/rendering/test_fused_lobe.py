"""A glossy lobe, alone or over a base: the renderer's fused kernels against its own deferred shading."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from sharpvision.cameras import Orthographic, View
from sharpvision.core.pose import Pose
from sharpvision.geometry import Mesh
from sharpvision.geometry.primitives import icosphere
from sharpvision.illumination import Ambient, Directional, Point, SphericalHarmonics
from sharpvision.materials import GGX, MetallicRoughness
from sharpvision.rendering import RenderSettings, Scene, Shape, draw, render

DOUBLE = torch.float64


def sky(order: int) -> SphericalHarmonics:
    coefficients = 0.3 * torch.randn((order + 1) ** 2, 3, generator=torch.Generator().manual_seed(1), dtype=DOUBLE)
    coefficients[0] = 2.0
    return SphericalHarmonics(coefficients)


LIGHTS: dict[str, Callable[[], nn.Module]] = {
    "sun": lambda: Directional(
        torch.tensor([0.4, 0.5, 0.8], dtype=DOUBLE), torch.tensor([3.0, 2.5, 2.0], dtype=DOUBLE)
    ),
    "lamp": lambda: Point(torch.tensor([2.0, 3.0, 4.0], dtype=DOUBLE), torch.ones(3, dtype=DOUBLE)),
    "room": lambda: Ambient(torch.tensor([0.1, 0.2, 0.3], dtype=DOUBLE)),
    "sky": lambda: sky(2),
    "cloudy": lambda: sky(3),
    "studio": lambda: sky(4),
}


def glossy_ball(lights: tuple[str, ...], coated: bool) -> Scene:
    """A ball of gold, or coated: of a diffuse base under a lobe."""
    mesh, base = icosphere(subdivisions=3), torch.tensor([0.9, 0.6, 0.3], dtype=DOUBLE)
    gold = GGX(torch.tensor(0.4, dtype=DOUBLE), base)
    plastic = MetallicRoughness(base, torch.tensor(0.3, dtype=DOUBLE), torch.tensor(0.6, dtype=DOUBLE))
    shape = Shape(Mesh(mesh.vertices.to(DOUBLE), mesh.faces), plastic if coated else gold)
    return Scene({"ball": shape}, {n: LIGHTS[n]() for n in lights}, torch.zeros(3, dtype=DOUBLE))


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


def rendered(scene: Scene, view: View, *, shadows: bool = False) -> tuple[Tensor, list[Tensor]]:
    wanted = [p for p in [*scene.parameters(), *view.parameters()] if p.requires_grad]
    image = render(scene, view, RenderSettings(buffers=("image",), shadows=shadows)).image
    assert image is not None
    weight = torch.randn(image.shape, generator=torch.Generator().manual_seed(3), dtype=DOUBLE)
    found = torch.autograd.grad((image * weight).sum(), wanted, allow_unused=True, materialize_grads=True)
    return image.detach(), list(found)


def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which of the fused kernels are called from now on."""
    calls: list[str] = []

    def watch(name: str) -> None:
        kernel = getattr(draw, name)

        def called(*a: Any) -> Tensor:
            calls.append(name)
            result: Tensor = kernel(*a)
            return result

        monkeypatch.setattr(draw, name, called)

    for name in ("ggx_directional", "ggx_sh"):
        watch(name)
    return calls


def agrees_with_deferred_shading(scene: Scene, view: View, monkeypatch: pytest.MonkeyPatch, **options: bool) -> None:
    image, gradients = rendered(scene, view, **options)
    with monkeypatch.context() as patch:
        patch.setattr(draw._Context, "_lobe", lambda *a: None)
        expected, theirs = rendered(scene, view, **options)
    torch.testing.assert_close(image, expected, rtol=1e-9, atol=1e-10)
    assert float(image.max()) > 0.05
    for mine, other in zip(gradients, theirs, strict=True):
        assert float((mine - other).norm()) <= 1e-6 * float(other.norm()) + 1e-9


VIEWS = {
    "one view": view_from((0.0, 0.3, 3.0)),
    "two views": view_from((0.0, 0.3, 3.0), (1.5, 0.0, 2.5)),
    "orthographic": orthographic(),
    "cut by the near plane": view_from((0.0, 0.0, 1.02)),
    "one of two is cut": view_from((0.1, 0.0, 3.0), (0.0, 0.0, 1.02)),
}


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS.keys())
@pytest.mark.parametrize(
    ("lights", "coated"), [(("sun", "room"), False), (("sun",), True), (("sky",), False), (("sky",), True)],
    ids=["sun and room", "sun on a base", "sky", "sky on a base"],
)  # fmt: skip
def test_fused_and_deferred_shading_agree(
    lights: tuple[str, ...], coated: bool, view: View, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = counted(monkeypatch)
    agrees_with_deferred_shading(glossy_ball(lights, coated), view, monkeypatch)
    assert set(calls) == {"ggx_directional" if light == "sun" else "ggx_sh" for light in lights}


@pytest.mark.parametrize("light", ["room", "cloudy", "studio"])
def test_base_under_light_of_every_order(light: str, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = counted(monkeypatch)
    agrees_with_deferred_shading(glossy_ball((light,), True), VIEWS["one view"], monkeypatch)
    assert calls == ["ggx_sh"]


def test_shadows_leave_light_from_all_around_to_the_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = counted(monkeypatch)
    agrees_with_deferred_shading(glossy_ball(("sun", "sky"), False), VIEWS["one view"], monkeypatch, shadows=True)
    assert calls == ["ggx_sh"]


def test_point_lights_are_left_to_deferred_shading(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = counted(monkeypatch)
    rendered(glossy_ball(("lamp",), True), VIEWS["one view"])
    assert not calls
