"""Ctrl-C, SIGTERM and kill -9 at any moment leave either no output folder or a whole one, and disturb no later run."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing import forkserver
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import pytest
from capture_folder import write_capture
from stand_in_solver import command

from sharpvision.cli.exits import Interruption, Stopped

WHOLE = {"result.json", "maps.npz", "normals.png", "mesh.glb", "mesh.ply", "parameters.safetensors", "report.html"}


SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(["stand_in_solver"])


@pytest.fixture(scope="module", autouse=True)
def server() -> Iterator[None]:
    """Start the process that the commands fork from; the path by which it finds what to preload is its alone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(Path(__file__).parent))
        patch.setenv("OMP_NUM_THREADS", "1")
        forkserver.ensure_running()
    yield
    forkserver._forkserver._stop()  # type: ignore[attr-defined]


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    return write_capture(tmp_path / "work" / "sphere", size=16)


@dataclass
class Run:
    """The command in a process of its own that has its modules loaded already; what it prints goes to files."""

    process: ForkServerProcess
    log: Path

    @property
    def printed(self) -> str:
        return self.log.with_suffix(".out").read_text()

    @property
    def said(self) -> str:
        return self.log.with_suffix(".err").read_text()

    def wait_until_solving(self) -> None:
        for _ in range(3000):
            if self.log.with_suffix(".err").exists() and "waiting" in self.said:
                return
            time.sleep(0.02)
        pytest.fail(f"the solver never started: {self.said}")

    def send(self, number: int) -> None:
        if self.process.is_alive():
            os.kill(self.process.pid or 0, number)

    def end(self) -> int:
        self.process.join(60)
        code = self.process.exitcode
        assert code is not None, "the command hangs"
        return code


def start(seconds: float, capture: Path, *options: str) -> Run:
    log = capture.parent.parent / f"log{len(list(capture.parent.parent.glob('*.out')))}"
    arguments = ["photometric", str(capture), "--out", str(capture.parent / "out"), *options]
    process = SERVER.Process(target=command, args=(seconds, arguments, str(log)))
    process.start()
    while not log.with_suffix(".out").exists() and process.is_alive():
        time.sleep(0.001)
    return Run(process, log)


def whole_or_absent(parent: Path) -> str | None:
    """The status in `out`, or None where there is no such folder; fails on anything in between."""
    out = parent / "out"
    if not out.exists():
        return None
    assert {file.name for file in out.iterdir()} >= WHOLE
    assert b"</html>" in (out / "report.html").read_bytes()[-20:]
    return str(json.loads((out / "result.json").read_text())["status"])


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_while_solving_writes_what_there_is(capture: Path, number: int, code: int) -> None:
    run = start(60, capture, "--json")
    run.wait_until_solving()
    run.send(number)
    assert run.end() == code, run.said
    assert json.loads(run.printed)["status"] == "interrupted"
    assert whole_or_absent(capture.parent) == "interrupted"
    assert "Traceback" not in run.said
    assert sorted(p.name for p in capture.parent.iterdir()) == ["out", "sphere"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_signals_at_any_moment(capture: Path, number: int) -> None:
    """From the first line of the command to its last; then a run that ends well."""
    began = time.monotonic()
    assert start(0.1, capture).end() == 0
    length = time.monotonic() - began
    codes = set()
    for step in range(6):
        run = start(0.1, capture, "--overwrite")
        time.sleep(length * (step + 0.5) / 6)
        run.send(number)
        codes.add(run.end())
        assert codes <= {0, -number, 128 + number}, run.said
        assert whole_or_absent(capture.parent) in ("converged", "interrupted"), "the earlier or the new one, never none"
        assert "Traceback" not in run.said
    assert codes != {0}, "no signal came in time"
    assert start(0.1, capture, "--overwrite").end() == 0
    assert sorted(p.name for p in capture.parent.iterdir()) == ["out", "sphere"]


def test_killed_while_solving_leaves_no_folder_and_the_next_run_cleans_up(capture: Path) -> None:
    run = start(60, capture)
    run.wait_until_solving()
    run.send(signal.SIGKILL)
    assert run.end() == -signal.SIGKILL
    left = sorted(p.name for p in capture.parent.iterdir())
    assert left[-1] == "sphere"
    assert all(name.startswith(".out.sharpvision-partial") for name in left[:-1])
    assert len(left) > 1
    assert start(0, capture).end() == 0
    assert sorted(p.name for p in capture.parent.iterdir()) == ["out", "sphere"]


def test_of_two_runs_at_once_one_wins_and_the_other_says_why(capture: Path) -> None:
    first = start(60, capture)
    first.wait_until_solving()
    second = start(0, capture, "--overwrite")
    assert second.end() == 2
    assert second.printed == ""
    assert "another run" in second.said
    assert len(second.said.splitlines()) == 1
    first.send(signal.SIGINT)
    assert first.end() == 130
    assert whole_or_absent(capture.parent) == "interrupted"


def test_ctrl_c_while_the_interpreter_loads_leaves_nothing(capture: Path) -> None:
    """A real process, at moments at which torch is being imported."""
    program = [sys.executable, "-m", "sharpvision.cli.main", "photometric", capture, "--out", capture.parent / "out"]
    for seconds in (0.3, 0.8):
        run = subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        time.sleep(seconds)
        run.send_signal(signal.SIGINT)
        _, said = run.communicate(timeout=60)
        assert run.returncode in (130, -signal.SIGINT), said  # the latter: before the command had begun
        assert not (capture.parent / "out").exists()
        assert [p.name for p in capture.parent.iterdir()] == ["sphere"]


def test_first_signal_waits_for_the_end_of_writing_the_second_does_not() -> None:
    with Interruption() as interruption:
        with interruption.deferred():
            signal.raise_signal(signal.SIGTERM)
            written = True
        assert written
        assert interruption.exit_code == 143
        with pytest.raises(Stopped), interruption.deferred():
            signal.raise_signal(signal.SIGINT)
    assert interruption.exit_code == 130


def test_an_error_that_a_swallowed_signal_caused_is_the_signal() -> None:
    def half_loaded() -> None:
        try:
            signal.raise_signal(signal.SIGTERM)
        except KeyboardInterrupt:
            raise NameError("half-loaded") from None

    with pytest.raises(Stopped) as caught, Interruption():
        half_loaded()
    assert caught.value.signal == signal.SIGTERM


def test_handlers_are_given_back() -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt), Interruption():
        signal.raise_signal(signal.SIGINT)
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
