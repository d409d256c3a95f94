"""Suite `photometric-rendered`: materials and rigs that one setting must cope with, rendered with exact truth."""

from __future__ import annotations

from dataclasses import replace

from sharpvision.bench.ledger import ledger_of
from sharpvision.bench.photometric_scoring import methods_of, scores, settings_of, timed
from sharpvision.bench.rendered import RenderedScene, render
from sharpvision.bench.suite import SUITES, Case, Measurement, Options, Row
from sharpvision.core.errors import InputError

NEAR = 0.06

SCENES = {
    "glossy_distant": RenderedScene("glossy", "sphere", 0.0, seed=1),
    "glossy_near": RenderedScene("glossy", "sphere", NEAR, seed=2),
    "rough_distant": RenderedScene("rough", "sphere", 0.0, seed=3),
    "rough_near": RenderedScene("rough", "bumpy", NEAR, seed=4),
    "metal_distant": RenderedScene("metal", "sphere", 0.0, seed=5),
    "mixed_near": RenderedScene("mixed", "bumpy", NEAR, seed=6),
}


def scene_under(scene: RenderedScene, seed: int) -> RenderedScene:
    """The scene as another seed makes it: other noise, paint, light intensities and bumps, the same kind of object."""
    return replace(scene, seed=scene.seed + 1000 * seed)


def scenes_of(options: Options, names: list[str]) -> list[str]:
    """The scenes asked for by `options.objects`, or all; raises `InputError` for one that is not there."""
    for name in options.objects:
        if name not in names:
            raise InputError(f"scene {name!r}", f"one of {', '.join(names)}", repr(name), "use one of these")
    return list(options.objects) or names


@SUITES.register("photometric-rendered")
class PhotometricRendered:
    """Every scene and method; `inverse_distance_error` is |fitted - true| of mask side over light distance."""

    name = "photometric-rendered"
    takes = ("objects", "methods", "light_counts")

    def cases(self, options: Options) -> list[Case]:
        """Raises `InputError` for an unknown scene or method."""
        return [
            Case(self.name, name, method, settings_of(method, count))
            for name in scenes_of(options, list(SCENES))
            for count in options.light_counts or (SCENES[name].light_count,)
            for method in methods_of(options)
        ]

    def run(self, case: Case, seed: int) -> Measurement:
        """Render, solve, score."""
        scene = replace(scene_under(SCENES[case.case], seed), light_count=case.settings["light_count"])
        observations = render(scene, case.case)
        solution, seconds = timed(observations, case.method, seed, case.settings["residual"])
        metrics = scores(solution, observations)
        fitted = metrics.get("inverse_distance_per_side")
        if fitted is not None:
            metrics["inverse_distance_error"] = abs(fitted - scene.inverse_distance)
        return Measurement(metrics, seconds, ledger_of(solution, observations.mask))

    def derive(self, rows: list[Row]) -> list[Row]:
        """No rows made of others."""
        return []
