"""OpenGL, Blender and NeRF: a camera frame x right, y up, z backward; poses from camera to world; clip space."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from sharpvision.cameras.conventions.calibration import Calibration, inverse_pose
from sharpvision.core.frames import opencv_from_opengl


def opencv_pose_from_opengl(world_to_camera: Float[Tensor, "*batch r 4"]) -> Float[Tensor, "*batch r 4"]:
    """Pose [R | t], (3, 4) or (4, 4), into a camera frame with y down and z forward, from one with y up and z backward.

    R' = F R, t' = F t with F = diag(1, -1, -1); the world frame stays as it is. Its own inverse.
    For a camera-to-world pose (NeRF, Blender) see `from_nerf`. Raises `ValueError` for another shape.

    >>> opencv_pose_from_opengl(torch.eye(4)).diagonal().tolist()
    [1.0, -1.0, -1.0, 1.0]
    """
    if world_to_camera.shape[-2:] not in ((3, 4), (4, 4)):
        raise ValueError(f"a pose must be (3, 4) or (4, 4), not {tuple(world_to_camera.shape[-2:])}")
    flipped = world_to_camera.clone()
    flipped[..., :3, :] = opencv_from_opengl(world_to_camera[..., :3, :].transpose(-1, -2)).transpose(-1, -2)
    return flipped


def opengl_pose_from_opencv(world_to_camera: Float[Tensor, "*batch r 4"]) -> Float[Tensor, "*batch r 4"]:
    """Inverse of `opencv_pose_from_opengl`.

    >>> bool((opengl_pose_from_opencv(opencv_pose_from_opengl(torch.eye(4))) == torch.eye(4)).all())
    True
    """
    return opencv_pose_from_opengl(world_to_camera)


def from_nerf(
    transform_matrix: Float[Tensor, "*batch 4 4"], camera_angle_x: float, size: tuple[int, int]
) -> Calibration:
    """From `transforms_*.json` of NeRF (and Blender's `matrix_world` of an unscaled camera, its `angle_x`).

    `transform_matrix` camera to world, `camera_angle_x` the horizontal field of view in radians, `size` (height,
    width): f = W / 2 / tan(camera_angle_x / 2), square pixels, the axis through the middle of the image. Mildenhall et
    al. 2020.

    >>> from_nerf(torch.eye(4), math.pi / 2, (48, 64)).k[:2].tolist()
    [[32.0, 0.0, 32.0], [0.0, 32.0, 24.0]]
    """
    height, width = size
    focal = width / 2 / math.tan(camera_angle_x / 2)
    k = transform_matrix.new_tensor([[focal, 0.0, width / 2], [0.0, focal, height / 2], [0.0, 0.0, 1.0]])
    pose = opencv_pose_from_opengl(inverse_pose(transform_matrix))[..., :3, :]
    return Calibration(k.expand(*pose.shape[:-2], 3, 3), pose)


def to_nerf(calibration: Calibration, width: int) -> tuple[Float[Tensor, "*batch 4 4"], Float[Tensor, "*batch"]]:
    """`transform_matrix` and `camera_angle_x`; the inverse of `from_nerf`, whose format has no principal point and one
    focal length (f_x is taken)."""
    pose = opengl_pose_from_opencv(calibration.world_to_camera)
    last = pose.new_tensor([0.0, 0.0, 0.0, 1.0]).expand(*pose.shape[:-2], 1, 4)
    return inverse_pose(torch.cat([pose, last], -2)), 2 * torch.atan(width / 2 / calibration.k[..., 0, 0])


def to_opengl(
    calibration: Calibration, size: tuple[int, int], near: float, far: float
) -> tuple[Float[Tensor, "*batch 4 4"], Float[Tensor, "*batch 4 4"]]:
    """Projection and model-view matrices of OpenGL (nvdiffrast): clip = P M (x, y, z, 1) for column vectors.

    Eye space has y up and z backward. NDC x = 2 x_px / W - 1, y = 1 - 2 y_px / H (up; nvdiffrast's row 0 is the image's
    lowest, so its images are flipped), z = -1 at depth `near` and +1 at `far`. `size` (height, width). Raises
    `ValueError` unless 0 < near < far.

    >>> c = Calibration(torch.tensor([[32.0, 0, 32], [0, 32, 24], [0, 0, 1]]), torch.eye(3, 4))
    >>> projection, model_view = to_opengl(c, (48, 64), 1.0, 3.0)
    >>> (projection @ model_view @ torch.tensor([0.0, 0.0, 3.0, 1.0])).tolist()
    [0.0, 0.0, 3.0, 3.0]
    """
    if not 0 < near < far:
        raise ValueError(f"0 < near < far must hold, not near {near:g} and far {far:g}")
    height, width = size
    k = calibration.k
    zero, one = torch.zeros_like(k[..., 0, 0]), torch.ones_like(k[..., 0, 0])
    rows = [
        [2 * k[..., 0, 0] / width, zero, 1 - 2 * k[..., 0, 2] / width, zero],
        [zero, 2 * k[..., 1, 1] / height, 2 * k[..., 1, 2] / height - 1, zero],
        [zero, zero, one * (near + far) / (near - far), one * (2 * near * far / (near - far))],
        [zero, zero, -one, zero],
    ]
    pose = opengl_pose_from_opencv(calibration.world_to_camera)
    last = pose.new_tensor([0.0, 0.0, 0.0, 1.0]).expand(*pose.shape[:-2], 1, 4)
    return torch.stack([torch.stack(row, -1) for row in rows], -2), torch.cat([pose, last], -2)


def from_opengl(
    projection: Float[Tensor, "*batch 4 4"], model_view: Float[Tensor, "*batch 4 4"], size: tuple[int, int]
) -> Calibration:
    """Inverse of `to_opengl`, for any near and far. Raises `ValueError` for a projection that is not perspective or is
    skewed."""
    p = projection
    last = p.new_tensor([0.0, 0.0, -1.0, 0.0])
    if not torch.equal(p[..., 3, :], last.expand_as(p[..., 3, :])) or bool((p[..., 0, 1] != 0).any()):
        raise ValueError(f"the projection must end with (0, 0, -1, 0) and have no skew, not {p.tolist()}")
    height, width = size
    zero, one = torch.zeros_like(p[..., 0, 0]), torch.ones_like(p[..., 0, 0])
    rows = [
        [p[..., 0, 0] * width / 2, zero, (1 - p[..., 0, 2]) * width / 2],
        [zero, p[..., 1, 1] * height / 2, (1 + p[..., 1, 2]) * height / 2],
        [zero, zero, one],
    ]
    k = torch.stack([torch.stack(row, -1) for row in rows], -2)
    return Calibration(k, opencv_pose_from_opengl(model_view)[..., :3, :])
