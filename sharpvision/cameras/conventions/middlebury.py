"""Middlebury's multi-view `*_par.txt`: name, K, R and t of each image; OpenCV's frame, metres."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from sharpvision.cameras.conventions.calibration import Calibration
from sharpvision.cameras.conventions.opencv import k_from_integer_centres, k_to_integer_centres


def from_middlebury(text: str) -> dict[str, Calibration]:
    """Image name -> camera (float64), from the text of a `*_par.txt`: a count, then lines of name, K (9), R (9), t (3).

    x ~ K [R | t] X with the image's origin at its upper left. The format does not say where in a pixel integers are;
    the centre is assumed. Raises `ValueError` that names the line. Seitz et al. 2006.

    >>> line = "a.png 100 0 31.5 0 100 23.5 0 0 1 1 0 0 0 1 0 0 0 1 0 0 2"
    >>> from_middlebury("1\\n" + line)["a.png"].world_to_camera[:, 3].tolist()
    [0.0, 0.0, 2.0]
    """
    lines = [line.split() for line in text.splitlines() if line.strip()]
    if not lines or len(lines[0]) != 1 or not lines[0][0].isdigit():
        raise ValueError("line 1: expected the number of images")
    if int(lines[0][0]) != len(lines) - 1:
        raise ValueError(f"line 1: expected {len(lines) - 1}, the number of lines that follow, not {lines[0][0]}")
    found = {}
    for number, (name, *words) in enumerate(lines[1:], 2):
        if len(words) != 21:
            raise ValueError(f"line {number}: expected a name and 21 numbers, not {len(words)}")
        values = torch.tensor([float(word) for word in words], dtype=torch.float64)
        pose = torch.cat([values[9:18].view(3, 3), values[18:, None]], -1)
        found[name] = Calibration(k_from_integer_centres(values[:9].view(3, 3)), pose)
    return found


def to_middlebury(cameras: Mapping[str, Calibration]) -> str:
    """The text of a `*_par.txt`; the inverse of `from_middlebury`."""
    lines = [str(len(cameras))]
    for name, camera in cameras.items():
        pose = camera.world_to_camera
        numbers = torch.cat([k_to_integer_centres(camera.k).flatten(), pose[:, :3].flatten(), pose[:, 3]])
        lines.append(" ".join([name, *(repr(float(v)) for v in numbers)]))
    return "\n".join(lines) + "\n"
