"""A suite from end to end: real files, a process a case, rows that the acceptance check can read."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

from sharpvision.bench import Options, run_suite
from sharpvision.bench.large_photographs import write_photographs


def test_a_folder_of_objects_without_truth_gives_rows_without_errors(tmp_path, capsys):
    for seed, name in enumerate(("first", "second")):
        (tmp_path / "data" / name).mkdir(parents=True)
        write_photographs(tmp_path / "data" / name, 0.003, seed)
    file = tmp_path / "rows.json"
    options = Options(data=tmp_path / "data", methods=("least_squares",), light_counts=(10,))
    rows = run_suite("photometric", options, file)
    assert json.loads(file.read_text()) == rows
    assert [row["case"] for row in rows] == ["first", "second"]
    for row in rows:
        assert row["settings"] == {"light_count": 10, "residual": None}
        assert "mean_angular_error_deg" not in row["metrics"]
        assert 0.0 < row["seconds"] < row["seconds_total"]
        assert 50.0 < row["peak_mib"] < 3000.0  # of a process that imports torch and little else
        assert row["ledger"]["learned_parameters"] == 0
        assert row["ledger"]["training_images"] == 0
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "second" in captured.err


def test_an_interrupt_ends_the_worker_too_and_leaves_a_readable_file(tmp_path):
    file = tmp_path / "rows.json"
    script = f"""
from pathlib import Path
from sharpvision.bench import Options, run_suite
run_suite("photometric-scale", Options(sizes=(0.5, 0.6)), Path({str(file)!r}))
"""
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    process = subprocess.Popen(
        [sys.executable, "-c", script], env=environment, stderr=subprocess.DEVNULL, start_new_session=True
    )
    for _ in range(600):
        if list(tmp_path.glob("sharpvision-bench-*")):
            break
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(timeout=60) != 0
    assert json.loads(file.read_text()) == []
    for _ in range(100):
        if not list(tmp_path.glob("sharpvision-*")):
            break
        time.sleep(0.05)
    assert list(tmp_path.glob("sharpvision-*")) == []
