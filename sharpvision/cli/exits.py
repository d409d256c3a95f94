"""How a run of the command ends: one line for an error, the codes of the manual, nothing of libraries on stdout."""

from __future__ import annotations

import functools
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from types import FrameType
from typing import Any, ParamSpec

import typer

from sharpvision.core.errors import SharpVisionError

BAD_INPUT, NOT_CONVERGED, INTERNAL, INTERRUPTED, BROKEN_PIPE = 2, 3, 1, 130, 141
P = ParamSpec("P")


def fail(message: str) -> None:
    """Print `error: message` on stderr as one line."""
    typer.echo("error: " + " ".join(message.split()), err=True)


def ends_well(command: Callable[P, int | None]) -> Callable[P, None]:
    """Turn what a command returns or raises into an exit code; its return value is the code (None is 0)."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        raise typer.Exit(_code(command, *args, **kwargs))

    return run


def _code(command: Callable[..., int | None], *args: Any, **kwargs: Any) -> int:
    try:
        return command(*args, **kwargs) or 0
    except SharpVisionError as error:
        fail(str(error))
        return BAD_INPUT
    except KeyboardInterrupt as interrupt:
        typer.echo("interrupted; nothing was written", err=True)
        return 128 + int(getattr(interrupt, "signal", signal.SIGINT))
    except BrokenPipeError:  # the reader of our stdout has gone: leave quietly, also from the flush at exit
        with suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return BROKEN_PIPE
    except (typer.Exit, typer.BadParameter):
        raise
    except MemoryError:
        fail("not enough memory; add --max-size PIXELS or fewer images (--light-count)")
        return BAD_INPUT
    except Exception as error:
        if os.environ.get("SHARPVISION_DEBUG") == "1":
            raise
        fail(f"internal: {type(error).__name__}: {error}; please report it with the output under SHARPVISION_DEBUG=1")
        return INTERNAL


class Stopped(KeyboardInterrupt):
    """Ctrl-C or SIGTERM arrived; solvers that catch KeyboardInterrupt return what they have."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.signal = number


class Interruption:
    """Ctrl-C and SIGTERM raise `Stopped`; in `deferred()` the first one waits for the block's end, the next doesn't.

    >>> with Interruption() as interruption:
    ...     with interruption.deferred():
    ...         signal.raise_signal(signal.SIGINT)
    >>> interruption.exit_code
    130
    """

    def __init__(self) -> None:
        self.received = 0
        self._deferring = False
        self._earlier: dict[int, Any] = {}

    def __enter__(self) -> Interruption:
        with suppress(ValueError):  # handlers belong to the main thread; elsewhere the caller handles signals
            for number in (signal.SIGINT, signal.SIGTERM):
                self._earlier[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *raised: object) -> None:
        for number, handler in self._earlier.items():
            signal.signal(number, handler)
        if self.received and isinstance(raised[1], Exception):
            # A library that swallowed the interrupt while it was loading is left half-loaded, and breaks later.
            raise Stopped(self.received) from raised[1]

    @property
    def exit_code(self) -> int:
        """128 + the signal's number, 0 where none came."""
        return 128 + self.received if self.received else 0

    @contextmanager
    def deferred(self) -> Iterator[None]:
        """Let the block end although a first signal comes."""
        self._deferring = True
        try:
            yield
        finally:
            self._deferring = False

    def _handle(self, number: int, frame: FrameType | None) -> None:
        first, self.received = not self.received, number
        if not (first and self._deferring):
            raise Stopped(number)


@contextmanager
def stdout_for_results() -> Iterator[None]:
    """Inside the block everything that libraries print, C and C++ ones included, goes to stderr."""
    sys.stdout.flush()
    saved = None
    with suppress(OSError):  # a closed stdout
        saved = os.dup(1)
        os.dup2(2, 1)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        if saved is not None:
            os.dup2(saved, 1)
            os.close(saved)
