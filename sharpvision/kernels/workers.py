"""Threads that wait for a kernel's bands, handed over by two locks: a pool of futures costs a render step 1 ms more."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

_Work = Callable[[int], None]


class _Worker(threading.Thread):
    """One thread; `number` is the worker that it stands for."""

    def __init__(self, number: int) -> None:
        super().__init__(name=f"sharpvision-{number}", daemon=True)
        self.number, self.error = number, None
        self._begin, self._end = threading.Lock(), threading.Lock()
        self._begin.acquire()
        self._end.acquire()
        self._work: _Work | None = None
        self.start()

    def begin(self, work: _Work) -> None:
        self._work = work
        self._begin.release()

    def wait(self) -> BaseException | None:
        """What the work raised, or None."""
        self._end.acquire()
        error: BaseException | None
        error, self.error = self.error, None
        return error

    def run(self) -> None:
        while True:
            self._begin.acquire()
            work, self._work = self._work, None
            assert work is not None
            try:
                work(self.number)
            except BaseException as error:  # handed to the caller, who raises it
                self.error = error  # type: ignore[assignment]
            del work
            self._end.release()


_held = threading.Lock()
_workers: list[_Worker] = []
_process = os.getpid()


def together(work: _Work, count: int) -> None:
    """Run `work(k)` for k = 0 .. count - 1 at once, 0 on the calling thread, and wait for all.

    An exception of any is raised here once all have ended. Where the threads are at work for another caller, the
    calling thread runs `work(0)` alone, so `work` must be such that one worker finishes what there is.

    >>> seen = []
    >>> together(seen.append, 3)
    >>> 0 in seen
    True
    """
    global _process
    if count < 2 or not _held.acquire(blocking=False):
        work(0)
        return
    try:
        if _process != os.getpid():  # threads do not come along through a fork
            _workers.clear()
            _process = os.getpid()
        while len(_workers) < count - 1:
            _workers.append(_Worker(len(_workers) + 1))
        helpers = _workers[: count - 1]
        for helper in helpers:
            helper.begin(work)
        try:
            work(0)
        finally:
            try:
                errors = [helper.wait() for helper in helpers]
            except BaseException:
                _workers.clear()  # interrupted as it waited: these may be at work still, the next caller takes others
                raise
        for error in errors:
            if error is not None:
                raise error
    finally:
        _held.release()
