"""Inner and outer parameters of pinhole cameras in this package's frame: what every convention converts to and from."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from sharpvision.cameras.pinhole import Pinhole
from sharpvision.cameras.view import View
from sharpvision.core.pose import Pose


class Calibration(NamedTuple):
    """`k` (*batch, 3, 3) in pixels, pixel centres at integer + 0.5; `world_to_camera` (*batch, 3, 4) = [R | t] into the
    frame x right, y down, z forward.

    >>> c = Calibration(torch.tensor([[100.0, 0, 32], [0, 100, 24], [0, 0, 1]]), torch.eye(3, 4))
    >>> c.view(48, 64).camera.project(torch.tensor([0.0, 0.0, 1.0])).pixels.tolist()
    [32.0, 24.0]
    """

    k: Float[Tensor, "*batch 3 3"]
    world_to_camera: Float[Tensor, "*batch 3 4"]

    def view(self, height: int, width: int) -> View:
        """A pinhole camera there. Raises `ValueError` for a skewed `k` or a left part that is no rotation."""
        return View(Pinhole(self.k), Pose.from_matrix(self.world_to_camera), height, width)

    @classmethod
    def of_view(cls, view: View) -> Calibration:
        """Of a view with a pinhole camera (of another one with a `k`: its lens distortion is left out), detached.

        A pose with a scale is the same camera in another unit: [R | t / scale]. Raises `ValueError` for a camera
        without a matrix `k`.
        """
        k = getattr(view.camera, "k", None)
        if not isinstance(k, Tensor):
            raise ValueError(f"a camera with a matrix k is needed, not {type(view.camera).__name__}")
        pose = view.world_to_camera
        translation = pose.translation / pose.scale[..., None]
        return cls(k.detach(), torch.cat([pose.rotation_matrix, translation[..., None]], -1).detach())


def inverse_pose(pose: Float[Tensor, "*batch r 4"]) -> Float[Tensor, "*batch r 4"]:
    """[R^T | -R^T t] of [R | t], (3, 4) or (4, 4): world to camera from camera to world, and back.

    >>> inverse_pose(torch.tensor([[1.0, 0, 0, 1], [0, 1, 0, 2], [0, 0, 1, 3]]))[:, 3].tolist()
    [-1.0, -2.0, -3.0]
    """
    rotation = pose[..., :3, :3].mT
    upper = torch.cat([rotation, -rotation @ pose[..., :3, 3:]], -1)
    return torch.cat([upper, pose[..., 3:, :]], -2)
