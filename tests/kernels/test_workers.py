"""Workers: all take part, errors arrive, and neither a second caller nor a fork hangs."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from sharpvision.kernels import workers
from sharpvision.kernels.workers import together


def test_every_worker_runs_once() -> None:
    for count in (1, 2, 4, 3):
        seen: list[int] = []
        together(seen.append, count)
        assert sorted(seen) == list(range(count))


@pytest.mark.parametrize("who", [0, 1])
def test_an_error_of_any_worker_is_the_callers(who: int) -> None:
    def work(worker: int) -> None:
        if worker == who:
            raise KeyError(worker)

    for _ in range(2):
        with pytest.raises(KeyError):
            together(work, 2)
    seen: list[int] = []
    together(seen.append, 2)
    assert sorted(seen) == [0, 1]


def test_a_second_caller_works_alone() -> None:
    """From within, as from another thread: the threads are taken."""
    inner: list[int] = []
    entered, leave = threading.Event(), threading.Event()

    def hold(worker: int) -> None:
        if worker == 0:
            entered.set()
            leave.wait(20)

    other = threading.Thread(target=together, args=(hold, 2))
    other.start()
    assert entered.wait(20)
    together(inner.append, 2)
    leave.set()
    other.join(20)
    assert inner == [0]


def test_an_interrupt_while_waiting_leaves_no_hang() -> None:
    release = threading.Event()

    def slow(worker: int) -> None:
        if worker == 1:
            os.kill(os.getpid(), signal.SIGINT)
            release.wait(20)

    with pytest.raises(KeyboardInterrupt):
        together(slow, 2)
    release.set()
    seen: list[int] = []
    together(seen.append, 2)
    assert sorted(seen) == [0, 1]


def test_a_forked_process_has_threads_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    together(lambda worker: None, 2)
    before = list(workers._workers)
    monkeypatch.setattr(workers, "_process", -1)  # what the child of a fork sees
    seen: list[int] = []
    together(seen.append, 2)
    assert sorted(seen) == [0, 1]
    assert workers._workers[0] is not before[0]
