"""From a rasteriser's face ids to barycentrics and buffers, in plain torch: one sample at each pixel's centre."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from sharpvision.cameras import View, pixel_centres
from sharpvision.rendering.backends.protocol import Backend, Fragments
from sharpvision.rendering.buffers import Buffers
from sharpvision.rendering.geometry import surface_of, topology_of
from sharpvision.rendering.samples import SurfaceSamples
from sharpvision.rendering.scene import Scene
from sharpvision.rendering.settings import RenderSettings
from sharpvision.rendering.shading import albedo_at, radiance_at, shading_at
from sharpvision.rendering.shadows import visibility_of
from sharpvision.rendering.window import Window


def barycentrics_at_centres(
    face: Int[Tensor, "b h w"], rows: Float[Tensor, "b v 4"], faces: Int[Tensor, "f 3"]
) -> Float[Tensor, "b h w 3"]:
    """Barycentrics, correct in perspective, of the pixels' centres in the faces met there; zero where none is.

    b_0 = B' x C', .. with B' = (B.xw - p_x B.w, B.yw - p_y B.w), then b / sum b: Olano and Greer 1997. Derivatives in
    `rows`, see `Camera.projected`.
    """
    corner = rows[torch.arange(len(rows), device=rows.device)[:, None, None, None], faces.long()[face.clamp(min=0)]]
    _, height, width = face.shape
    centre = pixel_centres(height, width, like=rows)[..., None, :]
    local = corner[..., :2] - centre * corner[..., 3:]
    a, b, c = local.unbind(-2)
    edges = torch.stack([_cross(b, c), _cross(c, a), _cross(a, b)], -1)
    met = (face >= 0)[..., None]
    total = torch.where(met, edges.sum(-1, keepdim=True), 1.0)
    return torch.where(met, edges, 0.0) / total


def fragments_of(
    face: Tensor, barycentric: Tensor, vertices: Float[Tensor, "v 3"], faces: Int[Tensor, "f 3"], view: View
) -> Fragments:
    """With the depth that follows from the barycentrics."""
    z = view.world_to_camera(vertices)[..., 2].reshape(-1, len(vertices)).expand(len(face), -1)
    views = torch.arange(len(face), device=face.device)[:, None, None, None]
    depth = (z[views, faces.long()[face.clamp(min=0)]] * barycentric).sum(-1)
    return Fragments(face.long(), barycentric, torch.where(face >= 0, depth, torch.inf))


def draw_at_centres(backend: Backend, scene: Scene, view: View, window: Window, settings: RenderSettings) -> Buffers:
    """Buffers by a backend's fragments: what a rasteriser without antialiasing gives.

    `image` and `alpha` are those of the rays through the pixels' centres, whatever `settings.mode` and `.silhouettes`
    say: edges are jagged, and derivatives have no part that comes from visibility.
    """
    topology = topology_of(scene)
    state = surface_of(scene, topology)
    found = backend.rasterize(state.vertices, topology.faces, view, settings.near, window)
    met = found.face >= 0
    view_index, _, _ = place = met.nonzero(as_tuple=True)
    face, weight = found.face[place], found.barycentric[place].to(state.vertices.dtype)

    def interpolate(attributes: Tensor, faces: Tensor) -> Tensor:
        return (attributes[faces.long()[face]] * weight[..., None]).sum(1)

    samples = SurfaceSamples(scene, view, topology, state, face, view_index, interpolate)
    if settings.shadows:
        samples.visible = visibility_of(state.vertices, topology)

    def spread(values: Tensor, empty: float | Tensor) -> Tensor:
        shape = (*met.shape, *values.shape[1:])
        image = torch.as_tensor(empty, dtype=values.dtype, device=values.device).expand(shape)
        return image.clone().index_put(place, values)

    ground: Tensor = scene.background
    if ground.dim() == 3:
        ground = ground[window.top : window.top + window.rows]
    makers = {
        "image": lambda: spread(radiance_at(scene, samples), ground),
        "alpha": lambda: met.to(state.vertices.dtype),
        "depth": lambda: found.depth.to(state.vertices.dtype),
        "normal": lambda: spread(samples.normal, 0.0),
        "uv": lambda: spread(samples.uv, torch.nan),
        "face": lambda: found.face,
        "albedo": lambda: spread(albedo_at(scene, samples), 0.0),
        "shading": lambda: spread(shading_at(scene, samples), 0.0),
    }
    return Buffers(**{name: make() for name, make in makers.items() if name in settings.buffers})


def _cross(a: Tensor, b: Tensor) -> Tensor:
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
