"""Suite `photometric`: photographs of real objects, in a folder that holds one folder an object."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from sharpvision.bench.ledger import ledger_of
from sharpvision.bench.photometric_scoring import methods_of, scores, settings_of, timed
from sharpvision.bench.suite import SUITES, Case, Measurement, Options, Row, derived_row
from sharpvision.core.errors import InputError

LIGHT_COUNTS = (20, 10)
ABLATION = "residual_ablation"


def find_objects(data: Path | None) -> dict[str, tuple[Path, int]]:
    """Objects by name, with their folder and number of photographs: the folders of photographs in `data` (or else in
    $SHARPVISION_DATA/diligent), or `data` itself where it is one.

    Both layouts: `ball/` and, of the official set, `pmsData/ballPNG/`. Raises `InputError` where there is none, and
    where a folder of photographs has no lights.
    """
    from sharpvision.data.datasets import data_folder, source_of
    from sharpvision.data.layout import find_layout, is_photograph

    folder = data_folder("diligent") if data is None else data
    if not folder.is_dir():
        instead = "a file" if folder.exists() else "nothing of that name"
        fix = source_of(folder) or "check the name"
        raise InputError(folder, "a folder that holds a folder for each object", instead, fix)

    def has_photographs(place: Path) -> bool:
        return place.is_dir() and any(is_photograph(path) for path in place.iterdir())

    below = folder / "pmsData" if (folder / "pmsData").is_dir() else folder
    places = [folder] if has_photographs(folder) else sorted(filter(has_photographs, below.iterdir()))
    if not places:
        raise InputError(folder, "folders of photographs", "none", "name the folder that holds the objects' folders")
    found: dict[str, tuple[Path, int]] = {}
    for place in places:
        layout = find_layout(place)
        name = place.name if layout.name in found else layout.name
        found[name] = (place, len(layout.photographs))
    return found


def light_counts(available: int, asked: tuple[int, ...]) -> tuple[list[int], list[int]]:
    """Light counts to run and to skip: those asked for, or else all lights and `LIGHT_COUNTS`.

    >>> light_counts(96, ()), light_counts(12, ()), light_counts(12, (96, 10))
    (([96, 20, 10], []), ([12, 10], []), ([10], [96]))
    """
    wanted = asked or (available, *(count for count in LIGHT_COUNTS if count < available))
    return [count for count in wanted if count <= available], [count for count in wanted if count > available]


@SUITES.register("photometric")
class Photometric:
    """Every object, method and light count; `physics` also without its learned residual at the highest light count.

    Where $SHARPVISION_DATA has it, the gray sphere of `uw_psm` too (`photometric_gray.py`).
    """

    takes = ("data", "objects", "methods", "light_counts")

    def cases(self, options: Options) -> list[Case]:
        """Raises `InputError` where the data or a named object are not there."""
        from sharpvision.bench.photometric_gray import default_gray, is_gray_sphere

        methods, objects = methods_of(options), find_objects(options.data)
        if options.data is None and (sphere := default_gray()) is not None:
            objects["gray"] = sphere
        for name in options.objects:
            if name not in objects:
                raise InputError(f"object {name!r}", f"one of {', '.join(objects)}", repr(name), "use one of these")
        found = []
        for name in options.objects or objects:
            folder, available = objects[name]
            gray = is_gray_sphere(folder)
            counts, skipped = light_counts(available, options.light_counts)
            if gray and not options.light_counts:
                counts = [available]
            if skipped:
                Console(stderr=True).print(f"{name}: {available} lights; left out: {skipped}", markup=False)
            source = {"folder": str(folder.resolve())}
            for count in counts:
                for method in methods:
                    found.append(Case("photometric", name, method, settings_of(method, count), source))
                    if method == "physics" and count == max(counts) and not gray:
                        found.append(Case("photometric", name, method, settings_of(method, count, False), source))
        return found

    def run(self, case: Case, seed: int) -> Measurement:
        """Read the folder, take the lights, solve, score."""
        from sharpvision.bench.photometric_gray import gray_observations, is_gray_sphere
        from sharpvision.data import read_photometric

        folder = Path(case.source["folder"])
        read = gray_observations if is_gray_sphere(folder) else read_photometric
        observations = read(folder).with_lights(case.settings["light_count"])
        solution, seconds = timed(observations, case.method, seed, case.settings["residual"])
        return Measurement(scores(solution, observations), seconds, ledger_of(solution, observations.mask))

    def derive(self, rows: list[Row]) -> list[Row]:
        """Row `residual_ablation`: what the learned residual gains, error without it minus error with it, mean over
        objects."""
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
        sources = [row for pair in pairs for row in pair]
        return [derived_row(Case("photometric", ABLATION, "physics", settings), metrics, sources)]
