"""Part of suite `render`: peak memory of a fit step over what `rendering.memory.estimated_bytes` foretells."""

from __future__ import annotations

import time

from sharpvision.bench.render_workload import FitStep, fit_step
from sharpvision.bench.suite import Case, Measurement, Options

SIZE, TRIANGLES = 2048, 327680
COVERED = 0.41


def cases(options: Options) -> list[Case]:
    """One: 2048 x 2048 pixels, 327,680 triangles."""
    settings = {"threads": 2, "size": SIZE, "triangles": TRIANGLES, "mode": "default", "covered": COVERED}
    return [Case("render", "memory", "warp", settings)]


def run(case: Case, seed: int) -> Measurement:
    """The peak after the step, less the peak after a small step (imports, kernels) and the scene itself."""
    from sharpvision.bench.worker import peak_mib
    from sharpvision.rendering.memory import Workload, estimated_bytes

    fit_step(20480, 64)()
    step = fit_step(TRIANGLES, SIZE)
    loss_mib = caller_mib(step)
    before = peak_mib()
    started = time.perf_counter()
    step()
    seconds = time.perf_counter() - started
    measured = peak_mib() - before
    vertices = len(step.scene.get_parameter("shapes.ball.vertices"))
    work = Workload(SIZE, SIZE, TRIANGLES, vertices, covered=COVERED)
    foretold = estimated_bytes(work, step.settings) / 2**20
    return Measurement(
        {
            "measured_over_formula": measured / (foretold + loss_mib), "measured_mib": measured,
            "formula_mib": foretold, "loss_mib": loss_mib,
        },
        seconds,
    )  # fmt: skip


def caller_mib(step: FitStep) -> float:
    """The loss: a difference to the target, its square and their gradients are images too, and the topology is made."""
    return 4 * step.target.numel() * step.target.element_size() / 2**20
