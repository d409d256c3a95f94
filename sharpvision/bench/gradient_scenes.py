"""The scenes on which derivatives of the renderer are held against a reference: shapes, camera, light, in NumPy.

Every number is one that float32 holds, so that a renderer in float32 and a reference in float64 see the same scene. The
world is right-handed with y up; the camera stands on the positive z axis and looks at the origin, turned a little. All
images are `SIZE` x `SIZE` pixels. The target of the loss is the image of all shapes after `TARGET`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sharpvision.core.errors import InputError

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

SIZE = 256
GEOMETRY = ("translation", "rotation", "scale", "focal_length", "vertices")
EXTRA = {  # what scenes have besides GEOMETRY
    "sphere_5k": ("principal_point", "light_sh"),
    "sphere_20k": ("principal_point", "distortion", "light_sh"),
    "frame": ("principal_point", "light_sh"),
    "torus": ("principal_point", "light_sh"),
    "cube": ("light_direction", "roughness"),
    "uv_seam": ("light_sh", "albedo_texture"),
}
METALLIC = 0.4
HARD = ("armadillo_30k", "suzanne", "teapot")
TARGET_TURN, TARGET_SCALE, TARGET_SHIFT_PX = 0.09, 1.05, (2.5, 1.8)


@dataclass(frozen=True, eq=False)
class ShapeArrays:
    """A mesh as arrays: `vertices` (V, 3), index arrays (F, 3), `uv` (T, 2), `colors` (V, 3)."""

    vertices: Array
    faces: Indices
    colors: Array
    normal_faces: Indices | None = None
    uv: Array | None = None
    uv_faces: Indices | None = None


@dataclass(frozen=True, eq=False)
class GradientScene:
    """Shapes before a camera, lit by spherical harmonics `light_sh` (9, 3) or, where it is None, by a directional light
    (unit `light_direction`, `irradiance`); matte, or glTF's material of `METALLIC` metalness where `roughness` is
    given.

    The pose's parameters belong to the first shape. `background` (H, W, 3). `distortion`: OpenCV's k1, k2, p1, p2, k3.
    """

    name: str
    shapes: tuple[ShapeArrays, ...]
    camera_turn: Array
    camera_shift: Array
    focal_px: Array
    principal_point: Array
    background: Array
    near: float = 1e-2
    distortion: Array | None = None
    light_sh: Array | None = None
    light_direction: Array | None = None
    irradiance: Array = field(default_factory=lambda: np.full(3, 3.0))
    roughness: float | None = None
    texels: Array | None = None

    @property
    def parameters(self) -> tuple[str, ...]:
        """What its image is differentiated in."""
        return scene_parameters(self.name)


def scene_parameters(name: str) -> tuple[str, ...]:
    """What the image of the scene of this name is differentiated in."""
    return (*GEOMETRY, *EXTRA.get(name, ("light_sh",)))


def scene_named(name: str) -> GradientScene:
    """The scene of one of `SCENES`."""
    return single(replace(SCENES[name](), name=name))


def single(scene: GradientScene) -> GradientScene:
    """The scene with every real number rounded to float32 (and kept as float64)."""

    def rounded(value: Any) -> Any:
        if isinstance(value, np.ndarray) and value.dtype == np.float64:
            return value.astype(np.float32).astype(np.float64)
        if isinstance(value, float):
            return float(np.float32(value))
        return value

    shapes = tuple(ShapeArrays(**{k: rounded(v) for k, v in vars(s).items()}) for s in scene.shapes)
    return replace(scene, **{k: rounded(v) for k, v in vars(scene).items() if k != "shapes"}, shapes=shapes)


def sky() -> Array:
    """Radiance of a bright smooth sky in real spherical harmonics (9, 3): irradiance / pi between 0.3 and 1.5."""
    rng = np.random.default_rng(11)
    level = np.array([2.9] + [0.8] * 3 + [0.5] * 5)[:, None]
    return np.concatenate([np.ones((1, 3)) + rng.uniform(-0.1, 0.1, (1, 3)), rng.uniform(-1, 1, (8, 3))]) * level


def painted(points: Array) -> Array:
    """A smooth albedo (V, 3) in [0.25, 0.85] over space."""
    waves = np.array([[1.7, 0.9, -1.2], [-0.8, 2.1, 1.1], [1.3, -1.5, 1.9]])
    return 0.55 + 0.3 * np.sin(points @ waves.T + np.array([0.3, 1.1, 2.2]))


def ground() -> Array:
    """A smooth background (H, W, 3), constant inside a pixel."""
    y, x = np.meshgrid(np.arange(SIZE) / SIZE, np.arange(SIZE) / SIZE, indexing="ij")
    return np.stack([0.25 + 0.2 * x, 0.3 + 0.15 * np.sin(4 * y + x), 0.35 - 0.2 * y * x], -1)


def shape(vertices: Any, faces: Any, **more: Any) -> ShapeArrays:
    """A shape with painted vertices."""
    points = np.asarray(vertices, np.float64)
    return ShapeArrays(points, np.asarray(faces, np.int64), painted(points), **more)


def scene(*shapes: ShapeArrays, distance: float = 3.0, focal_px: float = 300.0, **more: Any) -> GradientScene:
    """Shapes before the usual camera."""
    return GradientScene(
        "", shapes, camera_turn=np.array([np.pi - 0.04, 0.05, -0.03]), camera_shift=np.array([0.02, -0.03, distance]),
        focal_px=np.array([focal_px, focal_px]), principal_point=np.array([SIZE / 2 + 1.3, SIZE / 2 - 0.7]),
        background=ground(), **({"light_sh": sky()} | more),
    )  # fmt: skip


def turned(points: Array, vector: tuple[float, float, float]) -> Array:
    """Points rotated by a rotation vector."""
    from scipy.spatial.transform import Rotation

    return Rotation.from_rotvec(vector).apply(points)


def ball(subdivisions: int, axes: tuple[float, float, float] = (1.0, 0.8, 0.9)) -> tuple[Array, Indices]:
    """An ellipsoid of 20 * 4^subdivisions triangles."""
    import trimesh

    mesh = trimesh.creation.icosphere(subdivisions=subdivisions)
    return turned(np.asarray(mesh.vertices) * axes, (0.3, 0.4, 0.2)), np.asarray(mesh.faces)


def ring(tube: float = 0.38, segments: tuple[int, int] = (96, 48)) -> tuple[Array, Indices]:
    """A torus about the z axis of outer radius about 1.1."""
    import trimesh

    mesh = trimesh.creation.torus(0.75, tube, *segments)
    return np.asarray(mesh.vertices), np.asarray(mesh.faces)


def from_file(name: str, turn: tuple[float, float, float] = (0.0, 0.0, 0.0), radius: float = 1.0) -> ShapeArrays:
    """A mesh of the shared data, centred, largest extent 2 `radius`; polygons cut into fans, winding as it is."""
    root = os.environ.get("SHARPVISION_DATA")
    path = Path(root or "") / "meshes" / f"{name}.obj"
    if root is None or not path.is_file():
        raise InputError(path, "a mesh of the shared data", "none", "set SHARPVISION_DATA to the folder of data sets")
    vertices, faces = [], []
    for line in path.read_text().splitlines():
        words = line.split()
        if words[:1] == ["v"]:
            vertices.append([float(w) for w in words[1:4]])
        elif words[:1] == ["f"]:
            corners = [int(w.split("/")[0]) - 1 for w in words[1:]]
            faces += [[corners[0], corners[k], corners[k + 1]] for k in range(1, len(corners) - 1)]
    points = np.array(vertices)
    low, high = points.min(0), points.max(0)
    points = (points - (low + high) / 2) * (2 * radius / (high - low).max())
    return shape(turned(points, turn), faces)


def open_sphere() -> ShapeArrays:
    """An ellipsoid whose front is cut away along whole triangles: its inside is seen, over a jagged boundary."""
    points, faces = ball(4)
    return shape(points, faces[points[faces].mean(1)[:, 2] < 0.35])


def cube() -> GradientScene:
    """A glossy box of 768 triangles under the sun, in which every side has normals of its own.

    The glossy scene is this one because a GGX lobe ends with a jump where an interpolated normal turns away from the
    camera, a line that no vertex carries; normals that are the faces' own never do.
    """
    from sharpvision.geometry.primitives import box

    mesh, sun = box((1.5, 1.2, 1.3), 8), np.array([0.5, 0.65, 0.8])
    assert mesh.normal_faces is not None
    own = shape(turned(mesh.vertices.double().numpy(), (0.5, 0.7, 0.1)), mesh.faces.numpy(),
                normal_faces=mesh.normal_faces.numpy())  # fmt: skip
    return scene(own, light_sh=None, light_direction=sun / np.linalg.norm(sun), roughness=0.6)


def fin() -> GradientScene:
    """A box half a pixel wide whose middle plane passes through the eye: only its front is seen."""
    from scipy.spatial.transform import Rotation

    from sharpvision.geometry.primitives import box

    mesh, empty = box((0.005, 1.4, 1.0), 3), scene()
    assert mesh.normal_faces is not None
    eye = -Rotation.from_rotvec(empty.camera_turn).inv().apply(empty.camera_shift)
    toward = Rotation.align_vectors(eye[None] / np.linalg.norm(eye), np.array([[0.0, 0.0, 1.0]]))[0]
    points = toward.apply(turned(mesh.vertices.double().numpy(), (0.0, 0.0, 0.23)))
    return scene(shape(points, mesh.faces.numpy(), normal_faces=mesh.normal_faces.numpy()))


def degenerate() -> ShapeArrays:
    """An ellipsoid with 120 triangles of no area: corners that coincide, corners on a line, slivers in split edges."""
    points, faces = ball(3)
    rng = np.random.default_rng(5)
    chosen = rng.choice(len(faces), 40, replace=False)
    faces_list: list[list[int]] = faces.tolist()
    extra: list[Array] = []
    for face in chosen:
        a, b, c = faces[face]
        faces_list += [[a, a, b], [a, b, a]]
        middle = len(points) + len(extra)
        extra.append((points[a] + points[b]) / 2)
        faces_list[face] = [a, middle, c]
        faces_list += [[middle, b, c], [a, b, middle]]
    return shape(np.concatenate([points, np.array(extra)]), faces_list)


def textured_sphere() -> GradientScene:
    """A sphere of longitudes and latitudes with a texture that does not fit at its seam."""
    from sharpvision.geometry.primitives import sphere

    mesh = sphere(0.95, 48, 24)
    assert mesh.uv is not None
    assert mesh.uv_faces is not None
    rng = np.random.default_rng(3)
    v, u = np.meshgrid(np.arange(16) / 16, np.arange(24) / 24, indexing="ij")
    waves = np.stack([0.7 + 0.2 * np.sin(5 * u + 2 * v), 0.7 + 0.2 * np.cos(4 * v - u), 0.4 + 0.5 * u], -1)
    return scene(
        shape(turned(mesh.vertices.double().numpy(), (0.3, 2.6, 0.1)), mesh.faces.numpy(),
              uv=mesh.uv.double().numpy() * 0.96 + 0.02, uv_faces=mesh.uv_faces.numpy()),
        texels=np.clip(waves + rng.uniform(-0.06, 0.06, waves.shape), 0.02, 0.98),
    )  # fmt: skip


def two_objects() -> GradientScene:
    """A ball in front of a ring; the ball alone is what the pose moves."""
    points, faces = ball(3, (0.42, 0.36, 0.4))
    back, back_faces = ring()
    return scene(
        shape(points + np.array([0.0, 0.0, 0.3]), faces),
        shape(turned(back, (0.5, 0.2, 0.0)) + np.array([0.25, 0.15, -0.9]), back_faces),
    )


SCENES: dict[str, Callable[[], GradientScene]] = {
    "sphere_5k": lambda: scene(shape(*ball(4))),
    "sphere_20k": lambda: scene(shape(*ball(5)), distortion=np.array([-0.12, 0.05, 0.004, -0.003, 0.02])),
    "frame": lambda: scene(shape(ball(4)[0] + [0.75, 0.35, 0.0], ball(4)[1])),
    "bunny_5k": lambda: scene(from_file("bunny_5k", (0.1, 0.3, 0.0))),
    "spot": lambda: scene(from_file("spot", (0.2, 2.4, 0.0))),
    "torus": lambda: scene(shape(turned(ring()[0], (0.9, 0.3, 0.2)), ring()[1])),
    "two_objects": two_objects,
    "open_sphere": lambda: scene(open_sphere()),
    "cube": cube,
    "fin": fin,
    "near_plane": lambda: scene(
        shape(ball(4, (0.5, 0.45, 2.0))[0] + [-0.1, -0.05, 0.9], ball(4)[1]), near=0.9
    ),
    "degenerate": lambda: scene(degenerate()),
    "uv_seam": textured_sphere,
    "armadillo_30k": lambda: scene(from_file("armadillo_30k", (0.0, 0.2, 0.0))),
    "suzanne": lambda: scene(from_file("suzanne", (0.1, 0.4, 0.0))),
    "teapot": lambda: scene(from_file("teapot", (0.3, 0.4, 0.0))),
}
