"""Suite `photometric-scale`: time and memory from a quarter to 24 megapixels, files included."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from sharpvision.bench.large_photographs import LIGHTS, STRIP, picture_size, relief_normals
from sharpvision.bench.ledger import ledger_of
from sharpvision.bench.photometric_scoring import angular_errors_deg, methods_of, settings_of, solve, warm_up
from sharpvision.bench.suite import SUITES, Case, Measurement, Options, Row, derived_row

if TYPE_CHECKING:
    from torch import Tensor

SIZES = (0.25, 1, 4, 12, 24)
SMALL, LARGE = 1, 24


def mean_error_deg(normals: Tensor) -> float:
    """Mean angular error against the relief's true normals, a strip at a time: the score must not cost what is
    measured."""
    import torch

    size = int(normals.shape[0]), int(normals.shape[1])
    total = 0.0
    for top in range(0, size[0], STRIP):
        truth = torch.from_numpy(relief_normals(size, top, min(top + STRIP, size[0])))
        inside = torch.ones(truth.shape[:2], dtype=torch.bool)
        total += float(angular_errors_deg(normals[top : top + STRIP], truth, inside).sum())
    return total / (size[0] * size[1])


@SUITES.register("photometric-scale")
class PhotometricScale:
    """One row a size, and `linearity`: seconds a megapixel at 24 megapixels over those at 1."""

    name = "photometric-scale"
    takes = ("methods", "sizes")

    def cases(self, options: Options) -> list[Case]:
        """The sizes in `options.sizes`, in megapixels, or `SIZES`."""
        return [
            Case(self.name, f"{size:g}_megapixels", method, settings_of(method, LIGHTS) | {"megapixels": size})
            for size in options.sizes or SIZES
            for method in methods_of(options, ("robust",))
        ]

    def run(self, case: Case, seed: int) -> Measurement:
        """Write the photographs in another process; then time reading and solving them."""
        from sharpvision.data import read_photometric

        megapixels = case.settings["megapixels"]
        with tempfile.TemporaryDirectory(prefix="sharpvision-scale-") as folder:
            writer = [sys.executable, "-m", "sharpvision.bench.large_photographs", folder, str(megapixels), str(seed)]
            subprocess.run(writer, check=True)
            warm_up(case.method, case.settings["residual"])
            start = time.perf_counter()
            observations = read_photometric(Path(folder))
            solution = solve(observations, case.method, seed, case.settings["residual"])
            seconds = time.perf_counter() - start
        height, width = picture_size(megapixels)
        metrics = {
            "mean_angular_error_deg": mean_error_deg(solution.values["normals"]),
            "seconds_per_megapixel": seconds * 1e6 / (height * width),
        }
        return Measurement(metrics, seconds, ledger_of(solution, observations.mask))

    def derive(self, rows: list[Row]) -> list[Row]:
        """Row `linearity` for each method that has both sizes."""
        found = []
        for method in dict.fromkeys(row["method"] for row in rows):
            own = {row["settings"]["megapixels"]: row for row in rows if row["method"] == method}
            if SMALL in own and LARGE in own:
                pair = [own[LARGE], own[SMALL]]
                large, small = (row["metrics"]["seconds_per_megapixel"] for row in pair)
                settings = settings_of(method, LIGHTS) | {"megapixels": [SMALL, LARGE]}
                case = Case(self.name, "linearity", method, settings)
                found.append(derived_row(case, {"seconds_ratio": large / small}, pair))
        return found
