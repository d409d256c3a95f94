"""Meshes, textures and cameras to and from PyTorch3D's classes."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from sharpvision.cameras import View
from sharpvision.cameras.conventions import Calibration, PyTorch3DCamera, from_pytorch3d, to_pytorch3d
from sharpvision.core.errors import InputError
from sharpvision.geometry import Mesh
from sharpvision.rendering.backends.pytorch3d import require_pytorch3d


def meshes_of(meshes: list[Mesh], textures: list[Float[Tensor, "h w c"]] | None = None) -> Any:
    """`pytorch3d.structures.Meshes` of our meshes, which keep their vertices, world frame and winding.

    With `textures` (linear, row 0 the uppermost, texel centres at half integers) and `uv`: `TexturesUV` with
    `align_corners=False`; else with vertex colours on all meshes: `TexturesVertex`; else none. Normals are left out:
    PyTorch3D makes its own, area-weighted as here. Raises `InputError` for textures without texture coordinates.
    """
    require_pytorch3d()
    from pytorch3d.renderer import TexturesUV, TexturesVertex
    from pytorch3d.structures import Meshes

    painted = None
    colors = [m.vertex_colors for m in meshes if m.vertex_colors is not None]
    if textures is not None:
        uv = [m.uv for m in meshes if m.uv is not None]
        corners = [m.uv_faces.long() for m in meshes if m.uv_faces is not None]
        if not len(textures) == len(uv) == len(meshes):
            found = f"{len(textures)} textures, {len(uv)} meshes with uv of {len(meshes)}"
            raise InputError("textures", "a texture and uv for each mesh", found, "give both for all meshes")
        painted = TexturesUV(textures, corners, uv, align_corners=False)
    elif meshes and len(colors) == len(meshes):
        painted = TexturesVertex(colors)
    return Meshes([m.vertices for m in meshes], [m.faces.long() for m in meshes], painted)


def from_meshes(meshes: Any) -> list[tuple[Mesh, Tensor | None]]:
    """Our meshes, each with its texture image or None, of a `pytorch3d.structures.Meshes`; the inverse of `meshes_of`.

    A `TexturesUV` with `align_corners=True` (its default) puts u = 0 and 1 at the centres of the outer texels; its
    coordinates become u' = (u (W - 1) + 1/2) / W, which looks up the same texels. Raises `InputError` for a texture of
    another class (an atlas) or with several maps.
    """
    require_pytorch3d()
    from pytorch3d.renderer import TexturesUV, TexturesVertex

    painted, found = meshes.textures, []
    if painted is not None and not isinstance(painted, TexturesUV | TexturesVertex):
        raise InputError("meshes.textures", "TexturesUV or TexturesVertex", type(painted).__name__, "bake it into one")
    if isinstance(painted, TexturesUV) and painted.maps_ids_padded() is not None:
        raise InputError("meshes.textures", "one map a mesh", "several", "join them into one image")
    for index, (vertices, faces) in enumerate(zip(meshes.verts_list(), meshes.faces_list(), strict=True)):
        texture = uv = uv_faces = colors = None
        if isinstance(painted, TexturesVertex):
            colors = painted.verts_features_list()[index]
        elif isinstance(painted, TexturesUV):
            texture = painted.maps_list()[index]
            uv, uv_faces = painted.verts_uvs_list()[index], painted.faces_uvs_list()[index]
            if painted.align_corners:
                size = uv.new_tensor([texture.shape[1], texture.shape[0]])
                uv = (uv * (size - 1) + 0.5) / size
        found.append((Mesh(vertices, faces, vertex_colors=colors, uv=uv, uv_faces=uv_faces), texture))
    return found


def cameras_of(view: View) -> Any:
    """`pytorch3d.renderer.PerspectiveCameras` of a pinhole view, in screen space; detached.

    Raises `InputError` for another camera: PyTorch3D has none with these lenses.
    """
    require_pytorch3d()
    from pytorch3d.renderer import PerspectiveCameras

    from sharpvision.cameras import Pinhole

    if not isinstance(view.camera, Pinhole):
        found = type(view.camera).__name__
        raise InputError("view.camera", "a Pinhole", found, "render with it by this package: backend='pytorch3d'")
    camera = to_pytorch3d(Calibration.of_view(view), (view.height, view.width))
    return PerspectiveCameras(**camera._asdict(), device=camera.R.device)


def view_of(cameras: Any, size: tuple[int, int]) -> View:
    """A batch of views of `PerspectiveCameras`, in screen space or NDC; `size` (height, width) of the images.

    Raises `InputError` for cameras of another class.
    """
    require_pytorch3d()
    from pytorch3d.renderer import PerspectiveCameras

    if not isinstance(cameras, PerspectiveCameras):
        raise InputError("cameras", "PerspectiveCameras", type(cameras).__name__, "convert them to PerspectiveCameras")
    count = len(cameras.R)
    focal = cameras.focal_length
    focal = focal[:, None] if focal.dim() == 1 else focal
    camera = PyTorch3DCamera(
        cameras.R, cameras.T, focal.expand(count, 2), cameras.principal_point.expand(count, 2),
        torch.tensor([size] * count), bool(cameras.in_ndc()),
    )  # fmt: skip
    return from_pytorch3d(camera).view(*size)
