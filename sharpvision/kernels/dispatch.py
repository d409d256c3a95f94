"""Runs a Warp kernel over tensors: on a CPU in bands on all threads, on CUDA in one launch.

A kernel for `dispatch` takes `first: int` as its first parameter and works on item `first + wp.tid()`; it writes to
items of its own only (Warp's CPU atomics are not atomic), so the bytes do not depend on the number of threads.
Kernels that serve float32 and float64 are made by a cached factory `f(real)`, in a Warp module of its own for each
precision (`kernel_module`), so that a precision that is not used is not compiled.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Any, Literal

import torch
import warp as wp
from torch import Tensor

from sharpvision.kernels.launch import compiling, in_bands, start_warp, thread_count
from sharpvision.kernels.packing import Packed
from sharpvision.kernels.team import team
from sharpvision.kernels.views import SCALARS, ArrayView, StructView

start_warp()

BANDS_PER_THREAD = 4
LEAST_BAND = 64
WORTH_A_THREAD = 8e-5
"""Seconds of work below which one thread does it alone."""
_seconds: dict[wp.Kernel, float] = {}
_packed: dict[wp.Kernel, Packed | Literal[False]] = {}


def real_of(tensor: Tensor) -> type:
    """`wp.float32` or `wp.float64`, as the tensor's dtype; `TypeError` for any other."""
    if tensor.dtype not in (torch.float32, torch.float64):
        raise TypeError(f"expected float32 or float64, found {tensor.dtype}")
    return SCALARS[tensor.dtype]


def kernel_module(name: str, real: type) -> wp.Module:
    """The Warp module that holds the kernels of file `name` (its `__name__`) in one precision."""
    module = wp.get_module(f"{name}.{real.__name__}")
    module.options["enable_backward"] = False
    return module


def dispatch(kernel: wp.Kernel, items: int, inputs: list[Any], device: torch.device, band_items: int = 0) -> None:
    """Run `kernel(first, *inputs)` for `items` items; tensors as `warp_view` and `struct_view` make them.

    On a CPU the items are cut into bands of `band_items`, or by default into `BANDS_PER_THREAD` a thread, of at least
    `LEAST_BAND` items, and shared by a team of threads; kernels that have turned out to be too short to share stay with
    the caller. How they are cut leaves no trace, as items do not meet.
    Raises `SharpVisionError` where the kernel cache can't be used.
    """
    if items == 0:
        return
    if device.type != "cpu":
        with in_step(device):
            wp.launch(kernel, dim=items, inputs=[0, *_of_warp(inputs)], device=f"cuda:{device.index or 0}")
        return
    packed = _packed.get(kernel)
    if packed is None:
        packed = _packed[kernel] = _packing(kernel, inputs)
    threads = thread_count()
    size = band_items or max(LEAST_BAND, -(-items // (BANDS_PER_THREAD * threads)))
    alone = items <= size or threads == 1 or items * _seconds.get(kernel, 0.0) < WORTH_A_THREAD
    if packed is False:
        _through_warp(kernel, items, inputs, items if alone else size)
        return
    arguments = packed(inputs)
    started = perf_counter()
    shared = not alone and team(threads - 1).run(packed.address, packed.bounds, arguments, items, size)
    if not shared:
        packed.launch(arguments, items)
    took = (perf_counter() - started) / items
    _learn(kernel, took * threads if shared else took)


@contextmanager
def in_step(device: torch.device) -> Iterator[None]:
    """A context for what Warp builds, compiles and launches: on CUDA in the order of torch's stream.

    Warp's own streams and torch's default one wait for each other, so only another one has to be named.
    """
    stream = torch.cuda.current_stream(device) if device.type == "cuda" else None
    aside = stream is not None and stream != torch.cuda.default_stream(device)
    with compiling(), wp.ScopedStream(wp.stream_from_torch(stream) if aside else None):
        yield


def _of_warp(inputs: list[Any]) -> list[Any]:
    """With arrays and structs of Warp's own."""
    arrays = [v.array if isinstance(v, ArrayView) else v for v in inputs]
    return [v.struct if isinstance(v, StructView) else v for v in arrays]


def _packing(kernel: wp.Kernel, inputs: list[Any]) -> Packed | Literal[False]:
    """How to launch the kernel without Warp's help, or False; compiles it."""
    with compiling():
        command = wp.launch(kernel, dim=1, inputs=[0, *_of_warp(inputs)], device="cpu", record_cmd=True)
    try:
        return Packed(kernel, command, inputs)
    except TypeError:
        return False


def _through_warp(kernel: wp.Kernel, items: int, inputs: list[Any], size: int) -> None:
    """The same by launches of Warp, each thread recording one of its own."""
    inputs = _of_warp(inputs)

    def record() -> wp.Launch:
        with compiling():
            return wp.launch(kernel, dim=size, inputs=[0, *inputs], device="cpu", record_cmd=True)

    # The caller's recording comes first, alone: two threads that load a module at once crash the process (Warp 1.19).
    recorded = {0: record()}

    def band(first: int, last: int, worker: int) -> None:
        command = recorded.get(worker)
        if command is None:
            command = recorded[worker] = record()
        command.set_param_at_index(0, first)
        command.set_dim(last - first)
        started = perf_counter()
        command.launch()
        if worker == 0:
            _learn(kernel, (perf_counter() - started) / (last - first))

    in_bands(band, items, size)


def _learn(kernel: wp.Kernel, seconds: float) -> None:
    """Take note of what an item of a kernel takes: a running mean, and at once where it is less than half of that (the
    first launch compiles)."""
    known = _seconds.get(kernel, seconds)
    _seconds[kernel] = seconds if seconds < 0.5 * known else known + 0.2 * (min(seconds, 3 * known) - known)
