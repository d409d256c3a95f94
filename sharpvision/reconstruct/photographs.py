"""Photographs of a scene from known views, at several sizes, and how much of them a rendering explains."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from sharpvision.cameras import Pinhole, View
from sharpvision.core.errors import InputError
from sharpvision.core.pose import Pose


@dataclass(frozen=True, eq=False)
class Photographs:
    """Linear `images` (H, W, C), or (B, H, W, C) of B views, from `view`; both without NaN.

    Raises `InputError` where the images don't fit the view or hold values that are not finite.
    """

    view: View
    images: Float[Tensor, "*b h w c"]

    def __post_init__(self) -> None:
        expected = (*self.view.batch_shape, self.view.height, self.view.width)
        if tuple(self.images.shape[:-1]) != expected:
            found = str(tuple(self.images.shape))
            raise InputError("photographs", f"images {(*expected, 'C')} as their view", found, "match size and views")
        if not bool(self.images.isfinite().all()):
            raise InputError("photographs", "finite linear values", "NaN or infinity", "mend the pixels")

    def reduced(self, side: int) -> Photographs:
        """The same photographs with a longer side of at most `side` pixels: means over squares of pixels.

        Exact for images that are means over their pixels, as rendered ones are. Rows and columns that fill no square
        are cut off at the end. Raises `InputError` for a camera that is not a pinhole.
        """
        step = -(-max(self.view.height, self.view.width) // side)
        if step <= 1:
            return self
        camera, pose = self.view.camera, self.view.world_to_camera
        if not isinstance(camera, Pinhole):
            raise InputError("photographs", "a pinhole camera", type(camera).__name__, "undistort the photographs")
        k = camera.k.detach().clone()
        k[..., :2, :] /= step
        height, width = self.view.height // step, self.view.width // step
        view = View(Pinhole(k), _copied(pose), height, width)
        cut = self.images[..., : height * step, : width * step, :]
        shape = (*cut.shape[:-3], height, step, width, step, cut.shape[-1])
        return Photographs(view, cut.reshape(shape).mean((-4, -2)))


def _copied(pose: Pose) -> Pose:
    return Pose(pose.rotation.detach(), pose.translation.detach(), pose.scale.detach())


@dataclass(frozen=True)
class Misfit:
    """What a rendering leaves over, over the pixels where it or the photograph differs from the background.

    `unexplained` = sum (image - rendering)^2 / sum (image - background)^2: near zero where the scene is right, about 1
    where the object is elsewhere. `rms` is the root mean square of the difference over these pixels.
    """

    unexplained: float
    rms: float


def misfit(
    image: Float[Tensor, "*b h w c"], rendering: Float[Tensor, "*b h w c"], background: Tensor, least: float = 0.02
) -> Misfit:
    """See `Misfit`; pixels count that differ from the background by more than `least` of the image's largest value.

    >>> image = torch.zeros(4, 4, 3)
    >>> image[1:3, 1:3] = 1.0
    >>> [round(misfit(image, share * image, torch.zeros(3)).unexplained, 4) for share in (1.0, 0.9, 0.0)]
    [0.0, 0.01, 1.0]
    """
    bar = least * float((image - background).abs().max())
    shown = ((image - background).abs() > bar).any(-1) | ((rendering - background).abs() > bar).any(-1)
    error = (image - rendering)[shown].double().square()
    total = (image - background)[shown].double().square().sum()
    if not error.numel():
        return Misfit(0.0, 0.0)
    share = float(error.sum() / total) if float(total) > 0 else torch.inf
    return Misfit(share, float(error.mean().sqrt()))


def explained(
    image: Float[Tensor, "*b h w c"], rendering: Float[Tensor, "*b h w c"]
) -> dict[str, float]:
    """Shares of the images' energy about zero: physics = 1 - SSE / SST, residual = 0, neither = SSE / SST."""
    total = float(image.double().square().sum())
    share = float((image - rendering).double().square().sum()) / total if total > 0 else 0.0
    return {"physics": 1 - share, "residual": 0.0, "neither": share}
