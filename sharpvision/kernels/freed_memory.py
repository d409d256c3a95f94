"""Keeps freed memory with the process, so that the next step need not fetch it from the system page by page."""

from __future__ import annotations

import ctypes
import os
import sys
from functools import cache

KEPT_BYTES = 1 << 29
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3


@cache
def keep_freed_memory() -> bool:
    """Tell glibc not to hand blocks of up to 512 MiB back to the system when they are freed; whether it was told.

    A render step makes and frees tensors of some megabytes each. By default glibc maps each anew, and every 4 KiB of it
    costs a page fault on the first write: three thousand faults a step of 512x512 pixels, two when they are kept.
    Nothing is done outside glibc, where `MALLOC_MMAP_THRESHOLD_` or `MALLOC_TRIM_THRESHOLD_` are set, or where
    `SHARPVISION_KEEP_MEMORY=0`.
    """
    named = ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_")
    if not sys.platform.startswith("linux") or any(name in os.environ for name in named):
        return False
    if os.environ.get("SHARPVISION_KEEP_MEMORY") == "0":
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    return bool(mallopt(_M_MMAP_THRESHOLD, KEPT_BYTES) and mallopt(_M_TRIM_THRESHOLD, KEPT_BYTES))
