"""Meshes, textures and cameras to PyTorch3D's classes and back, held against what those classes compute."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from sharpvision.cameras import Orthographic, Pinhole, View
from sharpvision.cameras.conventions import Calibration, to_pytorch3d
from sharpvision.core.errors import InputError
from sharpvision.core.pose import Pose
from sharpvision.geometry import Mesh, area_weighted_normals
from sharpvision.geometry.primitives import icosphere
from sharpvision.rendering.backends.pytorch3d_structures import cameras_of, from_meshes, meshes_of, view_of

pytestmark = pytest.mark.pytorch3d
pytest.importorskip("pytorch3d", reason="the extra 'pytorch3d' is not installed")


def random_view(rng: np.random.Generator, size: tuple[int, int]) -> View:
    f_x, f_y, c_x, c_y = rng.uniform([30, 30, 10, 10], [90, 90, 40, 40])
    pose = torch.from_numpy(Rotation.random(2, rng).as_rotvec()).float()
    k = torch.tensor([[f_x, 0.0, c_x], [0.0, f_y, c_y], [0.0, 0.0, 1.0]]).float()
    return View(Pinhole(k), Pose(pose, torch.from_numpy(rng.uniform(-1, 1, (2, 3))).float()), *size)


@pytest.mark.parametrize("size", [(40, 64), (64, 40), (32, 32)])
@pytest.mark.parametrize("in_ndc", [False, True])
def test_pixels_are_pytorch3ds(size: tuple[int, int], in_ndc: bool) -> None:
    from pytorch3d.renderer import PerspectiveCameras

    rng = np.random.default_rng(0)
    for _ in range(5):
        view = random_view(rng, size)
        cameras = PerspectiveCameras(**to_pytorch3d(Calibration.of_view(view), size, in_ndc=in_ndc)._asdict())
        camera = torch.from_numpy(rng.uniform([-1, -1, 1], [1, 1, 4], (9, 3))).float()
        pose = view.world_to_camera
        world = (camera - pose.translation[:, None]) @ pose.rotation_matrix
        expected = view.camera.project(pose(world)).pixels
        found = cameras.transform_points_screen(world, image_size=torch.tensor([size] * 2))[..., :2]
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=2e-3)
        back = Calibration.of_view(view_of(cameras, size))
        torch.testing.assert_close(back.k, view.camera.k.expand(2, 3, 3), rtol=1e-5, atol=1e-4)
        torch.testing.assert_close(back.world_to_camera, Calibration.of_view(view).world_to_camera, rtol=0, atol=1e-5)


def test_opencv_cameras_of_pytorch3d_are_ours_with_corner_origin() -> None:
    """`cameras_from_opencv_projection` shifts nothing: its K has pixel centres at integer + 0.5, as ours."""
    from pytorch3d.utils import cameras_from_opencv_projection

    rng = np.random.default_rng(1)
    view = random_view(rng, (40, 64))
    c = Calibration.of_view(view)
    k = c.k.expand(2, 3, 3)
    theirs = cameras_from_opencv_projection(
        c.world_to_camera[..., :3], c.world_to_camera[..., 3], k, torch.tensor([[40, 64]] * 2)
    )
    back = Calibration.of_view(view_of(theirs, (40, 64)))
    torch.testing.assert_close(back.k, k, rtol=1e-5, atol=1e-4)
    torch.testing.assert_close(back.world_to_camera, c.world_to_camera, rtol=0.0, atol=1e-5)


def test_meshes_of_different_size_go_there_and_back() -> None:
    first, second = icosphere(subdivisions=1), icosphere(2.0, 2)
    colors = torch.rand(len(first.vertices), 3), torch.rand(len(second.vertices), 3)
    ours = [Mesh(m.vertices, m.faces, vertex_colors=c) for m, c in zip((first, second), colors, strict=True)]
    theirs = meshes_of(ours)
    normals = theirs.verts_normals_list()
    for mesh, normal, (again, texture) in zip(ours, normals, from_meshes(theirs), strict=True):
        assert texture is None
        assert torch.equal(again.vertices, mesh.vertices)
        assert torch.equal(again.faces, mesh.faces)
        assert again.vertex_colors is not None
        assert torch.equal(again.vertex_colors, mesh.vertex_colors)
        torch.testing.assert_close(normal, area_weighted_normals(mesh.vertices, mesh.faces), rtol=0.0, atol=1e-4)
    (plain, _), _ = from_meshes(meshes_of([first, second]))
    assert plain.vertex_colors is None


@pytest.mark.parametrize("align_corners", [False, True])
def test_textures_look_up_the_same_texels(align_corners: bool) -> None:
    """Sampled by PyTorch3D at random places, and by hand at half-integer texel centres with v upward."""
    from pytorch3d.renderer import TexturesUV
    from pytorch3d.renderer.mesh.rasterizer import Fragments
    from pytorch3d.structures import Meshes

    g = torch.Generator().manual_seed(0)
    texture = torch.rand(5, 7, 3, generator=g)
    uv, uv_faces = torch.rand(6, 2, generator=g) * 0.7 + 0.15, torch.tensor([[0, 1, 2], [3, 4, 5]])
    vertices, faces = torch.rand(4, 3, generator=g), torch.tensor([[0, 1, 2], [1, 2, 3]])
    if align_corners:
        theirs = Meshes([vertices], [faces], TexturesUV([texture], [uv_faces], [uv], align_corners=True))
    else:
        theirs = meshes_of([Mesh(vertices, faces, uv=uv, uv_faces=uv_faces)], [texture])
    ((mesh, image),) = from_meshes(theirs)
    assert mesh.uv is not None
    assert mesh.uv_faces is not None
    assert torch.equal(image, texture)
    weight = torch.rand(1, 4, 4, 1, 3, generator=g)
    weight = weight / weight.sum(-1, keepdim=True)
    face = torch.randint(2, (1, 4, 4, 1), generator=g)
    sampled = theirs.sample_textures(Fragments(face, face.float(), weight, face.float()))
    place = (mesh.uv[mesh.uv_faces[face]] * weight[..., None]).sum(-2)
    x, y = place[..., 0] * 7 - 0.5, (1 - place[..., 1]) * 5 - 0.5
    left, top = x.floor().long().clamp(0, 5), y.floor().long().clamp(0, 3)
    a, b = (x - left).clamp(0, 1)[..., None], (y - top).clamp(0, 1)[..., None]
    expected = (
        (1 - a) * (1 - b) * texture[top, left] + a * (1 - b) * texture[top, left + 1]
        + (1 - a) * b * texture[top + 1, left] + a * b * texture[top + 1, left + 1]
    )  # fmt: skip
    torch.testing.assert_close(sampled, expected, rtol=1e-4, atol=1e-4)


def test_what_has_no_counterpart_is_refused() -> None:
    from pytorch3d.renderer import FoVPerspectiveCameras, TexturesAtlas
    from pytorch3d.structures import Meshes

    ball = icosphere(subdivisions=0)
    with pytest.raises(InputError, match="give both for all meshes"):
        meshes_of([ball], [torch.zeros(2, 2, 3)])
    atlas = Meshes([ball.vertices], [ball.faces], TexturesAtlas([torch.zeros(20, 2, 2, 3)]))
    with pytest.raises(InputError, match="TexturesAtlas"):
        from_meshes(atlas)
    with pytest.raises(InputError, match="Orthographic"):
        cameras_of(View(Orthographic(), Pose(), 4, 4))
    with pytest.raises(InputError, match="FoVPerspectiveCameras"):
        view_of(FoVPerspectiveCameras(), (4, 4))
