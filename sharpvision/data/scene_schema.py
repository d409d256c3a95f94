"""What a scene file may say; every key, its unit and its range. `docs/scene_files.md` shows it with examples."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

NAME = r"^[A-Za-z][A-Za-z0-9_-]{0,63}$"
UNITS = {"m": 1.0, "dm": 0.1, "cm": 0.01, "mm": 1e-3, "um": 1e-6, "km": 1e3, "in": 0.0254, "ft": 0.3048}

Number = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=-1e12, le=1e12)]
Positive = Annotated[float, Field(strict=True, gt=0, le=1e12, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(strict=True, ge=0, le=1e12, allow_inf_nan=False)]
Share = Annotated[float, Field(strict=True, ge=0, le=1)]
Vector = tuple[Number, Number, Number]
Name = Annotated[str, Field(strict=True, pattern=NAME)]
FileName = Annotated[str, Field(strict=True, min_length=1, max_length=1024)]
Hex = Annotated[str, Field(strict=True, pattern=r"^#[0-9A-Fa-f]{6}$")]
Unit = Literal["unit", "m", "dm", "cm", "mm", "um", "km", "in", "ft"]


def _kind_of_colour(value: Any) -> str:
    return "R, G, B" if isinstance(value, list | tuple) else "a hex colour" if isinstance(value, str) else "a number"


Colour = Annotated[
    Annotated[Share, Tag("a number")] | Annotated[tuple[Share, Share, Share], Tag("R, G, B")]
    | Annotated[Hex, Tag("a hex colour")],
    Discriminator(_kind_of_colour),
]  # fmt: skip
"""Reflectance: a number (grey) or [R, G, B], linear, or "#RRGGBB", sRGB."""
Radiance = Annotated[
    Annotated[NotNegative, Tag("a number")] | Annotated[tuple[NotNegative, NotNegative, NotNegative], Tag("R, G, B")]
    | Annotated[Hex, Tag("a hex colour")],
    Discriminator(_kind_of_colour),
]  # fmt: skip
"""A quantity of light: a number (grey) or [R, G, B], linear, or "#RRGGBB", sRGB."""


class Strict(BaseModel):
    """Unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class TextureEntry(Strict):
    """A picture as a map. `encoding` says what its codes mean (default: sRGB for colours of 8-bit pictures, linear for
    all else); `wrap` what lies beyond it; `channel` which one to take where one is wanted (default: the first).
    """

    texture: FileName
    encoding: Literal["srgb", "linear"] | None = None
    wrap: Literal["repeat", "clamp", "mirror"] = "repeat"
    filter: Literal["nearest", "bilinear", "mipmap"] = "mipmap"
    channel: Literal["r", "g", "b"] | None = None


def _kind_of_map(value: Any) -> str:
    if isinstance(value, dict | TextureEntry):
        return "texture"
    if value == "vertex_color":
        return "vertex_color"
    return "value"


ColourMap = Annotated[
    Annotated[Colour, Tag("value")] | Annotated[TextureEntry, Tag("texture")]
    | Annotated[Literal["vertex_color"], Tag("vertex_color")],
    Discriminator(_kind_of_map),
]  # fmt: skip
NumberMap = Annotated[
    Annotated[Share, Tag("value")] | Annotated[TextureEntry, Tag("texture")],
    Discriminator(lambda v: "texture" if isinstance(v, dict | TextureEntry) else "value"),
]


class LambertEntry(Strict):
    """Matte: `albedo` in [0, 1]."""

    type: Literal["lambert"]
    albedo: ColourMap = 0.5


class GGXEntry(Strict):
    """One glossy lobe and nothing below it: `roughness` is GGX's alpha, `f0` the reflectance at normal incidence."""

    type: Literal["ggx"]
    roughness: Annotated[float, Field(strict=True, ge=1e-3, le=1)]
    f0: Colour = 0.04


class MetallicRoughnessEntry(Strict):
    """The material of glTF 2.0; `roughness` is the square root of GGX's alpha."""

    type: Literal["metallic_roughness"]
    base_color: ColourMap = 0.5
    metallic: NumberMap = 0.0
    roughness: NumberMap = 0.5
    normal_map: TextureEntry | None = None


MaterialEntry = Annotated[LambertEntry | GGXEntry | MetallicRoughnessEntry, Field(discriminator="type")]


class DirectionalEntry(Strict):
    """`direction` from the scene to the light, `irradiance` at normal incidence in W/m2."""

    type: Literal["directional"]
    direction: Vector
    irradiance: Radiance = math.pi


class PointEntry(Strict):
    """`position` in the world, `intensity` in W/sr (of lengths in the scene's unit)."""

    type: Literal["point"]
    position: Vector
    intensity: Radiance


class AmbientEntry(Strict):
    """The same `radiance` from everywhere, in W/m2/sr."""

    type: Literal["ambient"]
    radiance: Radiance


Coefficient = Annotated[
    Annotated[Number, Tag("a number")] | Annotated[Vector, Tag("R, G, B")],
    Discriminator(lambda v: "R, G, B" if isinstance(v, list | tuple) else "a number"),
]


class SphericalHarmonicsEntry(Strict):
    """9, 16 or 25 coefficients [R, G, B] (or numbers, grey) of the radiance in the world, at index l^2 + l + m."""

    type: Literal["spherical_harmonics"]
    coefficients: Annotated[tuple[Coefficient, ...], Field(max_length=25)]


LightEntry = Annotated[
    DirectionalEntry | PointEntry | AmbientEntry | SphericalHarmonicsEntry, Field(discriminator="type")
]


class LookAt(Strict):
    """A place, what is in the middle of the image, and which way is up in it (default: the scene's `up`)."""

    eye: Vector
    target: Vector = (0.0, 0.0, 0.0)
    up: Vector | None = None


class Distortion(Strict):
    """Lens distortion with OpenCV's models and coefficients."""

    model: Literal["brown_conrady", "rational", "fisheye"]
    coefficients: Annotated[tuple[Number, ...], Field(max_length=8)]


Pixels = Annotated[int, Field(strict=True, ge=1, le=16384)]
Row3, Row4 = tuple[Number, Number, Number], tuple[Number, Number, Number, Number]


class CameraEntry(Strict):
    """One of `fov_deg` (horizontal), `k` (pixels, centres at +0.5) or `orthographic_width` (width of the image in the
    scene's unit), and one of `look_at` or `world_to_camera` (rows of [R | t], x right, y down, z forward). `size` is
    [width, height] in pixels.
    """

    look_at: LookAt | None = None
    world_to_camera: tuple[Row4, Row4, Row4] | None = None
    fov_deg: Annotated[float, Field(strict=True, gt=0, lt=179)] | None = None
    k: tuple[Row3, Row3, Row3] | None = None
    orthographic_width: Positive | None = None
    distortion: Distortion | None = None
    size: tuple[Pixels, Pixels] = (512, 512)

    @model_validator(mode="after")
    def _one_of_each(self) -> CameraEntry:
        if (self.look_at is None) == (self.world_to_camera is None):
            raise ValueError("one of look_at and world_to_camera")
        if sum(v is not None for v in (self.fov_deg, self.k, self.orthographic_width)) != 1:
            raise ValueError("one of fov_deg, k and orthographic_width")
        if self.distortion is not None and self.orthographic_width is not None:
            raise ValueError("distortion with fov_deg or k, not with orthographic_width")
        return self


class AxisAngle(Strict):
    """A turn by `angle` degrees about `axis`, by the right-hand rule."""

    axis: Vector
    angle: Number


Angles = Annotated[
    Annotated[AxisAngle, Tag("axis and angle")] | Annotated[Vector, Tag("x, y, z")],
    Discriminator(lambda v: "x, y, z" if isinstance(v, list | tuple) else "axis and angle"),
]


class Crease(Strict):
    """Hard edges where faces meet at more than this angle."""

    crease_deg: Annotated[float, Field(strict=True, ge=0, le=180)]


class ShapeEntry(Strict):
    """Where a shape stands and what it is made of: x' = scale R x + translation. `rotation_deg` [x, y, z] turns about
    the world's x axis, then y, then z. `shading`: as the mesh has it unless said. `inside_out` turns its faces over: a
    box becomes a room.
    """

    material: Name
    translation: Vector = (0.0, 0.0, 0.0)
    rotation_deg: Angles | None = None
    scale: Positive = 1.0
    shading: Literal["smooth", "flat"] | Crease | None = None
    inside_out: Annotated[bool, Field(strict=True)] = False


Count = Annotated[int, Field(strict=True, ge=1, le=2048)]


class MeshShape(ShapeEntry):
    """A mesh from a file: OBJ, PLY, STL or GLB, in `mesh_unit` (default: the scene's)."""

    mesh: FileName
    mesh_unit: Unit | None = None


class SphereShape(ShapeEntry):
    """See `geometry.primitives.sphere`."""

    primitive: Literal["sphere"]
    radius: Positive = 1.0
    segments: Count = 64
    rings: Count = 32


class IcosphereShape(ShapeEntry):
    """See `geometry.primitives.icosphere`."""

    primitive: Literal["icosphere"]
    radius: Positive = 1.0
    subdivisions: Annotated[int, Field(strict=True, ge=0, le=7)] = 4


class TorusShape(ShapeEntry):
    """See `geometry.primitives.torus`."""

    primitive: Literal["torus"]
    radius: Positive = 1.0
    tube: Positive = 0.4
    segments: Count = 96
    rings: Count = 48


class CylinderShape(ShapeEntry):
    """See `geometry.primitives.cylinder`."""

    primitive: Literal["cylinder"]
    radius: Positive = 1.0
    height: Positive = 2.0
    segments: Count = 64


class ConeShape(ShapeEntry):
    """See `geometry.primitives.cone`."""

    primitive: Literal["cone"]
    radius: Positive = 1.0
    height: Positive = 2.0
    segments: Count = 64
    rings: Count = 8


class CapsuleShape(ShapeEntry):
    """See `geometry.primitives.capsule`."""

    primitive: Literal["capsule"]
    radius: Positive = 0.5
    height: Positive = 1.0
    segments: Count = 64
    rings: Count = 16


class DiskShape(ShapeEntry):
    """See `geometry.primitives.disk`."""

    primitive: Literal["disk"]
    radius: Positive = 1.0
    segments: Count = 64
    rings: Count = 1


class BoxShape(ShapeEntry):
    """See `geometry.primitives.box`."""

    primitive: Literal["box"]
    size: tuple[Positive, Positive, Positive] = (2.0, 2.0, 2.0)
    divisions: Count = 1


class PlaneShape(ShapeEntry):
    """See `geometry.primitives.plane`."""

    primitive: Literal["plane"]
    size: tuple[Positive, Positive] = (2.0, 2.0)
    divisions: Count = 1


class TerrainShape(ShapeEntry):
    """`geometry.primitives.terrain` over a picture's linear first channel, times `height`."""

    primitive: Literal["terrain"]
    heights: FileName
    height: Positive = 1.0
    size: tuple[Positive, Positive] = (2.0, 2.0)


SHAPES = (
    SphereShape, IcosphereShape, TorusShape, CylinderShape, ConeShape, CapsuleShape, DiskShape, BoxShape, PlaneShape,
    TerrainShape,
)  # fmt: skip
MATERIALS = (LambertEntry, GGXEntry, MetallicRoughnessEntry)
LIGHTS = (DirectionalEntry, PointEntry, AmbientEntry, SphericalHarmonicsEntry)


def _kind_of_shape(value: Any) -> str:
    if not isinstance(value, dict):
        return str(getattr(value, "primitive", "mesh"))
    return str(value["primitive"]) if "primitive" in value else "mesh"


AnyShape = Annotated[
    Annotated[MeshShape, Tag("mesh")] | Annotated[SphereShape, Tag("sphere")] | Annotated[BoxShape, Tag("box")]
    | Annotated[IcosphereShape, Tag("icosphere")] | Annotated[TorusShape, Tag("torus")]
    | Annotated[CylinderShape, Tag("cylinder")] | Annotated[ConeShape, Tag("cone")] | Annotated[DiskShape, Tag("disk")]
    | Annotated[CapsuleShape, Tag("capsule")] | Annotated[PlaneShape, Tag("plane")]
    | Annotated[TerrainShape, Tag("terrain")],
    Discriminator(_kind_of_shape),
]  # fmt: skip


class RenderEntry(Strict):
    """Settings of `render`, see `rendering.RenderSettings`; `near` in the scene's unit."""

    mode: Literal["fast", "default", "accurate"] = "default"
    silhouettes: bool = True
    shadows: bool = False
    near: Positive = 1e-2


class SensorEntry(Strict):
    """The camera's sensor, see `sensor.SensorSettings`; with `seed` its noise is drawn."""

    exposure: NotNegative = 1.0
    seed: Annotated[int, Field(strict=True, ge=0, le=2**63 - 1)] | None = None
    full_well: Positive = 20000.0
    read_noise: NotNegative = 5.0
    bits: Annotated[int, Field(strict=True, ge=1, le=24)] | None = None


class SceneEntry(Strict):
    """A whole scene file. The world is right-handed; lengths are in `length_unit`."""

    length_unit: Unit = "unit"
    up: Vector = (0.0, 1.0, 0.0)
    camera: CameraEntry
    shapes: Annotated[dict[Name, AnyShape], Field(max_length=10_000)]
    materials: Annotated[dict[Name, MaterialEntry], Field(max_length=10_000)] = {}
    lights: Annotated[dict[Name, LightEntry], Field(max_length=64)] = {}
    background: Radiance = 0.0
    render: RenderEntry = RenderEntry()
    sensor: SensorEntry | None = None
