"""Suite `photometric`: photographs of real objects, in a folder that holds one folder an object."""

from __future__ import annotations

import os
from pathlib import Path

from rich.console import Console

from sharpvision.bench.ledger import ledger_of
from sharpvision.bench.photometric_scoring import METHODS, scores, settings_of, timed
from sharpvision.bench.suite import SUITES, Case, Measurement, Options, Row, derived_row
from sharpvision.core.errors import InputError

LIGHT_COUNTS = (20, 10)
ABLATION = "residual_ablation"
WHERE_TO_GET_IT = (
    "get DiLiGenT from https://sites.google.com/site/photometricstereodata and unpack it to DIR (one folder an object), "
    "then pass --data DIR, or put it in $SHARPVISION_DATA/diligent"
)


def object_folders(data: Path | None) -> dict[str, Path]:
    """Folders that hold a `light_directions.txt`, by the object's name, in `data` or else in $SHARPVISION_DATA/diligent.

    Both layouts: `ball/` and, of the official set, `pmsData/ballPNG/`. Raises `InputError` where there is none.
    """
    if data is None:
        root = os.environ.get("SHARPVISION_DATA")
        if root is None:
            raise InputError("--data", "a folder of objects", "neither it nor $SHARPVISION_DATA", WHERE_TO_GET_IT)
        data = Path(root) / "diligent"
    if not data.is_dir():
        raise InputError(data, "a folder of objects", "a file" if data.exists() else "nothing there", WHERE_TO_GET_IT)
    if (data / "light_directions.txt").exists():
        return {data.resolve().name: data}
    inside = data / "pmsData" if (data / "pmsData").is_dir() else data
    folders = sorted(path.parent for path in inside.glob("*/light_directions.txt"))
    if not folders:
        raise InputError(data, "folders with a light_directions.txt", "none", WHERE_TO_GET_IT)
    return {folder.name.removesuffix("PNG") or folder.name: folder for folder in folders}


def light_counts(available: int, asked: tuple[int, ...]) -> tuple[list[int], list[int]]:
    """Light counts to run and to skip: those asked for, or else all lights and `LIGHT_COUNTS`.

    >>> light_counts(96, ()), light_counts(12, ()), light_counts(12, (96, 10))
    (([96, 20, 10], []), ([12, 10], []), ([10], [96]))
    """
    wanted = asked or (available, *(count for count in LIGHT_COUNTS if count < available))
    return [count for count in wanted if count <= available], [count for count in wanted if count > available]


@SUITES.register("photometric")
class Photometric:
    """Every object, method and light count; `physics` also without its learned residual at the highest light count."""

    def cases(self, options: Options) -> list[Case]:
        """Raises `InputError` where the data or a named object are not there."""
        folders = object_folders(options.data)
        for name in options.objects:
            if name not in folders:
                raise InputError(f"object {name!r}", f"one of {', '.join(folders)}", repr(name), "use one of these")
        found = []
        for name in options.objects or folders:
            lines = (folders[name] / "light_directions.txt").read_text().splitlines()
            counts, skipped = light_counts(sum(1 for line in lines if line.strip()), options.light_counts)
            if skipped:
                Console(stderr=True).print(f"{name}: has fewer than {skipped} lights, left out", markup=False)
            source = {"folder": str(folders[name].resolve())}
            for count in counts:
                for method in options.methods or METHODS:
                    found.append(Case("photometric", name, method, settings_of(method, count), source))
                    if method == "physics" and count == max(counts):
                        found.append(Case("photometric", name, method, settings_of(method, count, False), source))
        return found

    def run(self, case: Case, seed: int) -> Measurement:
        """Read the folder, take the lights, solve, score."""
        from sharpvision.data import read_photometric

        observations = read_photometric(case.source["folder"]).with_lights(case.settings["light_count"])
        solution, seconds = timed(observations, case.method, seed, case.settings["residual"])
        return Measurement(scores(solution, observations), seconds, ledger_of(solution, observations.mask))

    def derive(self, rows: list[Row]) -> list[Row]:
        """Row `residual_ablation`: what the learned residual gains, error without it minus error with it, mean over objects."""
        error = "mean_angular_error_deg"
        pairs = [
            (full, bare)
            for full in rows
            for bare in rows
            if full["settings"]["residual"] is True
            and bare["settings"] == full["settings"] | {"residual": False}
            and (full["case"], full["method"]) == (bare["case"], bare["method"])
            and error in full["metrics"]
        ]
        if not pairs:
            return []
        gains = [bare["metrics"][error] - full["metrics"][error] for full, bare in pairs]
        counts = {full["settings"]["light_count"] for full, _ in pairs}
        settings = {"light_count": counts.pop() if len(counts) == 1 else None, "residual": "with against without"}
        metrics = {"mean_gain_deg": sum(gains) / len(gains), "lowest_gain_deg": min(gains), "object_count": len(gains)}
        return [derived_row(Case("photometric", ABLATION, "physics", settings), metrics, [r for pair in pairs for r in pair])]
