"""PyTorch3D's `PerspectiveCameras`: row vectors, x left, y up, z forward; NDC scaled by the shorter side.

Nothing here imports PyTorch3D: the functions make and take the arguments of its class.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from sharpvision.cameras.conventions.calibration import Calibration


class PyTorch3DCamera(NamedTuple):
    """Keyword arguments of `pytorch3d.renderer.PerspectiveCameras`, with a batch axis: `PerspectiveCameras(
    **camera._asdict())`.

    X_view = X_world R + T for row vectors. In screen space focal lengths and principal point are in pixels, centres at
    integer + 0.5, as here; in NDC both are divided by half of the image's shorter side, the principal point counted
    from the middle of the image to the left and upward.
    """

    R: Float[Tensor, "b 3 3"]
    T: Float[Tensor, "b 3"]
    focal_length: Float[Tensor, "b 2"]
    principal_point: Float[Tensor, "b 2"]
    image_size: Int[Tensor, "b 2"]
    in_ndc: bool


def to_pytorch3d(calibration: Calibration, size: tuple[int, int], *, in_ndc: bool = False) -> PyTorch3DCamera:
    """R = (F R_cv)^T, T = F t_cv with F = diag(-1, -1, 1); `size` (height, width). Without batch shape: a batch of one.

    >>> c = Calibration(torch.tensor([[32.0, 0, 40], [0, 32, 24], [0, 0, 1]]), torch.eye(3, 4))
    >>> camera = to_pytorch3d(c, (48, 64), in_ndc=True)
    >>> camera.R[0].diagonal().tolist(), camera.principal_point[0].tolist()
    ([-1.0, -1.0, 1.0], [-0.3333333432674408, 0.0])
    """
    k, pose = (v.reshape(-1, *v.shape[-2:]) for v in torch.broadcast_tensors(*_padded(calibration)))
    k, pose = k[:, :3, :3], pose[:, :3]
    flip = pose.new_tensor([-1.0, -1.0, 1.0])
    focal, centre = torch.stack([k[:, 0, 0], k[:, 1, 1]], -1), k[:, :2, 2]
    image_size = torch.tensor([size] * len(k), device=k.device)
    if in_ndc:
        half = min(size) / 2
        focal, centre = focal / half, (k.new_tensor([size[1] / 2, size[0] / 2]) - centre) / half
    return PyTorch3DCamera(pose[..., :3].mT * flip, pose[..., 3] * flip, focal, centre, image_size, in_ndc)


def from_pytorch3d(camera: PyTorch3DCamera) -> Calibration:
    """Inverse of `to_pytorch3d`, with a batch axis. All images must be of one size in NDC; raises `ValueError` else."""
    sizes = camera.image_size.expand(len(camera.R), 2)
    if not bool((sizes == sizes[:1]).all()):
        raise ValueError(f"the images must be of one size, not {sizes.tolist()}")
    height, width = (int(v) for v in sizes[0])
    flip = camera.R.new_tensor([-1.0, -1.0, 1.0])
    pose = torch.cat([(camera.R * flip).mT, (camera.T * flip)[..., None]], -1)
    focal = camera.focal_length.expand(len(pose), 2)
    centre = camera.principal_point.expand(len(pose), 2)
    if camera.in_ndc:
        half = min(height, width) / 2
        focal, centre = focal * half, centre.new_tensor([width / 2, height / 2]) - centre * half
    upper = torch.cat([torch.diag_embed(focal), centre[..., None]], -1)
    last = upper.new_tensor([0.0, 0.0, 1.0]).expand(len(upper), 1, 3)
    return Calibration(torch.cat([upper, last], -2), pose)


def _padded(calibration: Calibration) -> tuple[Tensor, Tensor]:
    """Both as (*batch, 3, 4), so that their batch shapes can be broadcast."""
    k = torch.nn.functional.pad(calibration.k, (0, 1))
    return k, calibration.world_to_camera
