"""`scenes/captures/multiplexed`: one photograph under three coloured lights, of a gourd of one colour (`constant`) and
of a figurine painted in three (`piecewise`).

`python -m scenes.capture_multiplexed [FOLDER] [SAMPLES]`. The photograph is I_c = sum_l M_cl R_lc with R_l the picture
under the light l alone if it were white: M (3, 3), rows channels and columns lights, is what the coloured lamps and the
camera's filters make of it.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from scenes.capture_objects import PALE, gourd, painted
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
from scenes.capture_sensor import Sensor, near_object, write_16bit
from scenes.figurine import CLAY, CREAM, GLAZE, Figurine, figurine
from scenes.render_photometric import mesh_of

SIDE, FOCAL, DEPTH, TALL = 200, 900.0, 1200.0, 180.0
MATRIX = np.array([[0.92, 0.09, 0.02], [0.11, 0.80, 0.14], [0.03, 0.12, 0.86]])
TILT = 33.0
SEED = 33


def capture(folder: Path, model: Figurine, paints: list[tuple[float, ...]], samples: int) -> None:
    """The photograph of one object and its truth."""
    camera, directions = Camera(SIDE, SIDE, FOCAL), distant_directions(((TILT, 3),))
    truth = truth_of(camera, model)
    alone = [photograph(camera, {"object": mesh_of(model), "light": sun(d)}, samples, SEED + k)
             for k, d in enumerate(directions)]  # fmt: skip
    mixed = np.einsum("cl,lhwc->hwc", MATRIX, np.stack(alone))
    scale = 0.88 / np.percentile(mixed[truth.mask], 99.9)
    signal = Sensor(blur=0.35, veil=0.0).expose(mixed, scale, np.random.default_rng(SEED))
    write_16bit(folder / "photo.png", np.where(near_object(truth.mask)[..., None], signal, 0.0))
    write_json(folder / "capture.json", {"response": "linear", "bits": 16, "length_unit": "mm",
                                         "camera": {"model": "pinhole", "focal_px": FOCAL}})  # fmt: skip
    truth.write(folder / "truth")
    np.savetxt(folder / "truth" / "light_directions.txt", directions, fmt="%.8f")
    np.savetxt(folder / "truth" / "light_matrix.txt", MATRIX, fmt="%.6f",
               header="rows: red, green, blue of the camera; columns: the lights of light_directions.txt")  # fmt: skip
    np.savetxt(folder / "truth" / "paints.txt", paints, fmt="%.4f", header="linear RGB albedo of each paint")


def main(folder: Path, samples: int) -> None:
    """Both objects."""
    start()
    middle = np.array([0.0, 0.0, -DEPTH])
    one = gourd(colours=False)
    capture(folder / "constant", placed(one, 0.75 * TALL, middle, rotation((1.0, 0.4, 0.0), 70.0)), [PALE],
            samples)  # fmt: skip
    three = painted(figurine())
    capture(folder / "piecewise", placed(three, TALL, middle, rotation((0.0, 1.0, 0.0), -8.0)),
            [CLAY, CREAM, GLAZE], samples)  # fmt: skip


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else CAPTURES / "multiplexed",
         int(sys.argv[2]) if len(sys.argv) > 2 else 96)  # fmt: skip
