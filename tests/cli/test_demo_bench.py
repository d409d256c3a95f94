"""`sharpvision demo` and `sharpvision bench` hand over to what they name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from stand_in_solver import solver
from typer.testing import CliRunner

import sharpvision.bench
from sharpvision import reconstruct
from sharpvision.bench import Options
from sharpvision.cli.app import app
from sharpvision.cli.demo import PHOTOMETRIC_EXAMPLE
from sharpvision.core.errors import InputError

SCENES = Path(__file__).parents[2] / "scenes"


def test_demo_solves_the_example_that_travels_along(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not (SCENES / PHOTOMETRIC_EXAMPLE / "light_directions.txt").exists():
        pytest.skip(f"scenes/{PHOTOMETRIC_EXAMPLE} is not rendered here")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(reconstruct, "photometric_stereo", solver(0.0), raising=False)
    ended = CliRunner().invoke(app, ["demo", "photometric"])
    assert ended.exit_code == 0, ended.output
    record = json.loads((tmp_path / "sharpvision-demo" / "result.json").read_text())
    assert record["figures"]["mean_angular_error_deg"] < 40
    assert CliRunner().invoke(app, ["demo", "photometric"]).exit_code == 2


def test_bench_passes_its_options_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Any] = []
    monkeypatch.setattr(sharpvision.bench, "run_suite", lambda *arguments: calls.append(arguments))
    arguments = ["bench", "photometric", "--objects", "ball, cat", "--methods", "robust", "--light-counts", "96,20",
                 "--data", str(tmp_path), "--json", str(tmp_path / "rows.json")]  # fmt: skip
    ended = CliRunner().invoke(app, arguments)
    assert ended.exit_code == 0, ended.output
    assert calls == [
        ("photometric", Options(tmp_path, ("ball", "cat"), ("robust",), (96, 20)), tmp_path / "rows.json")
    ]


def test_bench_errors_are_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = CliRunner().invoke(app, ["bench", "nothing"])
    assert ended.exit_code == 2
    assert ended.stderr.startswith("error: suite 'nothing': expected one of")
    assert CliRunner().invoke(app, ["bench", "photometric", "--light-counts", "many"]).exit_code == 2

    def missing(*_: object) -> None:
        raise InputError("data set diligent", "a folder", "nothing", "download it from https://example.org")

    monkeypatch.setattr(sharpvision.bench, "run_suite", missing)
    ended = CliRunner().invoke(app, ["bench", "photometric"])
    assert ended.exit_code == 2
    assert "https://" in ended.stderr
