"""BOP's `scene_camera.json` and `scene_gt.json`: OpenCV's frame, millimetres, pixel centres at integers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from sharpvision.cameras.conventions.calibration import Calibration
from sharpvision.cameras.conventions.opencv import k_from_integer_centres, k_to_integer_centres


def from_bop(entry: Mapping[str, Any]) -> Calibration:
    """Of an image's entry in `scene_camera.json`: `cam_K`, and `cam_R_w2c`, `cam_t_w2c` where they are (else the camera
    frame is the world). float64, millimetres.

    >>> from_bop({"cam_K": [100, 0, 31.5, 0, 100, 23.5, 0, 0, 1]}).k[:2, 2].tolist()
    [32.0, 24.0]
    """
    k = torch.tensor(entry["cam_K"], dtype=torch.float64).reshape(3, 3)
    pose = object_pose_from_bop(entry.get("cam_R_w2c", [1, 0, 0, 0, 1, 0, 0, 0, 1]), entry.get("cam_t_w2c", [0, 0, 0]))
    return Calibration(k_from_integer_centres(k), pose)


def to_bop(calibration: Calibration) -> dict[str, list[float]]:
    """`cam_K`, `cam_R_w2c`, `cam_t_w2c` of one camera whose unit is the millimetre; the inverse of `from_bop`."""
    pose = calibration.world_to_camera
    return {
        "cam_K": k_to_integer_centres(calibration.k).reshape(9).tolist(),
        "cam_R_w2c": pose[:, :3].reshape(9).tolist(),
        "cam_t_w2c": pose[:, 3].tolist(),
    }


def object_pose_from_bop(rotation: Sequence[float], translation: Sequence[float]) -> Float[Tensor, "3 4"]:
    """[R | t] from `cam_R_m2c` (9, row by row) and `cam_t_m2c`, model to camera, or from their `w2c` kin."""
    r, t = (torch.tensor(list(v), dtype=torch.float64) for v in (rotation, translation))
    return torch.cat([r.reshape(3, 3), t.reshape(3, 1)], -1)
