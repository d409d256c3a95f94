"""Normal fields and the angle between normals."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from sharpvision.core.frames import opencv_from_opengl, opengl_from_opencv
from sharpvision.core.vectors import angle, unit


@dataclass(frozen=True, eq=False)
class NormalField:
    """A unit normal for each pixel: `normals` (H, W, 3) in the OpenCV camera frame, zero outside `mask` (H, W).

    The constructor takes vectors of any length and makes them unit; pixels whose normal is zero leave the mask.
    Raises `ValueError` where the shapes differ.

    >>> field = NormalField(torch.tensor([[[0.0, 0.0, -2.0], [0.0, 0.0, 0.0]]]))
    >>> field.normals[0, 0].tolist(), field.valid.tolist()
    ([0.0, 0.0, -1.0], [[True, False]])
    """

    normals: Float[Tensor, "h w 3"]
    mask: Bool[Tensor, "h w"] | None = None

    def __post_init__(self) -> None:
        if self.normals.ndim != 3 or self.normals.shape[-1] != 3:
            raise ValueError(f"normals must be (H, W, 3), not {tuple(self.normals.shape)}")
        if self.mask is not None and self.mask.shape != self.normals.shape[:2]:
            shape = tuple(self.normals.shape[:2])
            raise ValueError(f"the mask must be {shape} as the normals, not {tuple(self.mask.shape)}")
        known = (self.normals != 0).any(-1) & ~self.normals.isnan().any(-1)
        mask = known if self.mask is None else self.mask.to(torch.bool) & known
        object.__setattr__(self, "normals", unit(torch.where(mask[..., None], self.normals, 0.0)))
        object.__setattr__(self, "mask", mask)

    @property
    def valid(self) -> Bool[Tensor, "h w"]:
        """The mask, which the constructor has filled in."""
        assert self.mask is not None
        return self.mask

    @classmethod
    def from_opengl(cls, normals: Float[Tensor, "h w 3"], mask: Bool[Tensor, "h w"] | None = None) -> NormalField:
        """From normals in the frame of files: x right, y up, z to the viewer."""
        return cls(opencv_from_opengl(normals), mask)

    def as_opengl(self) -> Float[Tensor, "h w 3"]:
        """The normals in the frame of files: x right, y up, z to the viewer."""
        return opengl_from_opencv(self.normals)


def angular_error_deg(a: Float[Tensor, "*#batch 3"], b: Float[Tensor, "*#batch 3"]) -> Float[Tensor, "*#batch"]:
    """Angle between two fields of normals in degrees; NaN where either normal is zero (unknown) or not a number.

    2 atan2(|a - b|, |a + b|) of the unit vectors, accurate near 0 and 180 degrees; the normals may have any length.
    NaN marks what must not count: use `.nanmean()`, or `mean_angular_error_deg`.

    >>> angular_error_deg(torch.tensor([[0.0, 0.0, -1.0], [0.0, 0.0, 0.0]]), torch.tensor([0.0, 1.0, -1.0])).tolist()
    [45.0, nan]
    """
    known = (a != 0).any(-1) & (b != 0).any(-1)
    return torch.where(known, torch.rad2deg(angle(a, b)), torch.nan)


def mean_angular_error_deg(a: Float[Tensor, "*#batch 3"], b: Float[Tensor, "*#batch 3"]) -> float:
    """Mean of `angular_error_deg` in float64 over pixels where both normals are known; NaN where there are none.

    >>> mean_angular_error_deg(torch.tensor([[0.0, 0.0, -1.0], [0.0, 0.0, 0.0]]), torch.tensor([0.0, 1.0, -1.0]))
    45.0
    """
    return float(angular_error_deg(a, b).to(torch.float64).nanmean())
