"""`sharpvision` as a user calls it: what goes to stdout, to stderr and to the folder, and the exit code."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from capture_folder import write_capture
from click.testing import Result
from stand_in_solver import solver
from typer.testing import CliRunner

from sharpvision import __version__, reconstruct
from sharpvision.cli.app import app
from sharpvision.core.errors import BackendUnavailable
from sharpvision.solvers import Status

STAND_IN = Path(__file__).with_name("stand_in_solver.py")


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    return write_capture(tmp_path / "sphere")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not the solver is tested here."""
    monkeypatch.setattr(reconstruct, "photometric_stereo", solver(0.0), raising=False)


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_json_is_alone_on_stdout_and_equals_the_file(capture: Path, tmp_path: Path) -> None:
    """In a process of its own, with a solver that prints."""
    command = [sys.executable, STAND_IN, "0", "photometric", capture, "--out", tmp_path / "out", "--json"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    printed = json.loads(ended.stdout)
    assert printed.pop("out") == str(tmp_path / "out")
    assert printed == json.loads((tmp_path / "out" / "result.json").read_text())
    assert printed["figures"]["mean_angular_error_deg"] < 20
    assert "a library that prints on stdout" in ended.stderr
    assert re.search(r"about \d+ s", ended.stderr), "a time left before the work starts"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "sphere"]


def test_summary_says_what_to_know(capture: Path, tmp_path: Path) -> None:
    ended = run("photometric", capture, "--out", tmp_path / "out", "--method", "robust")
    assert ended.exit_code == 0, ended.output
    for said in ("converged", "mean", "a stand-in solved this", str(tmp_path / "out" / "report.html"), "maps.npz"):
        assert said in ended.stdout
    assert "a library that prints" not in ended.stdout


def test_options_reach_the_solver(capture: Path, tmp_path: Path) -> None:
    ended = run("photometric", capture, "--out", tmp_path / "out", "--light-distance", "12.5", "--no-residual",
                "--seed", 3, "--light-count", 5, "--json")  # fmt: skip
    record = json.loads(ended.stdout)
    assert record["settings"] == {"seed": 3, "light_distance": 12.5, "residual": False}
    assert record["input"]["images"] == 5


@pytest.mark.parametrize(
    ("status", "strict", "code"),
    [
        (Status.CONVERGED, True, 0), (Status.STEP_LIMIT, False, 0), (Status.STEP_LIMIT, True, 3),
        (Status.ILL_POSED, True, 3), (Status.DIVERGED, True, 3), (Status.INTERRUPTED, False, 130),
    ],
)  # fmt: skip
def test_status_decides_the_exit_code(
    capture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: Status, strict: bool, code: int
) -> None:
    monkeypatch.setattr(reconstruct, "photometric_stereo", solver(0.0, status))
    ended = run("photometric", capture, "--out", tmp_path / "out", *(["--strict"] if strict else []))
    assert ended.exit_code == code
    assert json.loads((tmp_path / "out" / "result.json").read_text())["status"] == status
    if status is not Status.CONVERGED:
        assert status.advice in " ".join(ended.stdout.split())


def bad_input(folder: Path, *options: str | Path) -> str:
    """The one line of an error; nothing may be written."""
    out = folder.parent / "out"
    ended = run("photometric", folder, "--out", out, *options)
    assert ended.exit_code == 2, ended.output
    assert ended.stdout == ""
    lines = [line for line in ended.stderr.splitlines() if not line.startswith("photographs:")]
    assert len(lines) == 1, ended.stderr
    assert lines[0].startswith("error: ")
    assert re.search(r": expected .+, found .+; .+", lines[0]), lines[0]
    assert not out.exists()
    assert [path.name for path in folder.parent.iterdir() if path.name.startswith(".")] == []
    return lines[0]


def _image(folder: Path, name: str, change: Callable[[np.ndarray], np.ndarray]) -> None:
    image = cv2.imread(str(folder / name), cv2.IMREAD_UNCHANGED)
    assert cv2.imwrite(str(folder / name), change(image))


def _lights(folder: Path, change: Callable[[np.ndarray], np.ndarray]) -> None:
    lights = np.loadtxt(folder / "light_directions.txt")
    np.savetxt(folder / "light_directions.txt", change(lights))


def _row(folder: Path, value: list[float]) -> None:
    def change(lights: np.ndarray) -> np.ndarray:
        lights[1] = value
        return lights

    _lights(folder, change)


BREAK: dict[str, tuple[Callable[[Path], object], str]] = {
    "no images": (lambda f: [p.unlink() for p in f.glob("0*.png")], "sphere"),
    "sizes that differ": (lambda f: _image(f, "003.png", lambda i: i[:-2]), "003.png"),
    "NaN light": (lambda f: _row(f, [0, np.nan, 1]), "light_directions.txt"),
    "zero light": (lambda f: _row(f, [0, 0, 0]), "light_directions.txt"),
    "identical lights": (lambda f: _lights(f, lambda lights: 0 * lights + [0, 0, 1]), "light_directions.txt"),
    "coplanar lights": (lambda f: _lights(f, lambda lights: lights * [1, 0, 1]), "light_directions.txt"),
    "too few lights in the file": (lambda f: _lights(f, lambda lights: lights[:-1]), "light_directions.txt"),
    "too many lights in the file": (lambda f: _lights(f, lambda s: s[[0, *range(7)]]), "light_directions.txt"),
    "fewer than 3": (lambda f: (_lights(f, lambda s: s[:2]), [p.unlink() for p in f.glob("00[3-7].png")]), "sphere"),
    "no lights": (lambda f: (f / "light_directions.txt").unlink(), "light_directions.txt"),
    "negative intensities": (lambda f: np.savetxt(f / "light_intensities.txt", -np.ones((7, 3))), "intensities.txt"),
    "saturated image": (lambda f: _image(f, "001.png", lambda i: i * 0 + 65535), "001.png"),
    "black image": (lambda f: _image(f, "001.png", lambda i: i * 0), "001.png"),
    "empty mask": (lambda f: _image(f, "mask.png", lambda i: i * 0), "mask.png"),
    "mask of another size": (lambda f: _image(f, "mask.png", lambda i: i[:-3]), "mask.png"),
    "empty image file": (lambda f: (f / "002.png").write_bytes(b""), "002.png"),
    "truncated image": (lambda f: (f / "002.png").write_bytes((f / "002.png").read_bytes()[:300]), "002.png"),
    "no image": (lambda f: (f / "002.png").write_text("hello"), "002.png"),
    "unknown key in the capture file": (lambda f: (f / "capture.json").write_text('{"respons": "srgb"}'), "respons"),
    "capture file that is no JSON": (lambda f: (f / "capture.json").write_text("{"), "capture.json"),
}


@pytest.mark.parametrize("name", BREAK)
def test_bad_folder_is_one_line_and_two(capture: Path, name: str) -> None:
    damage, said = BREAK[name]
    damage(capture)
    assert said in bad_input(capture)


def test_bad_arguments_are_one_line_and_two(capture: Path, tmp_path: Path) -> None:
    assert "nowhere" in bad_input(tmp_path / "nowhere")
    (tmp_path / "file").write_text("x")
    assert "file" in bad_input(tmp_path / "file")
    assert "https://" in bad_input(tmp_path / "diligent")
    assert "missing.png" in bad_input(capture, "--mask", tmp_path / "missing.png")
    assert "100" in bad_input(capture, "--light-count", "100")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--no-such-option"], ["--method", "magic"], ["--light-distance", "-3"], ["--light-distance", "nan"],
        ["--light-distance", "near"], ["--light-count", "2"], ["--response", "gamma"], ["--max-size", "0"],
        ["--focal", "0"],
    ],
)  # fmt: skip
def test_usage_errors_keep_the_usual_form(capture: Path, tmp_path: Path, arguments: list[str]) -> None:
    ended = run("photometric", capture, "--out", tmp_path / "out", *arguments)
    assert ended.exit_code == 2
    assert "Usage:" in ended.stderr
    assert ended.stdout == ""
    assert not (tmp_path / "out").exists()


def test_out_is_required(capture: Path) -> None:
    ended = run("photometric", capture)
    assert ended.exit_code == 2
    assert "--out" in ended.stderr


def test_existing_out_is_refused_before_the_photographs_are_read(capture: Path, tmp_path: Path) -> None:
    assert run("photometric", capture, "--out", tmp_path / "out").exit_code == 0
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    ended = run("photometric", tmp_path / "no photographs here", "--out", tmp_path / "out")
    assert ended.exit_code == 2
    assert "--overwrite" in ended.stderr
    ended = run("photometric", capture, "--out", capture, "--overwrite")
    assert ended.exit_code == 2, "photographs are no earlier output"
    assert (capture / "001.png").exists()
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before
    assert run("photometric", capture, "--out", tmp_path / "out", "--overwrite", "--method", "robust").exit_code == 0
    assert json.loads((tmp_path / "out" / "result.json").read_text())["method"] == "robust"


def test_a_full_disk_is_one_line_and_leaves_nothing(capture: Path, tmp_path: Path) -> None:
    """A limit on the size of files stands for the full disk: writing the maps fails half-way."""
    program = (
        "import resource, runpy, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY));"
        "sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')"
    )
    command = [sys.executable, "-c", program, STAND_IN, "0", "photometric", capture, "--out", tmp_path / "out"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 2, ended.stderr
    assert ended.stderr.splitlines()[-1].startswith(f"error: {tmp_path}/out: expected room for the output")
    assert [path.name for path in tmp_path.iterdir()] == ["sphere"]


def test_missing_extra_and_bugs(capture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unavailable(*_: object, **__: object) -> None:
        raise BackendUnavailable("raw", "RAW photographs")

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr(reconstruct, "photometric_stereo", unavailable)
    ended = run("photometric", capture, "--out", tmp_path / "out")
    assert (ended.exit_code, ended.stdout) == (2, "")
    assert "pip install 'sharpvision[raw]'" in ended.stderr
    monkeypatch.setattr(reconstruct, "photometric_stereo", broken)
    ended = run("photometric", capture, "--out", tmp_path / "out")
    assert ended.exit_code == 1
    assert "report it" in ended.stderr.splitlines()[-1]
    assert "Traceback" not in ended.stderr
    monkeypatch.setenv("SHARPVISION_DEBUG", "1")
    assert isinstance(run("photometric", capture, "--out", tmp_path / "out").exception, ZeroDivisionError)
    assert [path.name for path in tmp_path.iterdir()] == ["sphere"]


def test_a_reader_that_goes_away_is_no_error(capture: Path, tmp_path: Path) -> None:
    command = f"{sys.executable} {STAND_IN} 0 photometric {capture} --out {tmp_path / 'out'} --json | true"
    ended = subprocess.run(["bash", "-c", f"set -o pipefail; {command}"], capture_output=True, text=True, check=False)
    assert ended.returncode in (0, 141)
    assert "Traceback" not in ended.stderr
    assert "Exception" not in ended.stderr
    assert (tmp_path / "out" / "result.json").exists()


def test_version_and_help() -> None:
    assert run("--version").stdout == f"sharpvision {__version__}\n"
    assert run("--help").exit_code == 0
    for command in ("photometric", "integrate", "bench", "demo"):
        assert command in run("--help").stdout


def test_the_same_seed_gives_the_same_bytes(capture: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        assert run("photometric", capture, "--out", tmp_path / name).exit_code == 0
    for name in ("normals.png", "maps.npz", "mesh.ply", "mesh.glb", "parameters.safetensors"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
