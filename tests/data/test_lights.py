"""Text files of lights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from folders import LIGHTS

from sharpvision.core.errors import InputError
from sharpvision.data.lights import check_spread, read_directions, read_intensities, read_table


def _file(folder: Path, text: str) -> Path:
    (folder / "lights.txt").write_text(text)
    return folder / "lights.txt"


def test_directions_turn_into_the_opencv_frame(tmp_path: Path) -> None:
    found, notes = read_directions(_file(tmp_path, "0 0 1\n0.6 0 0.8\n0 0.6 -0.8\n"))
    np.testing.assert_allclose(found, [[0, 0, -1], [0.6, 0, -0.8], [0, -0.6, 0.8]])
    assert notes == []


def test_directions_in_the_opencv_frame_stay(tmp_path: Path) -> None:
    found, _ = read_directions(_file(tmp_path, "0 0.6 -0.8\n"), files_frame_is_opencv=True)
    np.testing.assert_allclose(found, [[0, 0.6, -0.8]])


def test_lengths_are_normalised_and_told(tmp_path: Path) -> None:
    found, notes = read_directions(_file(tmp_path, "0 0 2\n0.6 0 0.8\n"))
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1)
    assert "not of unit length (one has 2)" in notes[0]


def test_commas_comments_and_blank_lines(tmp_path: Path) -> None:
    rows, lines = read_table(_file(tmp_path, "\ufeff# lights\n\n1, 2;3 # first\n\t4 5 6\r\n"), (3,), "rows")
    assert rows.tolist() == [[1, 2, 3], [4, 5, 6]]
    assert lines == [3, 4]


def test_one_intensity_a_light_counts_for_all_channels(tmp_path: Path) -> None:
    assert read_intensities(_file(tmp_path, "1\n2\n"), 2).tolist() == [[1, 1, 1], [2, 2, 2]]


@pytest.mark.parametrize(("text", "message"), [
    ("0 0 1\n0 1\n", "line 2: expected 3 numbers, found 2"),
    ("0 0 1 1\n", "line 1: expected 3 numbers, found 4"),
    ("0 0 1\n0 one 0\n", "line 2: expected a light direction x y z in each row, found the word 'one'"),
    ("0 0 1\n0 nan 1\n", "line 2: expected finite numbers, found 0 nan 1"),
    ("0 0 1\n0 inf 1\n", "line 2: expected finite numbers"),
    ("0 0 1\n\n0 0 0\n", "line 3: expected a direction of unit length, found a light of length zero"),
    ("# nothing\n", "found no rows"),
    ("", "found an empty file"),
])  # fmt: skip
def test_bad_directions(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_directions(_file(tmp_path, text))


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "lights.txt").write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(InputError, match="no UTF-8 text"):
        read_directions(tmp_path / "lights.txt")


@pytest.mark.parametrize(("text", "message"), [
    ("1 1 1\n1 -2 1\n", "line 2: expected intensities above zero, found -2"),
    ("1 1 1\n1 0 1\n", "line 2: expected intensities above zero, found 0"),
    ("1 1 1\n1 nan 1\n", "line 2: expected finite numbers"),
    ("1 1\n", "line 1: expected 1 or 3 numbers, found 2"),
    ("1 1 1\n", "expected 2 rows, one for each photograph, found 1"),
])  # fmt: skip
def test_bad_intensities(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_intensities(_file(tmp_path, text), 2)


@pytest.mark.parametrize("seed", range(3))
def test_rank_is_judged_in_any_orientation(seed: int) -> None:
    rng = np.random.default_rng(seed)
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    angles = np.linspace(0, 2, 7)
    plane = np.stack([np.cos(angles), np.sin(angles), np.zeros(7)], -1) @ turn
    rounded = np.round(plane, 4)
    with pytest.raises(InputError, match="coplanar"):
        check_spread(Path("l.txt"), rounded)
    with pytest.raises(InputError, match="identical"):
        check_spread(Path("l.txt"), np.tile(turn[:1], (5, 1)))
    with pytest.raises(InputError, match="at least 3 lights, found 2"):
        check_spread(Path("l.txt"), plane[:2])
    check_spread(Path("l.txt"), LIGHTS @ turn)
    cone = np.array([[0.04, 0, 1], [-0.02, 0.035, 1], [-0.02, -0.035, 1]])  # 2 degrees wide: poor, but enough
    check_spread(Path("l.txt"), cone / np.linalg.norm(cone, axis=1, keepdims=True))
    assert np.linalg.matrix_rank(plane, tol=1e-6) == 2
