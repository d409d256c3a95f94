"""`sharpvision capture lamps` on the rendered near rig: places against its truth, and what it refuses."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from sharpvision.cli.app import app
from sharpvision.data.lights_file import read_lights_file

RIG = Path(str(resources.files("scenes"))) / "captures" / "near_leds"


def run(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["capture", "lamps", *map(str, arguments)], env={"COLUMNS": "200"})
    return result.exit_code, result.output


def test_lamps_of_the_rendered_rig_are_where_they_are(tmp_path: Path) -> None:
    out = tmp_path / "lights.json"
    code, output = run(RIG / "balls", "--radius", 25, "--out", out)
    assert code == 0, output
    found, truth = read_lights_file(out), read_lights_file(RIG / "truth" / "lights.json")
    assert found.points is not None
    assert truth.points is not None
    assert found.length_unit == "mm"
    away = np.linalg.norm(found.points.positions - truth.points.positions, axis=1)
    distance = np.linalg.norm(truth.points.positions.numpy() - [0.0, 0.0, 297.0], axis=1)  # from between the balls
    assert float((away / distance).max()) < 0.04
    assert float((away / distance).mean()) < 0.02
    code, output = run(RIG / "balls", "--radius", 25, "--out", out)
    assert (code, "--overwrite" in output) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([RIG / "nowhere", "--radius", "25"], "nowhere"),
        ([RIG, "--radius", "25"], "ball"),
        ([RIG / "balls", "--radius", "0"], "one radius above zero"),
        ([RIG / "balls", "--radius", "25,x"], "one radius above zero"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_exit_code_2(
    arguments: list[object], words: str, tmp_path: Path
) -> None:
    code, output = run(*arguments, "--out", tmp_path / "lights.json")
    assert code == 2
    assert words in output
    assert not (tmp_path / "lights.json").exists()
