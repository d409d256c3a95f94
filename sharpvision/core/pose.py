"""A similarity of space: rotation, translation and, where wanted, scale."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch._C._functorch import is_functorch_wrapped_tensor

from sharpvision.core.parametrisations import positive, unpositive
from sharpvision.core.rotations import rotation_matrix, rotation_vector


class Pose(nn.Module):
    """x' = scale R(rotation) x + translation, of points (*batch, N, 3).

    `rotation` (*batch, 3) a rotation vector in radians, `translation` (*batch, 3) in the unit of length of x', `scale`
    (*batch) > 0; all parameters. World to camera: x' in the camera frame. Raises `ValueError` for a scale that is not
    positive.

    >>> pose = Pose(translation=torch.tensor([0.0, 0.0, 2.0]))
    >>> pose(torch.tensor([[1.0, 0.0, 0.0]])).tolist()
    [[1.0, 0.0, 2.0]]
    """

    def __init__(
        self,
        rotation: Float[Tensor, "*batch 3"] | None = None,
        translation: Float[Tensor, "*batch 3"] | None = None,
        scale: Float[Tensor, "*batch"] | None = None,
    ) -> None:
        super().__init__()
        like = next((v for v in (rotation, translation) if v is not None), torch.zeros(3))
        rotation = torch.zeros_like(like) if rotation is None else rotation
        translation = torch.zeros_like(like) if translation is None else translation
        scale = like.new_ones(like.shape[:-1]) if scale is None else scale
        if not bool((scale > 0).all()):
            raise ValueError(f"the scale must be positive, not {scale.min().item():g}")
        self.rotation = nn.Parameter(rotation.clone())
        self.translation = nn.Parameter(translation.clone())
        self.scale_raw = nn.Parameter(unpositive(scale))

    @classmethod
    def from_matrix(cls, matrix: Float[Tensor, "*batch r 4"]) -> Pose:
        """From [R | t] or [s R | t], (*batch, 3, 4) or (*batch, 4, 4), with det R > 0.

        Raises `ValueError` where the left part is not a scaled rotation.
        """
        linear, translation = matrix[..., :3, :3], matrix[..., :3, 3]
        scale = torch.linalg.det(linear).clamp(min=0) ** (1 / 3)
        rotation = linear / scale.clamp(min=1e-30)[..., None, None]
        eye = torch.eye(3, dtype=matrix.dtype, device=matrix.device)
        if not torch.allclose(rotation @ rotation.mT, eye.expand_as(rotation), atol=1e-4):
            raise ValueError("a pose must be [s R | t] with R a rotation and s > 0")
        return cls(rotation_vector(rotation), translation, scale)

    @property
    def scale(self) -> Float[Tensor, "*batch"]:
        """The scale."""
        return positive(self.scale_raw)

    @property
    def rotation_matrix(self) -> Float[Tensor, "*batch 3 3"]:
        """R."""
        return rotation_matrix(self.rotation)

    @property
    def matrix(self) -> Float[Tensor, "*batch 4 4"]:
        """[[s R, t], [0, 1]]."""
        linear = self.scale[..., None, None] * self.rotation_matrix
        upper = torch.cat([linear, self.translation[..., None]], -1)
        last = upper.new_tensor([0.0, 0.0, 0.0, 1.0]).expand(*upper.shape[:-2], 1, 4)
        return torch.cat([upper, last], -2)

    def forward(self, points: Float[Tensor, "*#batch n 3"]) -> Float[Tensor, "*#batch n 3"]:
        """Points moved by the pose."""
        linear = self.scale[..., None, None] * self.rotation_matrix
        return affine(points, linear.mT, self.translation)

    @property
    def rows(self) -> Float[Tensor, "*batch 4 3"]:
        """The matrix M of x' = (x, 1) M."""
        linear = self.scale[..., None, None] * self.rotation_matrix
        return torch.cat([linear.mT, self.translation[..., None, :].expand(*linear.shape[:-2], 1, 3)], -2)

    @property
    def is_resting(self) -> bool:
        """Whether the pose is the identity and none of its parameters is being differentiated."""
        own = (self.rotation, self.translation, self.scale_raw)
        if self.rotation.dim() > 1 or any(p.requires_grad or is_functorch_wrapped_tensor(p) for p in own):
            return False
        return not bool(self.rotation.any() or self.translation.any() or self.scale != 1)

    def inverse(self) -> Pose:
        """The pose that undoes this one (a new module, detached)."""
        return Pose.from_matrix(torch.linalg.inv(self.matrix.detach()))


def affine(
    points: Float[Tensor, "*#batch n 3"], linear: Float[Tensor, "*#batch 3 k"], offset: Float[Tensor, "*#batch k"]
) -> Float[Tensor, "*batch n k"]:
    """points @ linear + offset; one pass over the points where there is no batch.

    >>> affine(torch.ones(2, 3), torch.ones(3, 1), torch.ones(1)).tolist()
    [[4.0], [4.0]]
    """
    if points.dim() == linear.dim() == 2 and offset.dim() == 1:
        return torch.addmm(offset, points, linear)
    return points @ linear + offset[..., None, :]
