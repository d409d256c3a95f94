"""The lights of a folder's photographs, from whichever files it holds, in memory's frame."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sharpvision.core.errors import InputError
from sharpvision.data.capture_file import NAME, OPENCV_FRAME, CaptureFile
from sharpvision.data.layout import Layout
from sharpvision.data.lights import DIRECTIONS, check_count, check_spread, read_directions, read_intensities
from sharpvision.data.lights_file import FileLights, read_lights_file
from sharpvision.data.observations import Calibration, PointLights

Wanted = Literal["full", "directions", "none"]


@dataclass(frozen=True)
class FolderLights:
    """Lights of the photographs, in their order and the OpenCV frame; see `PhotometricObservations`.

    `directions` (N, 3) are NaN where nothing is known, and where `points` are given they are still to be taken from
    the object's middle (`from_middle`).
    """

    directions: NDArray[np.float64]
    intensities: NDArray[np.float64]
    calibration: Calibration
    points: PointLights | None = None
    length_unit: str | None = None
    where: Path = Path(DIRECTIONS)
    notes: tuple[str, ...] = ()

    def select(self, lights: list[int]) -> FolderLights:
        """Only these lights, in this order; `InputError` where they do not determine normals any more."""
        points = None if self.points is None else self.points.select(lights)
        kept = replace(self, directions=self.directions[lights], intensities=self.intensities[lights], points=points)
        kept.check()
        return kept

    def check(self) -> None:
        """`InputError` for fewer than three lights, or known ones in one plane with the object."""
        if np.isfinite(self.directions).all() and self.calibration != "none":
            check_spread(self.where, self.directions)
        elif len(self.directions) < 3:
            raise InputError(self.where.parent, "at least 3 photographs", f"{len(self.directions)}",
                             "photograph under more lights")  # fmt: skip


def folder_lights(folder: Path, layout: Layout, capture: CaptureFile, wanted: Wanted = "full") -> FolderLights:
    """What the folder tells of its lights; nothing needs to be there for "none", no intensities for "directions".

    Where the files say more than is wanted they are read all the same, to be scored against, and `calibration` says
    what a method may look at; bad ones are no lights where none are wanted. Photographs that the capture file leaves
    out need no light. Raises `InputError` for missing or bad lights; whether they suffice is for `FolderLights.check`,
    once those to use are chosen.
    """
    total = len(layout.photographs)
    if wanted != "none":
        lights = _read(folder, layout, capture, wanted)
        return replace(lights, notes=(*_told(layout, wanted), *lights.notes))
    nothing = FolderLights(np.full((total, 3), np.nan), np.ones((total, 3)), "none", where=folder / DIRECTIONS)
    if layout.lights is None and layout.directions is None:
        return nothing
    try:
        lights = _read(folder, layout, capture, "none")
    except InputError:  # nobody asked for them
        return nothing
    return replace(nothing, intensities=lights.intensities) if lights.points is not None else lights


def _read(folder: Path, layout: Layout, capture: CaptureFile, wanted: Wanted) -> FolderLights:
    """Lights of the folder's files; `InputError` where there are none or they are bad."""
    names = tuple(path.name for path in layout.photographs)
    total = len(names)
    if layout.lights is not None:
        return _from_lights_file(layout.lights, names, wanted, capture)
    if layout.directions is not None:
        opencv = capture.lights_frame == OPENCV_FRAME
        directions, notes = read_directions(layout.directions, files_frame_is_opencv=opencv)
        check_count(layout.directions, len(directions), total, f"of the {total} photographs in {folder.name}")
        given = layout.intensities
        intensities = np.ones((total, 3)) if given is None else read_intensities(given, total)
        return FolderLights(directions, intensities, wanted, where=layout.directions, notes=tuple(notes))
    raise InputError(folder / DIRECTIONS, "a light direction x y z for each photograph", "no such file",
                     "put a mirror ball into the picture (--ball auto), use --method uncalibrated, or write one "
                     "row x y z (x right, y up, z to the camera) for each")  # fmt: skip


def of_file(
    found: FileLights, names: tuple[str, ...], where: Path, wanted: Wanted = "full", left_out: tuple[str, ...] = ()
) -> FolderLights:
    """Lights of a file for the photographs of these names; `InputError` where one that is not left out has no light.

    >>> file = FileLights(np.eye(3), None, None, ("a.png", "b.png", "c.png"))
    >>> of_file(file, ("c.png", "a.png"), Path("lights.json")).directions.tolist()
    [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]
    """
    if found.images:
        missing = [name for name in names if name not in found.images and name not in left_out]
        if missing:
            raise InputError(where, "a light for each photograph", f"none for {missing[0]}",
                             "add it, or remove the photograph")  # fmt: skip
        rows = [found.images.index(name) if name in found.images else 0 for name in names]
    else:
        check_count(where, found.count, len(names), f"of the {len(names)} photographs")
        rows = list(range(found.count))
    strengths = np.ones((len(rows), 3)) if found.intensities is None else found.intensities[rows]
    directions = np.full((len(rows), 3), np.nan) if found.directions is None else found.directions[rows]
    points = None if found.points is None else found.points.select(rows)
    notes: tuple[str, ...] = ()
    if found.intensities is None and wanted == "full":
        notes = (f"no intensities in {where.name}: all lights were taken as equally strong and white",)
    return FolderLights(directions, strengths, wanted, points, found.length_unit if points else None, where, notes)


def from_middle(lights: FolderLights, capture: CaptureFile, camera: tuple[float, float, float],
                middle: tuple[float, float]) -> FolderLights:  # fmt: skip
    """Near lights with their directions from the object's middle; far ones as they are.

        middle = Z ((u - c_x) / f, (v - c_y) / f, 1),    direction_i = (position_i - middle) / |..|

    `camera` is f, c_x, c_y in pixels, `middle` (u, v) the middle of the mask; Z is the capture file's
    `object_distance`, or its focal length times `pixel_size`. Raises `InputError` where neither is known, or the lights
    stand in one plane with the object.
    """
    if lights.points is None:
        return lights
    focal, x, y = camera
    depth = capture.object_distance
    if depth is None and capture.camera is not None and capture.camera.pixel_size is not None:
        depth = focal * capture.camera.pixel_size
    if depth is None:
        raise InputError(lights.where.parent / NAME, f"object_distance in {lights.length_unit} (the lights are near)",
                         "none", "measure from the camera to the object's middle and add it")  # fmt: skip
    centre = depth * np.array([(middle[0] - x) / focal, (middle[1] - y) / focal, 1.0])
    directions = lights.points.positions.numpy() - centre
    length = np.linalg.norm(directions, axis=1, keepdims=True)
    if (length < 1e-6 * depth).any():
        light = int(length.argmin()) + 1
        raise InputError(lights.where, "lights away from the object", f"light {light} in its middle",
                         "correct the position, or object_distance in capture.json")  # fmt: skip
    placed = replace(lights, directions=directions / length)
    placed.check()
    return placed


def _from_lights_file(path: Path, names: tuple[str, ...], wanted: Wanted, capture: CaptureFile) -> FolderLights:
    found = read_lights_file(path)
    unit, stated = found.length_unit, capture.length_unit
    if found.points is not None and "length_unit" in capture.model_fields_set and stated != unit:
        raise InputError(path, f"the length_unit of {NAME}, {stated!r}", repr(unit), "give both files one unit")
    return of_file(found, names, path, wanted, capture.left_out)


def _told(layout: Layout, wanted: Wanted) -> tuple[str, ...]:
    """Notes of the layout that matter to what is wanted."""
    return layout.notes if wanted == "full" else ()
