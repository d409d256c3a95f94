"""The command with the solvers that it ships: each writes a whole folder, and physics can be stopped at any moment."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from capture_folder import write_capture

COMMAND = [sys.executable, "-m", "sharpvision.cli.main", "photometric"]


def start(capture: Path, *options: str) -> subprocess.Popen[str]:
    command = [*COMMAND, str(capture), "--out", str(capture.parent / "out"), *options]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


@pytest.mark.parametrize("method", ["least_squares", "robust", "physics"])
def test_each_method_on_a_lambertian_sphere(tmp_path: Path, method: str) -> None:
    run = start(write_capture(tmp_path / "sphere", size=48), "--method", method, "--json")
    printed, said = run.communicate(timeout=200)
    assert run.returncode == 0, said
    record = json.loads(printed)
    assert record["method"] == method
    assert record["figures"]["mean_angular_error_deg"] < 6
    assert record["settings"]["light_count"] == 7
    assert {"normals.png", "mesh.glb", "report.html"} <= {file.name for file in (tmp_path / "out").iterdir()}
    assert "Traceback" not in said


@pytest.mark.slow
def test_physics_stopped_at_any_moment(tmp_path: Path) -> None:
    """Ctrl-C and kill -9, over the time of an undisturbed run; OUT is whole or absent."""
    capture, out = write_capture(tmp_path / "sphere", size=64), tmp_path / "out"
    began = time.monotonic()
    run = start(capture)
    _, said = run.communicate(timeout=200)
    assert run.returncode == 0, said
    length = time.monotonic() - began
    for step in range(6):
        number = (signal.SIGINT, signal.SIGKILL)[step % 2]
        run = start(capture, "--overwrite")
        time.sleep(length * (step + 1) / 6)
        run.send_signal(number)
        _, said = run.communicate(timeout=200)
        assert run.returncode in (0, -number, 128 + number), said
        assert "Traceback" not in said or run.returncode == -signal.SIGINT  # the interpreter's own, before the command
        record = json.loads((out / "result.json").read_text())
        assert record["status"] != "diverged"
        assert b"</html>" in (out / "report.html").read_bytes()[-20:]
    run = start(capture, "--overwrite")
    assert run.communicate(timeout=200) is not None
    assert run.returncode == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "sphere"]
