"""Case `led_position` of suite `calibration`: eight LEDs round the camera, placed by two mirror balls in the frame."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from sharpvision.bench.calibration import CALIBRATION_CASES, CalibrationCase
from sharpvision.bench.suite import Measurement

if TYPE_CHECKING:
    from sharpvision.bench.ball_scene import BallScene


def led_scene() -> BallScene:
    """Balls of 30 mm radius on a table at 600 mm, LEDs on two rings at 150 and 260 mm from the camera's axis."""
    import numpy as np

    from sharpvision.bench.ball_scene import BallScene

    turn = np.radians(20 + 45 * np.arange(8))
    ring, depth = np.where(np.arange(8) % 2, 260.0, 150.0), np.where(np.arange(8) % 2, 90.0, 20.0)
    return BallScene(
        focal_px=1500.0,
        width=1200,
        height=840,
        centres=np.array([[-135.0, -40.0, 569.0], [125.0, 55.0, 569.0]]),
        radii=np.array([30.0, 30.0]),
        lamps=np.stack([ring * np.cos(turn), ring * np.sin(turn), depth], axis=1),
    )


def measure(folder: Path | None, seed: int) -> Measurement:
    """Mean error of the LEDs' places in percent of their distance from the middle between the balls: found, measured
    and triangulated from the images and the balls' radius alone. The seed is that of the sensor's noise."""
    import numpy as np

    from sharpvision.bench.ball_scene import render
    from sharpvision.reconstruct.calibration.ball_detection import detect_balls
    from sharpvision.reconstruct.calibration.light_positions import lights_from_balls
    from sharpvision.reconstruct.calibration.sphere_outline import Lens

    scene = led_scene()
    images = render(scene, samples=3, noise=0.004, seed=seed)
    lens = Lens(scene.focal_px, scene.principal_point)
    started = time.perf_counter()
    balls = detect_balls(images, count=2, lens=lens)
    lights = lights_from_balls(balls, [30.0, 30.0])
    seconds = time.perf_counter() - started
    error = np.linalg.norm(lights.positions - scene.lamps, axis=1)
    distance = np.linalg.norm(scene.lamps - scene.centres.mean(0), axis=1)
    percent = np.where(lights.found, 100 * error / distance, 100.0)
    return Measurement(
        {
            "position_error_percent": float(percent.mean()),
            "highest_position_error_percent": float(percent.max()),
            "found_percent": 100 * float(lights.found.mean()),
            "mean_std_percent": float(np.nanmean(100 * lights.std / distance)),
        },
        seconds,
    )


CALIBRATION_CASES.register("led_position")(CalibrationCase("two_balls", measure))
