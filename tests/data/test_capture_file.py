"""`capture.json`: what it may say, and that everything else is one helpful line."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from sharpvision.core.errors import InputError
from sharpvision.data.capture_file import NAME, CaptureFile, read_capture_file


def _read(folder: Path, content: Any) -> CaptureFile | None:
    (folder / NAME).write_text(content if isinstance(content, str) else json.dumps(content))
    return read_capture_file(folder)


def test_without_one(tmp_path: Path) -> None:
    assert read_capture_file(tmp_path) is None


def test_everything_it_may_say(tmp_path: Path) -> None:
    found = _read(tmp_path, {
        "response": "srgb", "bits": 12, "lights_frame": "x right, y down, z forward", "length_unit": "mm",
        "camera": {"model": "pinhole", "focal_px": 3000, "principal_point": [320.5, 240], "pixel_size": 0.1},
        "exposures": [1, 0.5], "white_level": 2.0, "light_distance": {"value": 900, "unit": "length_unit"},
    })  # fmt: skip
    assert found is not None
    assert found.camera is not None
    assert (found.camera.focal_px, found.camera.principal_point) == (3000, (320.5, 240))
    assert found.distance_in_mask_sides(300) == pytest.approx(900 / 30)


@pytest.mark.parametrize(("distance", "expected"), [
    (None, None), (12.5, 12.5), ("infinite", math.inf), ({"value": 7}, 7), ({"value": 700, "unit": "length_unit"}, 7),
])  # fmt: skip
def test_light_distance_in_mask_sides(distance: Any, expected: float | None) -> None:
    assert CaptureFile(light_distance=distance).distance_in_mask_sides(100) == expected


@pytest.mark.parametrize(("content", "message"), [
    ('{\n "bits": 8,\n "response" "srgb"\n}', r"capture\.json, line 3: expected JSON, found Expecting ':' delimiter"),
    ("", "found an empty file"),
    ("[1, 2]", "expected a JSON object, found list"),
    ({"respons": "linear"}, r"capture\.json, respons: expected one of the keys response, exposures, .* 'respons'"),
    ({"camera": {"focal": 3}}, r"camera\.focal: expected one of the keys model, focal_px, .* the unknown key 'focal'"),
    ({"response": "gamma"}, r"response: expected 'linear', 'srgb', 'unknown' or a rising curve .* found \"gamma\""),
    ({"bits": 0}, r"bits: expected greater than or equal to 1, found 0"),
    ({"bits": "many"}, r"bits: expected a whole number, found \"many\""),
    ({"exposures": [1, -2]}, r"exposures\.1: expected greater than 0, found -2"),
    ('{"exposures": [NaN]}', r"exposures\.0: expected a finite number, found NaN"),
    ({"light_distance": -1}, r"light_distance: expected a number of mask sides above zero, .* found -1;"),
    ({"light_distance": "far"}, r"light_distance: expected a number of mask sides above zero, .* found \"far\""),
    ({"light_distance": True}, r"light_distance: expected a number of mask sides above zero, .* found true"),
    ({"light_distance": {"value": -2}}, r"light_distance: expected a number of mask sides .* found {\"value\": -2}"),
    ({"exposures": 3}, "exposures: expected a list, found 3"),
    ({"camera": 3}, r"camera: expected an object {\.\.}, found 3"),
    ({"camera": {"principal_point": [1]}}, r"camera\.principal_point\.1: expected one more entry, found \[1\]"),
    ({"camera": {"model": "pinhole"}}, r"camera: expected consistent entries \(a pinhole camera needs focal_px\)"),
    ({"camera": {"model": "orthographic", "focal_px": 2}}, "focal_px belongs to the model pinhole"),
    ({"length_unit": "mm", "light_distance": {"value": 2, "unit": "length_unit"}}, r"needs camera\.pixel_size"),
])  # fmt: skip
def test_bad_content_is_one_line(tmp_path: Path, content: Any, message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        _read(tmp_path, content)
    assert str(error.value).startswith(str(tmp_path / NAME))
    assert "\n" not in str(error.value)
