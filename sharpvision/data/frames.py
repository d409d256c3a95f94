"""Frames one by one: of a photograph, a folder of photographs, or a video."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from sharpvision.core.errors import InputError
from sharpvision.core.srgb import linear_from_srgb
from sharpvision.data.capture_file import CaptureFile, GivenResponse, read_capture_file
from sharpvision.data.exif import focal_px_of
from sharpvision.data.images import SUFFIXES, decode
from sharpvision.data.ingest import Plan, transfer_of
from sharpvision.data.layout import is_photograph


@dataclass(frozen=True, eq=False)
class Frame:
    """`image` (H, W, 3) linear float32, 1 at the sensor's limit; `focal_px` from EXIF or None; one level of the codes
    is `quantisation`."""

    name: str
    image: NDArray[np.float32]
    quantisation: float
    focal_px: float | None
    notes: tuple[str, ...]


def is_film(source: Path) -> bool:
    """Whether a source has frames: a folder, or a file that is no photograph by its name."""
    return source.is_dir() or source.suffix.lower() not in SUFFIXES


def capture_of(source: Path) -> CaptureFile:
    """The capture file in the folder of a source, or an empty one."""
    return read_capture_file(source if source.is_dir() else source.parent) or CaptureFile()


def frames_of(source: Path, response: GivenResponse | None = None, most: int | None = None) -> Iterator[Frame]:
    """Frames in order (photographs by name), decoded when asked for; all of one size.

    Raises `InputError` for what can't be read, has no colours, or changes its size.
    """
    if not source.exists():
        raise InputError(source, "a photograph, a folder or a video", "nothing of that name", "check the name")
    size = None
    frames = _video(source, response) if source.is_file() and is_film(source) else _photographs(source, response)
    for number, frame in enumerate(frames):
        if most is not None and number >= most:
            return
        size = size or frame.image.shape
        if frame.image.shape != size:
            raise InputError(frame.name, f"a frame of {size[1]}x{size[0]} pixels",
                             f"{frame.image.shape[1]}x{frame.image.shape[0]}", "resize the frames")  # fmt: skip
        yield frame


def _photographs(source: Path, response: GivenResponse | None) -> Iterator[Frame]:
    paths = sorted(p for p in source.iterdir() if is_photograph(p)) if source.is_dir() else [source]
    if not paths:
        raise InputError(source, "photographs (PNG, JPEG, TIFF, EXR)", "none", "name the folder that holds the frames")
    capture = capture_of(source)
    for path in paths:
        photograph = decode(path)
        codes = photograph.pixels
        if codes.shape[2] != 3:
            raise InputError(path, "a photograph in colour", "a gray one", "photograph in RGB")
        plan = Plan((path,), np.ones(1, np.float32), np.ones(1), capture, response)
        transfer, notes = transfer_of(plan, codes)
        linear = np.asarray(transfer.linear(codes), np.float32)
        if not np.isfinite(linear).all():
            raise InputError(path, "finite values", "NaN or infinity", "write the photograph again")
        focal = focal_px_of(photograph.exif, codes.shape[1], codes.shape[0])
        yield Frame(path.name, linear, transfer.quantisation, focal, tuple(notes))


def _video(source: Path, response: GivenResponse | None) -> Iterator[Frame]:
    video = cv2.VideoCapture(str(source))
    try:
        good, codes = video.read()
        if not good:
            raise InputError(source, "a photograph, a folder of frames or a video", "a file that OpenCV can't read",
                             "convert it, for example: ffmpeg -i FILE frames/%04d.png")  # fmt: skip
        number = 0
        notes = () if response else ("8-bit video was read as sRGB; use --response linear if it is linear",)
        while good:
            values = codes[..., ::-1].astype(np.float32) / np.float32(255)
            linear = values if response == "linear" else linear_from_srgb(values)
            yield Frame(f"{number:06d}", np.asarray(linear, np.float32), 1.0 / 255.0, None, notes)
            number += 1
            good, codes = video.read()
    finally:
        video.release()
