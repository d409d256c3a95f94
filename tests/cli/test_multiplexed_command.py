"""`sharpvision multiplexed`: a photograph, frames, a video, and what it refuses."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
import typer
from PIL import Image
from typer.testing import CliRunner

from sharpvision.cli.multiplexed import multiplexed

app = typer.Typer(pretty_exceptions_enable=False)
app.command()(multiplexed)
LIGHTS = np.array([[0.48, 0.36, 0.8], [-0.6, 0.0, 0.8], [0.0, -0.6, 0.8]])  # in the frame of files
MIXING = np.array([[0.90, 0.12, 0.03], [0.15, 0.78, 0.12], [0.02, 0.18, 0.85]])


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def error_of(result):
    assert result.exit_code == 2
    lines = result.stderr.strip().splitlines()
    assert lines[-1].startswith("error: ")
    return lines[-1]


@pytest.fixture
def capture(tmp_path):
    """A folder with the photograph of a sphere (8-bit, linear) and the lights' file."""
    v, u = (np.mgrid[:32, :32] + 0.5) / 16 - 1
    square = u * u + v * v
    normals = np.stack([u, -v, np.sqrt(np.maximum(1 - square, 0))], -1) * (square < 0.8)[..., None]
    image = np.array([0.9, 0.6, 0.5]) * (np.maximum(normals @ LIGHTS.T, 0) @ MIXING.T)
    codes = np.rint(255 * 0.9 * image / image.max()).astype(np.uint8)
    cv2.imwrite(str(tmp_path / "photo.png"), codes[..., ::-1])
    entries = [{"type": "directional", "direction": list(l), "intensity": list(MIXING[:, k])}
               for k, l in enumerate(LIGHTS)]  # fmt: skip
    (tmp_path / "lights.json").write_text(json.dumps({"lights": entries}))
    return tmp_path, normals, codes


def test_a_photograph_makes_the_folder_of_photometric(capture):
    folder, normals, _ = capture
    result = run(folder / "photo.png", "--lights", folder / "lights.json", "--out", folder / "out", "--response",
                 "linear", "--json")  # fmt: skip
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["status"] == "converged"
    names = {path.name for path in (folder / "out").iterdir()}
    assert {"maps.npz", "normals.png", "report.html", "result.json", "mesh.glb"} <= names
    with np.load(folder / "out" / "maps.npz") as maps:
        both = maps["mask"] & (normals[..., 2] > 0)
        cosine = (maps["normals"] * normals).sum(-1)[both]
    assert np.degrees(np.arccos(np.clip(cosine, -1, 1))).mean() < 3.0


def test_frames_make_one_folder_with_a_film(capture):
    folder, _, codes = capture
    frames = folder / "frames"
    frames.mkdir()
    for number in range(2):
        cv2.imwrite(str(frames / f"{number}.png"), codes[..., ::-1])
    result = run(frames, "--lights", folder / "lights.json", "--out", folder / "out", "--response", "linear")
    assert result.exit_code == 0, result.stderr
    record = json.loads((folder / "out" / "result.json").read_text())
    assert [entry["frame"] for entry in record["frames"]] == ["0.npz", "1.npz"]
    assert sorted(path.name for path in (folder / "out" / "frames").iterdir()) == ["0.npz", "1.npz"]
    with Image.open(folder / "out" / "normals.webp") as film:
        assert film.size == (32, 32)


def test_a_video_is_read_frame_by_frame(capture):
    folder, _, codes = capture
    place = folder / "film.avi"
    writer = cv2.VideoWriter(str(place), cv2.VideoWriter_fourcc(*"MJPG"), 10, (32, 32))
    for _ in range(3):
        writer.write(np.ascontiguousarray(codes[..., ::-1]))
    writer.release()
    result = run(place, "--lights", folder / "lights.json", "--out", folder / "out", "--response", "linear",
                 "--max-frames", 2)  # fmt: skip
    assert result.exit_code == 0, result.stderr
    assert len(list((folder / "out" / "frames").iterdir())) == 2


def test_ctrl_c_keeps_the_finished_frames(capture, monkeypatch):
    from sharpvision.reconstruct.photometric.multiplexed import solve

    folder, _, codes = capture
    frames = folder / "frames"
    frames.mkdir()
    for number in range(3):
        cv2.imwrite(str(frames / f"{number}.png"), codes[..., ::-1])
    real, calls = solve.solve_multiplexed, []

    def stops_at_the_second(*arguments, **options):
        calls.append(True)
        if len(calls) == 2:
            import signal

            signal.raise_signal(signal.SIGINT)
        return real(*arguments, **options)

    monkeypatch.setattr(solve, "solve_multiplexed", stops_at_the_second)
    result = run(frames, "--lights", folder / "lights.json", "--out", folder / "out", "--response", "linear")
    assert result.exit_code == 130
    record = json.loads((folder / "out" / "result.json").read_text())
    assert (record["status"], len(record["frames"])) == ("interrupted", 1)


def test_refusals_are_one_line_and_leave_nothing(capture):
    folder, _, codes = capture
    photo, lights, out = folder / "photo.png", folder / "lights.json", folder / "out"
    assert "nothing of that name" in error_of(run(folder / "no.png", "--lights", lights, "--out", out))
    cv2.imwrite(str(folder / "gray.png"), codes[..., 0])
    assert "colour" in error_of(run(folder / "gray.png", "--lights", lights, "--out", out))
    (folder / "film.mp4").write_bytes(b"no film")
    assert "OpenCV" in error_of(run(folder / "film.mp4", "--lights", lights, "--out", out))
    two = json.loads(lights.read_text())
    two["lights"].pop()
    (folder / "two.json").write_text(json.dumps(two))
    assert "three lights" in error_of(run(photo, "--lights", folder / "two.json", "--out", out))
    bare = {"lights": [{"type": "directional", "direction": list(l)} for l in LIGHTS]}
    (folder / "bare.json").write_text(json.dumps(bare))
    assert "--calibration" in error_of(run(photo, "--lights", folder / "bare.json", "--out", out))
    assert not out.exists()
