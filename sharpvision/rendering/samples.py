"""What the surface is at points of an image: interpolated values, each made when first asked for."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor, nn

from sharpvision.cameras import Orthographic, View
from sharpvision.core.vectors import unit
from sharpvision.materials import Lobes
from sharpvision.rendering.geometry import SceneTopology, SurfaceState
from sharpvision.rendering.scene import Scene

Interpolate = Callable[[Tensor, Tensor], Tensor]
"""(attributes (R, A), attribute_faces (F, 3)) -> (P, A): perspective-correct values at the points."""
Irradiance = Callable[[nn.Module, Tensor | None], Tensor | None]
"""(light, gain (C,) or None) -> its irradiance (P, C) at the smooth shading normals, times the gain, by a fused kernel;
None where there is none for the light."""
LobeRadiance = Callable[[nn.Module, Lobes], Tensor | None]
"""(light, lobes) -> radiance (P, C) of the glossy lobe, and of the diffuse part where there is one, at the smooth
shading normals, by a fused kernel; None where there is none for them."""
Visibility = Callable[[Tensor, Tensor, Tensor | None], Tensor]
"""(points (P, 3), unit directions (P, 3), distances (P,) or None for infinity), in the world -> (P,) bool: nothing of
the scene is in the way."""


class SurfaceSamples:
    """P points of a scene's surface: `face` and `view_index` (P,) integers; the rest follows by interpolation.

    Unit vectors, all in the world frame. `visible` is None where shadows are not wanted; `one_pixel_on(axis,
    attributes, faces)` interpolates where each point's face lies one pixel to the right (0) or further down (1).
    """

    def __init__(
        self, scene: Scene, view: View, topology: SceneTopology, state: SurfaceState, face: Tensor, view_index: Tensor,
        interpolate: Interpolate,
    ) -> None:  # fmt: skip
        self.scene, self.view, self.topology, self.state = scene, view, topology, state
        self.face, self.view_index, self.interpolate = face, view_index, interpolate
        self.fused: Irradiance = lambda light, gain: None
        self.fused_lobe: LobeRadiance = lambda light, lobes: None
        self.visible: Visibility | None = None
        self.extended: Callable[[Tensor], Tensor] = lambda rows: rows
        self.one_pixel_on: Callable[[int, Tensor, Tensor], Tensor] | None = None

    def __len__(self) -> int:
        return len(self.face)

    def at(self, where: Tensor) -> SurfaceSamples:
        """The points at the indices `where`."""
        return _Selected(self, where)

    @cached_property
    def position(self) -> Float[Tensor, "p 3"]:
        """Places in the world."""
        return self.interpolate(self.state.vertices, self.topology.faces)

    @cached_property
    def normal(self) -> Float[Tensor, "p 3"]:
        """Unit shading normals, on the side that the faces' winding calls outside; zero where the corners' cancel."""
        return unit(self.interpolate(self.state.normals, self.topology.normal_faces))

    @cached_property
    def uv(self) -> Float[Tensor, "p 2"]:
        """Texture coordinates; zero on shapes without."""
        return self.interpolate(self.topology.uv, self.topology.uv_faces)

    @cached_property
    def footprint(self) -> Float[Tensor, " p"] | None:
        """Longer side of a pixel as seen in texture coordinates, without derivative; None where it is not known."""
        if self.one_pixel_on is None:
            return None
        with torch.no_grad():
            uv, faces = self.topology.uv, self.topology.uv_faces
            sides = [(self.one_pixel_on(axis, uv, faces) - self.uv).square().sum(-1) for axis in (0, 1)]
            return torch.maximum(*sides).sqrt()

    @cached_property
    def color(self) -> Float[Tensor, "p c"]:
        """Vertex colours; one on shapes without."""
        shapes = self.scene.shape_list
        there = [s.colors for s in shapes if s.colors is not None]
        channels = there[0].shape[1] if there else 3
        rows = [s.vertices.new_ones(len(s.vertices), channels) if s.colors is None else s.colors for s in shapes]
        return self.interpolate(self.extended(torch.cat(rows)), self.topology.faces)

    @cached_property
    def toward_camera(self) -> Float[Tensor, "p 3"]:
        """Directions from the points to the camera, the wo of a BRDF."""
        if isinstance(self.view.camera, Orthographic):
            return self._of_view(-self.view.world_to_camera.rotation_matrix[..., 2, :])
        return unit(self._of_view(self.view.position) - self.position)

    def _of_view(self, values: Tensor) -> Tensor:
        """The row of each point's view, of values (3,) or (B, 3)."""
        rows = values.reshape(-1, 3)
        return rows[self.view_index] if len(rows) > 1 else rows.expand(len(self), 3)


class _Selected(SurfaceSamples):
    """Some of the points of other samples."""

    def __init__(self, whole: SurfaceSamples, where: Tensor) -> None:
        super().__init__(
            whole.scene, whole.view, whole.topology, whole.state, whole.face[where], whole.view_index[where],
            lambda attributes, faces: whole.interpolate(attributes, faces).index_select(0, where),
        )  # fmt: skip
        self._whole, self._where = whole, where
        self.visible = whole.visible
        self.fused = self._fused

    def _fused(self, light: nn.Module, gain: Tensor | None) -> Tensor | None:
        values = self._whole.fused(light, None)
        if values is None:
            return None
        own = values.index_select(0, self._where)
        return own if gain is None else gain * own

    def _select(self, name: str) -> Tensor:
        return getattr(self._whole, name).index_select(0, self._where)

    @cached_property
    def position(self) -> Tensor:
        return self._select("position")

    @cached_property
    def normal(self) -> Tensor:
        return self._select("normal")

    @cached_property
    def uv(self) -> Tensor:
        return self._select("uv")

    @cached_property
    def footprint(self) -> Tensor | None:
        whole = self._whole.footprint
        return None if whole is None else whole.index_select(0, self._where)

    @cached_property
    def color(self) -> Tensor:
        return self._select("color")

    @cached_property
    def toward_camera(self) -> Tensor:
        return self._select("toward_camera")
