"""Reads a folder of photographs of one object under known lights."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from sharpvision.core.errors import InputError
from sharpvision.data.capture_file import NAME, WHOLE, CaptureFile, GivenResponse, read_capture_file
from sharpvision.data.exif import camera_settings_of, focal_px_of
from sharpvision.data.exposures import check_exposures
from sharpvision.data.folder_lights import FolderLights, Wanted, folder_lights, from_middle
from sharpvision.data.ingest import Ingested, Plan, Progress, ingest
from sharpvision.data.layout import Layout, find_layout
from sharpvision.data.masks import longer_side
from sharpvision.data.normal_maps import read_normals
from sharpvision.data.observations import PhotometricObservations, spread_lights
from sharpvision.data.reduction import reduce_mask, reduce_normals


@dataclass(frozen=True)
class ReadOptions:
    """What a user may set; None leaves it to the folder.

    `light_count`: that many of the lights, evenly spread over the list; `mask`: an image file; `response` of the
    photographs' values; `max_size`: longer side in pixels to which photographs are reduced by area averages of
    linear values; `focal`: focal length in pixels of the photographs as they are on disk; `lights`: what the method
    wants of them: "full", "directions" (intensities are unknown) or "none"; `besides`: files of the folder that are no
    photographs of the object.
    """

    light_count: int | None = None
    mask: str | Path | None = None
    response: GivenResponse | None = None
    max_size: int | None = None
    focal: float | None = None
    lights: Wanted = "full"
    besides: tuple[str | Path, ...] = ()


def read_photometric(
    folder: str | Path, options: ReadOptions = ReadOptions(), progress: Progress | None = None
) -> PhotometricObservations:
    """Validated observations from a folder of photographs, each file decoded once; tiles come from what is kept then.

    The folder is DiLiGenT's official one, one of its crops, or any images with `lights.json` or `light_directions.txt`
    (there or one level up; not needed where no lights are wanted) and, if there, `light_intensities.txt`, `mask.png`,
    `normal_gt.*` and `capture.json`. Photographs are taken as they are: what a capture file says of a mirror ball, a
    dark frame or shake is the work of `sharpvision.reconstruct.prepare_capture`, and a note says so.
    Lights and normals in files are x right, y up, z to the viewer; in memory they are in the OpenCV frame. Values are
    linear in [0, 1]; exposures are undone relative to the shortest. Decoded photographs beyond 256 MiB go to an
    unlinked temporary file. `progress(done, total)` is called after each photograph. `notes` tell every assumption.

    Raises `InputError` (one line: file, expected, found, what to do) for whatever is wrong with the folder, and
    `BackendUnavailable` for RAW photographs without the extra `raw`.
    """
    folder = Path(folder)
    _check_options(options)
    capture = read_capture_file(folder) or CaptureFile()
    layout = layout_of(folder, options, capture)
    total = len(layout.photographs)
    lights = folder_lights(folder, layout, capture, options.lights)
    gains = exposure_gains(folder, capture, total)
    chosen = chosen_lights(options.light_count, kept_photographs(layout, capture))
    lights = lights.select(chosen)
    photographs = tuple(layout.photographs[i] for i in chosen)
    cosines = np.nan_to_num(-lights.directions[:, 2])
    plan = Plan(photographs, gains[chosen], cosines, capture, options.response, layout.mask, options.max_size)
    read = ingest(plan, progress)
    if capture.exposures is None:
        read = _exposed_alike(read, tuple(path.name for path in photographs))
    focal, centre, camera_notes = camera_of(options, capture, read.exif, read.mask.shape)
    lights = _placed(lights, capture, focal, centre, read.mask)
    scale = max(read.shape) / max(read.mask.shape)
    truth = _ground_truth(layout, read.mask.shape, read.shape)
    mask = read.mask if read.shape == read.mask.shape else reduce_mask(read.mask, read.shape)
    unprepared = [key for key in ("dark_frame", "align") if getattr(capture, key)]
    if unprepared:
        read = replace(read, notes=(*read.notes, f"{' and '.join(unprepared)} of {NAME} were not heeded"))
    no_mask = () if layout.mask is not None else ("no mask: the whole image was taken as the object",)
    return PhotometricObservations(
        name=layout.name,
        folder=folder,
        source=read.source,
        mask=torch.from_numpy(mask),
        light_directions=torch.from_numpy(lights.directions),
        light_intensities=torch.from_numpy(lights.intensities),
        focal_px=None if focal is None else focal * scale,
        principal_point=None if centre is None else (centre[0] * scale, centre[1] * scale),
        ground_truth=truth,
        light_distance=capture.distance_in_mask_sides(longer_side(read.mask)),
        quantisation=read.quantisation,
        length_unit=lights.length_unit or capture.length_unit,
        image_names=tuple(p.name for p in photographs),
        notes=(*lights.notes, *no_mask, *camera_notes, *read.notes),
        calibration=lights.calibration,
        point_lights=lights.points,
    )


def layout_of(folder: Path, options: ReadOptions, capture: CaptureFile) -> Layout:
    """The folder's files, with the mask and the dark frame that the user or the capture file names."""
    named = None if capture.mask in (None, WHOLE) else folder / str(capture.mask)
    mask = named if options.mask is None else Path(options.mask)
    dark = () if capture.dark_frame is None else (folder / capture.dark_frame,)
    return find_layout(folder, mask, (*dark, *(Path(path) for path in options.besides)))


def _placed(
    lights: FolderLights, capture: CaptureFile, focal: float | None, centre: tuple[float, float] | None,
    mask: NDArray[np.bool_],
) -> FolderLights:  # fmt: skip
    """Near lights with their directions from the middle of the mask; they need a perspective camera."""
    if lights.points is None:
        return lights
    if focal is None or centre is None:
        raise InputError(lights.where.parent / NAME, "a pinhole camera with focal_px (the lights are near)",
                         "no focal length there, in EXIF or in --focal",
                         "calibrate the camera, or give --focal PX")  # fmt: skip
    rows, columns = np.nonzero(mask)
    middle = (float(columns.mean()) + 0.5, float(rows.mean()) + 0.5)
    return from_middle(lights, capture, (focal, *centre), middle)


def _check_options(options: ReadOptions) -> None:
    """`InputError` for settings out of range."""
    if isinstance(options.response, str) and options.response not in ("linear", "srgb", "unknown"):
        raise InputError("--response", "linear, srgb or unknown", repr(options.response), "use one of these")
    if options.max_size is not None and options.max_size < 2:
        raise InputError("--max-size", "at least 2 pixels", f"{options.max_size}", "use a larger size")
    if options.focal is not None and not (math.isfinite(options.focal) and options.focal > 0):
        raise InputError("--focal", "a focal length in pixels above zero", f"{options.focal}", "correct it")


def kept_photographs(layout: Layout, capture: CaptureFile) -> list[int]:
    """Indices of the photographs that the capture file does not leave out."""
    return [i for i, path in enumerate(layout.photographs) if path.name not in capture.left_out]


def chosen_lights(count: int | None, kept: list[int]) -> list[int]:
    """Indices of the lights to use; `InputError` for a count that is out of range."""
    if count is None:
        return kept
    if not 3 <= count <= len(kept):
        raise InputError("--light-count", f"a number from 3 to {len(kept)}", f"{count}", "use one in that range")
    return [kept[i] for i in spread_lights(count, len(kept))]


def exposure_gains(folder: Path, capture: CaptureFile, total: int) -> np.ndarray:
    """Factors (N,) in (0, 1] that undo the exposures, 1 for the shortest."""
    if capture.exposures is None:
        return np.ones(total, np.float32)
    if len(capture.exposures) != total:
        raise InputError(f"{folder / NAME}, exposures", f"{total} numbers, one for each photograph",
                         f"{len(capture.exposures)}", "correct the list")  # fmt: skip
    exposures = np.array(capture.exposures)
    return (exposures.min() / exposures).astype(np.float32)


def _exposed_alike(read: Ingested, names: tuple[str, ...]) -> Ingested:
    """The photographs with the exposures that EXIF tells undone, relative to the shortest; notes say so."""
    check = check_exposures([camera_settings_of(exif) for exif in read.exifs], names)
    read = replace(read, notes=(*read.notes, *check.notes))
    if check.exposures is None or check.gains is None or not check.differ:
        return read
    source = replace(read.source, gains=(read.source.gains * check.gains).astype(np.float32))
    return replace(read, source=source, exposures=tuple(float(e) for e in check.exposures))


def camera_of(
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
