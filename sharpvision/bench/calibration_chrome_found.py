"""Case `chrome_found` of suite `calibration`: the chrome sphere of `uw_psm` found without its mask."""

from __future__ import annotations

import time
from pathlib import Path

from sharpvision.bench.calibration import CALIBRATION_CASES, CalibrationCase
from sharpvision.bench.suite import Measurement

# Fit to the mask's contour in the full frame, pixel centres at integers (SOURCES.md of the data sets).
CENTRE_X, CENTRE_Y, RADIUS = 253.28, 147.77, 119.03


def measure(folder: Path | None, seed: int) -> Measurement:
    """Errors of centre, radius and light directions against the fit to the mask; without randomness."""
    import json

    import numpy as np

    from sharpvision.data.images import decode
    from sharpvision.reconstruct.calibration.ball_detection import detect_ball
    from sharpvision.reconstruct.calibration.mirror_ball import lights_from_ball

    assert folder is not None
    place = folder / "chrome"
    pixels = [decode(path).pixels for path in sorted(place.glob("[0-9][0-9].png"))]
    images = np.stack(pixels).astype(np.float32) / np.float32(255)
    crop = json.loads((place / "crop.json").read_text())
    truth = np.loadtxt(folder / "light_directions.txt") * [1, -1, -1]
    detect_ball(images)
    started = time.perf_counter()
    ball = detect_ball(images)
    lights = lights_from_ball(images, ball)
    seconds = time.perf_counter() - started
    centre = np.array([CENTRE_X - crop["crop_x0"], CENTRE_Y - crop["crop_y0"]]) + 0.5
    angles = np.degrees(np.arccos(np.clip((lights.directions * truth).sum(1), -1, 1)))
    return Measurement(
        {
            "centre_error_px": float(np.hypot(*(np.array(ball.centre) - centre))),
            "radius_error_px": abs(ball.radius - RADIUS),
            "contour_rms_px": ball.contour_rms_px,
            "light_error_deg": float(angles.mean()),
            "highest_light_error_deg": float(angles.max()),
        },
        seconds,
    )


CALIBRATION_CASES.register("chrome_found")(CalibrationCase("mirror_ball", measure, "uw_psm"))
