"""Case `gray` of suite `photometric`: a gray sphere whose lights and camera response have to be found first."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sharpvision.core.errors import InputError

if TYPE_CHECKING:
    from sharpvision.data.observations import PhotometricObservations

Array = NDArray[np.float64]

NAME, BALL = "gray", "chrome"
INSIDE = 0.9
"""Share of the radius inside of which normals are held against the sphere's."""
_ROUND_PX = 1.0


def is_gray_sphere(folder: Path) -> bool:
    """Whether a folder is the gray sphere of `uw_psm`: of that name, with the chrome one's folder beside it."""
    return folder.name == NAME and (folder.parent / BALL).is_dir()


def default_gray() -> tuple[Path, int] | None:
    """The gray sphere in $SHARPVISION_DATA/uw_psm and the number of its photographs, None where it is not there."""
    from sharpvision.data.datasets import data_folder
    from sharpvision.data.layout import find_layout

    try:
        folder = data_folder("uw_psm") / NAME
    except InputError:
        return None
    if not folder.is_dir() or not is_gray_sphere(folder):
        return None
    return folder, len(find_layout(folder).photographs)


def gray_observations(folder: Path) -> PhotometricObservations:
    """What a user gets from the folder and `--ball-folder ../chrome`: lights from the chrome sphere, the response as
    the folder's capture file says (unknown: estimated with the object); the truth is the sphere of the mask.
    """
    import torch

    from sharpvision.reconstruct.capture import CaptureOptions, prepare_capture

    options = CaptureOptions(ball_folder=folder.parent / BALL, remember=False)
    observations = prepare_capture(folder, options).observations
    truth = outline_normals(observations.mask.numpy(), str(folder))
    return replace(observations, ground_truth=torch.from_numpy(truth.astype(np.float32)))


def outline_normals(mask: NDArray[np.bool_], where: str, inside: float = INSIDE) -> Array:
    """Unit normals (H, W, 3) of the sphere whose outline is the mask's, OpenCV frame, orthographic camera; zero beyond
    `inside` of the radius. Raises `InputError` for a mask that is not round to a pixel.

    >>> y, x = np.mgrid[:21, :21] - 10.0
    >>> outline_normals(np.hypot(x, y) < 9.5, "disc")[10, 10].round(6).tolist()[2]
    -1.0
    """
    from sharpvision.reconstruct.calibration.intensities import sphere_normals

    x, y, radius, rms = fit_circle(_border(mask))
    if rms > _ROUND_PX:
        raise InputError(where, "the mask of a sphere", f"an outline {rms:.1f} pixels from a circle", "check the mask")
    return sphere_normals((mask.shape[0], mask.shape[1]), (x, y, radius), inside)


def fit_circle(points: Array) -> tuple[float, float, float, float]:
    """Centre x, y, radius and RMS distance of the circle through points (P, 2) by algebraic least squares (Kåsa)."""
    rows = np.column_stack([2 * points, np.ones(len(points))])
    x, y, rest = np.linalg.lstsq(rows, (points**2).sum(1), rcond=None)[0]
    radius = float(np.sqrt(rest + x**2 + y**2))
    distance = np.hypot(points[:, 0] - x, points[:, 1] - y) - radius
    return float(x), float(y), radius, float(np.sqrt(np.mean(distance**2)))


def _border(mask: NDArray[np.bool_]) -> Array:
    """Points (P, 2) halfway between neighbouring pixels of which one is inside, pixel centres at +0.5."""
    padded = np.pad(np.asarray(mask, dtype=bool), 1)
    down, down_at = np.nonzero(padded[1:] != padded[:-1])
    right, right_at = np.nonzero(padded[:, 1:] != padded[:, :-1])
    across = np.column_stack([down_at - 0.5, down])
    along = np.column_stack([right_at, right - 0.5])
    return np.concatenate([across, along]).astype(np.float64)
