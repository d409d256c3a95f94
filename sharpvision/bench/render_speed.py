"""Part of suite `render`: how long rasterising and a fit step take, beside peers and beside themselves at other sizes.

Peers run in processes and environments of their own, in turn with ours in the same run; all times are medians. Each row
says how many threads ours and every peer had.
"""

from __future__ import annotations

import os
import statistics
from pathlib import Path
from typing import Any

from sharpvision.bench.render_workload import fit_step, in_turn, milliseconds, peer_answer
from sharpvision.bench.suite import Case, Measurement, Options

SIZE, SMALL, LARGE = 512, 20480, 327680


def cases(options: Options) -> list[Case]:
    """Rows without their peers' metrics where a peer is not given."""
    peers = {name: str(where) for name, where in options.peers}
    found = []
    for threads in (1, 2):
        settings: dict[str, Any] = {"threads": threads, "triangles": SMALL, "size": SIZE}
        settings["peer_threads"] = peer_threads(peers)
        found.append(Case("render", "raster", "warp", settings, {"peers": peers}))
    for name, triangles in (("fit_step", SMALL), ("fit_step_327680", LARGE)):
        # Torch's own passes over an image of this size are shorter than the hand-over to a second thread of its.
        settings = {"threads": 2, "torch_threads": 1, "triangles": triangles, "size": SIZE, "mode": "default"}
        settings["peer_threads"] = peer_threads(peers)
        found.append(Case("render", name, "warp", settings, {"peers": peers}))
    both = {"threads": 2, "size": SIZE, "mode": "default"}
    found.append(Case("render", "triangles", "warp", both | {"triangles": [SMALL, LARGE]}))
    found.append(Case("render", "pixels", "warp", both | {"triangles": SMALL, "size": [SIZE, 4 * SIZE]}))
    found.append(Case("render", "views", "warp", both | {"triangles": SMALL, "views": [1, 16]}))
    found.append(Case("render", "silhouette_cost", "warp", {"threads": 2, "triangles": SMALL, "size": SIZE}))
    return found


def peer_threads(peers: dict[str, str]) -> dict[str, int]:
    """Threads that each peer uses: the yardstick and DEODR have one, the others all processors."""
    return {name: 1 if name in ("cpp", "deodr") else os.cpu_count() or 1 for name in peers}


def run(case: Case, seed: int) -> Measurement:
    """By the row's name."""
    with_threads(case.settings["threads"], case.settings.get("torch_threads"))
    name = case.case
    if name == "raster":
        return _raster(case)
    if name in ("fit_step", "fit_step_327680"):
        return _fit_step(case)
    pairs: dict[str, tuple[Any, Any]] = {
        "triangles": (lambda: fit_step(SMALL, SIZE), lambda: fit_step(LARGE, SIZE)),
        "pixels": (lambda: fit_step(SMALL, SIZE), lambda: fit_step(SMALL, 4 * SIZE)),
        "views": (lambda: fit_step(SMALL, SIZE), lambda: fit_step(SMALL, SIZE, views=16)),
        "silhouette_cost": (
            lambda: fit_step(SMALL, SIZE, mode="fast", silhouettes=False), lambda: fit_step(SMALL, SIZE)
        ),
    }  # fmt: skip
    small, large = (make() for make in pairs[name])
    return ratio(small, large)


def with_threads(count: int, torch_count: int | None = None) -> None:
    """Threads of the kernels and (`count` too, unless said otherwise) of torch, in this process."""
    import torch

    os.environ["SHARPVISION_THREADS"] = str(count)
    torch.set_num_threads(torch_count or count)


def ratio(small: Any, large: Any) -> Measurement:
    """Time of `large` over that of `small`, medians of rounds in turn."""
    first, second = [], []
    for _ in range(3):
        first += milliseconds(small, 7)
        second += milliseconds(large, 5)
    a, b = statistics.median(first), statistics.median(second)
    return Measurement({"time_ratio": b / a, "small_ms": a, "large_ms": b}, b / 1e3)


def _raster(case: Case) -> Measurement:
    import torch

    from sharpvision.kernels.batch import Batch
    from sharpvision.kernels.rasterize import rasterize

    step = fit_step(SMALL, SIZE)
    vertices, faces = step.scene.get_parameter("shapes.ball.vertices").detach(), step.scene.shapes["ball"].faces
    with torch.no_grad():
        projected = step.view.projected(vertices, step.settings.near).contiguous()
    batch = Batch.of_one_mesh(faces, len(vertices), views=1, height=SIZE, width=SIZE)  # type: ignore[arg-type]
    given = case.source["peers"]
    peers: dict[str, Any] = {}
    metrics: dict[str, float] = {}
    if "cpp" in given:
        from sharpvision.bench.render_cpp import yardstick

        scalar = yardstick(Path(given["cpp"]), projected.numpy(), faces.numpy(), SIZE)  # type: ignore[operator]
        ours, theirs = rasterize(projected, batch, step.settings.near).face[0].numpy(), scalar()
        metrics["same_face_as_cpp_percent"] = 100 * float((ours == theirs).mean())
        peers["cpp"] = lambda: milliseconds(scalar, 25)
    if "pytorch3d" in given:
        peers["pytorch3d"] = lambda: _times(_pytorch3d(given["pytorch3d"], SMALL), "raster_seconds")
    medians = in_turn(lambda: rasterize(projected, batch, step.settings.near), peers, 25)
    metrics["forward_ms"] = medians["ours"]
    if "cpp" in given:
        metrics |= {"cpp_ms": medians["cpp"], "ratio_to_cpp": medians["ours"] / medians["cpp"]}
    if "pytorch3d" in given:
        metrics["times_faster_than_pytorch3d"] = medians["pytorch3d"] / medians["ours"]
    return Measurement(metrics, medians["ours"] / 1e3)


def _fit_step(case: Case) -> Measurement:
    triangles, given = case.settings["triangles"], case.source["peers"]
    step = fit_step(triangles, SIZE)
    alone, together = [], []
    for _ in range(8):  # in turn, as what else the machine does comes and goes
        with_threads(1, 1)
        alone += milliseconds(step, 15)
        with_threads(2, case.settings["torch_threads"])
        together += milliseconds(step, 15)
    peers: dict[str, Any] = {}
    if "deodr" in given:
        peers["deodr"] = lambda: _times(peer_answer("deodr", given["deodr"], triangles, SIZE, 15))
    if "mitsuba" in given and triangles == SMALL:
        for name, kind in (("mitsuba_direct", "direct"), ("mitsuba_projective", "direct_projective")):
            peers[name] = lambda kind=kind: _times(
                peer_answer("mitsuba", given["mitsuba"], triangles, SIZE, 4, integrator=kind)
            )
    if "pytorch3d" in given and triangles == SMALL:
        peers["pytorch3d"] = lambda: _times(_pytorch3d(given["pytorch3d"], triangles))
    medians = in_turn(step, peers, 15)
    one, two = statistics.median(alone), statistics.median(together)
    metrics = {"forward_backward_ms": medians["ours"], "one_thread_ms": one, "two_thread_speedup": one / two}
    for name in peers:
        metrics |= {f"{name}_ms": medians[name], f"times_faster_than_{name}": medians[name] / medians["ours"]}
    return Measurement(metrics, medians["ours"] / 1e3)


def _times(answer: dict[str, Any], name: str = "seconds") -> list[float]:
    """Milliseconds of a peer's steps; the first, in which it warms up, is left out where there are more."""
    seconds = [1e3 * float(v) for v in answer[name]]
    return seconds[1:] if len(seconds) > 1 else seconds


def _pytorch3d(python: str, triangles: int) -> dict[str, Any]:
    """Measured once a process; a step takes some ten seconds."""
    key = (python, triangles)
    if key not in _KEPT:
        _KEPT[key] = peer_answer("pytorch3d", python, triangles, SIZE, 1)
    return _KEPT[key]


_KEPT: dict[tuple[str, int], dict[str, Any]] = {}
