"""`scenes/captures/matte`: the painted figurine with Oren and Nayar's reflection, no highlight anywhere, under 20
lights that nobody wrote down.

`python -m scenes.capture_matte [FOLDER] [SAMPLES]`
"""

from __future__ import annotations

import sys
from pathlib import Path

import mitsuba as mi
import numpy as np

from scenes.capture_objects import painted
from scenes.capture_props import sun
from scenes.capture_rig import (
    CAPTURES,
    Camera,
    distant_directions,
    photograph,
    placed,
    rotation,
    start,
    truth_of,
    write_json,
)
from scenes.capture_rough import rough_diffuse
from scenes.capture_sensor import Sensor, near_object, write_16bit
from scenes.figurine import figurine
from scenes.render_photometric import mesh_of

SIDE, FOCAL, DEPTH, TALL = 176, 900.0, 1200.0, 205.0
RINGS = ((15.0, 4), (35.0, 7), (54.0, 9))
VARIANCE = 0.25  # of the facets' slope angles: about 29 degrees
SEED = 66


def main(folder: Path, samples: int) -> None:
    """Render all photographs and write the capture and its truth."""
    start()
    mi.register_bsdf("rough_diffuse", rough_diffuse())
    camera = Camera(SIDE, SIDE, FOCAL)
    model = placed(painted(figurine()), TALL, np.array([0.0, 0.0, -DEPTH]), rotation((0.0, 1.0, 0.0), 18.0))
    colour = {"type": "mesh_attribute", "name": "vertex_color"}
    still = {"object": mesh_of(model, {"type": "rough_diffuse", "variance": VARIANCE, "reflectance": colour})}
    directions = distant_directions(RINGS)
    strength = np.random.default_rng(SEED).uniform(0.75, 1.25, (len(directions), 1)) * np.array([1.0, 0.96, 0.9])
    pictures = np.stack([photograph(camera, still | {"light": sun(d, e)}, samples, SEED + k)
                         for k, (d, e) in enumerate(zip(directions, strength, strict=True))])  # fmt: skip
    truth = truth_of(camera, model)
    band, rng = near_object(truth.mask), np.random.default_rng(SEED)
    scale = 0.88 / np.percentile(pictures[:, truth.mask], 99.9)
    for k, picture in enumerate(pictures):
        signal = Sensor(blur=0.35, veil=0.0).expose(picture, scale, rng)
        write_16bit(folder / f"{k + 1:03d}.png", np.where(band[..., None], signal, 0.0))
    write_json(folder / "capture.json", {"response": "linear", "bits": 16, "length_unit": "mm",
                                         "camera": {"model": "pinhole", "focal_px": FOCAL}})  # fmt: skip
    mi.Bitmap(truth.mask.astype(np.uint8) * 255).write(str(folder / "mask.png"))
    truth.write(folder / "truth")
    np.savetxt(folder / "truth" / "light_directions.txt", directions, fmt="%.8f")
    np.savetxt(folder / "truth" / "light_intensities.txt", strength, fmt="%.6f")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else CAPTURES / "matte",
         int(sys.argv[2]) if len(sys.argv) > 2 else 48)  # fmt: skip
