"""Suite `render`: the renderer's speed, memory and derivatives; gathers the cases of its parts."""

from __future__ import annotations

import importlib
from dataclasses import replace
from fnmatch import fnmatchcase
from types import ModuleType

from sharpvision.bench.suite import SUITES, Case, Measurement, Options, Row
from sharpvision.core.errors import InputError

# Modules with `cases(options) -> list[Case]` and `run(case, seed) -> Measurement`, like a suite's; `derive(rows)` where
# they make rows of rows. `source["rows"]` of a case lists the rows that it will make, where they are not its own name.
PARTS = ("render_speed", "render_memory", "render_start", "render_pytorch3d", "gradient_rows")


@SUITES.register("render")
class Render:
    """Every part's cases, one after the other; `--case` chooses by the names of rows."""

    takes = ("cases", "peers")

    def cases(self, options: Options) -> list[Case]:
        """Raises `InputError` where no row matches one of the patterns."""
        found = []
        for name in PARTS:
            found += [replace(c, source=c.source | {"part": name}) for c in part_named(name).cases(options)]
        if not options.cases:
            return found
        for pattern in options.cases:
            if not any(matches(case, (pattern,)) for case in found):
                known = ", ".join(sorted({case.case.split("/")[0] for case in found}))
                raise InputError("--case", f"a pattern such as {known}, or gradient/torus/*", repr(pattern), "use one")
        return [case for case in found if matches(case, options.cases)]

    def run(self, case: Case, seed: int) -> Measurement:
        """Run by the part that offered the case."""
        measured: Measurement = part_named(case.source["part"]).run(case, seed)
        return measured

    def derive(self, rows: list[Row]) -> list[Row]:
        """Rows that parts make of their rows."""
        return [row for name in PARTS for row in getattr(part_named(name), "derive", lambda _: [])(rows)]


def part_named(name: str) -> ModuleType:
    """The module of a part."""
    return importlib.import_module(f"sharpvision.bench.{name}")


def matches(case: Case, patterns: tuple[str, ...]) -> bool:
    """Whether a row that the case will make has a name that one of the patterns matches.

    >>> matches(Case("render", "gradient/torus", "warp", {}, {"rows": ["gradient/torus/scale"]}), ("gradient/*/scale",))
    True
    """
    names = case.source.get("rows", [case.case])
    return any(fnmatchcase(name, pattern) for name in names for pattern in patterns)
