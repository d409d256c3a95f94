"""Suite `photometric-uncertainty`: does the stated 68 % interval of a normal hold 68 % of the errors?"""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from sharpvision.bench.ledger import ledger_of
from sharpvision.bench.photometric_rendered import scene_under, scenes_of
from sharpvision.bench.photometric_scoring import angular_errors_deg, methods_of, scores, settings_of, timed
from sharpvision.bench.rendered import RenderedScene, render
from sharpvision.bench.suite import SUITES, Case, Measurement, Options, Row

if TYPE_CHECKING:
    from torch import Tensor

    from sharpvision.data.observations import PhotometricObservations

SCENES = {
    "glossy_relief": RenderedScene("glossy", "bumpy", 0.04, seed=11),
    "rough_sphere": RenderedScene("rough", "sphere", 0.05, seed=12),
    "matte_relief": RenderedScene("matte", "bumpy", 0.0, noise=0.02, seed=13),
    "mixed_sphere": RenderedScene("mixed", "sphere", 0.03, seed=14),
}
PATH_TRACED = "path_traced"


def path_traced_folder() -> Path:
    """The example capture that a path tracer made (`scenes/render_photometric.py`)."""
    return Path(str(resources.files("scenes"))) / "photometric" / "figurine"


def coverage_percent(errors_deg: Tensor, stated_deg: Tensor) -> float:
    """Share of errors, in percent, that are at most the stated angle; an angle that is not a number holds nothing.

    >>> import torch
    >>> coverage_percent(torch.tensor([1.0, 2, 3, 4]), torch.tensor([2.0, 2, 2, float("nan")]))
    50.0
    """
    return 100.0 * float((errors_deg <= stated_deg).double().mean())


@SUITES.register("photometric-uncertainty")
class PhotometricUncertainty:
    """Scenes other than those of `photometric-rendered`, and the path-traced example."""

    name = "photometric-uncertainty"
    takes = ("objects", "methods")

    def cases(self, options: Options) -> list[Case]:
        """Raises `InputError` for an unknown scene or method."""
        counts = {name: scene.light_count for name, scene in SCENES.items()}
        counts[PATH_TRACED] = len((path_traced_folder() / "light_directions.txt").read_text().split()) // 3
        return [
            Case(self.name, name, method, settings_of(method, counts[name]))
            for name in scenes_of(options, list(counts))
            for method in methods_of(options, ("robust", "physics"))
        ]

    def run(self, case: Case, seed: int) -> Measurement:
        """Solve, and hold the stated angles against the errors."""
        observations = self.observations(case.case, seed)
        assert observations.ground_truth is not None
        solution, seconds = timed(observations, case.method, seed, case.settings["residual"])
        truth, mask = observations.ground_truth, observations.mask
        stated = solution.std["normals"][mask & (truth.norm(dim=-1) > 0)].double()
        errors = angular_errors_deg(solution.values["normals"], truth, mask)
        metrics = scores(solution, observations) | {
            "coverage_68_percent": coverage_percent(errors, stated),
            "median_stated_deg": float(stated.nanmedian()),
        }
        return Measurement(metrics, seconds, ledger_of(solution, mask))

    def observations(self, name: str, seed: int) -> PhotometricObservations:
        """The photographs of a scene."""
        if name != PATH_TRACED:
            return render(scene_under(SCENES[name], seed), name)
        from sharpvision.data import read_photometric

        return read_photometric(path_traced_folder())

    def derive(self, rows: list[Row]) -> list[Row]:
        """No rows made of others."""
        return []
