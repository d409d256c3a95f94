"""Suite `near-light`: normals and depth in real units under LEDs close to the object, against exact truth."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sharpvision.bench.ledger import ledger_of
from sharpvision.bench.photometric_scoring import scores, settings_of, solve, timed
from sharpvision.bench.suite import SUITES, Case, Measurement, Options, Row
from sharpvision.core.errors import InputError

if TYPE_CHECKING:
    from sharpvision.bench.near_light_rendered import NearPhotographs

CAPTURE = Path(__file__).parents[2] / "scenes" / "captures" / "near_leds"
LIGHTS = {"led_rig": 9, "led_rig_analytic": 12}
"""The path-traced capture in `scenes/`, with self-shadows and interreflection; and a rig in closed form."""


@SUITES.register("near-light")
class NearLight:
    """Two rigs; `times_better_than_distant` is the error of the same method told directions only over its own."""

    name = "near-light"
    takes = ("methods",)

    def cases(self, options: Options) -> list[Case]:
        """Raises `InputError` for a method without a near model, and where the capture is not there."""
        for method in options.methods:
            if method != "physics":
                raise InputError(f"method {method!r}", "physics, the one with a near model", repr(method), "use it")
        if not CAPTURE.is_dir():
            raise InputError(CAPTURE, "the rendered capture", "no such folder", "run from a checkout of the project")
        return [Case(self.name, name, "physics", settings_of("physics", count)) for name, count in LIGHTS.items()]

    def run(self, case: Case, seed: int) -> Measurement:
        """Solve, score; then the same images as under distant lights, with the directions from the object's middle and
        the distance left to fit."""
        photographs = captured() if case.case == "led_rig" else rendered(seed)
        observations = photographs.observations
        warm_up()
        solution, seconds = timed(observations, "physics", seed, True)
        metrics = scores(solution, observations) | depth_errors(solution, photographs.depth)
        distant = solve(replace(observations, point_lights=None), "physics", seed, True)
        metrics["distant_angular_error_deg"] = scores(distant, observations)["mean_angular_error_deg"]
        metrics["times_better_than_distant"] = metrics["distant_angular_error_deg"] / metrics["mean_angular_error_deg"]
        return Measurement(metrics, seconds, ledger_of(solution, observations.mask))

    def derive(self, rows: list[Row]) -> list[Row]:
        """No rows made of others."""
        return []


def warm_up() -> None:
    """Compile and load what only the near model uses, on a small rig."""
    from sharpvision.bench.near_light_rendered import NearScene, render_near

    solve(render_near(NearScene(side=32, focal_px=66.0, light_count=6), samples=1).observations, "physics", 0, False)


def rendered(seed: int) -> NearPhotographs:
    """The rig in closed form as a seed makes it."""
    from sharpvision.bench.near_light_rendered import NearScene, render_near

    return render_near(NearScene(light_count=LIGHTS["led_rig_analytic"], seed=1000 * seed), "led_rig_analytic")


def captured() -> NearPhotographs:
    """The path-traced capture with its true lamps and mask, read as a user's folder is, and its true depth."""
    import numpy as np
    import torch

    from sharpvision.bench.near_light_rendered import NearPhotographs
    from sharpvision.core.frames import opencv_from_opengl
    from sharpvision.data.observations import MemorySource
    from sharpvision.data.photometric import read_photometric

    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "led_rig"
        folder.mkdir()
        truth = CAPTURE / "truth"
        for path in (*CAPTURE.glob("led_*.png"), CAPTURE / "capture.json", truth / "lights.json", truth / "mask.png"):
            shutil.copy(path, folder)
        observations = read_photometric(folder)
        tile = observations.load()
    normals = opencv_from_opengl(np.load(truth / "normal_gt.npz")["normal"])
    depth = np.where(tile.mask.numpy(), np.load(truth / "depth_gt.npz")["depth"].astype(np.float64), np.nan)
    observations = replace(
        observations, source=MemorySource(tile.images, tile.validity),
        ground_truth=torch.from_numpy(np.ascontiguousarray(normals, np.float32)),
    )  # fmt: skip
    return NearPhotographs(observations, depth)


def depth_errors(solution: Any, truth: Any) -> dict[str, float]:
    """Mean absolute error of the depth as it is, nothing aligned, in percent of the true depth's range; and the error
    in percent that one factor would undo."""
    import numpy as np

    found = solution.values["depth"].double().numpy()
    inside = np.isfinite(truth)
    spread = float(np.ptp(truth[inside]))
    return {
        "depth_error_percent": 100.0 * float(np.abs(found - truth)[inside].mean()) / spread,
        "depth_scale_error_percent": 100.0 * abs(float(np.median((found / truth)[inside])) - 1.0),
    }
