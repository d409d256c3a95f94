"""`scenes/captures/ball`: a figurine and a chrome ball in one frame under 12 lamps, 8-bit sRGB PNG with EXIF.

`python -m scenes.capture_ball [FOLDER] [SAMPLES]`
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from scenes.capture_props import Lamp, room, table, with_chrome
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
from scenes.figurine import figurine
from scenes.render_photometric import mesh_of

WIDTH, HEIGHT, FOCAL_35MM = 256, 192, 35
DEPTH, TALL = 520.0, 235.0  # of the object's middle and its height, millimetres
BALL_RADIUS = 52.0
LAMP_DISTANCE = 20000.0  # the ball and the object see a lamp in directions less than half a degree apart
RINGS = ((22.0, 4), (42.0, 8))
SEED = 12


def outline_of_ball(camera: Camera, centre: Array, radius: float) -> dict[str, object]:
    """The ellipse that a sphere's outline is: the cone (c.p)^2 = (|c|^2 - r^2) |p|^2 cut by the image.

    `centre` is the ellipse's middle, which is not where the sphere's centre projects; axes are half lengths; the angle
    is that of the longer axis against x, y down, and for a camera at the origin it points to the principal point.
    """
    flat = np.hypot(centre[0], centre[1])
    tilt, half = np.arctan2(flat, -centre[2]), np.arcsin(radius / np.linalg.norm(centre))
    near, far = np.tan(tilt - half), np.tan(tilt + half)
    outward = np.array([centre[0], -centre[1]]) / flat
    longer = 0.5 * camera.focal * (far - near)
    middle = 0.5 * np.array([camera.width, camera.height]) + 0.5 * camera.focal * (near + far) * outward
    shorter = camera.focal * np.sin(half) / np.sqrt(np.cos(half) ** 2 - np.sin(tilt) ** 2)
    return {"centre": middle.tolist(), "semi_axes": [float(longer), float(shorter)],
            "angle_deg": float(np.degrees(np.arctan2(outward[1], outward[0])))}  # fmt: skip


def lamps(target: Array) -> tuple[Array, Array, list[Lamp]]:
    """Directions (12, 3), irradiances (12, 3) and the lamps."""
    directions = distant_directions(RINGS)
    strength = np.random.default_rng(SEED).uniform(0.8, 1.2, (len(directions), 1)) * np.array([1.0, 0.95, 0.86])
    found = [Lamp(target + LAMP_DISTANCE * d, target, e, 2.0) for d, e in zip(directions, strength, strict=True)]
    return directions, strength, found


def main(folder: Path, samples: int) -> None:
    """Render all photographs and write the capture and its truth."""
    start()
    camera = Camera(WIDTH, HEIGHT, focal_px(FOCAL_35MM, WIDTH, HEIGHT))
    middle = camera.place((98.0, 96.0), DEPTH)
    model = placed(figurine(), TALL, middle, rotation((0.0, 1.0, 0.0), 14.0))
    board = float(-np.asarray(model.mesh.vertices)[:, 2].min()) - 12.0
    ball = camera.place((214.0, 118.0), board - BALL_RADIUS)
    still = {"object": mesh_of(model), "table": table(board, (0.035, 0.036, 0.042)), "room": room(0.006)}
    directions, strength, sources = lamps(middle)
    pictures = [with_chrome(camera, still | {"lamp": lamp.emitter()}, [(ball, BALL_RADIUS)], samples, SEED + k)
                for k, lamp in enumerate(sources)]  # fmt: skip
    truth = truth_of(camera, model)
    scale = 0.9 / np.percentile(np.stack(pictures)[:, truth.mask], 99.7)
    rng = np.random.default_rng(SEED)
    for k, picture in enumerate(pictures):
        levels = srgb_levels(Sensor().expose(picture, scale, rng))
        write_8bit(folder / f"IMG_{k + 1:04d}.png", levels, Shot(focal_35mm=FOCAL_35MM, number=k + 1))
    write_json(folder / "capture.json", {"response": "srgb", "length_unit": "mm"})
    truth.write(folder / "truth")
    np.savetxt(folder / "truth" / "light_directions.txt", directions, fmt="%.8f")
    np.savetxt(folder / "truth" / "light_intensities.txt", strength / strength.mean(), fmt="%.6f")
    write_json(folder / "truth" / "ball.json", {
        "length_unit": "mm", "centre": ball.tolist(), "radius": BALL_RADIUS, "object_centre": middle.tolist(),
        "frame": "x right, y up, z to the camera", "focal_px": camera.focal, "lamp_radius_deg": 2.0,
        "outline_px": outline_of_ball(camera, ball, BALL_RADIUS)})  # fmt: skip


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else CAPTURES / "ball", int(sys.argv[2]) if len(sys.argv) > 2 else 256)
