"""Small rendered photographs of mirror balls, shared by the tests that look for them."""

from __future__ import annotations

from functools import cache

import numpy as np

from sharpvision.bench.ball_scene import BallScene, render
from sharpvision.reconstruct.calibration.sphere_outline import Lens, SphereOutline

LAMPS = np.array([[150.0, 40, 30], [-60, 140, 60], [-150, -50, 20], [80, -150, 40], [20, 180, 90], [-200, 60, 60]])


def scene_of(centres: list[list[float]], **changes: object) -> BallScene:
    """Balls of radius 30 on a table at 600, seen with 320 x 240 pixels."""
    given: dict[str, object] = {"focal_px": 560.0, "width": 320, "height": 240, "lamps": LAMPS}
    return BallScene(**given | changes, centres=np.array(centres), radii=np.full(len(centres), 30.0))  # type: ignore[arg-type]


def lens_of(scene: BallScene) -> Lens:
    return Lens(scene.focal_px, scene.principal_point)


def true_outline(scene: BallScene, number: int = 0) -> SphereOutline:
    """The outline of one of the scene's balls."""
    centre, radius = scene.centres[number], scene.radii[number]
    far = np.linalg.norm(centre)
    x, y, z = centre / far / np.sqrt(1 - (radius / far) ** 2)
    return SphereOutline((float(x), float(y), float(z)), lens_of(scene))


ONE = scene_of([[70.0, -25.0, 569.0]])
TWO = scene_of([[-90.0, -30.0, 569.0], [85.0, 40.0, 569.0]])


@cache
def photographs(which: str) -> np.ndarray:
    """Of `ONE` or `TWO`, with a sensor's noise; not to be written to."""
    images = render({"one": ONE, "two": TWO}[which], samples=3, noise=0.004)
    images.setflags(write=False)
    return images
