"""Reads a folder of photographs of one object under known lights."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from sharpvision.core.errors import InputError
from sharpvision.data.capture_file import NAME, OPENCV_FRAME, CaptureFile, read_capture_file
from sharpvision.data.exif import focal_px_of
from sharpvision.data.ingest import Plan, Progress, ingest
from sharpvision.data.layout import Layout, find_layout
from sharpvision.data.lights import check_count, check_spread, read_directions, read_intensities
from sharpvision.data.masks import longer_side
from sharpvision.data.normal_maps import read_normals
from sharpvision.data.observations import PhotometricObservations, spread_lights
from sharpvision.data.reduction import reduce_mask, reduce_normals


@dataclass(frozen=True)
class ReadOptions:
    """What a user may set; None leaves it to the folder.

    `light_count`: that many of the lights, evenly spread over the list; `mask`: an image file; `response` of the
    photographs' values; `max_size`: longer side in pixels to which photographs are reduced by area averages of
    linear values; `focal`: focal length in pixels of the photographs as they are on disk.
    """

    light_count: int | None = None
    mask: str | Path | None = None
    response: Literal["linear", "srgb"] | None = None
    max_size: int | None = None
    focal: float | None = None


def read_photometric(
    folder: str | Path, options: ReadOptions = ReadOptions(), progress: Progress | None = None
) -> PhotometricObservations:
    """Validated observations from a folder of photographs, each file decoded once; tiles come from what is kept then.

    The folder is DiLiGenT's official one, one of its crops, or any images with `light_directions.txt` (there or one
    level up) and, if there, `light_intensities.txt`, `mask.png`, `normal_gt.*` and `capture.json`. Lights and normals
    in files are x right, y up, z to the viewer; in memory they are in the OpenCV frame. Values are linear in [0, 1];
    exposures are undone relative to the shortest. Decoded photographs beyond 256 MiB go to an unlinked temporary file.
    `progress(done, total)` is called after each photograph. `notes` tell every assumption.

    Raises `InputError` (one line: file, expected, found, what to do) for whatever is wrong with the folder, and
    `BackendUnavailable` for RAW photographs without the extra `raw`.
    """
    folder = Path(folder)
    _check_options(options)
    layout = find_layout(folder, None if options.mask is None else Path(options.mask))
    capture = read_capture_file(folder) or CaptureFile()
    total = len(layout.photographs)
    opencv = capture.lights_frame == OPENCV_FRAME
    directions, light_notes = read_directions(layout.directions, files_frame_is_opencv=opencv)
    check_count(layout.directions, len(directions), total, f"of the {total} photographs in {folder.name}")
    check_spread(layout.directions, directions)
    intensities = np.ones((total, 3)) if layout.intensities is None else read_intensities(layout.intensities, total)
    gains = _gains(folder, capture, total)
    chosen = _chosen_lights(options.light_count, total)
    directions, intensities = directions[chosen], intensities[chosen]
    if options.light_count is not None:
        check_spread(layout.directions, directions)
    photographs = tuple(layout.photographs[i] for i in chosen)
    plan = Plan(photographs, gains[chosen], -directions[:, 2], capture, options.response, layout.mask, options.max_size)
    read = ingest(plan, progress)
    focal, centre, camera_notes = _camera(options, capture, read.exif, read.mask.shape)
    scale = max(read.shape) / max(read.mask.shape)
    truth = _ground_truth(layout, read.mask.shape, read.shape)
    mask = read.mask if read.shape == read.mask.shape else reduce_mask(read.mask, read.shape)
    no_mask = () if layout.mask is not None else ("no mask: the whole image was taken as the object",)
    return PhotometricObservations(
        name=layout.name,
        folder=folder,
        source=read.source,
        mask=torch.from_numpy(mask),
        light_directions=torch.from_numpy(directions),
        light_intensities=torch.from_numpy(intensities),
        focal_px=None if focal is None else focal * scale,
        principal_point=None if centre is None else (centre[0] * scale, centre[1] * scale),
        ground_truth=truth,
        light_distance=capture.distance_in_mask_sides(longer_side(read.mask)),
        quantisation=read.quantisation,
        image_names=tuple(p.name for p in photographs),
        notes=(*layout.notes, *light_notes, *no_mask, *camera_notes, *read.notes),
    )


def _check_options(options: ReadOptions) -> None:
    """`InputError` for settings out of range."""
    if options.response not in (None, "linear", "srgb"):
        raise InputError("--response", "linear or srgb", repr(options.response), "use one of these")
    if options.max_size is not None and options.max_size < 2:
        raise InputError("--max-size", "at least 2 pixels", f"{options.max_size}", "use a larger size")
    if options.focal is not None and not (math.isfinite(options.focal) and options.focal > 0):
        raise InputError("--focal", "a focal length in pixels above zero", f"{options.focal}", "correct it")


def _chosen_lights(count: int | None, total: int) -> list[int]:
    """Indices of the lights to use; `InputError` for a count that is out of range."""
    if count is None:
        return list(range(total))
    if not 3 <= count <= total:
        raise InputError("--light-count", f"a number from 3 to {total}", f"{count}", "use one in that range")
    return spread_lights(count, total)


def _gains(folder: Path, capture: CaptureFile, total: int) -> np.ndarray:
    """Factors (N,) in (0, 1] that undo the exposures, 1 for the shortest."""
    if capture.exposures is None:
        return np.ones(total, np.float32)
    if len(capture.exposures) != total:
        raise InputError(f"{folder / NAME}, exposures", f"{total} numbers, one for each photograph",
                         f"{len(capture.exposures)}", "correct the list")  # fmt: skip
    exposures = np.array(capture.exposures)
    return (exposures.min() / exposures).astype(np.float32)


def _camera(
    options: ReadOptions, capture: CaptureFile, exif: Image.Exif, shape: tuple[int, ...]
) -> tuple[float | None, tuple[float, float] | None, list[str]]:
    """Focal length and principal point in pixels of the photographs on disk (None: orthographic), and notes."""
    height, width = shape
    camera = capture.camera
    middle = (width / 2, height / 2)
    centre = camera.principal_point if camera is not None and camera.principal_point is not None else middle
    if options.focal is not None:
        return options.focal, centre, []
    if camera is not None:
        return (camera.focal_px, centre, []) if camera.model == "pinhole" else (None, None, [])
    focal = focal_px_of(exif, width, height)
    if focal is not None:
        return focal, middle, [f"focal length of {focal:.0f} px from EXIF; the principal point was taken as the middle"]
    return None, None, ["no focal length in capture file, EXIF or --focal: the camera was taken as orthographic"]


def _ground_truth(layout: Layout, full: tuple[int, ...], shape: tuple[int, int]) -> Tensor | None:
    """The folder's normals at the reduced shape; `InputError` where they are not of the photographs' size."""
    if layout.truth is None:
        return None
    normals = read_normals(layout.truth)[0]
    if tuple(normals.shape[:2]) != full:
        raise InputError(layout.truth, f"normals of the photographs' size {full[1]}x{full[0]}",
                         f"{normals.shape[1]}x{normals.shape[0]}", "crop them alike, or remove the file")  # fmt: skip
    return normals if shape == full else torch.from_numpy(reduce_normals(normals.numpy(), shape))
