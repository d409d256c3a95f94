"""Suite `fit`: pose, light, texture and shape of objects from photographs, each alone and all at once."""

from __future__ import annotations

import time
from collections.abc import Callable
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from sharpvision.bench.suite import SUITES, Case, Measurement, Options, Row
from sharpvision.core.errors import InputError

TASKS = ("pose", "pose_starts", "light", "texture", "shape", "joint")
START_MESHES = ("spot", "suzanne", "teapot", "armadillo_30k", "assembly")
STARTS = 4  # of each mesh


@SUITES.register("fit")
class Fit:
    """Every task once; `pose_starts`: twenty random starts on five meshes other than the pose's own."""

    takes = ("cases", "data")

    def cases(self, options: Options) -> list[Case]:
        """Raises `InputError` where no task's name matches or the meshes are not there."""
        from sharpvision.data import data_folder

        patterns = options.cases or ("*",)
        tasks = [task for task in TASKS if any(fnmatch(task, pattern) for pattern in patterns)]
        if not tasks:
            raise InputError("case", f"one of {', '.join(TASKS)}", ", ".join(patterns), "use one of these")
        folder = data_folder("meshes") if options.data is None else options.data
        if not (folder / "bunny_5k.obj").is_file():
            raise InputError(folder, "the folder of meshes (bunny_5k.obj, spot.obj, ..)", "none", "give it as --data")
        return [Case("fit", task, "default", {}, {"data": str(folder)}) for task in tasks]

    def run(self, case: Case, seed: int) -> Measurement:
        """`seconds`: from photographs in memory to the solution, kernels compiled."""
        from sharpvision.bench import fit_scoring

        runs: dict[str, Callable[[Path, int], tuple[dict[str, float], float]]] = {
            "pose": fit_scoring.pose, "pose_starts": fit_scoring.pose_starts, "light": fit_scoring.light,
            "texture": fit_scoring.texture, "shape": fit_scoring.shape, "joint": fit_scoring.joint,
        }  # fmt: skip
        metrics, seconds = runs[case.case](Path(case.source["data"]), seed)
        return Measurement(metrics, seconds)

    def derive(self, rows: list[Row]) -> list[Row]:
        """None."""
        return []


def timed(fit: Callable[[], Any]) -> tuple[Any, float]:
    """What `fit` returns, and its seconds."""
    started = time.perf_counter()
    result = fit()
    return result, time.perf_counter() - started
