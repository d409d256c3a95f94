"""What was learned about a capture goes into its folder, for the next run."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from sharpvision.core.errors import InputError
from sharpvision.data import capture_file, lights_file
from sharpvision.data.capture_file import WHOLE, CaptureFile
from sharpvision.data.whole_file import write_whole
from sharpvision.reconstruct.capture.capture import Capture, Findings
from sharpvision.reconstruct.capture.found_mask import enlarged
from sharpvision.reconstruct.capture.options import CaptureOptions

MASK = "mask_found.png"
"""The mask that was made, for a person to look at and to correct."""


def learned(
    folder: Path, asked: CaptureOptions, known: CaptureFile, findings: Findings, kept: tuple[str, ...]
) -> dict[str, Any]:
    """Keys for the capture file: what was asked for and what was found; paths become relative to the folder.

    `kept` are the names of the photographs that have a light; where lights were found, the others are left out.
    """
    keys: dict[str, Any] = {
        "ball_folder": _beside(folder, asked.ball_folder),
        "gray_card": None if asked.gray_card is None else list(asked.gray_card),
        "dark_frame": _beside(folder, asked.dark_frame),
        "mask": WHOLE if asked.made_mask == "whole" else _beside(folder, asked.read.mask),
        "align": asked.align,
        "response": asked.read.response if isinstance(asked.read.response, str) else None,
    }
    if asked.read.focal is not None:
        camera = {} if known.camera is None else known.camera.model_dump(exclude_none=True)
        keys["camera"] = {**camera, "model": "pinhole", "focal_px": asked.read.focal}
    if findings.ball is not None and findings.ball.in_frame:
        ball = findings.ball.ball
        keys["ball"] = [round(float(value), 2) for value in (*ball.centre, ball.radius)]
    if findings.response is not None and findings.response.determined:
        keys["response"] = findings.response.curve.to_json()
    if findings.mask is not None and findings.mask.confidence > 0:
        keys["mask"] = MASK
    unlit = [] if findings.ball is None else [name for name in findings.ball.names if name not in kept]
    if unlit or findings.left_out:
        keys["left_out"] = sorted({*known.left_out, *findings.left_out, *unlit})
    if asked.align is None and findings.alignment is not None:
        keys["align"] = True
    return {key: value for key, value in keys.items() if value is not None}


def _write_mask(path: Path, mask: NDArray[np.bool_], shape: tuple[int, int]) -> None:
    picture = 255 * enlarged(mask, shape).astype(np.uint8)
    write_whole({path: cv2.imencode(".png", picture)[1].tobytes()}, overwrite=True)


def _beside(folder: Path, path: str | Path | None) -> str | None:
    """A path as seen from the folder."""
    return None if path is None else Path(os.path.relpath(path, folder)).as_posix()


def remember_capture(folder: Path, capture: Capture, mask_shape: tuple[int, int] | None = None) -> Capture:
    """Write `lights.json`, the learned keys of `capture.json`, and the mask that was made at the photographs' shape.

    Returns the capture with the names of what was written.

    A person's own `lights.json` stays, and a note says so; so does a folder that cannot be written.
    """
    written, notes = [], []
    try:
        if capture.lights is not None:
            path = folder / lights_file.NAME
            if lights_file.may_be_written(path):
                lights_file.write_lights_file(path, capture.lights, overwrite=True)
                written.append(path.name)
            else:
                notes.append(f"{path.name} was not written by sharpvision and was left as it is")
        if mask_shape is not None:
            _write_mask(folder / MASK, capture.observations.mask.numpy(), mask_shape)
            written.append(MASK)
        if capture.learned and capture_file.remember(folder, capture.learned):
            written.append(capture_file.NAME)
    except InputError as error:
        notes.append(f"the folder could not be written, so the next run needs the same options ({error})")
    if written:
        notes.append(f"what was learned was written to {', '.join(written)} in {folder}: the next run needs no "
                     "options (--no-remember leaves the folder as it is)")  # fmt: skip
    observations = replace(capture.observations, notes=(*capture.observations.notes, *notes))
    return replace(capture, observations=observations, written=tuple(written))
