"""The project's own backend: Warp kernels on CPUs and CUDA, with antialiased edges and their derivatives."""

from __future__ import annotations

from torch import Tensor

from sharpvision.cameras import View
from sharpvision.kernels.batch import Batch
from sharpvision.kernels.rasterize import rasterize
from sharpvision.rendering.backends.fragments import barycentrics_at_centres, fragments_of
from sharpvision.rendering.backends.protocol import BACKENDS, Backend, Fragments, rows_of
from sharpvision.rendering.buffers import Buffers
from sharpvision.rendering.draw import draw
from sharpvision.rendering.scene import Scene
from sharpvision.rendering.settings import RenderSettings
from sharpvision.rendering.window import Window


class Warp:
    """`render`'s default; see there."""

    def rasterize(
        self, vertices: Tensor, faces: Tensor, view: View, near: float, window: Window | None = None
    ) -> Fragments:
        """By `kernels.rasterize`, in the dtype of the vertices."""
        rows, height = rows_of(vertices, view, near, window)
        batch = Batch.of_one_mesh(faces, len(vertices), views=len(rows), height=height, width=view.width)
        face = rasterize(rows.detach().reshape(-1, 4).contiguous(), batch, near).face.long()
        return fragments_of(face, barycentrics_at_centres(face, rows, faces), vertices, faces, view)

    def __call__(self, scene: Scene, view: View, window: Window, settings: RenderSettings) -> Buffers:
        """By the fused kernels (`rendering/draw.py`)."""
        return draw(scene, view, window, settings)


WARP: Backend = BACKENDS.register("warp")(Warp())
