"""Part of suite `render`: how long it takes until there is something: first render, import, help."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time

from sharpvision.bench.suite import Case, Measurement, Options

RENDER = (
    "from sharpvision.rendering import example_scene, render; scene, view = example_scene((256, 256)); "
    "render(scene, view).image.sum().backward()"
)
ROUNDS = 5


def cases(options: Options) -> list[Case]:
    """One."""
    return [Case("render", "start", "warp", {"size": 256, "rounds": ROUNDS})]


def run(case: Case, seed: int) -> Measurement:
    """Medians over fresh processes, process start included; `cold_s` with an empty folder of compiled kernels."""
    warm_up = timed(RENDER)
    cold = []
    for _ in range(2):
        with tempfile.TemporaryDirectory(prefix="sharpvision-cold-") as folder:
            cold.append(timed(RENDER, WARP_CACHE_PATH=folder))
    rounds = [
        (timed(RENDER), timed("import torch"), timed("import torch, sharpvision; sharpvision.Shade"), timed_help())
        for _ in range(ROUNDS)
    ]
    warm, torch_alone, touched, help_s = (statistics.median(column) for column in zip(*rounds, strict=True))
    metrics = {
        "cold_s": statistics.median(cold), "warm_s": warm, "import_over_torch_s": touched - torch_alone,
        "help_s": help_s, "first_s": warm_up,
    }  # fmt: skip
    return Measurement(metrics, warm)


def timed(code: str, **environment: str) -> float:
    """Seconds of a fresh interpreter that runs `code`."""
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, **environment}, capture_output=True)
    return time.perf_counter() - started


def timed_help() -> float:
    """Seconds of `sharpvision --help`."""
    started = time.perf_counter()
    code = "import sys; sys.argv = ['sharpvision', '--help']; from sharpvision.cli.main import main; main()"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    return time.perf_counter() - started
