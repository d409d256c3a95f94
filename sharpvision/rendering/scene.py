"""Scenes: shapes with materials, lights and a background, with their parameters as state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from sharpvision.core.errors import InputError
from sharpvision.core.pose import Pose
from sharpvision.geometry import Mesh
from sharpvision.materials import Material


class Shape(nn.Module):
    """A mesh with a material at a place; `vertices` (V, 3) in the shape's own frame, `colors` (V, C) linear or None.

    `pose` maps the shape's frame to the world. The mesh's faces, texture coordinates and the sharing of shading normals
    are fixed. Parameters: `vertices`, `colors`, `pose.rotation`, `pose.translation`, `pose.scale_raw`, `material.*`.
    """

    faces: Tensor
    uv: Tensor | None
    uv_faces: Tensor | None
    normal_faces: Tensor | None

    def __init__(self, mesh: Mesh, material: Material, pose: Pose | None = None) -> None:
        super().__init__()
        self.vertices = nn.Parameter(mesh.vertices.clone())
        self.colors = None if mesh.vertex_colors is None else nn.Parameter(mesh.vertex_colors.clone())
        for name in ("faces", "uv", "uv_faces", "normal_faces"):
            value = getattr(mesh, name)
            self.register_buffer(name, None if value is None else value.clone(), persistent=False)
        self.material = material
        self.pose = Pose(translation=mesh.vertices.new_zeros(3)) if pose is None else pose

    def mesh(self) -> Mesh:
        """The shape as it is now, in the world, detached."""
        with torch.no_grad():
            colors = None if self.colors is None else self.colors.clone()
            return Mesh(
                self.pose(self.vertices), self.faces, None, colors, self.uv, self.uv_faces, self.normal_faces
            )


class Scene(nn.Module):
    """Shapes and lights by name, and the radiance of what no shape covers: `background` (C,) or (H, W, C), linear.

    The world frame is right-handed; which way is up is the views' affair. Raises `InputError` for an unknown name of an
    unknown, see `unknowns`.
    """

    def __init__(
        self, shapes: Mapping[str, Shape], lights: Mapping[str, nn.Module], background: Tensor | None = None
    ) -> None:
        super().__init__()
        self.shapes = nn.ModuleDict(dict(shapes))
        self.lights = nn.ModuleDict(dict(lights))
        self.background = nn.Parameter(torch.zeros(3) if background is None else background.clone())

    def __getstate__(self) -> dict[str, Any]:
        """Copies and files go without the topology (`geometry.topology_of`), which is made again."""
        return {name: value for name, value in self.__dict__.items() if name != "_topology"}

    @property
    def shape_list(self) -> list[Shape]:
        """The shapes in their order, which is that of the faces in a buffer `face`."""
        return [shape for shape in self.shapes.values() if isinstance(shape, Shape)]

    def unknowns(self, *names: str) -> dict[str, Tensor]:
        """Copies of the parameters called, for a `Problem`: `shapes.bunny.vertices`, `lights.sky.coefficients`, ...

        A leading `shapes.` or `lights.` may be left out. Give them back to `torch.func.functional_call` under the full
        names that are the keys here.
        """
        there = dict(self.named_parameters())
        found = {}
        for name in names:
            full = next((f for f in (name, f"shapes.{name}", f"lights.{name}") if f in there), None)
            if full is None:
                raise InputError("scene", f"one of {', '.join(sorted(there))}", repr(name), "use one of these names")
            found[full] = there[full].detach().clone()
        return found
