"""Suite `near-light`: normals and depth in real units under LEDs close to the object, against exact truth."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sharpvision.bench.ledger import ledger_of
from sharpvision.bench.near_light_rendered import NearScene, render_near
from sharpvision.bench.photometric_scoring import scores, settings_of, timed
from sharpvision.bench.suite import SUITES, Case, Measurement, Options, Row
from sharpvision.core.errors import InputError

SCENES = {"led_rig": NearScene()}
METHODS = ("physics",)


@SUITES.register("near-light")
class NearLight:
    """One rig; `times_better_than_distant` is the error of the same method told directions only over its own."""

    name = "near-light"
    takes = ("methods",)

    def cases(self, options: Options) -> list[Case]:
        """Raises `InputError` for a method without a near model."""
        for method in options.methods:
            if method not in METHODS:
                raise InputError(f"method {method!r}", "physics, the one with a near model", repr(method), "use it")
        return [Case(self.name, name, "physics", settings_of("physics", s.light_count)) for name, s in SCENES.items()]

    def run(self, case: Case, seed: int) -> Measurement:
        """Render, solve, score; then the same images as under distant lights, with the directions from the object's
        middle and the distance left to fit."""
        scene = SCENES[case.case]
        rendered = render_near(replace(scene, seed=scene.seed + 1000 * seed), case.case)
        observations = rendered.observations
        solution, seconds = timed(observations, "physics", seed, True)
        metrics = scores(solution, observations) | depth_errors(solution, rendered.depth)
        distant, _ = timed(replace(observations, point_lights=None), "physics", seed, True)
        metrics["distant_angular_error_deg"] = scores(distant, observations)["mean_angular_error_deg"]
        metrics["times_better_than_distant"] = (
            metrics["distant_angular_error_deg"] / metrics["mean_angular_error_deg"]
        )
        return Measurement(metrics, seconds, ledger_of(solution, observations.mask))

    def derive(self, rows: list[Row]) -> list[Row]:
        """No rows made of others."""
        return []


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
