"""`scenes/captures/handheld`: a figurine on a printed cloth under 12 known lights, from a hand that shakes by up to
three pixels; JPEG.

`python -m scenes.capture_handheld [FOLDER] [SAMPLES]`
"""

from __future__ import annotations

import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from scenes.capture_props import cloth, room, sun, table
from scenes.capture_rig import (
    CAPTURES,
    Array,
    Camera,
    distant_directions,
    photograph,
    placed,
    rotation,
    start,
    truth_of,
    write_json,
)
from scenes.capture_sensor import Sensor, Shot, focal_px, srgb_levels, write_8bit
from scenes.figurine import Figurine, figurine
from scenes.render_photometric import mesh_of

WIDTH, HEIGHT, FOCAL_35MM = 240, 180, 52
DEPTH, TALL = 520.0, 200.0  # of the object's middle and its height, millimetres
SHAKE = 3.0  # pixels, the most along an axis
RINGS = ((20.0, 4), (42.0, 8))
SEED = 44


def stage() -> tuple[Camera, Figurine, dict[str, Any]]:
    """The camera, the figurine, and the parts that stay: it and the cloth."""
    camera = Camera(WIDTH, HEIGHT, focal_px(FOCAL_35MM, WIDTH, HEIGHT))
    middle = camera.place((116.0, 90.0), DEPTH)
    model = placed(figurine(), TALL, middle, rotation((0.0, 1.0, 0.0), -12.0))
    board = float(-np.asarray(model.mesh.vertices)[:, 2].min()) - 10.0
    still = {"object": mesh_of(model), "table": table(board, cloth(SEED))}
    return camera, model, still


def shakes(count: int) -> Array:
    """Shifts (N, 2) of the pictures in pixels, x right and y down; the first is zero."""
    found = (SHAKE - 2.0 * SHAKE * np.random.default_rng(SEED).random((count, 2))).round(3)
    found[0] = 0.0
    return found


def main(folder: Path, samples: int) -> None:
    """Render all photographs and write the capture and its truth."""
    start()
    camera, model, still = stage()
    directions = distant_directions(RINGS)
    shifts = shakes(len(directions))
    pictures = []
    for k, (direction, (x, y)) in enumerate(zip(directions, shifts, strict=True)):
        moved = replace(camera, shift=(float(x), float(y)))
        lit = photograph(moved, still | {"light": sun(direction, (1.0, 0.95, 0.88))}, samples, SEED + k)
        pictures.append(lit + photograph(moved, still | {"room": room(0.006)}, samples // 2, SEED + k))
    truth = truth_of(camera, model)
    scale = 0.9 / np.percentile(np.stack(pictures)[:, truth.mask], 99.7)
    rng, shot = np.random.default_rng(SEED), Shot(Fraction(1, 50), 2.8, 200, FOCAL_35MM)
    for k, picture in enumerate(pictures):
        levels = srgb_levels(Sensor().expose(picture, scale, rng))
        write_8bit(folder / f"IMG_{k + 1:04d}.jpg", levels, replace(shot, number=k + 1))
    np.savetxt(folder / "light_directions.txt", directions, fmt="%.8f")
    write_json(folder / "capture.json", {"response": "srgb", "align": True})
    truth.write(folder / "truth")
    np.savetxt(folder / "truth" / "shifts_px.txt", shifts, fmt="%.4f",
               header="by how much each photograph is moved against the first: x right, y down, pixels")  # fmt: skip


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else CAPTURES / "handheld",
         int(sys.argv[2]) if len(sys.argv) > 2 else 64)  # fmt: skip
