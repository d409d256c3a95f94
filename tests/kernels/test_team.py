"""Launches without Warp's help: the same bytes as Warp's own, from one caller, several, and after a fork."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import threading

import pytest
import torch
import warp as wp

from sharpvision.kernels import dispatch as dispatching
from sharpvision.kernels.dispatch import dispatch
from sharpvision.kernels.packing import Packed
from sharpvision.kernels.team import LARGEST, team
from sharpvision.kernels.views import warp_array, warp_view

CPU = torch.device("cpu")


@wp.kernel(enable_backward=False)
def mixed(
    first: int, a: wp.array(dtype=float), shift: wp.vec2i, scale: wp.float64, ident: wp.uint64,
    b: wp.array2d(dtype=wp.vec3), out: wp.array(dtype=float),
):  # fmt: skip
    i = first + wp.tid()
    out[i] = a[i] * float(scale) + float(shift[0]) - float(shift[1]) + b[i % 2, 1][2] + float(ident)


@wp.struct
class Pair:
    a: wp.array(dtype=float)
    factor: float


@wp.kernel(enable_backward=False)
def of_struct(first: int, pair: Pair, out: wp.array(dtype=float)):
    i = first + wp.tid()
    out[i] = pair.a[i] * pair.factor


def expected_and_inputs(count: int) -> tuple[torch.Tensor, torch.Tensor, list[object]]:
    a, b, out = torch.rand(count), torch.rand(2, 3, 3), torch.full((count,), -1.0)
    out.read = (a, b)  # what a launch reads must outlive it
    inputs = [warp_view(a), wp.vec2i(5, 2), wp.float64(0.5), 7, warp_view(b, wp.vec3), warp_view(out)]
    return a * 0.5 + 3 + b[torch.arange(count) % 2, 1, 2] + 7, out, inputs


@pytest.mark.parametrize("threads", ["1", "2", "5"])
@pytest.mark.parametrize("count", [1, 63, 1000, 100_001])
def test_all_items_are_done_once(threads: str, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHARPVISION_THREADS", threads)
    monkeypatch.setattr(dispatching, "WORTH_A_THREAD", 0.0)
    for _ in range(20):
        expected, out, inputs = expected_and_inputs(count)
        dispatch(mixed, count, inputs, CPU)
        torch.testing.assert_close(out, expected)


def test_structs_are_packed_or_left_to_warp(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatching, "WORTH_A_THREAD", 0.0)
    a, out = torch.rand(5000), torch.zeros(5000)
    pair = Pair()
    for factor in (2.0, 3.0):
        pair.a, pair.factor = warp_array(a), factor
        dispatch(of_struct, 5000, [pair, warp_view(out)], CPU)
        torch.testing.assert_close(out, factor * a)


def test_a_kernel_that_cannot_be_packed_goes_through_warp(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatching, "_packed", {mixed: False})
    monkeypatch.setattr(dispatching, "WORTH_A_THREAD", 0.0)
    monkeypatch.setenv("SHARPVISION_THREADS", "2")
    expected, out, inputs = expected_and_inputs(1000)
    dispatch(mixed, 1000, inputs, CPU)
    torch.testing.assert_close(out, expected)


def test_packing_refuses_what_it_would_get_wrong() -> None:
    _, _, inputs = expected_and_inputs(8)
    arrays = dispatching._of_warp(inputs)
    command = wp.launch(mixed, dim=8, inputs=[0, *arrays], device="cpu", record_cmd=True)
    with pytest.raises(TypeError, match="not packed"):
        Packed(mixed, command, [*inputs[:-1], 3])


def test_several_callers_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHARPVISION_THREADS", "3")
    monkeypatch.setattr(dispatching, "WORTH_A_THREAD", 0.0)
    wrong = []

    def work() -> None:
        for _ in range(50):
            expected, out, inputs = expected_and_inputs(3000)
            dispatch(mixed, 3000, inputs, CPU)
            if not torch.allclose(out, expected):
                wrong.append(out)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_too_many_arguments_are_refused() -> None:
    assert not team(1).run(0, bytes(24), bytes(LARGEST + 1), 10, 1)


def _in_child(queue: multiprocessing.Queue) -> None:  # type: ignore[type-arg]
    torch.set_num_threads(1)  # torch's own threads do not survive a fork either
    os.environ["SHARPVISION_THREADS"] = "2"
    dispatching.WORTH_A_THREAD = 0.0
    expected, out, inputs = expected_and_inputs(4000)
    dispatch(mixed, 4000, inputs, CPU)
    queue.put(bool(torch.allclose(out, expected)))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_process_has_a_team_of_its_own() -> None:
    expected, out, inputs = expected_and_inputs(4000)
    dispatch(mixed, 4000, inputs, CPU)
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(target=_in_child, args=(queue,))
    child.start()
    try:
        assert queue.get(timeout=60)
    finally:
        child.join(60)
    torch.testing.assert_close(out, expected)


def test_a_process_ends_while_its_team_is_awake() -> None:
    code = (
        "import os; os.environ['SHARPVISION_THREADS'] = '4'\n"
        "import torch\n"
        "from sharpvision.geometry.primitives import icosphere\n"
        "from sharpvision.kernels.batch import Batch\n"
        "from sharpvision.kernels.rasterize import rasterize\n"
        "mesh = icosphere(subdivisions=6)\n"
        "x, y, z = (20 * mesh.vertices + 32).unbind(1)\n"
        "rows = torch.stack([x, y, z, torch.ones_like(x)], 1)\n"
        "batch = Batch.of_one_mesh(mesh.faces, len(rows), views=1, height=64, width=64)\n"
        "for _ in range(5): raster = rasterize(rows, batch, 0.1)\n"
        "print(int((raster.face >= 0).sum()) > 1000)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "True\n")
