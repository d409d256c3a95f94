"""`sharpvision render`: what lands in the files, and what is refused."""

from __future__ import annotations

import io
import json
import math
import os
from pathlib import Path

import cv2
import numpy as np
import OpenEXR
import pytest
import torch
from PIL import Image, ImageSequence
from typer.testing import CliRunner, Result

from sharpvision import rendering
from sharpvision.cli.app import app
from sharpvision.core.srgb import srgb8
from sharpvision.data import read_scene
from sharpvision.rendering import RenderSettings

SCENE = """\
camera:
  look_at: {eye: [1.0, 1.0, 3.0]}
  fov_deg: 50
  size: [40, 32]
materials:
  paint: {type: lambert, albedo: [0.7, 0.2, 0.1]}
shapes:
  ball: {primitive: sphere, segments: 16, rings: 8, material: paint}
lights:
  sun: {type: directional, direction: [0, 1, 1], irradiance: 2}
background: [0.1, 0.2, 0.3]
"""


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    path = tmp_path / "scene.yaml"
    path.write_text(SCENE)
    return path


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["render", *(str(a) for a in arguments)])


def expected(scene: Path, **settings: object) -> rendering.Buffers:
    file = read_scene(scene)
    with torch.no_grad():
        return rendering.render(file.scene, file.view, RenderSettings(**settings))  # type: ignore[arg-type]


def test_png_holds_the_image_in_srgb(scene: Path) -> None:
    out = scene.with_name("a.png")
    ended = run(scene, "-o", out)
    assert ended.exit_code == 0, ended.output
    assert "40x32" in ended.stdout
    image = expected(scene)["image"].numpy()
    np.testing.assert_array_equal(np.asarray(Image.open(out)), srgb8(image))
    assert run(scene, "-o", out).exit_code == 2
    assert run(scene, "-o", out, "--overwrite", "--bits", 16).exit_code == 0
    deep = cv2.imread(str(out), cv2.IMREAD_UNCHANGED)[..., ::-1]
    assert deep.dtype == np.uint16
    assert np.abs(deep / 257 - srgb8(image)).max() <= 0.51
    assert sorted(os.listdir(scene.parent)) == ["a.png", "scene.yaml"]


def test_exr_holds_all_buffers_as_they_are(scene: Path) -> None:
    out = scene.with_name("a.exr")
    names = "image,alpha,depth,normal,uv,face,albedo,shading"
    ended = run(scene, "-o", out, "--buffers", names, "--mode", "fast", "--json")
    assert ended.exit_code == 0, ended.output
    record = json.loads(ended.stdout)
    assert (record["width"], record["height"], record["mode"], record["triangles"]) == (40, 32, "fast", 224)
    found = expected(scene, mode="fast", buffers=tuple(names.split(",")))
    with OpenEXR.File(str(out), separate_channels=True) as file:
        channels = {name: np.asarray(channel.pixels) for name, channel in file.channels().items()}
    np.testing.assert_array_equal(channels["G"], found["image"][..., 1].numpy())
    np.testing.assert_array_equal(channels["Z"], found["depth"].numpy())
    np.testing.assert_array_equal(channels["face.id"].astype(np.int64) == 0xFFFFFFFF, found["face"].numpy() == -1)
    nearest = np.unravel_index(np.argmin(channels["Z"]), channels["Z"].shape)
    normal = [channels[f"normal.{axis}"][nearest] for axis in "XYZ"]
    assert normal[2] > 0.9  # to the viewer
    assert math.hypot(*normal) == pytest.approx(1, abs=1e-3)
    top = np.argwhere(np.isfinite(channels["Z"]))[0]
    assert channels["normal.Y"][tuple(top)] > 0.6  # y up


def test_hdr_and_pngs_of_several_buffers(scene: Path) -> None:
    out = scene.with_name("a.hdr")
    assert run(scene, "-o", out).exit_code == 0
    image = expected(scene)["image"].numpy()
    found = cv2.imread(str(out), cv2.IMREAD_UNCHANGED)[..., ::-1]
    assert (np.abs(found - image) <= 0.008 * image.max(-1, keepdims=True) + 1e-6).all()
    assert run(scene, "-o", out.with_suffix(".png"), "--buffers", "image,depth,normal,uv,face,alpha").exit_code == 0
    names = {p.name for p in scene.parent.glob("*.png")}
    assert names == {"a.png", "a.depth.png", "a.normal.png", "a.uv.png", "a.face.png", "a.alpha.png"}
    assert np.asarray(Image.open(scene.with_name("a.alpha.png"))).max() == 255


@pytest.mark.parametrize("suffix", ["webp", "gif"])
def test_a_turntable_goes_round(scene: Path, suffix: str) -> None:
    scene.write_text(SCENE.replace("primitive: sphere, segments: 16, rings: 8", "primitive: box, size: [2, 1, 0.5]"))
    out = scene.with_name(f"a.{suffix}")
    ended = run(scene, "-o", out, "--turntable", 4, "--fps", 8, "--size", "24x24", "--mode", "fast")
    assert ended.exit_code == 0, ended.output
    film = Image.open(io.BytesIO(out.read_bytes()))
    frames = [np.asarray(frame.convert("RGB")).astype(float) for frame in ImageSequence.Iterator(film)]
    assert len(frames) == 4
    assert frames[0].shape == (24, 24, 3)
    assert np.abs(frames[0] - frames[1]).mean() > 4


def test_the_sensor_of_the_scene_is_used(scene: Path) -> None:
    scene.write_text(SCENE + "sensor: {exposure: 0.5, seed: 1, full_well: 500}\n")
    out = scene.with_name("a.exr")
    first, second = (run(scene, "-o", out, "--overwrite").exit_code or out.read_bytes() for _ in range(2))
    assert isinstance(first, bytes)
    assert first == second  # the same seed
    with OpenEXR.File(str(out), separate_channels=True) as file:
        blue = np.asarray(file.channels()["B"].pixels)
    assert blue[:4].mean() == pytest.approx(0.15, rel=0.05)
    assert blue[:4].std() > 0.005


def test_a_scene_that_comes_along_by_its_name(tmp_path: Path) -> None:
    ended = run("sphere", "-o", tmp_path / "a.png", "--size", "16x16", "--json")
    assert ended.exit_code == 0, ended.output
    assert json.loads(ended.stdout)["scene"].endswith("01_sphere.yaml")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["-o", "a.jpg"], "ends in .png, .exr or .hdr"),
        (["-o", "a"], "no suffix"),
        (["-o", "no/a.png"], "a folder at"),
        (["-o", "."], "ends in"),
        (["-o", "a.webp"], "--turntable N"),
        (["-o", "a.png", "--turntable", "4"], ".webp or .gif"),
        (["-o", "a.gif", "--turntable", "4", "--buffers", "image,depth"], "one buffer"),
        (["-o", "a.hdr", "--buffers", "depth"], "one buffer of colours"),
        (["-o", "a.png", "--size", "0x3"], "WIDTHxHEIGHT"),
        (["-o", "a.png", "--size", "3"], "WIDTHxHEIGHT"),
        (["-o", "a.png", "--buffers", "colour"], "some of"),
        (["-o", "a.png", "--bits", "12"], "8 or 16"),
        (["-o", "a.png", "--mode", "best"], "best"),
        (["-o", "a.png", "--backend", "pytorch3d"], "the extra 'pytorch3d'"),
    ],
)
def test_what_cannot_be_is_refused(
    scene: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], says: str
) -> None:
    from sharpvision.rendering.backends import pytorch3d

    monkeypatch.setattr(pytorch3d, "find_spec", lambda name: None)
    monkeypatch.chdir(scene.parent)
    ended = run(scene, *arguments)
    assert ended.exit_code == 2
    assert says in " ".join(ended.stderr.replace("│", " ").split())
    assert ended.stdout == ""
    assert os.listdir() == ["scene.yaml"]


def test_errors_of_the_scene_are_one_line(scene: Path) -> None:
    scene.write_text(SCENE.replace("fov_deg", "fov"))
    ended = run(scene, "-o", scene.with_name("a.png"))
    assert ended.exit_code == 2
    assert ended.stderr.startswith(f"error: {scene}:3: expected one of the keys")
    assert ended.stderr.count("\n") == 1
    assert run("none", "-o", scene.with_name("a.png")).exit_code == 2


def test_an_interrupt_writes_nothing(scene: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(rendering, "render", stop)
    ended = run(scene, "-o", scene.with_name("a.png"))
    assert ended.exit_code == 130
    assert os.listdir(scene.parent) == ["scene.yaml"]
