"""What a rendering returns."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal

import torch
from torch import Tensor

BufferName = Literal["image", "alpha", "depth", "normal", "uv", "face", "albedo", "shading"]


@dataclass(frozen=True, eq=False)
class Buffers:
    """Images of one view (H, W, ...) or of B views (B, H, W, ...); None where a buffer was not asked for.

    `image` (.., C) linear radiance and `alpha` (..) coverage in [0, 1] up to rounding: area-sampled, differentiable at
    silhouettes. The others hold what the ray through each pixel's centre meets, without derivative at silhouettes:
    `depth` (..) z in the camera frame, +inf where nothing is met; `normal` (.., 3) unit shading normal in the world,
    zero there; `uv` (.., 2), NaN there; `face` (..) int64 index into the scene's faces, shape after shape, -1 there;
    `albedo` (.., C) diffuse albedo and `shading` (.., C) irradiance / pi (radiance over albedo of a matte surface),
    zero there.
    """

    image: Tensor | None = None
    alpha: Tensor | None = None
    depth: Tensor | None = None
    normal: Tensor | None = None
    uv: Tensor | None = None
    face: Tensor | None = None
    albedo: Tensor | None = None
    shading: Tensor | None = None

    def items(self) -> list[tuple[str, Tensor]]:
        """Names and values of the buffers that are there."""
        named = ((f.name, getattr(self, f.name)) for f in fields(self))
        return [(name, value) for name, value in named if value is not None]

    def __getitem__(self, name: str) -> Tensor:
        value = getattr(self, name)
        if not isinstance(value, Tensor):
            raise KeyError(f"{name}: not rendered; ask for it: RenderSettings(buffers=(.., {name!r}))")
        return value

    def one_view(self) -> Buffers:
        """The same without the leading axis of a single view."""
        return Buffers(**{name: value.squeeze(0) for name, value in self.items()})


def stacked(parts: list[Buffers], dim: int) -> Buffers:
    """Buffers of strips joined along an axis."""
    return Buffers(**{name: torch.cat([part[name] for part in parts], dim) for name, _ in parts[0].items()})
