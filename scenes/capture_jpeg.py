"""`scenes/captures/jpeg`: a camera's JPEGs as they come: exposure times, ISO and aperture vary, and the room is not
dark; but a gray card and a chrome ball are in the picture, and one photograph was taken with the lamp off.

`python -m scenes.capture_jpeg [FOLDER] [SAMPLES]`
"""

from __future__ import annotations

import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from scenes.capture_ball import outline_of_ball
from scenes.capture_props import Lamp, card, room, table, with_chrome
from scenes.capture_rig import (
    CAPTURES,
    Array,
    Camera,
    distant_directions,
    placed,
    rotation,
    start,
    truth_of,
    write_json,
)
from scenes.capture_sensor import Sensor, Shot, focal_px, srgb_levels, write_8bit
from scenes.figurine import Figurine, figurine
from scenes.render_photometric import mesh_of

WIDTH, HEIGHT, FOCAL_35MM = 256, 192, 50
DEPTH, TALL = 700.0, 225.0  # of the object's middle and its height, millimetres
BALL_RADIUS, LAMP_DISTANCE, AMBIENT = 46.0, 20000.0, 0.012
CARD_PX = (10, 146, 32, 32)  # x, y, width and height of the part of the gray card that is surely card
RINGS = ((24.0, 4), (44.0, 8))
TIMES = tuple(Fraction(1, n) for n in (500, 400, 320, 250, 200, 160, 125, 100, 80, 60, 50, 40, 30, 25, 20, 15))
SETTINGS = ((8.0, 100), (8.0, 100), (8.0, 200), (5.6, 100))  # aperture and ISO, by turns
SEED = 55


def stage(camera: Camera) -> tuple[Figurine, Array, dict[str, Any]]:
    """The figurine, the ball's centre, and what stays: it, a gray card, the table."""
    model = placed(figurine(), TALL, camera.place((136.0, 84.0), DEPTH), rotation((0.0, 1.0, 0.0), 5.0))
    board = float(-np.asarray(model.mesh.vertices)[:, 2].min()) - 10.0
    x, y, width, height = CARD_PX
    middle = camera.place((x + 0.5 * width, y + 0.5 * height), board - 2.0)
    grown = 1.25 * (board - 2.0) / camera.focal
    still = {"object": mesh_of(model), "table": table(board, (0.045, 0.05, 0.055)),
             "card": card(middle, width * grown, height * grown)}  # fmt: skip
    return model, camera.place((226.0, 148.0), board - BALL_RADIUS), still


def chosen_shot(brightness: float, number: int) -> Shot:
    """What an automatic exposure picks: the time that brings this brightness (at exposure 1) closest to 0.7."""
    aperture, iso = SETTINGS[number % len(SETTINGS)]
    best = min(TIMES, key=lambda time: abs(np.log(brightness * exposure(Shot(time, aperture, iso)) / 0.7)))
    return Shot(best, aperture, iso, FOCAL_35MM, number)


def exposure(shot: Shot) -> float:
    """Time times sensitivity over the square of the aperture, in units of 1/100 s at ISO 100 and f/8."""
    return float(shot.seconds) * 100.0 * (shot.iso / 100.0) * (8.0 / shot.aperture) ** 2


def main(folder: Path, samples: int) -> None:
    """Render all photographs, one of them with the lamp off, and write the capture and its truth."""
    start()
    camera = Camera(WIDTH, HEIGHT, focal_px(FOCAL_35MM, WIDTH, HEIGHT))
    model, ball, still = stage(camera)
    target, truth = camera.place((136.0, 84.0), DEPTH), truth_of(camera, model)
    directions = distant_directions(RINGS)
    strength = np.random.default_rng(SEED).uniform(0.5, 1.6, (len(directions), 1)) * np.array([1.0, 0.93, 0.82])
    dark = with_chrome(camera, still | {"room": room(AMBIENT)}, [(ball, BALL_RADIUS)], 2 * samples, SEED)
    rng, shots = np.random.default_rng(SEED), []
    for k, (direction, irradiance) in enumerate(zip(directions, strength, strict=True)):
        lamp = Lamp(target + LAMP_DISTANCE * direction, target, irradiance, 2.0)
        lit = with_chrome(camera, still | {"lamp": lamp.emitter()}, [(ball, BALL_RADIUS)], samples, SEED + k) + dark
        shots.append(chosen_shot(float(np.percentile(lit[truth.mask], 99.0)), k + 1))
        levels = srgb_levels(Sensor().expose(lit, exposure(shots[-1]), rng))
        write_8bit(folder / f"IMG_{k + 1:04d}.jpg", levels, shots[-1], quality=92)
    off = Shot(Fraction(1, 15), 8.0, 100, FOCAL_35MM, len(shots) + 1)
    write_8bit(folder / "dark.jpg", srgb_levels(Sensor().expose(dark, exposure(off), rng)), off, quality=92)
    write_json(folder / "capture.json", {"response": "srgb", "ball": "auto", "gray_card": CARD_PX,
                                         "dark_frame": "dark.jpg"})  # fmt: skip
    truth.write(folder / "truth")
    np.savetxt(folder / "truth" / "light_directions.txt", directions, fmt="%.8f")
    np.savetxt(folder / "truth" / "light_intensities.txt", strength, fmt="%.6f")
    np.savetxt(folder / "truth" / "exposures.txt", [exposure(s) for s in shots], fmt="%.6f",
               header="time x ISO / aperture^2, 1 for 1/100 s at ISO 100 and f/8")  # fmt: skip
    write_json(folder / "truth" / "ball.json", {
        "length_unit": "mm", "centre": ball.tolist(), "radius": BALL_RADIUS, "object_centre": target.tolist(),
        "frame": "x right, y up, z to the camera", "focal_px": camera.focal, "lamp_radius_deg": 2.0,
        "outline_px": outline_of_ball(camera, ball, BALL_RADIUS)})  # fmt: skip


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else CAPTURES / "jpeg",
         int(sys.argv[2]) if len(sys.argv) > 2 else 40)  # fmt: skip
