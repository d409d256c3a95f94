"""A progress bar on stderr that names a time left before the work starts."""

from __future__ import annotations

import math
import time
from datetime import timedelta

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeElapsedColumn
from rich.text import Text

# Seconds a million observations (pixels x images) on two cores of 2020, and what every run costs besides.
_SECONDS_PER_MILLION = {"least_squares": 0.1, "robust": 0.5, "physics": 4.0, "semicalibrated": 4.5, "uncalibrated": 6.0}
_SECONDS_FIXED = {"least_squares": 0.2, "robust": 0.5, "physics": 3.0, "semicalibrated": 5.0, "uncalibrated": 20.0}


def estimated_seconds(method: str, pixels: int, images: int) -> float:
    """A guess before anything is known: a fixed part plus one that grows with the observations.

    >>> estimated_seconds("physics", 1_000_000, 10)
    43.0
    """
    return _SECONDS_FIXED.get(method, 1.0) + _SECONDS_PER_MILLION.get(method, 4.0) * pixels * images / 1e6


def remaining_seconds(estimate: float | None, elapsed: float, done: float) -> float | None:
    """Time left: the estimate at first, the pace so far in the end, between them their mean weighted by what is done.

    None where there is neither an estimate nor a pace.

    >>> remaining_seconds(10.0, 0.0, 0.0), remaining_seconds(10.0, 6.0, 0.5), remaining_seconds(10.0, 9.0, 1.0)
    (10.0, 5.5, 0.0)
    """
    pace = elapsed / done if done > 0 else math.inf
    if not math.isfinite(pace):  # nothing is done, or too little to divide by
        return None if estimate is None else max(estimate - elapsed, 0.0)
    return (pace if estimate is None else (1 - done) * estimate + done * pace) * (1 - done)


class _TimeLeft(ProgressColumn):
    """The time left as h:mm:ss."""

    def __init__(self, estimate: float | None) -> None:
        super().__init__()
        self.estimate = estimate

    def render(self, task: Task) -> Text:
        left = remaining_seconds(self.estimate, task.elapsed or 0.0, task.completed)
        return Text("" if left is None else f"{timedelta(seconds=round(left))} left", style="progress.remaining")


class ProgressBar:
    """Called as `progress(stage, done)` with `done` in [0, 1]; where stderr is no terminal, one line a stage.

    >>> with ProgressBar("ball", estimate=2.0, console=Console(quiet=True)) as progress:
    ...     progress("start", 0.0)
    ...     progress("end", 1.0)
    """

    def __init__(self, title: str, estimate: float | None, console: Console) -> None:
        self._title, self._estimate, self._console = title, estimate, console
        self._progress = Progress(
            TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"),
            TimeElapsedColumn(), _TimeLeft(estimate), console=console, transient=True, disable=not console.is_terminal,
        )  # fmt: skip
        self._task = self._progress.add_task(title, total=1.0)
        self._stage = ""
        self._start = 0.0

    def __enter__(self) -> ProgressBar:
        self._start = time.monotonic()
        self._progress.start()
        if not self._console.is_terminal and self._estimate is not None:
            self._say(f"about {self._estimate:.0f} s")
        return self

    def __exit__(self, *raised: object) -> None:
        self._progress.stop()

    def __call__(self, stage: str, done: float) -> None:
        """Say which stage runs and which share of all work is done."""
        done = min(max(done, 0.0), 1.0)
        self._progress.update(self._task, completed=done, description=f"{self._title}: {stage}")
        if stage != self._stage and not self._console.is_terminal:
            left = remaining_seconds(self._estimate, time.monotonic() - self._start, done)
            self._say(stage if left is None else f"{stage} ({100 * done:.0f} %, about {left:.0f} s left)")
        self._stage = stage

    def _say(self, text: str) -> None:
        self._console.print(f"{self._title}: {text}", highlight=False, soft_wrap=True)
