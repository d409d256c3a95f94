"""The scenes that come along: they are read, drawn, small, and all their files are used and in the wheel."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from sharpvision.data import bundled_scenes, read_scene
from sharpvision.rendering import render

ROOT = Path(__file__).parents[1]
SCENES = bundled_scenes()


def test_there_are_ten_and_they_are_small() -> None:
    assert len(SCENES) >= 10
    files = [p for p in SCENES[0].parent.rglob("*") if p.is_file() and "__pycache__" not in p.parts]
    assert sum(p.stat().st_size for p in files) < 1_000_000
    said = "".join(scene.read_text() for scene in SCENES)
    assert [p.name for p in files if p.parent.name == "assets" and f"assets/{p.name}" not in said] == []
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    assert "**/*" in wheel["package-data"]["scenes"]


@pytest.mark.parametrize("path", SCENES, ids=lambda p: p.stem)
def test_a_scene_is_drawn(path: Path) -> None:
    assert path.read_text().startswith("# ")
    file = read_scene(path).resized(32, 32)
    assert file.notes == []
    with torch.no_grad():
        buffers = render(file.scene, file.view, replace(file.settings, buffers=("image", "alpha")))
    assert buffers["image"].isfinite().all()
    assert buffers["image"].std() > 0.02
    assert 0.02 < buffers["alpha"].mean() <= 1.0001
