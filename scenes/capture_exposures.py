"""`scenes/captures/exposures`: one scene at five exposure times through a camera with a curve of its own.

`python -m scenes.capture_exposures [FOLDER] [SAMPLES]`. The curve gives the level v in [0, 1] for the exposure x in
[0, 1]: with u = x^0.46, v = u + 0.35 u (1 - u) (u - 0.35), a power with a toe and a shoulder, monotonic, v(1) = 1.
"""

from __future__ import annotations

import sys
from fractions import Fraction
from pathlib import Path

import numpy as np

from scenes.capture_handheld import FOCAL_35MM, stage
from scenes.capture_props import room, sun
from scenes.capture_rig import CAPTURES, Array, photograph, start, write_json
from scenes.capture_sensor import Sensor, Shot, write_8bit

TIMES = (Fraction(1, 240), Fraction(1, 120), Fraction(1, 60), Fraction(1, 30), Fraction(1, 15))
SEED = 77


def curve(exposure: Array) -> Array:
    """The camera's level in [0, 1] for an exposure in [0, 1]."""
    power = np.clip(exposure, 0.0, 1.0) ** 0.46
    return power + 0.35 * power * (1.0 - power) * (power - 0.35)


def main(folder: Path, samples: int) -> None:
    """Render the scene once and expose it five times."""
    start()
    camera, _, still = stage()
    picture = photograph(camera, still | {"light": sun((0.35, 0.4, 0.85))}, samples, SEED)
    picture += photograph(camera, still | {"room": room(0.006)}, samples, SEED)
    scale = 0.95 / np.percentile(picture, 99.5)  # for the middle time
    rng = np.random.default_rng(SEED)
    for k, time in enumerate(TIMES):
        signal = Sensor().expose(picture, scale * float(time / TIMES[2]), rng)
        levels = np.round(curve(signal) * 255.0).astype(np.uint8)
        write_8bit(folder / f"IMG_{k + 1:04d}.png", levels, Shot(time, 5.6, 100, FOCAL_35MM, k + 1))
    write_json(folder / "capture.json", {"response": "unknown"})
    exposure = np.geomspace(1e-4, 1.0, 400)
    (folder / "truth").mkdir(parents=True, exist_ok=True)
    np.savetxt(folder / "truth" / "response.txt", np.stack([exposure, curve(exposure)], axis=1), fmt="%.7f",
               header="exposure, 1 where the sensor saturates; value, 1 for the level 255")  # fmt: skip
    np.savetxt(folder / "truth" / "exposure_times.txt", [float(t) for t in TIMES], fmt="%.9f", header="seconds")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else CAPTURES / "exposures",
         int(sys.argv[2]) if len(sys.argv) > 2 else 128)  # fmt: skip
