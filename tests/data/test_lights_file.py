"""`lights.json`: what it may say, that everything else is one line, and that it survives being written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from folders import LIGHTS, write_folder
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sharpvision.core.errors import InputError
from sharpvision.data import ReadOptions, read_photometric
from sharpvision.data.lights_file import NAME, FileLights, may_be_written, read_lights_file, write_lights_file
from sharpvision.data.observations import PointLights

FAR = {"type": "directional", "direction": [0, 0, 2]}
NEAR = {"type": "point", "position": [10, 20, 30], "radiant_intensity": 2.5, "axis": [0, 0, -2], "exponent": 1}


def _read(folder: Path, content: Any) -> FileLights:
    (folder / NAME).write_text(content if isinstance(content, str) else json.dumps(content))
    return read_lights_file(folder / NAME)


def _listed(folder: Path, **keys: Any) -> None:
    """Replace the folder's `light_directions.txt` by a file of lights."""
    rows = np.loadtxt(folder / "light_directions.txt")
    (folder / "light_directions.txt").unlink()
    lights = [{"type": "directional", "direction": row.tolist()} for row in rows]
    for key, values in keys.items():
        for light, value in zip(lights, values, strict=True):
            light[key] = value
    (folder / NAME).write_text(json.dumps({"lights": lights}))


def test_directional_lights_turn_into_the_opencv_frame(tmp_path: Path) -> None:
    found = _read(tmp_path, {"lights": [{**FAR, "direction": [0.6, 0.8, 0], "intensity": [1, 2, 3]},
                                        {**FAR, "intensity": 4}]})  # fmt: skip
    assert found.directions is not None
    assert found.intensities is not None
    np.testing.assert_allclose(found.directions, [[0.6, -0.8, 0], [0, 0, -1]])
    assert found.intensities.tolist() == [[1, 2, 3], [4, 4, 4]]
    assert found.points is None


def test_point_lights_turn_with_their_axes(tmp_path: Path) -> None:
    found = _read(tmp_path, {"length_unit": "mm", "lights": [NEAR, {"type": "point", "position": [1, 1, 1],
                                                                    "radiant_intensity": 1}]})  # fmt: skip
    assert found.points is not None
    assert found.points.positions.tolist() == [[10, -20, -30], [1, -1, -1]]
    assert found.points.axes.tolist() == [[0, 0, 1], [0, 0, -1]]
    assert found.points.exponents.tolist() == [1, 0]
    assert found.length_unit == "mm"


def test_the_opencv_frame_may_be_told(tmp_path: Path) -> None:
    found = _read(tmp_path, {"frame": "x right, y down, z forward", "lights": [NEAR]})
    assert found.points is not None
    assert found.points.positions.tolist() == [[10, 20, 30]]


@pytest.mark.parametrize(("content", "message"), [
    ("{\n]", "lights.json, line 2: expected JSON"),
    ("", "found an empty file"),
    ("[]", "expected a JSON object, found list"),
    ("[" * 100_000, "brackets nested too deeply|expected JSON"),
    ({}, "lights.json, the file: expected the key 'lights', found none"),
    ({"lights": []}, "lights.json, lights: expected more entries"),
    ({"lights": 3}, "lights: expected a list, found 3"),
    ({"light": [FAR]}, "expected the key 'lights'|unknown key 'light'"),
    ({"lights": [FAR], "unit": "mm"}, "unit: expected one of the keys frame, .* the unknown key 'unit'"),
    ({"lights": [{"type": "spot"}]}, r"lights\.0: expected a type: 'directional', 'point', found spot"),
    ({"lights": [{"direction": [0, 0, 1]}]}, r"lights\.0: expected a type: .* found none"),
    ({"lights": [{"type": "directional"}]}, r"lights\.0: expected the key 'direction', found none"),
    ({"lights": [{**FAR, "direction": [0, 1]}]}, r"lights\.0\.direction\.2: expected one more entry"),
    ({"lights": [{**FAR, "direction": [0, 0, 0]}]}, r"lights\.0: .*a direction is longer than zero"),
    ('{"lights": [{"type": "directional", "direction": [0, 0, NaN]}]}', r"direction\.2: expected a finite number"),
    ({"lights": [{**FAR, "intensty": 1}]}, r"lights\.0\.intensty: expected one of the keys type, .*'intensty'"),
    ({"lights": [{**FAR, "intensity": -1}]}, r"intensity: expected a number above zero, or three .* found -1"),
    ({"lights": [{**FAR, "intensity": [1, 2]}]}, r"intensity: expected a number above zero, or three .* found \[1, 2"),
    ({"lights": [{**NEAR, "axis": None}]}, "a light with an exponent needs an axis"),
    ({"lights": [{**NEAR, "exponent": -1}]}, r"exponent: expected greater than or equal to 0, found -1"),
    ({"lights": [FAR, NEAR]}, "lights are all directional or all point"),
    ({"lights": [FAR, {**FAR, "intensity": 1}]}, "all lights have an intensity or none has"),
    ({"lights": [FAR, {**FAR, "image": "a.png"}]}, "all lights name an image"),
    ({"frame": "x left", "lights": [FAR]}, "frame: expected 'x right, y up"),
])  # fmt: skip
def test_bad_content_is_one_line(tmp_path: Path, content: Any, message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        _read(tmp_path, content)
    assert str(error.value).startswith(str(tmp_path / NAME))
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < len(str(tmp_path)) + 260


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats() | st.sampled_from(["point", "directional", "", "mm"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(
        st.sampled_from(["lights", "type", "direction", "intensity", "position", "axis", "exponent", "image", "x"]),
        inner, max_size=5), max_leaves=12,
)  # fmt: skip


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lights=JSON)
def test_any_json_is_read_or_refused(tmp_path: Path, lights: Any) -> None:
    try:
        found = _read(tmp_path, {"lights": lights})
    except InputError as error:
        said = str(error)
    else:
        said = f"{found.count} lights"
        assert found.count == len(lights)
    assert "\n" not in said


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10_000), near=st.booleans(), strengths=st.booleans(), named=st.booleans())
def test_what_is_written_is_read(tmp_path: Path, seed: int, near: bool, strengths: bool, named: bool) -> None:
    rng = np.random.default_rng(seed)
    directions = rng.normal(size=(5, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    points = PointLights(
        torch.from_numpy(100 * rng.normal(size=(5, 3))), torch.from_numpy(directions),
        torch.from_numpy(rng.uniform(0.1, 3, 5)),
    )  # fmt: skip
    written = FileLights(
        None if near else directions, points if near else None, rng.uniform(0.5, 2, (5, 3)) if strengths else None,
        tuple(f"{i}.jpg" for i in range(5)) if named else (), "mm", "sharpvision: a test",
    )  # fmt: skip
    write_lights_file(tmp_path / NAME, written, overwrite=True)
    found = read_lights_file(tmp_path / NAME)
    assert (found.images, found.length_unit, found.source) == (written.images, "mm", "sharpvision: a test")
    if near:
        assert found.points is not None
        torch.testing.assert_close(found.points.positions, points.positions, rtol=1e-6, atol=1e-6)
        torch.testing.assert_close(found.points.axes, points.axes, rtol=1e-6, atol=1e-6)
        torch.testing.assert_close(found.points.exponents, points.exponents, rtol=0, atol=0)
    else:
        assert found.directions is not None
        np.testing.assert_allclose(found.directions, directions, atol=1e-6)
    if written.intensities is None:
        assert found.intensities is None
    else:
        assert found.intensities is not None
        np.testing.assert_allclose(found.intensities, written.intensities, rtol=1e-5)


def test_only_our_own_file_may_be_written_again(tmp_path: Path) -> None:
    path = tmp_path / NAME
    assert may_be_written(path)
    write_lights_file(path, FileLights(np.eye(3), None, None, source="sharpvision: mirror ball"))
    assert may_be_written(path)
    with pytest.raises(InputError, match="expected nothing there yet"):
        write_lights_file(path, FileLights(np.eye(3), None, None))
    for content in (json.dumps({"lights": [FAR]}), json.dumps({"source": "me", "lights": [FAR]}), "not JSON"):
        path.write_text(content)
        assert not may_be_written(path)


def test_a_folder_is_read_with_it(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "a")
    before = read_photometric(folder)
    _listed(folder, intensity=[1, 2, 3, 4])
    after = read_photometric(folder)
    torch.testing.assert_close(after.light_directions, before.light_directions)
    assert after.light_intensities[:, 0].tolist() == [1, 2, 3, 4]
    assert after.calibration == "full"
    assert not [note for note in after.notes if "intensit" in note]


def test_it_is_preferred_to_directions_and_said(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "a")
    text = (folder / "light_directions.txt").read_text()
    _listed(folder)
    (folder / "light_directions.txt").write_text(text)
    notes = " ".join(read_photometric(folder).notes)
    assert "lights were read from lights.json; light_directions.txt was not read" in notes
    assert "no intensities in lights.json: all lights were taken as equally strong" in notes


def test_names_match_lights_to_photographs(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "a")
    before = read_photometric(folder).light_directions
    _listed(folder, image=["001.png", "002.png", "003.png", "004.png"])
    content = json.loads((folder / NAME).read_text())
    content["lights"].reverse()
    (folder / NAME).write_text(json.dumps(content))
    torch.testing.assert_close(read_photometric(folder).light_directions, before)
    content["lights"][2]["image"] = "other.png"
    (folder / NAME).write_text(json.dumps(content))
    with pytest.raises(InputError, match=r"a light for each photograph, found none for 002\.png"):
        read_photometric(folder)
    (folder / "capture.json").write_text('{"left_out": ["002.png"]}')
    assert read_photometric(folder).image_names == ("001.png", "003.png", "004.png")


def test_count_of_lights(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "a")
    _listed(folder)
    (folder / "004.png").unlink()
    with pytest.raises(InputError, match=r"lights\.json: expected 3 rows, one for each of the 3 photographs, found 4"):
        read_photometric(folder)


def test_near_lights_point_from_the_objects_middle(tmp_path: Path) -> None:
    """An 8 x 6 image of focal length 40 px: its middle at 200 mm is (0, 0, 200), y and z forward."""
    folder = write_folder(tmp_path / "a")
    positions = 100 * LIGHTS - [0, 0, 200.0]  # the frame of files: the object is at z = -200
    lights = [{"type": "point", "position": p.tolist(), "radiant_intensity": 1} for p in positions]
    (folder / NAME).write_text(json.dumps({"length_unit": "mm", "lights": lights}))
    (folder / "capture.json").write_text(json.dumps({"camera": {"model": "pinhole", "focal_px": 40.0}}))
    with pytest.raises(InputError, match="expected object_distance in mm"):
        read_photometric(folder)
    for known in ({"object_distance": 200}, {"camera": {"model": "pinhole", "focal_px": 40.0, "pixel_size": 5}}):
        told = {"camera": {"model": "pinhole", "focal_px": 40.0}, **known}
        (folder / "capture.json").write_text(json.dumps(told))
        found = read_photometric(folder, ReadOptions(light_count=3))
        np.testing.assert_allclose(found.light_directions.numpy(), (LIGHTS * [1, -1, -1])[[0, 2, 3]], atol=1e-9)
        assert found.point_lights is not None
        assert found.point_lights.positions.shape == (3, 3)
        assert found.length_unit == "mm"
    (folder / "capture.json").write_text(json.dumps({"length_unit": "m", "object_distance": 2}))
    with pytest.raises(InputError, match=r"expected the length_unit of capture\.json, 'm', found 'mm'"):
        read_photometric(folder)
    (folder / "capture.json").unlink()
    with pytest.raises(InputError, match=r"capture\.json: expected a pinhole camera with focal_px"):
        read_photometric(folder)


def test_no_lights_are_needed_where_none_are_wanted(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "a")
    told = read_photometric(folder, ReadOptions(lights="none"))
    assert told.calibration == "none"
    assert told.light_directions.isfinite().all()  # to be scored against
    (folder / "light_directions.txt").unlink()
    found = read_photometric(folder, ReadOptions(lights="none"))
    assert (found.calibration, found.light_count) == ("none", 4)
    assert found.light_directions.isnan().all()
    assert found.light_intensities.eq(1).all()
    for wanted in ("full", "directions"):
        with pytest.raises(InputError, match=r"put a mirror ball into the picture .* --method uncalibrated"):
            read_photometric(folder, ReadOptions(lights=wanted))  # type: ignore[arg-type]
    for name in ("003.png", "004.png"):
        (folder / name).unlink()
    with pytest.raises(InputError, match="expected at least 3 photographs, found 2"):
        read_photometric(folder, ReadOptions(lights="none"))


def test_bad_lights_do_no_harm_where_none_are_wanted(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "a")
    (folder / "light_directions.txt").write_text("0 0 1\n")
    assert read_photometric(folder, ReadOptions(lights="none")).light_directions.isnan().all()
    (folder / NAME).write_text(json.dumps({"lights": [NEAR] * 4}))
    found = read_photometric(folder, ReadOptions(lights="none"))
    assert found.light_directions.isnan().all()
    assert found.point_lights is None


def test_directions_alone_are_enough_where_intensities_are_not_wanted(tmp_path: Path) -> None:
    found = read_photometric(write_folder(tmp_path / "a"), ReadOptions(lights="directions"))
    assert found.calibration == "directions"
    assert not [note for note in found.notes if "equally strong" in note]
