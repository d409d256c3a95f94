"""What stands in the example captures beside the object: table, cloth, cards, balls, lamps, a dim room."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import mitsuba as mi
import numpy as np
from numpy.typing import NDArray

from scenes.capture_rig import Array, Camera, photograph, rgb


@dataclass(frozen=True)
class Lamp:
    """A round lamp that fills `radius_deg` of the sky as seen from what it shines on; `irradiance` (3,) is what it
    gives there at normal incidence."""

    position: Array
    target: Array
    irradiance: Array
    radius_deg: float

    def emitter(self) -> dict[str, Any]:
        """A glowing sphere: E = L pi sin^2(radius)."""
        distance = float(np.linalg.norm(self.position - self.target))
        sine = np.sin(np.radians(self.radius_deg))
        radiance = self.irradiance / (np.pi * sine**2)
        return {"type": "sphere", "center": self.position.tolist(), "radius": float(distance * sine),
                "emitter": {"type": "area", "radiance": rgb(radiance)}}  # fmt: skip


def sun(direction: Any, irradiance: Any = 1.0) -> dict[str, Any]:
    """A light so far away that its rays are parallel; `direction` points to it."""
    return {"type": "directional", "direction": (-np.asarray(direction)).tolist(), "irradiance": rgb(irradiance)}


def table(depth: float, reflectance: Any, half_side: float = 600.0) -> dict[str, Any]:
    """A table seen from above: a matte square; `reflectance` is a colour or a texture of Mitsuba's."""
    where = mi.ScalarTransform4f().translate([0, 0, -depth]) @ mi.ScalarTransform4f().scale([half_side, half_side, 1])
    cover = reflectance if isinstance(reflectance, dict) else rgb(reflectance)
    return {"type": "rectangle", "to_world": where, "bsdf": {"type": "diffuse", "reflectance": cover}}


def card(centre: Array, width: float, height: float, reflectance: float = 0.18) -> dict[str, Any]:
    """A matte gray card that faces the camera."""
    where = mi.ScalarTransform4f().translate(np.asarray(centre).tolist())
    size = mi.ScalarTransform4f().scale([0.5 * width, 0.5 * height, 1])
    return {"type": "rectangle", "to_world": where @ size,
            "bsdf": {"type": "diffuse", "reflectance": rgb(reflectance)}}  # fmt: skip


def cloth(seed: int, side: int = 512) -> dict[str, Any]:
    """A printed cloth: leaves and dots in three colours on a pale ground, a texture for a table."""
    rng = np.random.default_rng(seed)
    picture = np.full((side, side, 3), (0.30, 0.27, 0.22), np.float32)
    inks = ((0.10, 0.16, 0.20), (0.24, 0.10, 0.07), (0.14, 0.17, 0.08))
    for k in range(260):
        x, y = (int(v) for v in rng.uniform(0, side, 2))
        size = rng.uniform(4.0, 11.0)
        shape = (int(size), int(size * rng.uniform(0.3, 1.0)))
        for dx in (-side, 0, side):
            for dy in (-side, 0, side):
                cv2.ellipse(picture, (x + dx, y + dy), shape, rng.uniform(0, 180) if dx == dy == 0 else 0.0, 0, 360,
                            inks[k % 3], -1, cv2.LINE_AA)  # fmt: skip
    picture *= 1.0 + 0.08 * rng.standard_normal((side, side, 1)).astype(np.float32)
    return {"type": "bitmap", "bitmap": mi.Bitmap(np.clip(picture, 0.01, 0.9)), "raw": True,
            "to_uv": mi.ScalarTransform3f().scale([2.0, 2.0])}  # fmt: skip


def ball(centre: Array, radius: float, bsdf: dict[str, Any]) -> dict[str, Any]:
    """A ball of some material."""
    return {"type": "sphere", "center": np.asarray(centre).tolist(), "radius": radius, "bsdf": bsdf}


def room(level: float) -> dict[str, Any]:
    """A dim room: a pale ceiling behind the camera, darker walls, one window; `level` is the walls' mean radiance."""
    rows, columns = np.mgrid[0:64, 0:128]
    theta, phi = np.pi * (rows + 0.5) / 64, 2.0 * np.pi * (columns + 0.5) / 128
    y, across = np.cos(theta), np.sin(theta)
    x, z = across * np.sin(phi), -across * np.cos(phi)
    ceiling = 1.0 / (1.0 + np.exp(-12.0 * (z - 0.75)))
    window = ((np.abs(x - 0.62) < 0.1) & (np.abs(y - 0.1) < 0.22) & (z > 0)).astype(np.float64)
    grey = 0.7 + 0.3 * y + 1.6 * ceiling
    picture = level * (grey[..., None] * np.array([1.0, 0.93, 0.84]) + 9.0 * window[..., None] * [0.8, 0.95, 1.2])
    return {"type": "envmap", "bitmap": mi.Bitmap(picture.astype(np.float32)), "scale": 1.0}


def with_chrome(camera: Camera, parts: dict[str, Any], balls: list[tuple[Array, float]], samples: int, seed: int
                ) -> Array:  # fmt: skip
    """One picture of the parts and of polished chrome balls (centre, radius).

    Pixels that no ball touches come from a picture in which the balls are matte and dark: the faint light that a
    chrome ball throws on the table would need far more paths than it is worth.
    """
    black, metal = {"type": "diffuse", "reflectance": rgb(0.02)}, {"type": "conductor", "material": "Cr"}
    dark = {f"ball{k}": ball(c, r, black) for k, (c, r) in enumerate(balls)}
    bright = {f"ball{k}": ball(c, r, metal) for k, (c, r) in enumerate(balls)}
    touched = np.any([touches(camera, c, r) for c, r in balls], axis=0)
    around = photograph(camera, parts | dark, samples, seed)
    mirrored = photograph(camera, parts | bright, samples, seed, {"type": "path", "max_depth": 3})
    return np.where(touched[..., None], mirrored, around)


def touches(camera: Camera, centre: Array, radius: float) -> NDArray[np.bool_]:
    """The pixels (H, W) of which some part sees the ball: rays d with (d.c)^2 >= |c|^2 - r^2."""
    step = (np.arange(5) / 4.0)[:, None]
    x = ((np.arange(camera.width) + step)[None, :, None, :] - 0.5 * camera.width) / camera.focal
    y = ((np.arange(camera.height) + step)[:, None, :, None] - 0.5 * camera.height) / camera.focal
    along = x * centre[0] - y * centre[1] - centre[2]
    return np.any(along**2 >= (centre @ centre - radius**2) * (x**2 + y**2 + 1.0), axis=(0, 1))
