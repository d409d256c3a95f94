"""What was learned about a capture goes into its folder, for the next run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from sharpvision.core.errors import InputError
from sharpvision.data import capture_file, lights_file
from sharpvision.reconstruct.capture.capture import Capture


def remember_capture(folder: Path, capture: Capture) -> Capture:
    """Write `lights.json` and the learned keys of `capture.json`; the capture with the names of what was written.

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
        if capture.learned and capture_file.remember(folder, capture.learned):
            written.append(capture_file.NAME)
    except InputError as error:
        notes.append(f"the folder could not be written, so the next run needs the same options ({error})")
    if written:
        notes.append(f"what was learned was written to {' and '.join(written)} in {folder}: the next run needs no "
                     "options (--no-remember leaves the folder as it is)")  # fmt: skip
    observations = replace(capture.observations, notes=(*capture.observations.notes, *notes))
    return replace(capture, observations=observations, written=tuple(written))
