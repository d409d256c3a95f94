"""Conversions between the camera frame in memory (OpenCV: x right, y down, z forward) and the frames of others.

Beside `core/frames.py`, on which it builds, no other file negates an axis. World to camera is x_cam = R @ x_world + t.
"""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from sharpvision.core.frames import opencv_from_opengl, opengl_from_opencv

__all__ = ["opencv_from_opengl", "opencv_pose_from_opengl", "opengl_from_opencv", "opengl_pose_from_opencv"]


def opencv_pose_from_opengl(world_to_camera: Float[Tensor, "*batch r 4"]) -> Float[Tensor, "*batch r 4"]:
    """Pose [R | t], (3, 4) or (4, 4), into a camera frame with y down and z forward, from one with y up and z backward.

    R' = F R, t' = F t with F = diag(1, -1, -1); the world frame stays as it is. Its own inverse.
    A camera-to-world pose (NeRF, Blender) is inverted first. Raises `ValueError` for another shape.

    >>> import torch
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

    >>> import torch
    >>> bool((opengl_pose_from_opencv(opencv_pose_from_opengl(torch.eye(4))) == torch.eye(4)).all())
    True
    """
    return opencv_pose_from_opengl(world_to_camera)
