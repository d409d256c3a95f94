"""`sharpvision capture check`: what it says of good and bad folders, and its exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from sharpvision.cli.app import app

SIDE, COUNT = 80, 8


def write_capture(folder: Path, count: int = COUNT, gain: float = 0.8, lights: bool = True) -> Path:
    """A painted sphere before black under a ring of lights, 16-bit PNG."""
    folder.mkdir()
    y, x = (np.mgrid[0:SIDE, 0:SIDE] - SIDE / 2) / (0.35 * SIDE)
    disc = x**2 + y**2 < 1
    z = np.sqrt(np.maximum(1 - x**2 - y**2, 0))
    albedo = np.where(disc, 0.6 + 0.4 * np.sign(np.sin(9 * x) * np.sin(9 * y)), 0)
    turn = 2 * np.pi * np.arange(count) / count
    directions = np.stack([0.6 * np.cos(turn), 0.6 * np.sin(turn), np.full(count, 0.8)], -1)
    shading = np.maximum(np.einsum("nk,kyx->nyx", directions * [1, -1, 1], np.stack([x, y, z])), 0)
    noise = np.random.default_rng(0).normal(0, 0.002, (count, SIDE, SIDE))
    codes = np.clip(65535 * (gain * albedo * shading + noise), 0, 65535).astype(np.uint16)
    for index, image in enumerate(codes):
        assert cv2.imwrite(str(folder / f"{index + 1:03d}.png"), np.repeat(image[..., None], 3, -1))
    if lights:
        np.savetxt(folder / "light_directions.txt", directions, "%.6f")
    return folder


def checked(*arguments: str, code: int = 0) -> dict[str, dict[str, str]]:
    """The items by name."""
    result = CliRunner().invoke(app, ["capture", "check", *arguments, "--json"])
    assert result.exit_code == code, result.output
    return {item["name"]: item for item in json.loads(result.stdout)["items"]}


def test_a_good_folder_is_good(tmp_path: Path) -> None:
    items = checked(str(write_capture(tmp_path / "good")))
    for name in ("photographs", "response", "saturation", "darkness", "movement", "mask", "lights"):
        assert items[name]["state"] == "good", items[name]
    assert items["focal length"]["state"] == "missing"
    assert items["exposure"]["state"] == "missing"


def test_the_table_and_the_pictures(tmp_path: Path) -> None:
    folder = write_capture(tmp_path / "good")
    for name, start in (("check.png", b"\x89PNG"), ("check.html", b"<!doctype html>")):
        result = CliRunner().invoke(app, ["capture", "check", str(folder), "--out", str(tmp_path / name)])
        assert result.exit_code == 0
        assert "light_directions.txt" in result.stdout
        assert (tmp_path / name).read_bytes().startswith(start)
    again = CliRunner().invoke(app, ["capture", "check", str(folder), "--out", str(tmp_path / "check.png")])
    assert again.exit_code == 2
    assert "error:" in again.stderr


@pytest.mark.parametrize(("gain", "name", "state"), [(12.0, "saturation", "bad"), (0.03, "darkness", "improve")])
def test_exposure_that_is_off_is_told(tmp_path: Path, gain: float, name: str, state: str) -> None:
    items = checked(str(write_capture(tmp_path / "off", gain=gain)), code=2 if state == "bad" else 0)
    assert items[name]["state"] == state
    assert "expose" in items[name]["advice"]


def test_two_photographs_are_too_few_and_no_lights_are_missing(tmp_path: Path) -> None:
    items = checked(str(write_capture(tmp_path / "two", count=2, lights=False)), code=2)
    assert items["photographs"]["state"] == "bad"
    assert items["lights"]["state"] == "missing"
    assert "uncalibrated" in items["lights"]["advice"]


def test_a_broken_and_an_odd_photograph_are_named(tmp_path: Path) -> None:
    folder = write_capture(tmp_path / "broken", lights=False)
    (folder / "004.png").write_bytes((folder / "004.png").read_bytes()[:200])
    assert cv2.imwrite(str(folder / "006.png"), np.full((SIDE, SIDE, 3), 5, np.uint16))
    items = checked(str(folder), code=2)
    assert "004.png" in items["photographs"]["found"]
    assert "006.png" in items["does not belong"]["found"]


def test_black_photographs_have_nothing_to_say_and_do_not_crash(tmp_path: Path) -> None:
    folder = tmp_path / "black"
    folder.mkdir()
    for index in range(4):
        assert cv2.imwrite(str(folder / f"{index}.png"), np.zeros((SIDE, SIDE, 3), np.uint8))
    items = checked(str(folder), code=2)
    assert items["sharpness"]["state"] == "bad"
    assert items["mask"]["state"] == "missing"


@pytest.mark.parametrize("name", ["nothing", "empty"])
def test_no_photographs_are_an_input_error(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    result = CliRunner().invoke(app, ["capture", "check", str(tmp_path / name)])
    assert result.exit_code == 2
    assert result.stderr.startswith("error: ")
    assert len(result.stderr.strip().splitlines()) == 1
