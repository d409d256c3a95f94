"""How an image is made from a scene."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Mode = Literal["fast", "default", "accurate"]


@dataclass(frozen=True)
class RenderSettings:
    """Settings of `render`.

    `mode`: `fast` takes one sample a pixel and adds an analytic coverage correction at silhouettes; `default` takes
    four samples in the pixels of silhouettes; `accurate` four everywhere. All three have silhouette gradients (a boundary
    integral); `silhouettes=False` leaves out the correction and these gradients: derivatives of visibility are then
    absent. `near`: nothing nearer than this depth is drawn, in the unit of the scene. `shadows`: hard shadows of
    directional and point lights; their edges have no derivative. `tile_pixels`: images of more pixels are rendered in
    tiles one after the other, which bounds memory.
    """

    mode: Mode = "default"
    silhouettes: bool = True
    near: float = 1e-2
    shadows: bool = False
    tile_pixels: int = 4_194_304
