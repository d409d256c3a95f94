"""PyTorch3D's rasteriser behind this package's scenes and cameras: an independent check, and a way to move over."""

from __future__ import annotations

from importlib.util import find_spec

import torch
from torch import Tensor

from sharpvision.cameras import Orthographic, View
from sharpvision.core.errors import BackendUnavailable
from sharpvision.rendering.backends.fragments import draw_at_centres, fragments_of
from sharpvision.rendering.backends.protocol import BACKENDS, Backend, Fragments, rows_of
from sharpvision.rendering.buffers import Buffers
from sharpvision.rendering.scene import Scene
from sharpvision.rendering.settings import RenderSettings
from sharpvision.rendering.window import Window


def require_pytorch3d() -> None:
    """Raises `BackendUnavailable` where PyTorch3D is not installed."""
    if find_spec("pytorch3d") is None:
        raise BackendUnavailable("pytorch3d", "the backend pytorch3d")


class PyTorch3D:
    """Faces, barycentrics and their derivatives by `pytorch3d.renderer.mesh.rasterize_meshes`, float32.

    Any camera: vertices are projected here and handed over in PyTorch3D's NDC. One sample at each pixel's centre: edges
    are jagged and visibility has no derivative, in every mode of `RenderSettings`. On a CPU it is slow (naive, time ~
    faces x pixels). It leaves out faces of an area below 1e-8 in NDC. Raises `BackendUnavailable` where PyTorch3D is
    not installed. Ravi et al. 2020.
    """

    def rasterize(
        self, vertices: Tensor, faces: Tensor, view: View, near: float, window: Window | None = None
    ) -> Fragments:
        """By PyTorch3D, in float32; barycentrics come back in the dtype of the vertices."""
        require_pytorch3d()
        from pytorch3d.renderer.mesh.rasterize_meshes import rasterize_meshes
        from pytorch3d.structures import Meshes

        rows, height = rows_of(vertices, view, near, window)
        shape = (len(rows), height, view.width)
        if not len(faces):
            face, weight = torch.full(shape, -1, device=rows.device), rows.new_zeros(*shape, 3)
            return fragments_of(face, weight, vertices, faces.new_zeros(1, 3), view)
        parallel = isinstance(view.camera, Orthographic)
        places = _ndc(rows, (height, view.width), parallel).float()
        face, _, weight, _ = rasterize_meshes(
            Meshes(list(places), [faces.long()] * len(places)),
            image_size=(height, view.width),
            blur_radius=0.0,
            faces_per_pixel=1,
            bin_size=0 if rows.device.type == "cpu" else None,
            perspective_correct=not parallel,
            z_clip_value=None if parallel else near,
        )
        first = len(faces) * torch.arange(len(rows), device=face.device)[:, None, None]
        face, weight = face[..., 0], weight[..., 0, :].to(vertices.dtype)
        weight = torch.where((face >= 0)[..., None], weight, 0.0)
        return fragments_of(torch.where(face >= 0, face - first, -1), weight, vertices, faces, view)

    def __call__(self, scene: Scene, view: View, window: Window, settings: RenderSettings) -> Buffers:
        """See `draw_at_centres`."""
        return draw_at_centres(self, scene, view, window, settings)


def _ndc(rows: Tensor, size: tuple[int, int], parallel: bool) -> Tensor:
    """(x, y, z) of vertices in PyTorch3D's NDC: x left, y up, the shorter side from -1 to 1; z > 0 in front.

    A parallel projection's depths, which may have any sign, are moved to 1 and above.
    """
    w = rows[..., 3:]
    safe = torch.where(w.abs() < 1e-12, 1e-12, w)
    middle = rows.new_tensor([size[1] / 2, size[0] / 2])
    flat = (middle - rows[..., :2] / safe) / (min(size) / 2)
    z = rows[..., 2:3] - rows[..., 2:3].detach().amin() + 1 if parallel else w
    return torch.cat([flat, z], -1)


PYTORCH3D: Backend = BACKENDS.register("pytorch3d")(PyTorch3D())
