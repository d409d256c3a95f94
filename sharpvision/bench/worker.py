"""Runs one case in this process and writes what it measured: `python -m sharpvision.bench.worker REQUEST RESULT`.

A process a case: `peak_mib` is then this process's maximum resident set, and no case warms the caches of another.
"""

from __future__ import annotations

import dataclasses
import json
import resource
import sys
from pathlib import Path
from typing import Any

from sharpvision.bench.suite import Case, suite_named


def peak_mib() -> float:
    """Maximum resident set of this process so far, in MiB (Linux counts KiB, macOS bytes)."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """Run the case that a request names; the part of its row that only this process can know."""
    case = Case(**request["case"])
    measured = suite_named(case.suite).run(case, request["seed"])
    threads = sys.modules["torch"].get_num_threads() if "torch" in sys.modules else 1
    return {
        "metrics": measured.metrics,
        "rows": [dataclasses.asdict(row) for row in measured.rows],
        "seconds": measured.seconds,
        "peak_mib": peak_mib(),
        "ledger": dataclasses.asdict(measured.ledger),
        "threads": threads,
    }


if __name__ == "__main__":
    Path(sys.argv[2]).write_text(json.dumps(answer(json.loads(Path(sys.argv[1]).read_text()))))
