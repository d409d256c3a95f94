"""Films, read back by Pillow; files that appear whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageSequence

from sharpvision.core.errors import InputError
from sharpvision.core.srgb import srgb8
from sharpvision.data import write_film
from sharpvision.data.whole_file import check_free, write_whole


def ramp(count: int) -> list[torch.Tensor]:
    column = torch.linspace(0, 1, 24)[:, None, None].expand(24, 32, 3)
    return [(column * (k + 1) / count).requires_grad_() for k in range(count)]


@pytest.mark.parametrize("suffix", [".webp", ".gif", ".WEBP"])
def test_frames_come_back(tmp_path: Path, suffix: str) -> None:
    frames = ramp(5)
    place = write_film(tmp_path / f"film{suffix}", frames, fps=10)
    with Image.open(place) as film:
        seen = [np.asarray(frame.convert("RGB")).astype(int) for frame in ImageSequence.Iterator(film)]
        assert film.info["loop"] == 0
        assert film.info["duration"] == 100
    assert len(seen) == 5
    for frame, picture in zip(frames, seen, strict=True):
        assert np.abs(picture - srgb8(frame.detach().numpy())).mean() < 3
    assert os.listdir(tmp_path) == [place.name]


def test_grey_values_outside_the_range_and_bytes_are_taken(tmp_path: Path) -> None:
    odd = np.full((8, 8), np.nan)
    odd[:4] = 7.0
    write_film(tmp_path / "a.webp", [odd, np.full((8, 8, 3), 90, np.uint8), np.zeros((8, 8, 1), np.float32)])
    with Image.open(tmp_path / "a.webp") as film:
        first = np.asarray(film.convert("RGB"))
        film.seek(1)
        second = np.asarray(film.convert("RGB"))
    assert first[0].min() > 250
    assert first[-1].max() < 5
    assert np.abs(second.astype(int) - 90).max() <= 2


@pytest.mark.parametrize(
    ("name", "frames", "fps", "expected"),
    [
        ("film.mp4", [np.zeros((4, 4))], 25, "ends in .webp or .gif"),
        ("film", [np.zeros((4, 4))], 25, "ends in .webp or .gif"),
        ("film.gif", [], 25, "at least one frame"),
        ("film.gif", [np.zeros((4, 4)), np.zeros((5, 4))], 25, "frames of one size"),
        ("film.gif", [np.zeros((4, 4, 2))], 25, "frames (H, W, 3)"),
        ("film.gif", [np.zeros((0, 4, 3))], 25, "frames (H, W, 3)"),
        ("film.gif", [np.zeros((4, 4))], 0, "frames a second"),
        ("film.gif", [np.zeros((4, 4))], float("nan"), "frames a second"),
        ("no/film.gif", [np.zeros((4, 4))], 25, "a folder at"),
    ],
)
def test_bad_films_are_one_line(tmp_path: Path, name: str, frames: list[np.ndarray], fps: float, expected: str) -> None:
    with pytest.raises(InputError) as caught:
        write_film(tmp_path / name, frames, fps)
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)
    assert os.listdir(tmp_path) == []


def test_a_refused_set_of_files_leaves_nothing_new(tmp_path: Path) -> None:
    (tmp_path / "b").write_bytes(b"earlier")
    with pytest.raises(InputError, match="nothing there yet"):
        write_whole({tmp_path / "a": b"new", tmp_path / "b": b"new"})
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == {"b": b"earlier"}
    write_whole({tmp_path / "a": b"new", tmp_path / "b": b"new"}, overwrite=True)
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == {"a": b"new", "b": b"new"}
    mask = os.umask(0)
    os.umask(mask)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o666 & ~mask


def test_a_failed_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InputError, match="a full disk"):
        write_whole({tmp_path / "a": b"new"})
    assert os.listdir(tmp_path) == []


def test_folders_are_no_files(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="found a folder"):
        check_free(tmp_path, overwrite=True)
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="found a file"):
        check_free(tmp_path / "file" / "a", overwrite=False)
