"""`capture.json`: what a folder of photographs knows about how it was taken."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from sharpvision.core.errors import InputError
from sharpvision.data.files import read_text

NAME = "capture.json"
OPENCV_FRAME = "x right, y down, z forward"

LightsFrame = Literal["x right, y up, z to the camera", "x right, y down, z forward"]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False, strict=True)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class CaptureCamera(_Strict):
    """The camera: `focal_px` and `principal_point` (x, y; pixel centres at +0.5) in pixels of the upright photographs.

    `pixel_size` is the length of one pixel on the object, in the file's `length_unit`.
    """

    model: Literal["orthographic", "pinhole"] = "orthographic"
    focal_px: Positive | None = None
    principal_point: tuple[float, float] | None = None
    pixel_size: Positive | None = None

    @model_validator(mode="after")
    def _focal_belongs_to_pinhole(self) -> CaptureCamera:
        if self.model == "pinhole" and self.focal_px is None:
            raise ValueError("a pinhole camera needs focal_px")
        if self.model == "orthographic" and self.focal_px is not None:
            raise ValueError("focal_px belongs to the model pinhole, not to orthographic")
        return self


class LightDistance(_Strict):
    """Distance of the lights from the object, in sides of the mask's bounding box (the longer one) or a length."""

    value: Positive
    unit: Literal["mask_sides", "length_unit"] = "mask_sides"


class CaptureFile(_Strict):
    """Contents of `capture.json`; every key may be left out, and a key that is not listed here is an error.

    `response`: linear, srgb or unknown; `bits`: true depth of the values; `lights_frame`: of the folder's light
    directions; `exposures`: one for each photograph, any unit; `white_level`: value of a float image at which the
    sensor saturates; `light_distance`: a number of mask sides, "infinite", or an object with value and unit.

    >>> CaptureFile(response="linear", bits=12).bits
    12
    """

    response: Literal["linear", "srgb", "unknown"] | None = None
    bits: Annotated[int, Field(ge=1, le=32, strict=True)] | None = None
    lights_frame: LightsFrame = "x right, y up, z to the camera"
    length_unit: str = "px"
    camera: CaptureCamera | None = None
    exposures: tuple[Positive, ...] | None = None
    white_level: Positive | None = None
    light_distance: Positive | Literal["infinite"] | LightDistance | None = None

    @model_validator(mode="after")
    def _distance_has_a_scale(self) -> CaptureFile:
        distance = self.light_distance
        if isinstance(distance, LightDistance) and distance.unit == "length_unit" and self.length_unit != "px" \
                and (self.camera is None or self.camera.pixel_size is None):  # fmt: skip
            raise ValueError("a light_distance in length_unit needs camera.pixel_size")
        return self

    def distance_in_mask_sides(self, mask_side_px: float) -> float | None:
        """The lights' distance over the longer side of the mask's bounding box, `inf`, or None where not given.

        >>> distance = {"value": 800, "unit": "length_unit"}
        >>> capture = CaptureFile(length_unit="mm", camera={"pixel_size": 0.5}, light_distance=distance)
        >>> capture.distance_in_mask_sides(200)
        8.0
        """
        if self.light_distance is None:
            return None
        if self.light_distance == "infinite":
            return float("inf")
        if isinstance(self.light_distance, LightDistance):
            if self.light_distance.unit == "mask_sides":
                return self.light_distance.value
            pixel_size = self.camera.pixel_size if self.camera is not None and self.camera.pixel_size else 1.0
            return self.light_distance.value / (pixel_size * mask_side_px)
        return float(self.light_distance)


def read_capture_file(folder: Path) -> CaptureFile | None:
    """The folder's capture file, or None where it has none; `InputError` names the line or the key that is wrong."""
    path = folder / NAME
    if not path.exists():
        return None
    text = read_text(path, "a capture file")
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        raise InputError(f"{path}, line {error.lineno}", "JSON", f"{error.msg} at column {error.colno}",
                         "correct the line") from error  # fmt: skip
    if not isinstance(content, dict):
        raise InputError(path, "a JSON object", type(content).__name__, 'write {"response": "linear", ..}')
    try:
        return CaptureFile.model_validate(content)
    except ValidationError as error:
        raise _in_one_line(path, error, content) from error


_PLAIN = {"missing": "one more entry", "tuple_type": "a list", "model_type": "an object {..}"}
"""Types of pydantic's errors whose words are Python's, not JSON's."""


def _in_one_line(path: Path, error: ValidationError, content: dict[str, Any]) -> InputError:
    """The first thing that pydantic found wrong."""
    first = error.errors(include_url=False)[0]
    key = ".".join(str(part) for part in first["loc"]) or "the file"
    where = f"{path}, {key}"
    if first["type"] == "extra_forbidden":
        known = CaptureCamera if first["loc"][0] == "camera" and len(first["loc"]) > 1 else CaptureFile
        return InputError(where, f"one of the keys {', '.join(known.model_fields)}",
                          f"the unknown key {first['loc'][-1]!r}", "correct its spelling or remove it")  # fmt: skip
    message = first["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    if first["type"] == "value_error":
        return InputError(where, f"consistent entries ({message})", "that they are not", "correct them")
    found = first.get("input")
    if first["loc"][0] == "light_distance":  # pydantic speaks of the branches of a union
        where, found = f"{path}, light_distance", content["light_distance"]
        message = "a number of mask sides above zero, 'infinite', or {'value': .., 'unit': ..}"
    message = _PLAIN.get(first["type"], message)
    text = json.dumps(found)
    return InputError(where, message, text if len(text) <= 60 else text[:57] + "...", "correct the value")
