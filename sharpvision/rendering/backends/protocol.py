"""What a rendering backend is: it finds the face at each pixel's centre, and draws a strip of an image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from jaxtyping import Float, Int
from torch import Tensor

from sharpvision.cameras import View
from sharpvision.core.registry import Registry
from sharpvision.rendering.buffers import Buffers
from sharpvision.rendering.scene import Scene
from sharpvision.rendering.settings import RenderSettings
from sharpvision.rendering.window import Window


@dataclass(frozen=True, eq=False)
class Fragments:
    """What the rays through the centres of the pixels of B views meet first.

    `face` (B, H, W) int64, -1 where nothing is met; `barycentric` (B, H, W, 3) correct in perspective, zero there;
    `depth` (B, H, W) z in the camera frame, +inf there. Barycentrics and depth have derivatives in the vertices and the
    view; which face is met has none.
    """

    face: Int[Tensor, "b h w"]
    barycentric: Float[Tensor, "b h w 3"]
    depth: Float[Tensor, "b h w"]


class Backend(Protocol):
    """A rasteriser, and what `render` calls. Both windings are drawn, and nothing nearer than `near`."""

    def rasterize(
        self,
        vertices: Float[Tensor, "v 3"],
        faces: Int[Tensor, "f 3"],
        view: View,
        near: float,
        window: Window | None = None,
    ) -> Fragments:
        """Fragments of a strip (None: the whole image) of all views; vertices in the world."""
        ...

    def __call__(self, scene: Scene, view: View, window: Window, settings: RenderSettings) -> Buffers:
        """The buffers that `settings` asks for, of a strip of all views; leading axis B."""
        ...


BACKENDS: Registry[Backend] = Registry("backend")


def rows_of(vertices: Tensor, view: View, near: float, window: Window | None) -> tuple[Tensor, int]:
    """Projected rows (B, V, 4) in the pixels of the strip, see `Camera.projected`, and its height."""
    rows = view.projected(vertices, near)
    rows = rows.reshape(-1, *rows.shape[-2:])
    if window is None:
        return rows, view.height
    return rows - rows[..., 3:] * rows.new_tensor([0.0, window.top, 0.0, 0.0]), window.rows
