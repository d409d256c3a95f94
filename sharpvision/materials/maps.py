"""How a property of a material varies over its surface: not at all, by a texture, or by vertex colours."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from sharpvision.core.parametrisations import bounded, unbounded
from sharpvision.materials.surface import SurfacePoints

Wrap = Literal["repeat", "clamp", "mirror"]
Filter = Literal["nearest", "bilinear", "mipmap"]


class Map(nn.Module, ABC):
    """A property of a surface with C channels, each in [0, 1] for every state it can have."""

    @abstractmethod
    def forward(self, surface: SurfacePoints) -> Float[Tensor, "*p c"]:
        """Values (P, C) at the places, or (C,) where they are the same everywhere."""


class Uniform(Map):
    """The same value (C,) in [0, 1] everywhere, `ValueError` outside; a parameter.

    >>> Uniform(torch.tensor([0.25, 0.5]))(SurfacePoints()).tolist()
    [0.25, 0.5]
    """

    def __init__(self, value: Float[Tensor, " c"]) -> None:
        super().__init__()
        self.value_raw = nn.Parameter(unbounded(value, 0.0, 1.0))

    @property
    def value(self) -> Float[Tensor, " c"]:
        """The value."""
        return bounded(self.value_raw, 0.0, 1.0)

    def forward(self, surface: SurfacePoints) -> Float[Tensor, " c"]:
        """The value, whatever the places."""
        return self.value


class Texture(Map):
    """Values from a picture: `texels` (H, W, C) in [0, 1], linear, first row on top; `ValueError` outside; a parameter.

    `wrap` says what lies beyond the picture, `filter` how texels are blended (see `kernels.texture.texture`); `mipmap`
    wants `SurfacePoints.footprint` and is bilinear without. Filtering comes after the parametrisation, so a map that is
    fitted stays in range. Raises `ValueError` where the surface has no texture coordinates.
    """

    def __init__(self, texels: Float[Tensor, "h w c"], wrap: Wrap = "repeat", filter: Filter = "bilinear") -> None:
        super().__init__()
        self.texels_raw = nn.Parameter(unbounded(texels, 0.0, 1.0))
        self.wrap, self.filter = wrap, filter

    @property
    def texels(self) -> Float[Tensor, "h w c"]:
        """The picture."""
        return bounded(self.texels_raw, 0.0, 1.0)

    def forward(self, surface: SurfacePoints) -> Float[Tensor, "p c"]:
        """Filtered values at the texture coordinates."""
        from sharpvision.kernels.texture import texture  # Warp loads when a texture is looked up, not before

        if surface.uv is None:
            raise ValueError("a texture needs a mesh with texture coordinates (uv and uv_faces)")
        lod = None
        if self.filter == "mipmap" and surface.footprint is not None:
            height, width, _ = self.texels_raw.shape
            lod = torch.log2((surface.footprint.detach() * (height * width) ** 0.5).clamp(min=1.0))
        return texture(self.texels, surface.uv, lod, self.wrap, self.filter)


class VertexColor(Map):
    """The colours of the mesh's vertices, interpolated and cut to [0, 1] (no gradient beyond); no parameters.

    Raises `ValueError` where the surface has no vertex colours.

    >>> VertexColor()(SurfacePoints(color=torch.tensor([[0.25, 1.5]]))).tolist()
    [[0.25, 1.0]]
    """

    def forward(self, surface: SurfacePoints) -> Float[Tensor, "p c"]:
        """The interpolated colours."""
        if surface.color is None:
            raise ValueError("vertex colours are wanted, but the mesh has none")
        return surface.color.clamp(0.0, 1.0)


def as_map(value: Tensor | Map) -> Map:
    """A map as it is; a tensor (C,), or () for one channel, as a uniform one."""
    return value if isinstance(value, Map) else Uniform(value.reshape(-1))
