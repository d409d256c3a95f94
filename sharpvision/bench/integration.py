"""Suite `integration`: depth from the exact normals of surfaces in closed form, 500 x 500 pixels."""

from __future__ import annotations

import time
from typing import Any

from sharpvision.bench.suite import SUITES, Case, Measurement, Options, Row
from sharpvision.core.errors import InputError

SIZE = 500
# Surface and method. `plateau` is ill-posed and `steps` by least squares is the wrong method: losses that are shown.
CASES = (
    ("smooth", "least_squares"), ("hemisphere", "least_squares"), ("perspective_sphere", "least_squares"),
    ("steps", "least_squares"), ("smooth", "bilateral"), ("hemisphere", "bilateral"),
    ("perspective_sphere", "bilateral"), ("steps", "bilateral"), ("leaves", "bilateral"), ("plateau", "bilateral"),
)  # fmt: skip


@SUITES.register("integration")
class Integration:
    """Every surface with the methods that it is made for, at one size; noise-free normals."""

    takes = ("methods",)

    def cases(self, options: Options) -> list[Case]:
        """Raises `InputError` where a method is not one of integration's."""
        known = {method for _, method in CASES}
        for method in options.methods:
            if method not in known:
                raise InputError(f"method {method!r}", f"one of {', '.join(sorted(known))}", repr(method), "use these")
        settings = {"size": SIZE}
        return [
            Case("integration", f"{surface}_{SIZE}", method, settings, {"surface": surface})
            for surface, method in CASES
            if not options.methods or method in options.methods
        ]

    def run(self, case: Case, seed: int) -> Measurement:
        """Integrate; `seconds` from normals in memory to depth in memory, set-up included. Without randomness: the seed
        changes nothing."""
        from sharpvision.bench.integration_surfaces import SURFACES
        from sharpvision.reconstruct.integration import IntegrationSettings, integrate_normals

        make = SURFACES[case.source["surface"]]
        for size in (32, 160):  # libraries loaded: both linear solvers
            warm = make(size)
            integrate_normals(warm.normals, warm.mask, IntegrationSettings(case.method, warm.focal_px))
        surface = make(case.settings["size"])
        started = time.perf_counter()
        solution = integrate_normals(surface.normals, surface.mask, IntegrationSettings(case.method, surface.focal_px))
        seconds = time.perf_counter() - started
        metrics = depth_errors(solution, surface)
        metrics["converged"] = float(solution.status == "converged")
        metrics["steps"] = float(solution.figures["steps"])
        return Measurement(metrics, seconds)

    def derive(self, rows: list[Row]) -> list[Row]:
        """None."""
        return []


def depth_errors(solution: Any, surface: Any) -> dict[str, float]:
    """Errors of the depth in percent of the true depth's range, the free constant (perspective: scale) of each
    component removed by the median.

    `depth_error_percent` is the mean absolute error, `rms_depth_error_percent` the root mean square, and
    `misplaced_percent` the share of pixels that are off by more than 5 % of the range, such as a row of pixels on the
    wrong side of a step.
    """
    import numpy as np

    components = solution.values["components"].numpy()
    found, truth = solution.values["depth"].double().numpy(), surface.depth.double().numpy()
    error = np.full(truth.shape, np.nan)
    for label in range(int(components.max()) + 1):
        part = components == label
        if surface.focal_px is None:
            error[part] = found[part] - truth[part] - np.median(found[part] - truth[part])
        else:
            error[part] = found[part] * np.median(truth[part] / found[part]) - truth[part]
    inside = components >= 0
    spread = float(np.ptp(truth[inside]))
    share = np.abs(error[inside]) / spread
    return {
        "depth_error_percent": 100 * float(share.mean()),
        "rms_depth_error_percent": 100 * float(np.sqrt((share**2).mean())),
        "misplaced_percent": 100 * float((share > 0.05).mean()),
    }
