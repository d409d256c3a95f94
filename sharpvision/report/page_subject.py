"""What the page shows: the arrays of a Solution, cropped to the object and turned to the frame of files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor

from sharpvision.core.frames import opengl_from_opencv
from sharpvision.geometry.normals import angular_error_deg
from sharpvision.solvers.solution import Solution


@dataclass(frozen=True)
class Subject:
    """One object, cropped to its mask with a margin of two pixels.

    `normals` (h, w, 3) float32 in the frame of files (x right, y up, z to the viewer), zero outside; `mask` (h, w)
    bool; `albedo` (h, w, 3) linear; `depth` (h, w) in pixels, away from the camera; `std_deg`, `error_deg` (h, w) in
    degrees, NaN outside; `truth` (h, w, 3); each of the latter None where the solution has none. `window` is the crop
    (rows, columns) of the full image.
    """

    name: str
    window: tuple[slice, slice]
    mask: np.ndarray
    normals: np.ndarray
    albedo: np.ndarray | None = None
    depth: np.ndarray | None = None
    std_deg: np.ndarray | None = None
    truth: np.ndarray | None = None
    error_deg: np.ndarray | None = None


def subject(solution: Solution) -> Subject:
    """The page's arrays for a photometric solution; whatever is absent, of no finite value or empty becomes None."""
    observations = solution.observations
    normals = _array(solution.values.get("normals"))
    mask = _array(getattr(observations, "mask", None))
    if normals is None:
        normals = np.zeros((*(mask.shape if mask is not None else (1, 1)), 3), dtype=np.float32)
    solved = np.isfinite(normals).all(-1) & (np.abs(normals).sum(-1) > 0.5)
    mask = solved if mask is None or mask.shape != solved.shape else solved & mask.astype(bool)
    window = _window(mask)
    inside = mask[window]

    def cropped(value: Any) -> np.ndarray | None:
        array = _array(value)
        if array is None or array.shape[:2] != mask.shape:
            return None
        array = np.asarray(array[window], dtype=np.float32)
        return array if np.isfinite(array[inside]).any() else None

    turned = opengl_from_opencv(np.where(inside[..., None], normals[window], 0).astype(np.float32))
    std = cropped(solution.std.get("normals"))
    truth = cropped(getattr(observations, "ground_truth", None))
    if truth is not None:
        truth = opengl_from_opencv(np.nan_to_num(truth))
    depth = cropped(solution.values.get("depth"))
    return Subject(
        name=str(getattr(observations, "name", "") or "object"),
        window=window,
        mask=inside,
        normals=turned,
        albedo=cropped(solution.values.get("albedo")),
        depth=None if depth is None else np.where(inside, depth, np.nan),
        std_deg=None if std is None else np.where(inside, std, np.nan),
        truth=truth,
        error_deg=None if truth is None else _error_deg(turned, truth, inside),
    )


def _error_deg(normals: np.ndarray, truth: np.ndarray, mask: np.ndarray, strip: int = 256) -> np.ndarray | None:
    """Angle to the true normals in degrees, NaN where unknown, strip by strip to save memory; None without any."""
    error = np.full(mask.shape, np.nan, np.float32)
    for top in range(0, mask.shape[0], strip):
        rows = slice(top, top + strip)
        error[rows] = angular_error_deg(torch.from_numpy(normals[rows]), torch.from_numpy(truth[rows])).numpy()
    error[~mask] = np.nan
    return error if np.isfinite(error).any() else None


def shrink(image: np.ndarray, mask: np.ndarray, max_side: int) -> np.ndarray:
    """Area average over the mask so that the longer side is at most `max_side`; NaN where nothing is inside.

    `image` (h, w) or (h, w, C), `mask` (h, w); pixels that are not finite do not count.

    >>> shrink(np.array([[1.0, 3.0, np.nan, 5.0]] * 4), np.ones((4, 4), bool), 2)
    array([[2., 5.],
           [2., 5.]], dtype=float32)
    """
    height, width = mask.shape
    scale = max_side / max(height, width)
    finite = mask & np.isfinite(image.reshape(height, width, -1)).all(-1)
    if scale >= 1:
        return np.where(finite.reshape(finite.shape + (1,) * (image.ndim - 2)), image, np.nan).astype(np.float32)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    weight = cv2.resize(finite.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    filled = np.where(finite.reshape(finite.shape + (1,) * (image.ndim - 2)), image, 0).astype(np.float32)
    total = cv2.resize(filled, size, interpolation=cv2.INTER_AREA).reshape((size[1], size[0], *image.shape[2:]))
    weight = weight.reshape(weight.shape + (1,) * (image.ndim - 2))
    return np.where(weight > 1e-3, total / np.maximum(weight, 1e-3), np.nan).astype(np.float32)


def coverage(mask: np.ndarray, max_side: int) -> np.ndarray:
    """Share of each shrunk pixel that lies inside the mask, (h', w') float32 in [0, 1]; matches `shrink`."""
    scale = max_side / max(mask.shape)
    if scale >= 1:
        return mask.astype(np.float32)
    size = (max(1, round(mask.shape[1] * scale)), max(1, round(mask.shape[0] * scale)))
    return cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA)


def _array(value: Any) -> np.ndarray | None:
    if value is None:
        return None
    return value.detach().cpu().numpy() if isinstance(value, Tensor) else np.asarray(value)


def _window(mask: np.ndarray, margin: int = 2) -> tuple[slice, slice]:
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if rows.size == 0:
        return slice(0, mask.shape[0]), slice(0, mask.shape[1])
    return (
        slice(max(0, int(rows[0]) - margin), min(mask.shape[0], int(rows[-1]) + 1 + margin)),
        slice(max(0, int(columns[0]) - margin), min(mask.shape[1], int(columns[-1]) + 1 + margin)),
    )
