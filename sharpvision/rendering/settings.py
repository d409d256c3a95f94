"""How an image is made from a scene."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sharpvision.rendering.buffers import BufferName

Mode = Literal["fast", "default", "accurate"]


@dataclass(frozen=True)
class RenderSettings:
    """Settings of `render`.

    `mode`: `fast` takes one sample a pixel and adds an analytic coverage correction at silhouettes; `default` takes
    four samples in the pixels of silhouettes; `accurate` four everywhere. All three have silhouette gradients (a
    boundary integral); `silhouettes=False` leaves out the correction and these gradients: derivatives of visibility are
    then absent. `near`: nothing nearer than this depth is drawn, in the unit of the scene. `shadows`: hard shadows of
    directional and point lights, by rays in float32 whatever the scene's dtype; their edges have no derivative.
    `buffers`: what is wanted; `image` alone is the cheapest. `tile_pixels`: more pixels than these, over all views, are
    rendered in strips one after the other, which bounds memory (`memory.estimated_bytes`); with gradients each strip is
    rendered again in the backward pass.

    What is left out. In every mode: the line where surfaces pass through each other is no edge of a mesh and has no
    term. Along it the image is the mean of a pixel's samples (`fast` and `default` one, so jagged; `accurate` four) and
    no derivative knows that the line moves. Nor are there derivatives of the borders of shadows and highlights.
    Colours that vary within a pixel count by its samples: in `fast` one, also in the pixels of silhouettes, in
    `default` one elsewhere, in `accurate` four; the integral along a silhouette takes the colours at one point of each
    pixel's piece. In float32 silhouettes are placed to 1e-4 pixels and coverage is right to 4e-5 at 512 x 512; in both
    precisions pixels' centres see faces whose corners are rounded to 1/256 pixel.
    Backs of closed parts with consistent winding are not drawn unless something is nearer than `near`: their fronts
    hide them, but for a part that passes through itself inside out. Which way a part is wound is found when its scene
    is first rendered: mirror vertices in a new shape, not in place.
    Raises `ValueError` for a `near` or `tile_pixels` that is not positive.
    """

    mode: Mode = "default"
    silhouettes: bool = True
    near: float = 1e-2
    shadows: bool = False
    buffers: tuple[BufferName, ...] = ("image", "alpha", "depth", "normal", "face")
    tile_pixels: int = 4_194_304

    def __post_init__(self) -> None:
        if not self.near > 0:
            raise ValueError(f"near must be positive, not {self.near:g}")
        if self.tile_pixels < 1:
            raise ValueError(f"tile_pixels must be at least 1, not {self.tile_pixels}")
