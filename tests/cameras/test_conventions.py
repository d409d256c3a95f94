"""Frames: poses seen through OpenGL's axes give the same picture."""

from __future__ import annotations

import pytest
import torch
from scipy.spatial.transform import Rotation

from sharpvision.cameras.conventions import (
    opencv_from_opengl,
    opencv_pose_from_opengl,
    opengl_from_opencv,
    opengl_pose_from_opencv,
)


@pytest.mark.parametrize("rows", [3, 4])
def test_a_pose_moves_points_as_its_axes_say(rows: int) -> None:
    pose = torch.eye(4, dtype=torch.float64).repeat(5, 1, 1)
    pose[:, :3, :3] = torch.from_numpy(Rotation.random(5, random_state=0).as_matrix())
    pose[:, :3, 3] = torch.rand(5, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    pose = pose[:, :rows]
    world = torch.tensor([0.3, -0.7, 2.0], dtype=torch.float64)
    in_opencv = pose[:, :3, :3] @ world + pose[:, :3, 3]
    turned = opengl_pose_from_opencv(pose)
    in_opengl = turned[:, :3, :3] @ world + turned[:, :3, 3]
    torch.testing.assert_close(in_opengl, in_opencv * torch.tensor([1.0, -1.0, -1.0], dtype=torch.float64))
    torch.testing.assert_close(in_opengl, opengl_from_opencv(in_opencv))
    torch.testing.assert_close(opencv_from_opengl(in_opengl), in_opencv)
    torch.testing.assert_close(opencv_pose_from_opengl(turned), pose)
    assert bool((torch.linalg.det(turned[:, :3, :3]) > 0).all())


def test_what_is_no_pose_is_refused() -> None:
    with pytest.raises(ValueError, match=r"must be \(3, 4\) or \(4, 4\)"):
        opencv_pose_from_opengl(torch.zeros(2, 4))
