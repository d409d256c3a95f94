"""The ways that CUDA tensors take, on a device that pretends: no tensor of the CPU among them, and the CPU's values."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import warp as wp
from pretended_device import Pretended, held, moved, pretend_device, pretended
from torch import Tensor, nn
from torch.autograd import forward_ad

from sharpvision.cameras import BrownConrady, Camera, Fisheye, Orthographic, Rational, View
from sharpvision.core.vectors import unit
from sharpvision.data.scene_file import read_scene
from sharpvision.geometry.edges import edges_of
from sharpvision.geometry.mesh import area_weighted_normals
from sharpvision.geometry.primitives import icosphere
from sharpvision.illumination import Ambient, Directional, Led, Point, SphericalHarmonics
from sharpvision.kernels.closest_point import closest_points
from sharpvision.kernels.dispatch import in_step
from sharpvision.kernels.mesh_queries import distance_to_mesh, touching_boxes
from sharpvision.kernels.mip_chain import mip_chain
from sharpvision.kernels.visibility import Occluders, visible
from sharpvision.materials import GGX, Lambert, Material, MetallicRoughness, OrenNayar, VertexColor
from sharpvision.rendering import RenderSettings, Scene, Shape, example_scene, render
from sharpvision.rendering.buffers import BufferName, Buffers
from sharpvision.rendering.settings import Mode

SCENES = sorted((Path(__file__).parents[2] / "scenes" / "rendering").glob("*.yaml"))
ALL: tuple[BufferName, ...] = ("image", "alpha", "depth", "normal", "uv", "face", "albedo", "shading")


def rendered(scene: Scene, view: View, settings: RenderSettings) -> tuple[Buffers, dict[str, Tensor]]:
    """Buffers, and the gradient of the image's squares to all parameters."""
    buffers = render(scene, view, settings)
    buffers["image"].square().sum().backward()
    parameters = [*scene.named_parameters(), *view.named_parameters()]
    return buffers, {name: p.grad for name, p in parameters if p.grad is not None}


def on_cpu(value: Tensor) -> Tensor:
    return held(value.detach())


@pytest.mark.parametrize("path", SCENES, ids=lambda path: path.stem)
def test_bundled_scenes_and_their_gradients(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = read_scene(path).resized(28, 20)
    many = path.stem == "10_many"  # a hundred shapes, and each operation of torch goes through Python
    strips = 300 if path.stem == "03_globe" else 10**6
    settings = replace(file.settings, buffers=("image",) if many else ALL, tile_pixels=strips)
    there = copy.deepcopy(file.scene), copy.deepcopy(file.view)
    expected, slopes = rendered(file.scene, file.view, settings)
    pretend_device(monkeypatch)
    for module in there:
        moved(module)
    found, gradients = rendered(*there, settings)
    for name, value in expected.items():
        torch.testing.assert_close(on_cpu(found[name]), value.detach(), equal_nan=True, atol=2e-5, rtol=1e-4, msg=name)
    assert gradients.keys() == slopes.keys()
    for name, slope in slopes.items():
        off = (on_cpu(gradients[name]) - slope).norm()
        assert float(off) <= 1e-3 * float(slope.norm()) + 1e-6, name


@pytest.mark.parametrize("mode", ["fast", "accurate"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_several_views_and_modes(mode: Mode, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    scene, _ = example_scene(size=(8, 8))
    eyes = torch.tensor([[0.0, 0.5, 3.0], [2.0, 1.0, 1.5], [0.1, 0.2, 1.2]], dtype=dtype)  # the last one cuts the ball
    up = torch.tensor([0.0, 1.0, 0.0], dtype=dtype)
    view, settings = View.look_at(eyes, torch.zeros(3, dtype=dtype), up, 70.0, (16, 12)), RenderSettings(mode, near=0.3)
    scene = scene.to(dtype)
    there = copy.deepcopy(scene), copy.deepcopy(view)
    expected, slopes = rendered(scene, view, settings)
    pretend_device(monkeypatch)
    found, gradients = rendered(*(moved(v) for v in there), settings)  # type: ignore[arg-type]
    torch.testing.assert_close(on_cpu(found["image"]), expected["image"].detach(), atol=1e-5, rtol=1e-4)
    for name, slope in slopes.items():
        assert float((on_cpu(gradients[name]) - slope).norm()) <= 1e-3 * float(slope.norm()) + 1e-6


K = torch.tensor([[14.0, 0, 8], [0, 14, 6], [0, 0, 1]])
CAMERAS: dict[str, Camera] = {
    "orthographic": Orthographic(torch.tensor(5.0), torch.tensor([8.0, 6.0])),
    "brown_conrady": BrownConrady(K, torch.tensor([0.05, -0.02, 0.01, 0.0, 0.002])),
    "rational": Rational(K, torch.full((8,), 0.01)),
    "fisheye": Fisheye(K, torch.tensor([0.02, -0.01, 0.0, 0.003])),
}


@pytest.mark.parametrize("name", CAMERAS)
def test_cameras(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    scene, view = example_scene(size=(12, 16))
    view = View(CAMERAS[name], view.world_to_camera, 12, 16)
    pixels = torch.rand(20, 2, generator=torch.Generator().manual_seed(0)) * 10
    there = copy.deepcopy(scene), copy.deepcopy(view)
    expected, slopes = rendered(scene, view, RenderSettings())
    ray = view.camera.unproject(pixels, torch.full((20,), 2.0))
    pretend_device(monkeypatch)
    found, gradients = rendered(*(moved(v) for v in there), RenderSettings())  # type: ignore[arg-type]
    torch.testing.assert_close(on_cpu(found["image"]), expected["image"].detach(), atol=1e-5, rtol=1e-4)
    for key, slope in slopes.items():
        assert float((on_cpu(gradients[key]) - slope).norm()) <= 1e-3 * float(slope.norm()) + 1e-5, key
    again = there[1].camera.unproject(pretended(pixels), pretended(torch.full((20,), 2.0)))
    torch.testing.assert_close(on_cpu(again), ray.detach(), atol=1e-5, rtol=1e-4)


MATERIALS: dict[str, Callable[[], Material]] = {
    "ggx": lambda: GGX(torch.tensor(0.3), torch.full((3,), 0.1)),
    "metallic_roughness": lambda: MetallicRoughness(torch.full((3,), 0.5), torch.tensor(0.4), torch.tensor(0.5)),
    "oren_nayar": lambda: OrenNayar(torch.full((3,), 0.5), torch.tensor(0.2)),
    "vertex_color": lambda: Lambert(VertexColor()),
}


@pytest.mark.parametrize("shadows", [False, True])
@pytest.mark.parametrize("name", MATERIALS)
def test_materials_and_lights(name: str, shadows: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    g = torch.Generator().manual_seed(0)
    mesh = icosphere(subdivisions=2)
    mesh = replace(mesh, vertex_colors=torch.rand(len(mesh.vertices), 3, generator=g))
    place, white = torch.tensor([1.0, 2.0, 2.0]), torch.ones(3)
    lights: dict[str, nn.Module] = {
        "sun": Directional(place, white), "lamp": Point(place, white),
        "led": Led(place, -place, torch.tensor(2.0), white),
    }  # fmt: skip
    if name != "oren_nayar":
        lights |= {"sky": SphericalHarmonics(torch.rand(16, 3, generator=g)), "even": Ambient(white)}
    scene = Scene({"ball": Shape(mesh, MATERIALS[name]()), "other": Shape(icosphere(0.3), Lambert(white))}, lights)
    _, view = example_scene(size=(12, 16))
    there, settings = (copy.deepcopy(scene), copy.deepcopy(view)), RenderSettings(shadows=shadows)
    expected, slopes = rendered(scene, view, settings)
    pretend_device(monkeypatch)
    found, gradients = rendered(*(moved(v) for v in there), settings)  # type: ignore[arg-type]
    torch.testing.assert_close(on_cpu(found["image"]), expected["image"].detach(), atol=1e-5, rtol=1e-4)
    for key, slope in slopes.items():
        assert float((on_cpu(gradients[key]) - slope).norm()) <= 1e-3 * float(slope.norm()) + 1e-5, key


def test_forward_mode(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tangents by dual numbers; `torch.func` has no wrappers for a pretended tensor."""
    scene, view = example_scene(size=(12, 12))
    name = "shapes.ball.vertices"
    value = scene.get_parameter(name).detach().clone()
    step = torch.randn(value.shape, generator=torch.Generator().manual_seed(0))

    def change(scene: Scene, view: View, value: Tensor, step: Tensor) -> Tensor:
        for parameter in scene.parameters():
            parameter.requires_grad_(False)
        with forward_ad.dual_level():
            named = {f"scene.{name}": forward_ad.make_dual(value, step)}
            image = torch.func.functional_call(Rendered(scene, view, RenderSettings(buffers=("image",))), named, ())
            return forward_ad.unpack_dual(image).tangent

    expected = change(scene, view, value, step)
    pretend_device(monkeypatch)
    found = change(moved(scene), moved(view), pretended(value), pretended(step))  # type: ignore[arg-type]
    torch.testing.assert_close(on_cpu(found), expected, atol=1e-4, rtol=1e-3)


class Rendered(nn.Module):
    """An image as a module."""

    def __init__(self, scene: Scene, view: View, settings: RenderSettings) -> None:
        super().__init__()
        self.scene, self.view, self.settings = scene, view, settings

    def forward(self) -> Tensor:
        return render(self.scene, self.view, self.settings)["image"]


def test_queries(monkeypatch: pytest.MonkeyPatch) -> None:
    mesh, g = icosphere(subdivisions=2), torch.Generator().manual_seed(0)
    points = torch.randn(50, 3, generator=g)
    nobody = torch.zeros(0, 3, dtype=torch.int64)
    ask: dict[str, Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]] = {
        "closest": lambda v, f, p, none: closest_points(p, v, f).distance,
        "distance": lambda v, f, p, none: distance_to_mesh(v, f, p),
        "signed": lambda v, f, p, none: distance_to_mesh(v, f, p, signed=True),
        "no distance": lambda v, f, p, none: distance_to_mesh(v, none, p),
        "boxes": lambda v, f, p, none: touching_boxes(v, f),
        "no boxes": lambda v, f, p, none: touching_boxes(v, none),
        "visible": lambda v, f, p, none: visible(p, unit(p), 3.0, Occluders(v, f, "warp")),
        "automatic": lambda v, f, p, none: visible(p, unit(p), 3.0, Occluders(v, f)),
        "moved": lambda v, f, p, none: visible(p, unit(p), 3.0, Occluders(v + 1, f, "warp").at(v)),
        "no occluders": lambda v, f, p, none: visible(p, unit(p), 3.0, Occluders(v, none)),
        "normals": lambda v, f, p, none: area_weighted_normals(v, f),
        "levels": lambda v, f, p, none: mip_chain(v[:21].view(3, 7, 3))[1],
        "edges": lambda v, f, p, none: edges_of(f.int(), v).ends,
    }
    arguments = (mesh.vertices, mesh.faces, points, nobody)
    expected = {name: function(*arguments) for name, function in ask.items()}
    pretend_device(monkeypatch)
    for name, function in ask.items():
        found = function(*(pretended(v) for v in arguments))
        assert isinstance(found, Pretended), name
        torch.testing.assert_close(held(found), expected[name], msg=name)


def test_what_the_device_would_refuse_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend_device(monkeypatch)
    there = torch.ones(3, device="cuda:0")
    assert there.device.type == torch.zeros(3).to(there).device.type == "cuda"
    assert there.to("cpu").device.type == there.cpu().device.type == "cpu"
    assert held(there * torch.tensor(2.0)).tolist() == [2, 2, 2]
    assert held(there[torch.tensor([0, 2])]).tolist() == [1, 1]
    index = pretended(torch.tensor([0, 2]))
    for mixed in (
        lambda: there + torch.ones(3),
        lambda: torch.cat([there, torch.ones(1)]),
        lambda: there.numpy(),
        lambda: torch.ones(3)[index],
        lambda: there.index_put((index,), torch.ones(2)),
        lambda: torch.where(there > 0, torch.ones(3), 0.0),
    ):
        with pytest.raises((RuntimeError, TypeError)):
            mixed()


def test_launches_follow_the_stream_that_torch_is_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """On torch's default stream Warp's own serve; on another, that one is made Warp's for as long as it takes."""
    pretend_device(monkeypatch)
    taken: list[object] = []

    @contextmanager
    def scoped(stream: object) -> Iterator[None]:
        taken.append(stream)
        yield

    monkeypatch.setattr(wp, "ScopedStream", scoped)
    monkeypatch.setattr(wp, "stream_from_torch", lambda stream: f"Warp's {stream}")
    points, faces = pretended(torch.eye(3)), pretended(torch.tensor([[0, 1, 2]]))
    occluders = Occluders(points, faces)
    for stream in (0, 7):
        monkeypatch.setattr(torch.cuda, "current_stream", lambda device, stream=stream: stream)
        moved_on = occluders.at(points + 1 + stream)
        for ask in (
            lambda occluders=moved_on: occluders.blocked(points, points, 1.0),
            lambda: closest_points(points, points, faces),
            lambda: touching_boxes(points, faces),
        ):
            taken.clear()
            ask()
            assert set(taken) == {"Warp's 7" if stream else None}
            assert len(taken) >= 2
    with in_step(torch.device("cpu")):
        assert taken[-1] is None
