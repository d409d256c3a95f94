"""Runs Warp kernels on the CPU in a fixed number of bands, whatever the number of threads.

One CPU launch of Warp runs on one thread and releases the GIL. A launch over n items is cut into bands whose number depends
on n alone; workers, the caller among them, take bands in turn. Every band writes to items of its own, so the bytes of the
result do not depend on the number of threads.
"""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import numpy as np
import warp as wp

from sharpvision.core.errors import SharpVisionError

BAND_ITEMS = 256


@cache
def start_warp() -> None:
    """Initialise Warp once, silent on stdout, which belongs to results.

    Raises `SharpVisionError` where the kernel cache can't be written.
    """
    wp.config.log_level = 40
    try:
        wp.init()
    except OSError as error:
        raise SharpVisionError(
            f"{wp.config.kernel_cache_dir or 'Warp kernel cache'}: expected a folder that can be written, found {error.strerror}; "
            "set WARP_CACHE_PATH to a folder of yours"
        ) from error


def thread_count() -> int:
    """Threads to use: `SHARPVISION_THREADS`, otherwise the processors this process may run on."""
    named = os.environ.get("SHARPVISION_THREADS", "")
    return int(named) if named.isdigit() and int(named) > 0 else len(os.sched_getaffinity(0))


@cache
def _workers(count: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(count, thread_name_prefix="sharpvision")


def in_bands(work: Callable[[int, int, int], None], items: int, band_items: int = BAND_ITEMS) -> None:
    """Call `work(first, last, worker)` for bands of `band_items` items; `worker` numbers the scratch that it may use.

    >>> seen = []
    >>> in_bands(lambda first, last, worker: seen.append((first, last)), 600)
    >>> sorted(seen)
    [(0, 256), (256, 512), (512, 600)]
    """
    bands = [(first, min(first + band_items, items)) for first in range(0, items, band_items)]
    workers = max(1, min(thread_count(), len(bands)))
    ticket, stop = itertools.count(), threading.Event()

    def drain(worker: int) -> None:
        while not stop.is_set() and (band := next(ticket)) < len(bands):
            work(*bands[band], worker)

    futures = [_workers(workers).submit(drain, worker) for worker in range(1, workers)]
    try:
        drain(0)
    finally:
        stop.set()
        for future in futures:
            future.result()


def as_warp(values: np.ndarray, dtype: Any) -> wp.array:
    """A Warp view (no copy) of a contiguous NumPy array; `dtype` may be a vector type for the last axis.

    Raises `ValueError` where the array is not contiguous: a hidden copy would lose what the kernel writes.
    """
    if not values.flags.c_contiguous:
        raise ValueError("a kernel needs a contiguous array")
    return wp.array(values, dtype=dtype, device="cpu", copy=False)
