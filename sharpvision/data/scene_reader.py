"""Builds scenes out of what scene files say, and says on which line they are wrong."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from torch import Tensor, nn

from sharpvision.cameras import CAMERAS, Camera, Orthographic, Pinhole, View
from sharpvision.core.pose import Pose
from sharpvision.core.rotations import rotation_matrix, rotation_vector
from sharpvision.core.srgb import linear_from_srgb
from sharpvision.core.vectors import unit
from sharpvision.data import scene_schema as schema
from sharpvision.data.mesh_files import read_mesh
from sharpvision.data.scene_document import Location, read_document
from sharpvision.data.scene_errors import explained
from sharpvision.data.scene_file import SceneFile, focal_of, middle_of, unit_up
from sharpvision.geometry import Mesh, primitives
from sharpvision.geometry.shading_groups import crease_groups, flat_groups
from sharpvision.illumination import Ambient, Directional, Point, SphericalHarmonics
from sharpvision.materials import GGX, Lambert, Material, MetallicRoughness
from sharpvision.materials.maps import Map, Texture, VertexColor
from sharpvision.rendering.scene import Scene, Shape
from sharpvision.rendering.settings import RenderSettings


class SceneReader:
    """Reads one scene file."""

    def __init__(self, path: Path) -> None:
        self.document = read_document(path)
        try:
            self.entry = schema.SceneEntry.model_validate(self.document.content)
        except ValidationError as error:
            raise explained(self.document, error) from error
        self.folder = path.parent.resolve()
        self.notes: list[str] = []

    def read(self) -> SceneFile:
        """The scene with everything that its file says."""
        entry = self.entry
        with self._at("up"):
            up = unit_up(entry.up)
        materials = {name: self._material(name, m) for name, m in entry.materials.items()}
        shapes = {name: self._shape(name, s, materials) for name, s in entry.shapes.items()}
        lights = {name: self._light(name, light) for name, light in entry.lights.items()}
        scene = Scene(shapes, lights, _colour(entry.background))
        render = entry.render
        settings = RenderSettings(
            mode=render.mode, silhouettes=render.silhouettes, shadows=render.shadows, near=render.near
        )
        look = entry.camera.look_at
        sensor, seed = self._sensor()
        return SceneFile(
            self.document.path, scene, self._view(up), settings, up,
            middle_of(scene) if look is None else torch.tensor(look.target), entry.length_unit, sensor, seed,
            self.notes,
        )  # fmt: skip

    @contextmanager
    def _at(self, *location: int | str) -> Iterator[None]:
        """What a constructor refuses becomes an error at a line."""
        try:
            yield
        except ValueError as error:
            raise self.document.error(location, str(error), "another value", "correct the entry") from error

    def _view(self, up: Tensor) -> View:
        entry = self.entry.camera
        width, height = entry.size
        with self._at("camera"):
            camera: Camera
            if entry.orthographic_width is not None:
                scale = width / entry.orthographic_width
                camera = Orthographic(torch.tensor(scale), torch.tensor([width / 2, height / 2]))
            else:
                camera = self._lens(width, height)
            if entry.look_at is None:
                assert entry.world_to_camera is not None
                pose = Pose.from_matrix(torch.tensor(entry.world_to_camera))
                if abs(pose.scale.item() - 1) > 1e-3:
                    raise ValueError("world_to_camera without a scale")
                return View(camera, pose, height, width)
            look = entry.look_at
            upright = up if look.up is None else torch.tensor(look.up)
            placed = View.look_at(torch.tensor(look.eye), torch.tensor(look.target), upright, 60.0, (height, width))
        return View(camera, placed.world_to_camera, height, width)

    def _lens(self, width: int, height: int) -> Camera:
        entry = self.entry.camera
        if entry.fov_deg is not None:
            focal = focal_of(entry.fov_deg, width)
            k = torch.tensor([[focal, 0.0, width / 2], [0.0, focal, height / 2], [0.0, 0.0, 1.0]])
        else:
            assert entry.k is not None
            k = torch.tensor(entry.k)
        if entry.distortion is None:
            return Pinhole(k)
        kind: Any = CAMERAS[entry.distortion.model]
        distorted: Camera = kind(k, torch.tensor(entry.distortion.coefficients))
        return distorted

    def _shape(self, name: str, entry: Any, materials: dict[str, Material]) -> Shape:
        self._check_name(("shapes", name), name)
        if entry.material not in materials:
            known = ", ".join(materials) or "none"
            raise self.document.error(("shapes", name, "material"), f"one of the materials ({known})",
                                      repr(entry.material), "correct it, or add it under materials")  # fmt: skip
        with self._at("shapes", name):
            mesh = self._mesh(name, entry)
            mesh = _shaded(mesh, entry.shading)
            mesh = _turned_over(mesh) if entry.inside_out else mesh
            self._check_maps(name, self.entry.materials[entry.material], mesh)
            scale = entry.scale * self._unit_factor(entry)
            pose = Pose(_rotation(entry.rotation_deg), torch.tensor(entry.translation), torch.tensor(scale))
            return Shape(mesh, materials[entry.material], pose)

    def _mesh(self, name: str, entry: Any) -> Mesh:
        if isinstance(entry, schema.MeshShape):
            found = read_mesh(self._asset(entry.mesh, ("shapes", name, "mesh")))
            self.notes += [f"{name}: {note}" for note in found.notes]
            return found.mesh
        if isinstance(entry, schema.TerrainShape):
            where = ("shapes", name, "heights")
            heights = self._picture(entry.heights, where, "linear")[..., 0]
            return primitives.terrain(heights * entry.height, entry.size)
        sizes = entry.model_dump(exclude={"primitive", *schema.ShapeEntry.model_fields})
        mesh: Mesh = getattr(primitives, entry.primitive)(**sizes)
        return mesh

    def _unit_factor(self, entry: Any) -> float:
        own = getattr(entry, "mesh_unit", None)
        if own is None or own == self.entry.length_unit:
            return 1.0
        if "unit" in (own, self.entry.length_unit):
            raise ValueError("a length_unit of the scene, to which mesh_unit can be converted")
        return schema.UNITS[own] / schema.UNITS[self.entry.length_unit]

    def _check_maps(self, name: str, entry: Any, mesh: Mesh) -> None:
        """A texture needs texture coordinates, vertex colours need colours."""
        maps = [v for _, v in entry]
        if mesh.uv is None and any(isinstance(v, schema.TextureEntry) for v in maps):
            raise self.document.error(("shapes", name), "a mesh with texture coordinates (its material has a texture)",
                                      "a mesh without", "use a mesh or primitive that has them")  # fmt: skip
        if mesh.vertex_colors is None and "vertex_color" in maps:
            raise self.document.error(("shapes", name), "a mesh with vertex colours (its material wants them)",
                                      "a mesh without", "use a PLY with colours, or give a colour")  # fmt: skip

    def _material(self, name: str, entry: Any) -> Material:
        where = ("materials", name)
        with self._at(*where):
            if isinstance(entry, schema.LambertEntry):
                return Lambert(self._map(entry.albedo, (*where, "albedo")))
            if isinstance(entry, schema.GGXEntry):
                return GGX(torch.tensor(entry.roughness), _colour(entry.f0))
            normal_map = None
            if entry.normal_map is not None:
                normal_map = self._texture(entry.normal_map, (*where, "normal_map"), 3, "linear")
            return MetallicRoughness(
                self._map(entry.base_color, (*where, "base_color")),
                self._map(entry.metallic, (*where, "metallic"), 1),
                self._map(entry.roughness, (*where, "roughness"), 1),
                normal_map,
            )

    def _map(self, value: Any, where: Location, channels: int = 3) -> Tensor | Map:
        if isinstance(value, schema.TextureEntry):
            return self._texture(value, where, channels, "srgb" if channels == 3 else "linear")
        if value == "vertex_color":
            return VertexColor()
        return _colour(value) if channels == 3 else torch.tensor(value)

    def _texture(self, entry: schema.TextureEntry, where: Location, channels: int, usual: str) -> Texture:
        values = self._picture(entry.texture, (*where, "texture"), entry.encoding, usual)
        if channels == 1:
            values = values[..., "rgb".index(entry.channel or "r"), None]
        elif entry.channel is not None:
            raise self.document.error((*where, "channel"), "a channel where one value is wanted", entry.channel,
                                      "remove it: a colour takes all three")  # fmt: skip
        return Texture(values, entry.wrap, entry.filter)

    def _picture(self, name: str, where: Location, encoding: str | None, usual: str = "linear") -> Tensor:
        from sharpvision.data.textures import read_texture  # decoders load where there is a picture

        return torch.from_numpy(read_texture(self._asset(name, where), encoding, usual))

    def _light(self, name: str, entry: Any) -> nn.Module:
        self._check_name(("lights", name), name)
        with self._at("lights", name):
            if isinstance(entry, schema.DirectionalEntry):
                return Directional(torch.tensor(entry.direction), _colour(entry.irradiance))
            if isinstance(entry, schema.PointEntry):
                return Point(torch.tensor(entry.position), _colour(entry.intensity))
            if isinstance(entry, schema.AmbientEntry):
                return Ambient(_colour(entry.radiance))
            return SphericalHarmonics(torch.stack([_colour(c) for c in entry.coefficients]))

    def _sensor(self) -> tuple[Any, int | None]:
        entry = self.entry.sensor
        if entry is None:
            return None, None
        from sharpvision.sensor import Sensor, SensorSettings

        settings = SensorSettings(entry.full_well, entry.read_noise, entry.bits)
        return Sensor(torch.tensor(entry.exposure), settings), entry.seed

    def _asset(self, name: str, where: Location) -> Path:
        """A file in the scene's folder, links followed; `InputError` for anything outside it or that is no file."""
        try:
            path = (self.folder / name).resolve()
            inside = path.is_relative_to(self.folder) and not Path(name).is_absolute()
            there = inside and path.is_file()
        except (OSError, ValueError, RuntimeError) as error:
            raise self.document.error(where, "a file name", repr(name)[:80], "correct it") from error
        if not inside:
            raise self.document.error(where, f"a path inside the scene's folder {self.folder}", repr(name)[:80],
                                      "copy the file there and name it relative to the scene")  # fmt: skip
        if not there:
            found = f"no file {name!r}"[:80]
            raise self.document.error(where, f"a file in {self.folder}", found, "check the spelling of the path")
        return path

    def _check_name(self, where: Location, name: str) -> None:
        """`nn.ModuleDict` keeps a few names for itself."""
        if hasattr(nn.ModuleDict(), name):
            raise self.document.error(where, "a name that torch does not use itself", repr(name), "choose another name")


def _colour(value: Any) -> Tensor:
    """Linear R, G, B of a number (grey), a list or #RRGGBB.

    >>> _colour("#ff8000").round(decimals=4).tolist()[1] < 0.22, _colour(0.5).tolist()
    (True, [0.5, 0.5, 0.5])
    """
    if isinstance(value, str):
        codes = torch.tensor([int(value[k : k + 2], 16) / 255 for k in (1, 3, 5)])
        return torch.from_numpy(linear_from_srgb(codes.numpy()))
    return torch.tensor(value).expand(3).clone() if isinstance(value, int | float) else torch.tensor(value)


def _rotation(angles: Any) -> Tensor:
    """Rotation vector of Euler angles in degrees (about the world's x, then y, then z) or of an axis and an angle."""
    if angles is None:
        return torch.zeros(3)
    if isinstance(angles, schema.AxisAngle):
        axis = unit(torch.tensor(angles.axis))
        if not bool(axis.any()):
            raise ValueError("an axis that is not zero")
        return rotation_vector(rotation_matrix(axis * math.radians(angles.angle)))
    x, y, z = (rotation_matrix(torch.eye(3)[k] * math.radians(a)) for k, a in enumerate(angles))
    return rotation_vector(z @ y @ x)


def _shaded(mesh: Mesh, shading: Any) -> Mesh:
    """The mesh with its shading normals shared as asked."""
    if shading is None:
        return mesh
    if shading == "smooth":
        return replace(mesh, normal_faces=None)
    if shading == "flat":
        return replace(mesh, normal_faces=flat_groups(mesh))
    return replace(mesh, normal_faces=crease_groups(mesh, math.radians(shading.crease_deg)))


def _turned_over(mesh: Mesh) -> Mesh:
    """The mesh with its faces wound the other way round."""
    uv, groups = mesh.uv_faces, mesh.normal_faces
    return replace(
        mesh, faces=mesh.faces.flip(1), uv_faces=None if uv is None else uv.flip(1),
        normal_faces=None if groups is None else groups.flip(1),
    )  # fmt: skip
