"""`render`: closed forms, the area-sampled image, strips, batches, threads, empty scenes, derivatives of all kinds."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from sharpvision.cameras import Orthographic, Pinhole, View
from sharpvision.core.errors import InputError
from sharpvision.core.pose import Pose
from sharpvision.geometry import Mesh
from sharpvision.geometry.primitives import icosphere
from sharpvision.illumination import Ambient, Directional, SphericalHarmonics
from sharpvision.materials import Lambert, Texture, VertexColor
from sharpvision.rendering import Renderer, RenderSettings, Scene, Shape, render

DOUBLE = torch.float64


def view_of(size: int, distance: float = 3.0, dtype: torch.dtype = torch.float32, fov_deg: float = 60.0) -> View:
    eye = torch.tensor([0.0, 0.0, distance], dtype=dtype)
    up = torch.tensor([0.0, 1.0, 0.0], dtype=dtype)
    return View.look_at(eye, torch.zeros(3, dtype=dtype), up, fov_deg, (size, size))


def ball(dtype: torch.dtype = torch.float32, subdivisions: int = 3, light: torch.nn.Module | None = None) -> Scene:
    mesh = icosphere(subdivisions=subdivisions)
    mesh = Mesh(mesh.vertices.to(dtype), mesh.faces)
    if light is None:
        g = torch.Generator().manual_seed(1)
        coefficients = torch.rand(9, 3, generator=g, dtype=dtype) * 0.3
        coefficients[0] = 2.0
        light = SphericalHarmonics(coefficients)
    shape = Shape(mesh, Lambert(torch.tensor([0.8, 0.5, 0.3], dtype=dtype)))
    return Scene({"ball": shape}, {"sky": light}, torch.tensor([0.1, 0.2, 0.3], dtype=dtype))


def test_radiance_of_a_matte_ball_under_ambient_light_is_its_albedo_times_the_radiance() -> None:
    scene = ball(light=Ambient(torch.tensor([1.0, 2.0, 3.0])))
    image = render(scene, view_of(32)).image
    assert image is not None
    torch.testing.assert_close(image[16, 16], torch.tensor([0.8, 1.0, 0.9]), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(image[0, 0], scene.background.detach())


def test_coverage_is_the_area_of_the_outline() -> None:
    """A ball seen from distance d covers a disc of radius f / sqrt(d^2 - r^2); its mesh lies a little inside."""
    alpha = render(ball(subdivisions=5), view_of(64)).alpha
    focal = 32 / math.tan(math.radians(30))
    assert alpha is not None
    assert float(alpha.detach().sum()) == pytest.approx(math.pi * focal**2 / (9 - 1), rel=2e-3)


def test_depth_normal_and_face_at_the_centre() -> None:
    buffers = render(ball(), view_of(33), RenderSettings(buffers=("depth", "normal", "face", "albedo", "shading")))
    assert float(buffers["depth"][16, 16].detach()) == pytest.approx(2.0, abs=0.02)
    assert buffers["depth"][0, 0] == torch.inf
    torch.testing.assert_close(buffers["normal"][16, 16], torch.tensor([0.0, 0.0, 1.0]), rtol=0.0, atol=0.05)
    assert int(buffers["face"][0, 0]) == -1
    torch.testing.assert_close(buffers["albedo"][16, 16], torch.tensor([0.8, 0.5, 0.3]), rtol=1e-4, atol=1e-4)
    with pytest.raises(KeyError, match="ask for it"):
        _ = buffers["image"]


@pytest.mark.parametrize("mode", ["fast", "default", "accurate"])
def test_strips_make_the_same_image(mode: str) -> None:
    scene, view = ball(), view_of(24)
    whole = render(scene, view, RenderSettings(mode=mode))  # type: ignore[arg-type]
    strips = render(scene, view, RenderSettings(mode=mode, tile_pixels=24 * 7))  # type: ignore[arg-type]
    for (name, a), (_, b) in zip(whole.items(), strips.items(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=2e-4, msg=name)


def test_strips_give_the_same_gradient() -> None:
    scene, view = ball(DOUBLE), view_of(24, dtype=DOUBLE)
    gradients = []
    for tile_pixels in (24 * 24, 24 * 5):
        image = render(scene, view, RenderSettings(buffers=("image",), tile_pixels=tile_pixels)).image
        assert image is not None
        gradients.append(torch.autograd.grad(image.square().sum(), scene.parameters(), allow_unused=True))
    for a, b in zip(*gradients, strict=True):
        if a is not None:
            torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-8)


def test_a_batch_of_views_is_its_views_one_by_one() -> None:
    scene = ball()
    eyes = torch.tensor([[0.0, 0.0, 3.0], [2.0, 1.0, 2.0], [0.0, -3.0, 0.5]])
    up = torch.tensor([0.0, 1.0, 0.0])
    together = render(scene, View.look_at(eyes, torch.zeros(3), up, 60.0, (20, 28)))
    for k, eye in enumerate(eyes):
        alone = render(scene, View.look_at(eye, torch.zeros(3), up, 60.0, (20, 28)))
        for (name, a), (_, b) in zip(together.items(), alone.items(), strict=True):
            torch.testing.assert_close(a[k], b, rtol=1e-5, atol=1e-5, msg=name)


def test_threads_do_not_change_a_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    results = []
    for threads in ("1", "2", "4"):
        monkeypatch.setenv("SHARPVISION_THREADS", threads)
        scene = ball()
        image = render(scene, view_of(48)).image
        assert image is not None
        gradients = torch.autograd.grad(image.square().sum(), scene.parameters(), allow_unused=True)
        results.append([image.detach(), *(g for g in gradients if g is not None)])
    for other in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0], other, strict=True))


def test_nothing_to_see_is_background_without_gradient() -> None:
    scene = ball()
    eye, beyond, up = torch.tensor([[0.0, 0.0, 5.0], [0.0, 0.0, 9.0], [0.0, 1.0, 0.0]])
    away = View.look_at(eye, beyond, up, 60.0, (8, 8))
    image = render(scene, away).image
    assert image is not None
    torch.testing.assert_close(image, scene.background.expand(8, 8, 3))
    gradient = torch.autograd.grad(image.sum(), scene.get_parameter("shapes.ball.vertices"))[0]
    assert bool((gradient == 0).all())


def test_an_empty_mesh_is_background() -> None:
    mesh = Mesh(torch.zeros(0, 3), torch.zeros(0, 3, dtype=torch.long))
    scene = Scene({"none": Shape(mesh, Lambert(torch.full((3,), 0.5)))}, {"sun": Ambient(torch.ones(3))})
    buffers = render(scene, view_of(8))
    assert bool((buffers["image"] == 0).all())
    assert bool((buffers["face"] == -1).all())


def test_orthographic_view() -> None:
    camera = Orthographic(torch.tensor(10.0), torch.tensor([16.0, 16.0]))
    pose = Pose.from_matrix(torch.tensor([[1.0, 0, 0, 0], [0, -1, 0, 0], [0, 0, -1, 5]]))
    buffers = render(ball(subdivisions=4), View(camera, pose, 32, 32))
    assert float(buffers["alpha"].detach().sum()) == pytest.approx(math.pi * 100, rel=0.01)
    assert float(buffers["depth"][16, 16].detach()) == pytest.approx(4.0, abs=0.01)


def loss_of(scene: Scene, view: View, name: str, settings: RenderSettings) -> tuple[Tensor, object]:
    renderer = Renderer(scene, view, settings)
    start = dict(renderer.named_parameters())[renderer.full_name(name)].detach()
    target = torch.linspace(0, 1, view.width, dtype=start.dtype)[None, :, None]

    def loss(value: Tensor) -> Tensor:
        (image,) = renderer({name: value})
        return (image - target).square().sum()

    return start, loss


@pytest.mark.parametrize(
    "name", ["sky.coefficients", "ball.material.albedo_raw", "background"]
)
def test_gradients_of_light_and_material_are_finite_differences(name: str) -> None:
    """The image is smooth in them, so central differences of the very image must agree."""
    start, loss = loss_of(ball(DOUBLE, 2), view_of(24, dtype=DOUBLE), name, RenderSettings(buffers=("image",)))
    gradient = torch.func.grad(loss)(start)
    g = torch.Generator().manual_seed(0)
    for _ in range(3):
        direction = torch.randn(start.shape, generator=g, dtype=DOUBLE)
        step = 1e-5
        expected = (loss(start + step * direction) - loss(start - step * direction)).detach() / (2 * step)
        assert float((gradient * direction).detach().sum()) == pytest.approx(float(expected), rel=1e-6)


def test_gradient_of_coverage_is_the_motion_of_the_outline() -> None:
    """Sum of alpha under a uniform scale s: area f^2 pi r^2 / (d^2 - r^2), d area / dr known in closed form."""
    scene, view = ball(DOUBLE, 5), view_of(64, dtype=DOUBLE)
    renderer = Renderer(scene, view, RenderSettings(buffers=("alpha",)))
    scale = torch.tensor(1.0, dtype=DOUBLE, requires_grad=True)
    vertices = scene.get_parameter("shapes.ball.vertices").detach()
    (alpha,) = renderer({"ball.vertices": scale * vertices})
    (slope,) = torch.autograd.grad(alpha.sum(), scale)
    focal = 32 / math.tan(math.radians(30))
    expected = math.pi * focal**2 * (2 / (9 - 1) + 2 / (9 - 1) ** 2)
    assert float(slope) == pytest.approx(expected, rel=5e-3)


def test_forward_mode_agrees_with_reverse_mode() -> None:
    start, loss = loss_of(
        ball(DOUBLE, 3), view_of(24, dtype=DOUBLE), "ball.pose.translation", RenderSettings(buffers=("image",))
    )
    torch.testing.assert_close(torch.func.jacfwd(loss)(start), torch.func.jacrev(loss)(start), rtol=1e-8, atol=1e-8)


def test_compiled_without_a_break() -> None:
    scene, view = ball(subdivisions=2), view_of(16)
    renderer = Renderer(scene, view)

    def loss(turn: Tensor) -> Tensor:
        (image,) = renderer({"ball.pose.translation": torch.sin(turn)})
        return image.square().mean()

    turn = torch.tensor([0.1, 0.0, 0.2], requires_grad=True)
    compiled = torch.compile(loss, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(turn), loss(turn))
    mine = torch.autograd.grad(compiled(turn), turn)[0]
    torch.testing.assert_close(mine, torch.autograd.grad(loss(turn), turn)[0], rtol=1e-4, atol=1e-6)


def test_traced_forward_mode_is_an_error_not_zero() -> None:
    renderer, turn = Renderer(ball(subdivisions=2), view_of(16)), torch.tensor([0.1, 0.0, 0.2])

    def change(turn: Tensor) -> Tensor:
        return torch.func.jvp(lambda t: renderer({"ball.pose.translation": t})[0], (turn,), (turn,))[1]

    assert float(change(turn).detach().abs().max()) > 0
    with pytest.raises(torch._dynamo.exc.Unsupported, match="forward mode do not go through"):
        torch.compile(change, fullgraph=True, backend="aot_eager")(turn)


def test_autocast_does_not_touch_the_renderer() -> None:
    """A half-precision layer before it is fine; its own arithmetic stays float32."""
    renderer = Renderer(ball(subdivisions=2), view_of(16))
    layer = torch.nn.Linear(4, 3)
    features = torch.ones(4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        move = layer(features)
        (image,) = renderer({"ball.pose.translation": move})
    assert move.dtype == torch.bfloat16
    assert image.dtype == torch.float32
    torch.testing.assert_close(image, renderer({"ball.pose.translation": move.float()})[0])
    image.square().sum().backward()
    assert layer.weight.grad is not None
    assert bool((layer.weight.grad != 0).any())


def test_vmap_renders_one_after_the_other() -> None:
    renderer = Renderer(ball(subdivisions=2), view_of(12))
    shifts = torch.tensor([[0.0, 0.0, 0.0], [0.3, 0.0, 0.0]])
    (images,) = torch.func.vmap(lambda shift: renderer({"ball.pose.translation": shift}))(shifts)
    for shift, image in zip(shifts, images, strict=True):
        torch.testing.assert_close(renderer({"ball.pose.translation": shift})[0], image)


def test_a_background_of_another_size_is_refused() -> None:
    scene = ball()
    scene.background = torch.nn.Parameter(torch.zeros(5, 5, 3))
    with pytest.raises(InputError, match=r"scene.background: expected \(C,\) or \(8, 8, C\)"):
        render(scene, view_of(8))


def test_unknown_parameter_is_named() -> None:
    with pytest.raises(InputError, match="use one of these names"):
        Renderer(ball(), view_of(8))({"ball.pose.rotatoin": torch.zeros(3)})


def test_directional_light_casts_a_shadow_where_it_is_asked_for() -> None:
    """A ball between the sun and a floor: the floor below it is dark with shadows and bright without."""
    corners = torch.tensor([[-3.0, -1.5, -3], [3, -1.5, -3], [3, -1.5, 3], [-3, -1.5, 3]])
    floor = Mesh(corners, torch.tensor([[0, 2, 1], [0, 3, 2]]))
    sphere = icosphere(subdivisions=3)
    white = torch.full((3,), 0.9)
    sun = Directional(torch.tensor([0.0, 1.0, 0.0]), torch.full((3,), math.pi))
    scene = Scene({"floor": Shape(floor, Lambert(white)), "ball": Shape(sphere, Lambert(white))}, {"sun": sun})
    eye, below, up = torch.tensor([[0.0, 2.0, 6.0], [0.0, -1.0, 0.0], [0.0, 1.0, 0.0]])
    view = View.look_at(eye, below, up, 50.0, (48, 48))
    with torch.no_grad():
        lit = render(scene, view, RenderSettings(buffers=("image", "face")))
        dark = render(scene, view, RenderSettings(buffers=("image", "face"), shadows=True))
    on_floor = (lit["face"] >= 0) & (lit["face"] < 2)
    ratio = dark["image"][on_floor].mean() / lit["image"][on_floor].mean()
    assert 0.5 < float(ratio.detach()) < 0.95
    assert float(dark["image"][on_floor].min()) < 0.1 * float(lit["image"][on_floor].min())


def floor_scene(dtype: torch.dtype = DOUBLE) -> Scene:
    """A coloured floor that runs below the camera and behind it."""
    square = torch.tensor([[-9.0, -1, -9], [9, -1, -9], [9, -1, 9], [-9, -1, 9]], dtype=dtype)
    colors = torch.tensor([[0.9, 0.1, 0.1], [0.1, 0.9, 0.1], [0.1, 0.1, 0.9], [0.9, 0.9, 0.1]], dtype=dtype)
    mesh = Mesh(square, torch.tensor([[0, 2, 1], [0, 3, 2]]), vertex_colors=colors)
    return Scene({"floor": Shape(mesh, Lambert(VertexColor()))}, {"sky": Ambient(torch.ones(3, dtype=dtype))})


def test_a_cut_at_the_near_plane_is_area_sampled_and_differentiable() -> None:
    """The cut of a floor one below at near 2 is the row y = h / 2 + f / 2 of the image; it moves as the floor does."""
    scene, view = floor_scene(), view_of(32, 3.0, DOUBLE)
    settings = RenderSettings(near=2.0, buffers=("alpha",))
    renderer = Renderer(scene, view, settings)
    focal = 16 / math.tan(math.radians(30))
    drop = torch.zeros(3, dtype=DOUBLE, requires_grad=True)
    (alpha,) = renderer({"floor.pose.translation": drop})
    below, horizon = 16 + focal / 2, 16 + focal / 12
    assert float(alpha.detach()[:, 16].sum()) == pytest.approx(below - horizon, abs=2e-3)
    (slope,) = torch.autograd.grad(alpha[:, 16].sum(), drop)
    assert float(slope[1]) == pytest.approx(-focal / 2 + focal / 12, rel=0.02)


def test_what_a_cut_floor_looks_like_does_not_depend_on_where_it_is_cut() -> None:
    scene, view = floor_scene(), view_of(32, 3.0, DOUBLE)
    names = ("image", "depth", "face", "normal")
    near, far = (render(scene, view, RenderSettings(near=n, buffers=names)) for n in (0.05, 2.5))
    shown = far["face"] >= 0
    for name in ("image", "depth", "normal"):
        inner = shown.clone()
        inner[1:] &= shown[:-1]
        inner[:-1] &= shown[1:]
        torch.testing.assert_close(near[name][inner], far[name][inner], rtol=1e-5, atol=1e-5, msg=name)
    assert torch.equal(near["face"][shown], far["face"][shown])
    assert int(shown.sum()) < int((near["face"] >= 0).sum())


def test_views_that_cut_differently_are_the_views_one_by_one() -> None:
    scene = floor_scene(torch.float32)
    eyes, up = torch.tensor([[0.0, 0.0, 3.0], [0.0, 3.0, 30.0]]), torch.tensor([0.0, 1.0, 0.0])
    together = render(scene, View.look_at(eyes, torch.zeros(3), up, 60.0, (20, 20)))
    for k, eye in enumerate(eyes):
        alone = render(scene, View.look_at(eye, torch.zeros(3), up, 60.0, (20, 20)))
        for (name, a), (_, b) in zip(together.items(), alone.items(), strict=True):
            torch.testing.assert_close(a[k], b, rtol=1e-5, atol=1e-5, msg=name)


@pytest.mark.parametrize(("filter", "spread"), [("bilinear", 0.2), ("mipmap", 0.02)])
def test_a_fine_texture_seen_from_afar_is_its_mean_when_mip_mapped(filter: str, spread: float) -> None:
    """A checkerboard whose squares are far below a pixel: aliasing without a mip chain, grey with it."""
    square = torch.tensor([[-1.0, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]])
    faces = torch.tensor([[0, 1, 2], [0, 2, 3]])
    mesh = Mesh(square, faces, uv=(square[:, :2] + 1) / 2, uv_faces=faces)
    y, x = torch.meshgrid(torch.arange(256), torch.arange(256), indexing="ij")
    checks = ((x + y) % 2).float()[..., None].expand(-1, -1, 3).contiguous()
    material = Lambert(Texture(checks, filter=filter))  # type: ignore[arg-type]
    scene = Scene({"board": Shape(mesh, material)}, {"sky": Ambient(torch.ones(3))})
    image = render(scene, view_of(33, 4.0), RenderSettings(buffers=("image",))).image
    assert image is not None
    inside = image.detach()[12:21, 12:21]
    assert float(inside.mean()) == pytest.approx(0.5, abs=0.2)
    assert (float(inside.std()) > 0.05) == (spread > 0.1)


def test_pinhole_views_share_a_batch_of_poses() -> None:
    poses = Pose(torch.zeros(2, 3), torch.tensor([[0.0, 0, 3], [0, 0, 4]]))
    view = View(Pinhole.from_focal(20.0, 16, 16), poses, 16, 16)
    alpha = render(ball(), view).alpha
    assert alpha is not None
    assert alpha.shape == (2, 16, 16)
    assert bool(alpha[0].sum() > alpha[1].sum())


def test_what_lies_behind_a_lamp_casts_no_shadow() -> None:
    """A lamp between the floor and a lid: as bright as without the lid, and dark with the lid below the lamp."""
    from sharpvision.geometry.primitives import plane
    from sharpvision.illumination import Point

    def seen(lid: float | None) -> torch.Tensor:
        shapes = {"floor": Shape(plane((2.0, 2.0)), Lambert(torch.full((3,), 0.5)))}
        if lid is not None:
            at = Pose(translation=torch.tensor([0.0, lid, 0.0]))
            shapes["lid"] = Shape(plane((6.0, 6.0)), Lambert(torch.full((3,), 0.5)), at)
        lamp = Point(torch.tensor([0.0, 1.0, 0.0]), torch.full((3,), 3.0))
        eye, up = torch.tensor([0.0, 0.4, 2.5]), torch.tensor([0.0, 1.0, 0.0])
        view = View.look_at(eye, torch.zeros(3), up, 40.0, (16, 16))
        with torch.no_grad():
            return render(Scene(shapes, {"lamp": lamp}), view, RenderSettings(shadows=True)).image[9:14]

    torch.testing.assert_close(seen(2.0), seen(None))
    assert seen(None)[0].amin() > 0.05
    assert seen(0.6).abs().max() == 0
