"""The protocol of backends: barycentrics by brute force, strips, and what is said where PyTorch3D is missing."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sharpvision.cameras import Pinhole, View, pixel_centres
from sharpvision.core.errors import BackendUnavailable, InputError
from sharpvision.core.pose import Pose
from sharpvision.geometry.primitives import icosphere
from sharpvision.rendering.backends import BACKENDS, PyTorch3D, Warp, pytorch3d
from sharpvision.rendering.backends.fragments import barycentrics_at_centres
from sharpvision.rendering.window import Window

K = torch.tensor([[20.0, 0, 13], [0, 22, 9], [0, 0, 1]], dtype=torch.float64)


def ball_and_view() -> tuple[torch.Tensor, torch.Tensor, View]:
    mesh = icosphere(subdivisions=1)
    pose = Pose(torch.tensor([0.3, 0.1, -0.2]).double(), torch.tensor([0.1, 0.0, 2.5]).double())
    return mesh.vertices.double(), mesh.faces, View(Pinhole(K), pose, 18, 24)


def test_fragments_are_where_rays_meet_the_faces() -> None:
    """Each pixel's ray against every triangle, by 3 x 3 linear systems in NumPy."""
    vertices, faces, view = ball_and_view()
    found = Warp().rasterize(vertices, faces, view, 0.1)
    with torch.no_grad():
        camera = view.world_to_camera(vertices).numpy()
        rays = view.camera.unproject(pixel_centres(18, 24, like=vertices), torch.ones(18, 24).double()).numpy()
    corners = np.swapaxes(camera[faces.numpy()], -1, -2)  # columns are corners
    weight = np.linalg.solve(corners, rays[..., None, :, None])[..., 0]  # (h, w, f, 3): ray = sum of weights x corners
    z = 1 / weight.sum(-1)
    hit = (weight >= 0).all(-1)
    nearest = np.where(hit, z, np.inf)
    face = np.where(hit.any(-1), nearest.argmin(-1), -1)
    assert (found.face[0].numpy() == face).mean() > 0.997
    same = (found.face[0].numpy() == face) & (face >= 0)
    assert same.sum() > 100
    np.testing.assert_allclose(found.depth[0].detach().numpy()[same], nearest.min(-1)[same], rtol=1e-9)
    expected = np.take_along_axis(weight * z[..., None], face[..., None, None].clip(0), -2)[..., 0, :]
    np.testing.assert_allclose(found.barycentric[0].detach().numpy()[same], expected[same], atol=1e-9)


def test_barycentrics_have_their_derivatives() -> None:
    vertices, faces, view = ball_and_view()
    face = Warp().rasterize(vertices, faces, view, 0.1).face
    with torch.no_grad():
        rows = view.projected(vertices, 0.1)[None]
    at = (face >= 0).nonzero()[::11]

    def some(rows: torch.Tensor) -> torch.Tensor:
        return barycentrics_at_centres(face, rows, faces)[at[:, 0], at[:, 1], at[:, 2]]

    assert torch.autograd.gradcheck(some, (rows.requires_grad_(),))


def test_a_strip_is_a_part_of_the_whole() -> None:
    vertices, faces, view = ball_and_view()
    whole = Warp().rasterize(vertices, faces, view, 0.1)
    strip = Warp().rasterize(vertices, faces, view, 0.1, Window(5, 7))
    assert torch.equal(strip.face, whole.face[:, 5:12])
    torch.testing.assert_close(strip.depth, whole.depth[:, 5:12])
    torch.testing.assert_close(strip.barycentric, whole.barycentric[:, 5:12])


def test_a_missing_pytorch3d_and_an_unknown_backend_say_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pytorch3d, "find_spec", lambda name: None)
    vertices, faces, view = ball_and_view()
    with pytest.raises(BackendUnavailable, match=r"pip install 'sharpvision\[pytorch3d\]'"):
        PyTorch3D().rasterize(vertices, faces, view, 0.1)
    with pytest.raises(InputError, match="one of pytorch3d, warp"):
        _ = BACKENDS["opengl"]
