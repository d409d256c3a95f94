"""The command with a solver of known speed: `python stand_in_solver.py SECONDS ARGS..` stands for `sharpvision ARGS..`.

Least squares after a loop that takes SECONDS and, as the real solvers do, answers Ctrl-C with what it has.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from typing import Any

import torch

import sharpvision.report.photometric
import sharpvision.report.progress  # noqa: F401  (both are loaded before the fork of the tests that fork)
from sharpvision import reconstruct
from sharpvision.cli.main import main
from sharpvision.data import PhotometricObservations
from sharpvision.solvers import Solution, Status, Step


def solver(seconds: float, status: Status = Status.CONVERGED) -> Callable[..., Solution]:
    """A `photometric_stereo` that takes `seconds` and ends with `status`."""

    def photometric_stereo(
        observations: PhotometricObservations, method: str = "physics", progress: Any = None, **settings: Any
    ) -> Solution:
        ended, start = status, time.monotonic()
        print("a library that prints on stdout")
        try:
            while (elapsed := time.monotonic() - start) < seconds:
                progress("waiting", elapsed / seconds)
                time.sleep(0.01)
        except KeyboardInterrupt:
            ended = Status.INTERRUPTED
        progress("least squares", 1.0)
        return least_squares(observations, method, ended, settings)

    return photometric_stereo


def least_squares(
    observations: PhotometricObservations, method: str, status: Status, settings: dict[str, Any]
) -> Solution:
    """Woodham: b = argmin |L b - I|, n = b / |b|; made-up values for the rest of what a solution holds."""
    images = observations.load().images.mean(-1)
    count, height, width = images.shape
    b = torch.linalg.lstsq(observations.light_directions.float(), images.reshape(count, -1)).solution
    b = b.T.reshape(height, width, 3)
    mask = observations.mask[..., None]
    normals = torch.where(mask, torch.nn.functional.normalize(b, dim=-1), 0.0)
    albedo = torch.where(mask, b.norm(dim=-1, keepdim=True).expand(-1, -1, 3), 0.0).contiguous()
    rows = torch.arange(height, dtype=torch.float32)[:, None].expand(height, width)
    return Solution(
        method=method,
        status=status,
        message="stand-in",
        values={"normals": normals, "albedo": albedo, "depth": torch.where(observations.mask, rows, torch.nan)},
        std={"normals": torch.where(observations.mask, 2.0, torch.nan)},
        history=[Step(1.0, 1.0, 1.0, 0.0, 0.1), Step(0.5, 0.1, 0.5, 0.0, 0.2)],
        explained={"physics": 0.9, "residual": 0.06, "neither": 0.04},
        figures={"depth_model": "orthographic", "albedo_scale": "relative", "light_distance_mask_sides": float("inf")},
        settings=settings,
        notes=["a stand-in solved this"],
        seconds=0.1,
        observations=observations,
    )


def command(seconds: float, arguments: list[str], log: str) -> None:
    """`sharpvision ARGUMENTS` with this solver, in a process made for it; output goes to LOG.out and LOG.err."""
    for descriptor, suffix in ((2, "err"), (1, "out")):
        os.dup2(os.open(f"{log}.{suffix}", os.O_WRONLY | os.O_CREAT), descriptor)
    sys.argv = ["sharpvision", *arguments]
    reconstruct.photometric_stereo = solver(seconds)  # type: ignore[attr-defined]
    main()


if __name__ == "__main__":
    reconstruct.photometric_stereo = solver(float(sys.argv.pop(1)))  # type: ignore[attr-defined]
    main()
