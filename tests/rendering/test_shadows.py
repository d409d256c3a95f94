"""Hard shadows of scenes that move: what is kept between renders changes no pixel, and goes with its scene."""

from __future__ import annotations

import copy
import gc
import io
import math
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import Tensor

from sharpvision.cameras import View
from sharpvision.geometry.primitives import icosphere, plane
from sharpvision.illumination import Directional, Point
from sharpvision.kernels import ray_hierarchy
from sharpvision.materials import Lambert
from sharpvision.rendering import Renderer, RenderSettings, Scene, Shape, render, shadows
from sharpvision.rendering.geometry import topology_of

SETTINGS = RenderSettings(buffers=("image",), shadows=True)


def scene_of(lift: float = 0.0) -> Scene:
    """A ball above a floor, under a sun and a lamp; no face is seen along its plane."""
    white = torch.full((3,), 0.9)
    shapes = {
        "ball": Shape(icosphere(subdivisions=2), Lambert(white)),
        "floor": Shape(plane((6.0, 6.0)), Lambert(white)),
    }
    with torch.no_grad():
        shapes["ball"].vertices.add_(torch.tensor([0.1, 1.3 + lift, 0.2]))
    sun = Directional(torch.tensor([0.3, 1.0, 0.2]), torch.full((3,), math.pi))
    lamp = Point(torch.tensor([1.5, 3.5, 1.0]), torch.full((3,), 9.0))
    return Scene(shapes, {"sun": sun, "lamp": lamp})


def ball_of(scene: Scene) -> Shape:
    return scene.shape_list[0]


def view_of(dtype: torch.dtype = torch.float32) -> View:
    eye, at, up = torch.tensor([[0.0, 3.0, 6.0], [0, 0.4, 0], [0, 1, 0]], dtype=dtype)
    return View.look_at(eye, at, up, 45.0, (32, 32))


def image_of(scene: Scene) -> Tensor:
    with torch.no_grad():
        return render(scene, view_of(), SETTINGS)["image"]


@pytest.fixture(params=["warp", "embree"], autouse=True)
def tracer(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Which of both `auto` takes, for scenes as small as these are."""
    name: str = request.param
    monkeypatch.setattr(ray_hierarchy, "RAYS_PER_FACE", 0 if name == "embree" else 10**9)
    return name


def test_a_scene_that_moves_is_as_if_it_were_new() -> None:
    scene, before = scene_of(), image_of(scene_of())
    assert torch.equal(image_of(scene), before)
    for lift in (0.5, 1.0, -0.6):
        with torch.no_grad():
            ball_of(scene).vertices.copy_(ball_of(scene_of(lift)).vertices)
        new = image_of(scene_of(lift))
        torch.testing.assert_close(image_of(scene), new, atol=1e-6, rtol=0.0)  # edges of the old place sum otherwise
        assert float((new - before).abs().max()) > 0.1
    moved = {"shapes.ball.pose.translation": torch.tensor([0.0, 0.5, 0.0])}
    held = scene_of()
    with torch.no_grad():
        (image,) = Renderer(held, view_of(), SETTINGS)(moved)
    torch.testing.assert_close(image, image_of(scene_of(0.5)), atol=2e-3, rtol=0.0)
    assert torch.equal(image_of(held), before)


def test_hierarchies_are_as_many_as_scenes_and_go_with_them() -> None:
    gc.collect()
    others = len(shadows._KEPT)
    scenes = [scene_of(0.1 * k) for k in range(5)]
    for _ in range(3):
        for scene in scenes:
            image_of(scene)
    assert len(shadows._KEPT) == others + 5
    ball_of(scenes[0]).faces = ball_of(scenes[0]).faces[:40].clone()  # other faces: another hierarchy, one the fewer
    image_of(scenes[0])
    gc.collect()
    assert len(shadows._KEPT) == others + 5
    del scene, scenes
    gc.collect()
    assert len(shadows._KEPT) == others


def test_a_scene_with_a_hierarchy_can_be_copied_and_saved() -> None:
    scene = scene_of()
    before = image_of(scene)
    assert torch.equal(image_of(copy.deepcopy(scene)), before)
    file = io.BytesIO()
    torch.save(scene, file)
    file.seek(0)
    assert torch.equal(image_of(torch.load(file, weights_only=False)), before)


def test_threads_render_one_scene_with_parameters_of_their_own() -> None:
    renderer = Renderer(scene_of(), view_of(), SETTINGS)
    places = [torch.tensor([0.0, 0.3 * k, 0.0]) for k in range(4)]

    def rendered(k: int) -> Tensor:
        with torch.no_grad():
            return shadows_of(renderer.scene, places[k % 4])

    def shadows_of(scene: Scene, place: Tensor) -> Tensor:
        topology = topology_of(scene)
        vertices = torch.cat([s.vertices for s in scene.shape_list]) + place
        down = torch.linspace(-3, 3, 400)
        points = torch.stack([down, torch.full_like(down, 0.01), 0.1 * down], 1)
        light = torch.tensor([0.1, 1.0, 0.0]).expand(400, 3)
        return shadows.visibility_of(vertices, topology)(points, light / light.norm(dim=1, keepdim=True), None)

    expected = [rendered(k) for k in range(4)]
    assert len({tuple(e.tolist()) for e in expected}) > 1
    with ThreadPoolExecutor(4) as pool:
        for k, found in enumerate(pool.map(rendered, range(24))):
            assert torch.equal(found, expected[k % 4])


def test_derivatives_of_both_modes_go_through_shadows_alike() -> None:
    """V has none itself; what is lit is differentiated as ever."""
    renderer = Renderer(scene_of().double(), view_of(torch.float64), SETTINGS)
    name = "sun.direction_raw"
    value = renderer.get_parameter(renderer.full_name(name)).detach().clone()
    step = torch.tensor([0.1, 0.0, -0.2], dtype=torch.float64)
    image, change = torch.func.jvp(lambda v: renderer({name: v})[0], (value,), (step,))
    leaf = value.requires_grad_()
    (again,) = renderer({name: leaf})
    assert torch.equal(image, again)
    weight = torch.rand(image.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    (gradient,) = torch.autograd.grad((weight * again).sum(), leaf)
    assert float(gradient @ step) == pytest.approx(float((weight * change).sum().detach()), rel=1e-9)
    assert torch.equal(torch.func.grad(lambda v: (weight * renderer({name: v})[0]).sum())(value.detach()), gradient)


def test_other_faces_make_another_topology_though_they_lie_where_others_did() -> None:
    scene = scene_of()
    ball = ball_of(scene)
    for count in range(200, 240):
        ball.faces = icosphere(subdivisions=2).faces[:count].clone()
        assert len(topology_of(scene).faces) == count + 2
