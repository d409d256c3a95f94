"""The camera of the example captures, at the origin, and what is known of its pictures: a path tracer (Mitsuba 3).

Lengths are millimetres; x is right, y up, z towards the viewer, so the camera looks along -z and depth is -z.
`python -m scenes.capture_ball` and its siblings write the folders of `scenes/captures/` (extra `mitsuba`); with an LLVM
library that Mitsuba finds (`DRJIT_LIBLLVM_PATH`) they take a minute each, without it ten.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mitsuba as mi
import numpy as np
from numpy.typing import NDArray

from scenes.figurine import Figurine
from scenes.render_photometric import mesh_of

Array = NDArray[np.float64]
CAPTURES = Path(__file__).parent / "captures"
FAR = 1e5  # millimetres
PATHS = {"type": "path", "max_depth": 6}


@dataclass(frozen=True)
class Camera:
    """Pinhole camera at the origin with the principal point in the middle; `focal` in pixels.

    `shift` (x right, y down, in pixels) moves the picture over the sensor, as a small turn of the camera does.
    """

    width: int
    height: int
    focal: float
    shift: tuple[float, float] = (0.0, 0.0)

    def sensor(self) -> dict[str, Any]:
        """Mitsuba's camera, with one value a pixel."""
        film = {"type": "hdrfilm", "width": self.width, "height": self.height, "rfilter": {"type": "box"},
                "component_format": "float32"}  # fmt: skip
        look = mi.ScalarTransform4f().look_at(origin=[0, 0, 0], target=[0, 0, -1], up=[0, 1, 0])
        fov = 2.0 * np.degrees(np.arctan(0.5 * self.width / self.focal))
        return {"type": "perspective", "fov": float(fov), "fov_axis": "x", "to_world": look, "near_clip": 1.0,
                "far_clip": 1e6, "principal_point_offset_x": -self.shift[0] / self.width,
                "principal_point_offset_y": -self.shift[1] / self.height, "film": film,
                "sampler": {"type": "independent"}}  # fmt: skip

    def project(self, point: Array) -> Array:
        """Pixels (..., 2), x right and y down, of points (..., 3)."""
        point = np.asarray(point, np.float64)
        flat = point[..., :2] * np.array([1.0, -1.0]) / -point[..., 2:]
        return self.focal * flat + 0.5 * np.array([self.width, self.height]) + self.shift

    def place(self, pixel: tuple[float, float], depth: float) -> Array:
        """The point (3,) at this depth that projects to this pixel."""
        x, y = (np.asarray(pixel) - 0.5 * np.array([self.width, self.height])) * depth / self.focal
        return np.array([x, -y, -depth])


def start() -> None:
    """Mitsuba's LLVM variant if its library is found, else the scalar one (other noise, the same pictures)."""
    try:
        mi.set_variant("llvm_ad_rgb")
        import drjit

        drjit.eval(mi.Float(0.0) + 1.0)
    except (ImportError, RuntimeError):
        mi.set_variant("scalar_rgb")


def rgb(value: Any) -> dict[str, Any]:
    """Mitsuba's colour."""
    return {"type": "rgb", "value": np.broadcast_to(np.asarray(value, np.float64), 3).tolist()}


def placed(model: Figurine, height: float, centre: Array, turn: Array | None = None) -> Figurine:
    """The model scaled from two units to `height`, turned by a rotation matrix about its middle, and moved."""
    mesh = model.mesh.copy()
    turned = np.asarray(mesh.vertices) @ (np.eye(3) if turn is None else turn).T
    mesh.vertices = turned * (0.5 * height) + centre
    return Figurine(mesh, model.colour, model.gloss)


def rotation(axis: tuple[float, float, float], degrees: float) -> Array:
    """Rotation matrix (3, 3) about an axis."""
    x, y, z = np.asarray(axis) / np.linalg.norm(axis)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    angle = np.radians(degrees)
    return np.eye(3) + np.sin(angle) * cross + (1.0 - np.cos(angle)) * cross @ cross


def photograph(camera: Camera, parts: dict[str, Any], samples: int, seed: int, integrator: dict[str, Any] | None = None
               ) -> Array:  # fmt: skip
    """One linear picture (H, W, channels) of the parts, without a lens' or a sensor's faults."""
    scene = {"type": "scene", "integrator": integrator or PATHS, "sensor": camera.sensor()} | parts
    return np.array(mi.render(mi.load_dict(scene), spp=samples, seed=seed), dtype=np.float64)


@dataclass(frozen=True)
class Truth:
    """What the camera sees of an object: unit normals (H, W, 3), zero outside, mask (H, W), and depth (H, W) in mm,
    NaN outside."""

    normal: Array
    mask: NDArray[np.bool_]
    depth: Array

    def write(self, folder: Path) -> None:
        """`normal_gt.npz`, `depth_gt.npz` and `mask.png`."""
        folder.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(folder / "normal_gt.npz", normal=self.normal.astype(np.float16).astype(np.float32))
        np.savez_compressed(folder / "depth_gt.npz", depth=np.round(self.depth, 3).astype(np.float32))
        mi.Bitmap(self.mask.astype(np.uint8) * 255).write(str(folder / "mask.png"))


def truth_of(camera: Camera, model: Figurine) -> Truth:
    """Normals, mask and depth of the object alone, means over each pixel of 64 samples."""
    aov = {"type": "aov", "aovs": "normal:sh_normal,point:position"}
    seen = photograph(camera, {"object": mesh_of(model), "light": {"type": "constant"}}, 64, 1, aov)
    normal, depth = seen[..., -6:-3], -seen[..., -1]
    length = np.linalg.norm(normal, axis=-1)
    mask = length > 0.5
    cover = np.where(mask, _coverage(camera, model), 1.0)
    unit = np.where(mask[..., None], normal / np.maximum(length, 1e-9)[..., None], 0.0)
    return Truth(unit, mask, np.where(mask, depth / np.maximum(cover, 1e-9), np.nan))


def _coverage(camera: Camera, model: Figurine) -> Array:
    """The share of each pixel that the object covers, by how much of a far wall it hides (samples of `truth_of`)."""
    aov = {"type": "aov", "aovs": "normal:sh_normal,point:position"}
    across = mi.ScalarTransform4f().translate([0, 0, -FAR]) @ mi.ScalarTransform4f().scale([10 * FAR, 10 * FAR, 1])
    wall = {"type": "rectangle", "to_world": across}
    behind = -photograph(camera, {"object": mesh_of(model), "wall": wall}, 64, 1, aov)[..., -1]
    alone = -photograph(camera, {"object": mesh_of(model)}, 64, 1, aov)[..., -1]
    return 1.0 - (behind - alone) / FAR


def distant_directions(rings: tuple[tuple[float, int], ...]) -> Array:
    """Directions (N, 3) on rings (tilt from the view in degrees, count), each turned against the last."""
    found = []
    for tilt, count in rings:
        turn = 2.0 * np.pi * (np.arange(count) + tilt / 75.0) / count
        sine, cosine = np.sin(np.radians(tilt)), np.cos(np.radians(tilt))
        found.append(np.stack([sine * np.cos(turn), sine * np.sin(turn), np.full(count, cosine)], axis=-1))
    return np.concatenate(found)


def write_json(path: Path, content: dict[str, Any]) -> None:
    """JSON of two levels on short lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1) + "\n")
