"""PyTorch3D behind the protocol, held against the project's own rasteriser (in an environment that has it)."""

from __future__ import annotations

import pytest
import torch
from scipy.spatial.transform import Rotation
from torch import Tensor

from sharpvision.cameras import BrownConrady, Fisheye, Orthographic, Pinhole, View
from sharpvision.core.pose import Pose
from sharpvision.geometry import Mesh
from sharpvision.geometry.primitives import icosphere
from sharpvision.illumination import Directional
from sharpvision.materials import Lambert
from sharpvision.rendering.backends import BACKENDS, PyTorch3D, Warp
from sharpvision.rendering.render import render
from sharpvision.rendering.scene import Scene, Shape
from sharpvision.rendering.settings import RenderSettings

pytestmark = pytest.mark.pytorch3d
pytest.importorskip("pytorch3d", reason="the extra 'pytorch3d' is not installed")

HEIGHT, WIDTH = 40, 64
K = torch.tensor([[55.0, 0, 30], [0, 50, 22], [0, 0, 1]])
TURN = torch.tensor([0.3, -0.2, 0.5])


def lumpy() -> Mesh:
    """A sphere with dents: inner contours and faces of many sizes."""
    ball = icosphere(subdivisions=3)
    swelling = 1 + 0.25 * (4 * ball.vertices).sin().sum(-1, keepdim=True)
    return Mesh(ball.vertices * swelling, ball.faces)


def views() -> dict[str, View]:
    far = Pose(TURN, torch.tensor([0.2, 0.1, 3.5]))
    poses = torch.stack([TURN, -TURN, torch.tensor([0.0, 2.0, 0.0])])
    several = Pose(poses, torch.tensor([0.0, 0.0, 4.0]).expand(3, 3))
    return {
        "pinhole": View(Pinhole(K), far, HEIGHT, WIDTH),
        "upright": View(Pinhole(K), far, WIDTH, HEIGHT),
        "batch": View(Pinhole(K), several, HEIGHT, WIDTH),
        "near_plane": View(Pinhole(K), Pose(TURN, torch.tensor([0.3, 0.2, 0.6])), HEIGHT, WIDTH),
        "inside": View(Pinhole(K), Pose(TURN), HEIGHT, WIDTH),
        "orthographic": View(Orthographic(torch.tensor(15.0), torch.tensor([32.0, 20.0])), Pose(TURN), HEIGHT, WIDTH),
        "lens": View(BrownConrady(K, torch.tensor([-0.2, 0.03, 0.01, -0.01, 0.0])), far, HEIGHT, WIDTH),
        "fisheye": View(Fisheye(K), far, HEIGHT, WIDTH),
    }


@pytest.mark.parametrize("name", views())
def test_same_faces_barycentrics_and_depth(name: str) -> None:
    mesh, view = lumpy(), views()[name]
    ours, theirs = (b.rasterize(mesh.vertices, mesh.faces, view, 0.3) for b in (Warp(), PyTorch3D()))
    same = ours.face == theirs.face
    assert float(same.float().mean()) >= 0.998  # one pixel on an edge of a small image is 0.04 %
    met = same & (ours.face >= 0)
    assert int(met.sum()) > 150
    torch.testing.assert_close(ours.barycentric[met], theirs.barycentric[met], rtol=0.0, atol=2e-3)
    torch.testing.assert_close(ours.depth[met], theirs.depth[met], rtol=1e-4, atol=1e-4)
    empty = theirs.face < 0
    assert bool((theirs.barycentric[empty] == 0).all())
    assert bool((theirs.depth[empty] == torch.inf).all())


def test_same_derivatives_inside_of_faces() -> None:
    """Of a weighted sum of depths where both meet the same face, to vertices and pose."""
    mesh, view = lumpy(), views()["pinhole"]
    g = torch.Generator().manual_seed(0)
    weight = torch.rand(1, HEIGHT, WIDTH, generator=g)
    gradients: list[tuple[Tensor, ...]] = []
    found = [b.rasterize(mesh.vertices, mesh.faces, view, 0.3) for b in (Warp(), PyTorch3D())]
    met = (found[0].face == found[1].face) & (found[0].face >= 0)
    for backend in (Warp(), PyTorch3D()):
        vertices = mesh.vertices.clone().requires_grad_()
        depth = backend.rasterize(vertices, mesh.faces, view, 0.3).depth
        total = (weight * torch.where(met, depth, 0.0)).sum()
        gradients.append(torch.autograd.grad(total, [vertices, view.world_to_camera.rotation]))
    for ours, theirs in zip(*gradients, strict=True):
        assert float((ours - theirs).norm() / ours.norm()) < 2e-3


def test_degenerate_and_empty_meshes() -> None:
    view = views()["pinhole"]
    mesh = lumpy()
    nothing = PyTorch3D().rasterize(mesh.vertices, mesh.faces[:0], view, 0.3)
    assert bool((nothing.face == -1).all())
    degenerate = torch.cat([mesh.faces, torch.tensor([[0, 0, 1], [5, 5, 5]])])
    flat = PyTorch3D().rasterize(mesh.vertices, degenerate, view, 0.3).face
    assert torch.equal(flat, PyTorch3D().rasterize(mesh.vertices, mesh.faces, view, 0.3).face)
    behind = View(Pinhole(K), Pose(translation=torch.tensor([0.0, 0.0, -9.0])), HEIGHT, WIDTH)
    assert bool((PyTorch3D().rasterize(mesh.vertices, mesh.faces, behind, 0.3).face == -1).all())


@pytest.mark.parametrize("tile_pixels", [10_000, 5 * WIDTH])
def test_render_with_it_is_render_away_from_edges(tile_pixels: int) -> None:
    mesh = lumpy()
    colors = torch.rand(len(mesh.vertices), 3, generator=torch.Generator().manual_seed(1))
    shape = Shape(Mesh(mesh.vertices, mesh.faces, vertex_colors=colors), Lambert(torch.tensor([0.8, 0.5, 0.3])))
    sun = Directional(torch.tensor([0.3, 0.4, -0.8]), torch.tensor([2.0, 2.0, 2.0]))
    scene, view = Scene({"lump": shape}, {"sun": sun}, torch.tensor([0.1, 0.2, 0.3])), views()["pinhole"]
    names = ("image", "alpha", "depth", "normal", "face", "albedo", "shading")
    settings = RenderSettings(silhouettes=False, mode="fast", buffers=names, tile_pixels=tile_pixels)
    ours, theirs = (render(scene, view, settings, backend=name) for name in ("warp", "pytorch3d"))
    same = ours["face"] == theirs["face"]
    assert float(same.float().mean()) >= 0.998
    assert 0.2 < float(theirs["alpha"].detach().mean()) < 0.8
    for name in names:
        torch.testing.assert_close(ours[name][same], theirs[name][same], rtol=2e-3, atol=2e-3)
    jagged = render(scene, view, RenderSettings(), backend="pytorch3d")["alpha"]
    assert set(jagged.unique().tolist()) == {0.0, 1.0}
    image = render(scene, view, settings, backend="pytorch3d")["image"]
    gradient = torch.autograd.grad(image.square().sum(), list(scene.parameters()), allow_unused=True)
    assert all(bool(v.isfinite().all()) for v in gradient if v is not None)
    assert set(BACKENDS) == {"warp", "pytorch3d"}


def test_handedness_by_pytorch3ds_own_cameras() -> None:
    """A triangle in the upper left quarter of the image, by the class itself, no code of ours between."""
    from pytorch3d.renderer import MeshRasterizer, RasterizationSettings

    from sharpvision.rendering.backends.pytorch3d_structures import cameras_of, meshes_of

    rotation = torch.from_numpy(Rotation.random(random_state=3).as_rotvec()).float()
    pose = Pose(rotation, torch.tensor([0.1, -0.2, 0.4]))
    camera = torch.tensor([[-1.01, -1.03, 4.0], [-0.2, -1.02, 4.0], [-0.98, -0.3, 4.0]])  # x left, y up of the middle
    with torch.no_grad():
        world = pose.inverse()(camera)
    mesh, view = Mesh(world, torch.tensor([[0, 1, 2]])), View(Pinhole(K), pose, HEIGHT, WIDTH)
    settings = RasterizationSettings(image_size=(HEIGHT, WIDTH), bin_size=0)
    theirs = MeshRasterizer(cameras_of(view), settings)(meshes_of([mesh])).pix_to_face[..., 0]
    ours = Warp().rasterize(world, mesh.faces, view, 0.1).face
    assert int((ours >= 0).sum()) > 20
    assert float((ours == theirs).float().mean()) > 0.998
    assert bool((theirs[0, :20, :30] >= 0).any())
    assert bool((theirs[0, 22:] < 0).all())
    assert bool((theirs[0, :, 32:] < 0).all())
