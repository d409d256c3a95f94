"""A camera at a place, with the size of its image: what a renderer is given."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from sharpvision.cameras.camera import Camera
from sharpvision.cameras.orthographic import Orthographic
from sharpvision.cameras.pinhole import Pinhole
from sharpvision.core.pose import Pose
from sharpvision.core.vectors import unit


class View(nn.Module):
    """One or several views of one size: `camera` maps its own frame to pixels, `world_to_camera` the world into it.

    Either both have no batch shape (one view) or at least one has (B,) (B views). Raises `ValueError` for other shapes
    or an empty image.
    """

    def __init__(self, camera: Camera, world_to_camera: Pose, height: int, width: int) -> None:
        super().__init__()
        if height < 1 or width < 1:
            raise ValueError(f"an image must have at least one pixel, not {height} x {width}")
        self.camera, self.world_to_camera = camera, world_to_camera
        self.height, self.width = height, width

    @classmethod
    def look_at(
        cls,
        eye: Float[Tensor, "*batch 3"],
        target: Float[Tensor, "*#batch 3"],
        up: Float[Tensor, "*#batch 3"],
        fov_deg: float,
        size: tuple[int, int],
    ) -> View:
        """A pinhole camera at `eye` that looks at `target`, `up` upright in the image; `fov_deg` the horizontal field
        of view, `size` (height, width). World frame right-handed, any unit of length.

        Raises `ValueError` where eye and target coincide, or `up` is along the line of sight.
        """
        forward = unit(target - eye)
        right = unit(torch.linalg.cross(forward, up.expand_as(forward)))
        if not bool((right.norm(dim=-1) > 0.5).all()):
            raise ValueError("a camera must not stand at its target, nor look along its up direction")
        down = torch.linalg.cross(forward, right)
        rotation = torch.stack([right, down, forward], -2)
        translation = -(rotation @ eye[..., None])
        height, width = size
        focal = width / 2 / math.tan(math.radians(fov_deg) / 2)
        camera = Pinhole.from_focal(focal, height, width, dtype=eye.dtype)
        return cls(camera, Pose.from_matrix(torch.cat([rotation, translation], -1)), height, width)

    def projected(self, points: Float[Tensor, "*#batch n 3"], near: float) -> Float[Tensor, "*batch n 4"]:
        """Projected coordinates (x w, y w, q, w) of points of the world, see `Camera.projected`."""
        return self.camera.projected(self.world_to_camera(points), near)

    @property
    def batch_shape(self) -> torch.Size:
        """() for one view, (B,) for several."""
        with torch.no_grad():
            pose = self.world_to_camera
            cameras = self.camera.projected(pose.translation[..., None, :], 1.0).shape[:-2]
            return torch.broadcast_shapes(cameras, pose.rotation.shape[:-1], pose.scale_raw.shape)

    @property
    def position(self) -> Float[Tensor, "*batch 3"]:
        """Centre of projection in the world (of an orthographic camera: a point on its axis)."""
        pose = self.world_to_camera
        return -(pose.rotation_matrix.mT @ pose.translation[..., None]).squeeze(-1) / pose.scale[..., None]

    @property
    def eyes(self) -> Float[Tensor, "*batch 4"]:
        """Where the camera is, in homogeneous coordinates of the world: the centre of projection (x, y, z, 1), or of an
        orthographic camera the unit direction to it (x, y, z, 0)."""
        far = isinstance(self.camera, Orthographic)
        place = -self.world_to_camera.rotation_matrix[..., 2, :] if far else self.position
        return torch.cat([place, torch.full_like(place[..., :1], 0.0 if far else 1.0)], -1)
