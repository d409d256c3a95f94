"""`lights.json`: the lights of a folder of photographs, far or near, with their strengths."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field, model_validator

from sharpvision.core.errors import InputError
from sharpvision.core.frames import opencv_from_opengl
from sharpvision.data.capture_file import OPENCV_FRAME, LightsFrame, Positive
from sharpvision.data.json_document import Location, Strict, in_json, read_object, validated
from sharpvision.data.observations import PointLights
from sharpvision.data.whole_file import write_whole

NAME = "lights.json"
OURS = "sharpvision"
"""First word of `source` in a file that the command wrote; only such a file does it write again."""
Vector = tuple[float, float, float]
Strength = Positive | tuple[Positive, Positive, Positive]


class DirectionalLight(Strict):
    """A light far away: `direction` from the surface to it (any length but zero), `intensity` gray or RGB.

    `intensity` is the irradiance at normal incidence in any unit, one for all lights; `image` the photograph's name.
    """

    type: Literal["directional"]
    direction: Vector
    intensity: Strength | None = None
    image: str | None = None

    @model_validator(mode="after")
    def _has_a_direction(self) -> DirectionalLight:
        if not np.linalg.norm(self.direction) > 1e-9:
            raise ValueError("a direction is longer than zero")
        return self


class PointLight(Strict):
    """A light nearby: its `position` in the file's unit, and what it sends towards a unit vector u from it.

        radiant intensity(u) = radiant_intensity max(axis.u, 0)^exponent        (exponent 0: the same all round)
    """

    type: Literal["point"]
    position: Vector
    radiant_intensity: Strength | None = None
    axis: Vector | None = None
    exponent: Annotated[float, Field(ge=0)] = 0.0
    image: str | None = None

    @model_validator(mode="after")
    def _beam_has_an_axis(self) -> PointLight:
        if self.exponent > 0 and self.axis is None:
            raise ValueError("a light with an exponent needs an axis")
        if self.axis is not None and not np.linalg.norm(self.axis) > 1e-9:
            raise ValueError("an axis is longer than zero")
        return self


Light = Annotated[DirectionalLight | PointLight, Field(discriminator="type")]


class LightsFile(Strict):
    """Contents of `lights.json`: one light for each photograph in the order of their names, or named by `image`.

    `frame` of directions, positions and axes, positions from the centre of projection; `length_unit` of positions;
    `source` says where the lights come from, for people. All lights are of one type, and all or none have a strength.

    >>> LightsFile(lights=[{"type": "directional", "direction": [0, 0, 1]}]).lights[0].direction
    (0.0, 0.0, 1.0)
    """

    frame: LightsFrame = "x right, y up, z to the camera"
    length_unit: str = "px"
    source: str = ""
    lights: Annotated[tuple[Light, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _lights_are_alike(self) -> LightsFile:
        if len({light.type for light in self.lights}) > 1:
            raise ValueError("lights are all directional or all point")
        if len({_strength(light) is None for light in self.lights}) > 1:
            raise ValueError("all lights have an intensity or none has")
        names = [light.image for light in self.lights if light.image is not None]
        if names and len(set(names)) < len(self.lights):
            raise ValueError("all lights name an image of their own or none names one")
        return self


@dataclass(frozen=True)
class FileLights:
    """Lights in memory (OpenCV frame): unit `directions` (N, 3) or `points`, `intensities` (N, 3) or None.

    `images` are the photographs' names, empty where the order tells.
    """

    directions: NDArray[np.float64] | None
    points: PointLights | None
    intensities: NDArray[np.float64] | None
    images: tuple[str, ...] = ()
    length_unit: str = "px"
    source: str = ""

    @property
    def count(self) -> int:
        """Number of lights."""
        return len(self.directions) if self.directions is not None else len(self.points.positions)  # type: ignore[union-attr]


def read_lights_file(path: Path) -> FileLights:
    """The file's lights in the OpenCV frame; `InputError` names the line or the key that is wrong."""
    example = '{"lights": [{"type": "directional", "direction": [0, 0, 1]}, ..]}'
    content = read_object(path, "a file of lights", example)
    file = validated(LightsFile, path, content, _table, _UNIONS)

    def turned(vectors: list[Vector]) -> NDArray[np.float64]:
        rows = np.array(vectors, np.float64)
        return rows if file.frame == OPENCV_FRAME else opencv_from_opengl(rows) + 0.0

    strengths = [_strength(light) for light in file.lights]
    intensities = None if strengths[0] is None else np.array([np.broadcast_to(s, 3) for s in strengths], np.float64)
    images = tuple(light.image for light in file.lights if light.image is not None)
    far = [light.direction for light in file.lights if isinstance(light, DirectionalLight)]
    if far:
        return FileLights(_unit(turned(far)), None, intensities, images, file.length_unit, file.source)
    near = [light for light in file.lights if isinstance(light, PointLight)]
    points = PointLights(
        torch.from_numpy(turned([light.position for light in near])),
        torch.from_numpy(_unit(turned([light.axis or (0.0, 0.0, 1.0) for light in near]))),
        torch.tensor([light.exponent for light in near], dtype=torch.float64),
    )
    return FileLights(None, points, intensities, images, file.length_unit, file.source)


def write_lights_file(path: Path, lights: FileLights, overwrite: bool = False) -> None:
    """Write lights in the frame of files (x right, y up, z to the camera), whole or not at all.

    Raises `InputError` where the file is there and `overwrite` is not set, or can't be written.
    """
    entries: list[dict[str, Any]] = []
    for index in range(lights.count):
        entry: dict[str, Any]
        if lights.directions is not None:
            entry = {"type": "directional", "direction": _row(lights.directions[index])}
        else:
            points = lights.points
            assert points is not None  # one of the two is there
            entry = {"type": "point", "position": _row(points.positions[index].numpy())}
            if points.exponents[index] > 0:
                entry |= {"axis": _row(points.axes[index].numpy()), "exponent": float(points.exponents[index])}
        if lights.intensities is not None:
            strength = [float(f"{value:.6g}") for value in lights.intensities[index]]
            entry["intensity" if lights.directions is not None else "radiant_intensity"] = strength
        if lights.images:
            entry["image"] = lights.images[index]
        entries.append(entry)
    content = {
        "frame": LightsFile.model_fields["frame"].default, "length_unit": lights.length_unit, "source": lights.source,
        "lights": entries,
    }  # fmt: skip
    write_whole({path: in_json(content)}, overwrite)


def may_be_written(path: Path) -> bool:
    """Whether there is no file of lights yet, or one that the command wrote; a person's own is never written over."""
    if not path.exists():
        return True
    try:
        return str(read_object(path, "a file of lights", "").get("source", "")).startswith(OURS)
    except InputError:
        return False


def _strength(light: DirectionalLight | PointLight) -> Any:
    return light.intensity if isinstance(light, DirectionalLight) else light.radiant_intensity


def _unit(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def _row(vector: NDArray[np.float64]) -> list[float]:
    """A vector in the frame of files, to seven digits."""
    return [float(f"{value:.7g}") for value in opencv_from_opengl(vector) + 0.0]


_UNIONS = dict.fromkeys(("intensity", "radiant_intensity"), "a number above zero, or three (red, green, blue)")
"""What a key takes that has several forms."""


def _table(location: Location) -> type[Strict]:
    """The schema of the table at a location: pydantic names the type of a light after its number."""
    if len(location) >= 3 and location[0] == "lights":
        return PointLight if location[2] == "point" else DirectionalLight
    return LightsFile
