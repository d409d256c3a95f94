"""`scenes/captures/near_leds`: an object amid nine LEDs at 1 to 2.5 object sizes, and two chrome balls under the same.

`python -m scenes.capture_near_leds [FOLDER] [SAMPLES]`
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import drjit as dr
import mitsuba as mi
import numpy as np

from scenes.capture_objects import gourd
from scenes.capture_props import ball, room, table, with_chrome
from scenes.capture_rig import (
    CAPTURES,
    Array,
    Camera,
    photograph,
    placed,
    rgb,
    rotation,
    start,
    truth_of,
    write_json,
)
from scenes.capture_sensor import Sensor, Shot, near_object, srgb_levels, write_8bit, write_16bit
from scenes.render_photometric import mesh_of

WIDTH, HEIGHT, FOCAL = 256, 192, 400.0
DEPTH, TALL = 300.0, 84.0  # of the object's middle and its height, millimetres
BALLS = (((74.0, 100.0), 290.0), ((186.0, 92.0), 305.0))  # pixel of the centre, depth
BALL_RADIUS = 25.0
LEDS, LED_RADIUS = 9, 4.0
SEED = 21


def cosine_emitter() -> type:
    """Mitsuba emitter `cosine_lobe`: radiant intensity I max(a.u, 0)^mu towards u, from a point."""

    class CosineLobe(mi.Emitter):
        def __init__(self, properties: mi.Properties) -> None:
            super().__init__(properties)
            self.place = mi.Point3f(list(properties["position"]))
            self.axis = mi.Normal3f(list(properties["axis"]))
            self.exponent = float(properties["exponent"])
            self.strength = mi.Color3f(list(properties["intensity"]))
            self.m_flags = mi.EmitterFlags.DeltaPosition

        def sample_direction(self, it: Any, sample: Any, active: Any) -> tuple[Any, Any]:
            found = dr.zeros(mi.DirectionSample3f)
            found.p, found.time, found.delta, found.emitter = self.place, it.time, mi.Mask(True), mi.EmitterPtr(self)
            found.d = self.place - it.p
            squared = dr.squared_norm(found.d)
            found.dist = dr.sqrt(squared)
            found.d /= found.dist
            found.n, found.pdf, found.uv = self.axis, mi.Float(1.0), mi.Point2f(0.5)
            cosine = dr.maximum(-dr.dot(found.d, self.axis), 0.0)
            return found, mi.Color3f(self.strength) * (dr.power(cosine, self.exponent) / squared) & active

        def pdf_direction(self, it: Any, ds: Any, active: Any) -> Any:
            return mi.Float(0.0)

        def eval(self, si: Any, active: Any) -> Any:
            return mi.Color3f(0.0)

        def bbox(self) -> Any:
            return mi.ScalarBoundingBox3f()

        def to_string(self) -> str:
            return "CosineLobe[]"

    return CosineLobe


def leds(middle: Array) -> list[dict[str, Any]]:
    """Places, axes (towards the object, as a hand turns them: off by up to eight degrees), exponents, strengths."""
    rng = np.random.default_rng(SEED)
    found = []
    for k in range(LEDS):
        tilt = np.radians((50.0, 30.0, 40.0)[k % 3])
        turn = 2.0 * np.pi * k / LEDS + 0.25 + rng.uniform(-0.1, 0.1)
        out = np.array([np.sin(tilt) * np.cos(turn), np.sin(tilt) * np.sin(turn), np.cos(tilt)])
        distance = TALL * (1.35, 2.2, 1.6)[k % 3] * rng.uniform(0.95, 1.05)
        aside = np.cross(out, rng.standard_normal(3))
        axis = rotation(tuple(aside), rng.uniform(0.0, 8.0)) @ -out
        strength = rng.uniform(0.85, 1.15) * 150.0**0.6 * distance**1.4 * np.array([1.0, 0.97, 0.92])
        found.append({"type": "point", "position": np.round(middle + distance * out, 3).tolist(),
                      "radiant_intensity": np.round(strength, 1).tolist(), "axis": np.round(axis, 6).tolist(),
                      "exponent": (1.0, 1.6, 2.2)[(k // 3 + k) % 3]})  # fmt: skip
    return found


def photographs_of_object(folder: Path, camera: Camera, lights: list[dict[str, Any]], middle: Array, samples: int
                          ) -> None:  # fmt: skip
    """The object under each LED, 16 bits and linear, and its truth."""
    model = placed(gourd(), TALL, middle, rotation((1.0, 0.4, 0.0), 70.0))
    truth = truth_of(camera, model)
    pictures = []
    for k, light in enumerate(lights):
        lobe = {"type": "cosine_lobe", "position": mi.ScalarPoint3f(light["position"]), "exponent": light["exponent"],
                "axis": mi.ScalarPoint3f(light["axis"]),
                "intensity": mi.ScalarPoint3f(light["radiant_intensity"])}  # fmt: skip
        pictures.append(photograph(camera, {"object": mesh_of(model), "lobe": lobe}, samples, SEED + k))
    scale = 0.85 / np.percentile(np.stack(pictures)[:, truth.mask], 99.9)
    rng, band = np.random.default_rng(SEED), near_object(truth.mask)
    for k, picture in enumerate(pictures):
        signal = Sensor(veil=0.0, blur=0.35).expose(picture, scale, rng)
        write_16bit(folder / f"led_{k + 1:02d}.png", np.where(band[..., None], signal, 0.0))
    truth.write(folder / "truth")


def photographs_of_balls(folder: Path, camera: Camera, lights: list[dict[str, Any]], samples: int) -> None:
    """Two chrome balls under each LED, which is a glowing globule here, in 8-bit sRGB."""
    balls = [(camera.place(pixel, depth), BALL_RADIUS) for pixel, depth in BALLS]
    still = {"table": table(DEPTH + 30.0, (0.03, 0.03, 0.035)), "room": room(0.01)}
    rng = np.random.default_rng(SEED + 1)
    for k, light in enumerate(lights):
        radiance = np.asarray(light["radiant_intensity"]) / (np.pi * LED_RADIUS**2)
        globule = ball(np.asarray(light["position"]), LED_RADIUS, {"type": "diffuse", "reflectance": rgb(0.0)})
        globule["emitter"] = {"type": "area", "radiance": rgb(radiance)}
        picture = with_chrome(camera, still | {"led": globule}, balls, samples, SEED + k)
        write_8bit(folder / f"led_{k + 1:02d}.png", srgb_levels(Sensor().expose(picture, 1.0, rng)), Shot(number=k + 1))
    write_json(folder / "capture.json", {"response": "srgb", "length_unit": "mm",
                                         "camera": {"model": "pinhole", "focal_px": camera.focal}})  # fmt: skip
    write_json(folder / "truth" / "balls.json", {
        "length_unit": "mm", "frame": "x right, y up, z to the camera", "radius": BALL_RADIUS,
        "centres": [np.round(centre, 4).tolist() for centre, _ in balls], "led_radius": LED_RADIUS})  # fmt: skip


def main(folder: Path, samples: int) -> None:
    """Render all photographs and write the capture and its truth."""
    start()
    mi.register_emitter("cosine_lobe", cosine_emitter())
    camera = Camera(WIDTH, HEIGHT, FOCAL)
    middle = camera.place((128.0, 96.0), DEPTH)
    lights = leds(middle)
    photographs_of_object(folder, camera, lights, middle, samples)
    photographs_of_balls(folder / "balls", camera, lights, samples // 2)
    write_json(folder / "capture.json", {"response": "linear", "bits": 16, "length_unit": "mm",
                                         "object_distance": DEPTH,
                                         "camera": {"model": "pinhole", "focal_px": FOCAL}})  # fmt: skip
    write_json(folder / "truth" / "lights.json", {"frame": "x right, y up, z to the camera", "length_unit": "mm",
                                                  "lights": lights})  # fmt: skip


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else CAPTURES / "near_leds",
         int(sys.argv[2]) if len(sys.argv) > 2 else 96)  # fmt: skip
