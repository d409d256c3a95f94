"""Runs Warp kernels on the CPU in bands, taken in turn by as many threads as there are.

One CPU launch of Warp runs on one thread and releases the GIL. A launch over n items is cut into bands;
workers, the caller among them, take bands in turn. Every band writes to items of its own, so the
bytes of the result do not depend on the number of threads.
"""

from __future__ import annotations

import itertools
import os
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from typing import Any

import numpy as np
import warp as wp

from sharpvision.core.errors import SharpVisionError

BAND_ITEMS = 256
_QUIET = 40
_CUDA_NOTICE = b"Could not find or load the NVIDIA CUDA driver"


@cache
def start_warp() -> None:
    """Initialise Warp once, silent on stdout, which belongs to results.

    Raises `SharpVisionError` where the kernel cache can't be made.
    """
    wp.config.log_level = _QUIET
    with compiling(), _without_cuda_notice():
        wp.init()


def launch(kernel: wp.Kernel, count: int, inputs: list[Any]) -> None:
    """Run `kernel` for `count` items on the calling thread; the first launch of a module compiles it (seconds, once).

    Raises `SharpVisionError` where what was compiled can't be kept in the kernel cache.
    """
    with compiling():
        wp.launch(kernel, dim=count, inputs=inputs, device="cpu")


@contextmanager
def compiling() -> Iterator[None]:
    """A context in which kernels may compile: an error of the kernel cache becomes one line that says what to do."""
    try:
        yield
    except OSError as error:
        raise SharpVisionError(
            f"{wp.config.kernel_cache_dir or 'Warp kernel cache'}: expected a folder that can be written, "
            f"found {error.strerror or error}; set WARP_CACHE_PATH to a folder of yours"
        ) from error


@contextmanager
def _without_cuda_notice() -> Iterator[None]:
    """Drops the line that Warp's native code writes where there is no CUDA driver; passes all other lines on.

    No setting of Warp 1.19 silences it (`native/cuda_util.cpp`), so file descriptor 2 points elsewhere meanwhile.
    """
    try:
        sys.stderr.flush()
        kept = os.dup(2)
    except (OSError, AttributeError, ValueError):  # no standard error: nothing to keep clean
        yield
        return
    with tempfile.TemporaryFile() as caught:
        os.dup2(caught.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            caught.seek(0)
            for line in caught:
                if _CUDA_NOTICE not in line:
                    os.write(kept, line)
            os.close(kept)


def thread_count() -> int:
    """Threads to use: `SHARPVISION_THREADS`, otherwise the processors this process may run on."""
    named = os.environ.get("SHARPVISION_THREADS", "")
    if named.isdigit() and int(named) > 0:
        return int(named)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@cache
def _workers(count: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(count, thread_name_prefix="sharpvision")


def in_bands(work: Callable[[int, int, int], None], items: int, band_items: int = BAND_ITEMS) -> None:
    """Call `work(first, last, worker)` for bands of `band_items` items; `worker` numbers the scratch that it may use.

    An exception of any band ends the run after the bands under way and is raised here.

    >>> seen = []
    >>> in_bands(lambda first, last, worker: seen.append((first, last)), 600)
    >>> sorted(seen)
    [(0, 256), (256, 512), (512, 600)]
    """
    bands = [(first, min(first + band_items, items)) for first in range(0, items, band_items)]
    workers = max(1, min(thread_count(), len(bands)))
    ticket, stop = itertools.count(), threading.Event()

    def drain(worker: int) -> None:
        try:
            while not stop.is_set() and (band := next(ticket)) < len(bands):
                work(*bands[band], worker)
        except BaseException:
            stop.set()
            raise

    futures = [_workers(workers).submit(drain, worker) for worker in range(1, workers)]
    try:
        drain(0)
    finally:
        for future in futures:
            future.result()


def as_warp(values: np.ndarray, dtype: Any) -> wp.array:
    """A Warp view (no copy) of a contiguous NumPy array; `dtype` may be a vector type for the last axis.

    Raises `ValueError` where the array is not contiguous: a hidden copy would lose what the kernel writes.
    """
    if not values.flags.c_contiguous:
        raise ValueError("a kernel needs a contiguous array")
    return wp.array(values, dtype=dtype, device="cpu", copy=False)
