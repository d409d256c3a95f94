"""A camera at a place, with the size of its image: what a renderer is given."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch._C._functorch import is_functorch_wrapped_tensor
from torch.autograd import forward_ad
from torch.compiler import is_compiling

from sharpvision.cameras.camera import Camera
from sharpvision.cameras.orthographic import Orthographic
from sharpvision.cameras.pinhole import Pinhole
from sharpvision.core.pose import Pose
from sharpvision.core.vectors import unit
from sharpvision.kernels.projected_rows import joined, rows_by


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
        maps = self._maps() if points.dim() == 2 else None
        if maps is None or maps.dtype != points.dtype:
            return self.camera.projected(self.world_to_camera(points), near)
        return rows_by(points, maps)

    def _maps(self) -> Tensor | None:
        """Affine maps into the camera's frame and to its rows; None where a lens bends the second. Those without
        derivative are made again only where a number has changed."""
        own = (*self.world_to_camera.parameters(), *self.camera.parameters())
        fixed = (
            not is_compiling()
            and forward_ad._current_level < 0
            and not any(p.requires_grad or p.device.type != "cpu" or is_functorch_wrapped_tensor(p) for p in own)
        )
        numbers = [(p.tolist(), p.dtype) for p in own] if fixed else None
        kept = self.__dict__.get("_kept_maps")
        if kept is not None and fixed and kept[0] == numbers:
            return kept[1]  # type: ignore[no-any-return]
        rows = self.camera.rows()
        maps = None if rows is None else joined(self.world_to_camera.rows, rows)
        self.__dict__["_kept_maps"] = (numbers, maps) if fixed else None
        return maps

    @property
    def batch_shape(self) -> torch.Size:
        """() for one view, (B,) for several."""
        with torch.no_grad():
            maps = self._maps()
            if maps is not None:
                return maps.shape[:-2]
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
