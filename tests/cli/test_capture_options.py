"""`sharpvision photometric` on photographs as a person has them: options, refusals, what is left in the folder."""

from __future__ import annotations

import json
import shutil
from importlib.resources import files
from pathlib import Path

import pytest
from capture_folder import write_capture
from click.testing import Result
from stand_in_solver import solver
from typer.testing import CliRunner

from sharpvision import reconstruct
from sharpvision.cli.app import app

CAPTURES = Path(str(files("scenes"))) / "captures"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not the solver is tested here."""
    monkeypatch.setattr(reconstruct, "photometric_stereo", solver(0.0), raising=False)


@pytest.fixture
def with_ball(tmp_path: Path) -> Path:
    """The rendered capture with a mirror ball in the picture, without its truth."""
    folder = tmp_path / "figurine"
    shutil.copytree(CAPTURES / "ball", folder, ignore=shutil.ignore_patterns("truth"))
    return folder


def run(*arguments: str | Path | int) -> Result:
    return CliRunner().invoke(app, ["photometric", *(str(argument) for argument in arguments)])


def error_of(ended: Result, out: Path) -> str:
    """The one line of an error; nothing may be written."""
    assert ended.exit_code == 2, ended.output
    lines = [line for line in ended.stderr.splitlines() if not line.startswith("photographs:")]
    assert len(lines) == 1, ended.stderr
    assert lines[0].startswith("error: ")
    assert not out.exists()
    return lines[0]


def test_a_second_run_needs_no_options(with_ball: Path, tmp_path: Path) -> None:
    first = run(with_ball, "--out", tmp_path / "a", "--ball", "214,119,26", "--mask", "whole")
    assert first.exit_code == 0, first.output
    assert "the next run needs no options" in " ".join(first.stdout.split())
    assert len(json.loads((with_ball / "lights.json").read_text())["lights"]) == 12
    assert 'id="capture-title"' in (tmp_path / "a" / "report.html").read_text()
    left = {path.name: path.read_bytes() for path in with_ball.iterdir()}
    second = run(with_ball, "--out", tmp_path / "b", "--mask", "whole")
    assert second.exit_code == 0, second.output
    assert {path.name: path.read_bytes() for path in with_ball.iterdir()} == left


def test_no_remember_leaves_the_folder_as_it_is(with_ball: Path, tmp_path: Path) -> None:
    before = {path.name: path.read_bytes() for path in with_ball.iterdir()}
    ended = run(with_ball, "--out", tmp_path / "a", "--ball", "auto", "--mask", "whole", "--no-remember")
    assert ended.exit_code == 0, ended.output
    assert {path.name: path.read_bytes() for path in with_ball.iterdir()} == before


def test_a_folder_without_lights_and_ball_says_what_to_do(tmp_path: Path) -> None:
    folder = write_capture(tmp_path / "sphere")
    (folder / "light_directions.txt").unlink()
    line = error_of(run(folder, "--out", tmp_path / "out"), tmp_path / "out")
    for said in ("a mirror ball in the picture", "--ball-folder", "--method uncalibrated"):
        assert said in line


def test_no_lights_are_needed_without_calibration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_capture(tmp_path / "sphere")
    (folder / "light_directions.txt").unlink()
    seen = []

    def unsolved(observations: object, method: str = "", **settings: object) -> None:
        seen.append((method, observations.calibration, bool(observations.light_directions.isnan().all())))  # type: ignore[attr-defined]
        raise KeyboardInterrupt

    monkeypatch.setattr(reconstruct, "photometric_stereo", unsolved)
    assert run(folder, "--out", tmp_path / "out", "--method", "uncalibrated").exit_code == 130
    assert seen == [("uncalibrated", "none", True)]


@pytest.mark.parametrize(("options", "said"), [
    (("--ball", "1,2,-3"), "--ball: expected X,Y,R in pixels, R above zero, or auto, found 1,2,-3"),
    (("--ball", "auto", "--ball-folder", "."), "found both"),
    (("--ball-folder", "nowhere"), "nowhere: expected a folder of photographs, found nothing of that name"),
    (("--gray-card", "0,0,500,2"), "--gray-card: expected a rectangle within 32x32 pixels"),
    (("--gray-card", "0,0,0,2"), "W and H at least 1, found 0,0,0,2"),
    (("--dark-frame", "nowhere.png"), "nowhere.png: expected an image"),
    (("--exposures-folder", "nowhere"), "nowhere: expected a folder of photographs"),
    (("--mask", "nowhere.png"), "nowhere.png: expected an image"),
])  # fmt: skip
def test_bad_input_is_one_line(tmp_path: Path, options: tuple[str, ...], said: str) -> None:
    folder = write_capture(tmp_path / "sphere")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert said in error_of(run(folder, "--out", tmp_path / "out", *options), tmp_path / "out")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.parametrize(("options", "said"), [
    (("--ball", "1,2"), "expected X,Y,R or auto in pixels"),
    (("--ball", "here"), "expected X,Y,R or auto in pixels"),
    (("--ball", "1,2,nan"), "expected X,Y,R or auto in pixels"),
    (("--gray-card", "1,2,3"), "expected X,Y,W,H in pixels"),
    (("--gray-card", "auto"), "expected X,Y,W,H in pixels"),
    (("--response", "gamma"), "unknown"),
])  # fmt: skip
def test_usage_errors(tmp_path: Path, options: tuple[str, ...], said: str) -> None:
    ended = run(tmp_path, "--out", tmp_path / "out", *options)
    assert ended.exit_code == 2
    assert said in " ".join(ended.stderr.replace("│", " ").split())


def test_a_bad_file_of_lights_is_one_line(tmp_path: Path) -> None:
    folder = write_capture(tmp_path / "sphere")
    (folder / "lights.json").write_text('{"lights": [{"type": "spot"}]}')
    line = error_of(run(folder, "--out", tmp_path / "out"), tmp_path / "out")
    assert "lights.json, lights.0: expected a type: 'directional', 'point', found spot; correct the type" in line
