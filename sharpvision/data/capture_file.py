"""`capture.json`: what a folder of photographs knows about how it was taken."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field, model_validator

from sharpvision.data.json_document import Location, Strict, in_json, read_object, validated
from sharpvision.data.whole_file import write_whole
from sharpvision.sensor.response_curve import ResponseCurve

NAME = "capture.json"
WHOLE = "whole"
"""As `mask`: the whole image is the object."""
OPENCV_FRAME = "x right, y down, z forward"

LightsFrame = Literal["x right, y up, z to the camera", "x right, y down, z forward"]
Whole = Annotated[int, Field(ge=0, strict=True)]
Size = Annotated[int, Field(ge=1, strict=True)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False, strict=True)]


class CaptureCamera(Strict):
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


class ResponseEntry(Strict):
    """The camera's response as the parameters of a `ResponseCurve`.

    >>> ResponseEntry(srgb=1.0).curve.linear(np.array([0.5])).round(4).tolist()
    [0.214]
    """

    exponent: float = 1.0
    srgb: float = 0.0
    shoulder: float = 0.0
    midtone: float = 0.0

    @property
    def curve(self) -> ResponseCurve:
        """The curve from codes to linear values."""
        return ResponseCurve(self.exponent, self.srgb, self.shoulder, self.midtone)

    @model_validator(mode="after")
    def _rises(self) -> ResponseEntry:
        if not ResponseCurve.rises(np.array([self.exponent, self.srgb, self.shoulder, self.midtone])):
            raise ValueError("a response curve rises all over")
        return self


GivenResponse = Literal["linear", "srgb", "unknown"] | ResponseCurve


class LightDistance(Strict):
    """Distance of the lights from the object, in sides of the mask's bounding box (the longer one) or a length."""

    value: Positive
    unit: Literal["mask_sides", "length_unit"] = "mask_sides"


class CaptureFile(Strict):
    """Contents of `capture.json`; every key may be left out, and a key that is not listed here is an error.

    `response`: linear, srgb, unknown or the parameters of a curve; `bits`: true depth of the values; `lights_frame`: of
    the folder's light directions; `exposures`: one for each photograph, any unit; `white_level`: value of a float image
    at which the sensor saturates; `light_distance`: a number of mask sides, "infinite", or an object with value and
    unit; `object_distance` from the camera to the object's middle, in `length_unit` (near lights need it).
    How the photographs are prepared (pixels of the upright photographs, names relative to the folder): `ball` x, y, r
    of a mirror ball in the picture, or "auto"; `ball_folder`: photographs of one under the same lights; `gray_card`
    x, y, w, h; `dark_frame`: a photograph with the lamp off; `mask`: an image, or "whole"; `align`: whether the camera
    shook; `left_out`: names of photographs that do not belong.

    >>> CaptureFile(response="linear", bits=12).bits
    12
    """

    response: Literal["linear", "srgb", "unknown"] | ResponseEntry | None = None
    bits: Annotated[int, Field(ge=1, le=32, strict=True)] | None = None
    lights_frame: LightsFrame = "x right, y up, z to the camera"
    length_unit: str = "px"
    camera: CaptureCamera | None = None
    exposures: tuple[Positive, ...] | None = None
    white_level: Positive | None = None
    light_distance: Positive | Literal["infinite"] | LightDistance | None = None
    object_distance: Positive | None = None
    ball: tuple[float, float, Positive] | Literal["auto"] | None = None
    ball_folder: str | None = None
    gray_card: tuple[Whole, Whole, Size, Size] | None = None
    dark_frame: str | None = None
    mask: str | None = None
    align: Annotated[bool, Field(strict=True)] | None = None
    left_out: tuple[str, ...] = ()

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
    content = read_object(path, "a capture file", '{"response": "linear", ..}')
    return validated(CaptureFile, path, content, _table, _UNIONS)


def remember(folder: Path, learned: Mapping[str, Any]) -> bool:
    """Write what was learned into the folder's capture file, other keys kept as they are; whether anything changed.

    A value of None removes the key. The file is checked before it is written, and appears whole or not at all.
    """
    path = folder / NAME
    before = read_object(path, "a capture file", "{..}") if path.exists() else {}
    after = {key: value for key, value in {**before, **learned}.items() if value is not None}
    if after == before:
        return False
    validated(CaptureFile, path, json.loads(in_json(after)), _table, _UNIONS)
    write_whole({path: in_json(after)}, overwrite=True)
    return True


_UNIONS = {
    "light_distance": "a number of mask sides above zero, 'infinite', or {'value': .., 'unit': ..}",
    "response": "'linear', 'srgb', 'unknown' or a rising curve {'exponent': .., 'srgb': ..}",
    "ball": "x, y and radius in pixels, or 'auto'",
}
"""What a key takes that has several forms."""


def _table(location: Location) -> type[Strict]:
    return CaptureCamera if location[:1] == ("camera",) else CaptureFile
