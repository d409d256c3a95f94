"""What `result.json` holds: plain numbers and words, strict JSON, frames and units said."""

from __future__ import annotations

import importlib.metadata
import json
import math
import platform
from collections.abc import Mapping
from enum import Enum
from typing import Any

import numpy as np
import torch

import sharpvision
from sharpvision.geometry import angular_error_deg
from sharpvision.solvers import Solution

SCHEMA_VERSION = 1
NO_NORMAL_DEG = 90.0
FRAME = "x right, y up, z to the viewer"


def score(solution: Solution) -> dict[str, float]:
    """Angular errors of the normals in degrees against the observations' ground truth; empty where there is none.

    Over the pixels of the mask whose true normal has a length; keys `{mean,median,p90}_angular_error_deg`.

    >>> from sharpvision.solvers import Status
    >>> score(Solution("least_squares", Status.CONVERGED, "", {}))
    {}
    """
    error = angular_error_map(solution)
    if error is None:
        return {}
    known = error[error.isfinite()].double().numpy()
    if not known.size:
        return {}
    return {
        "mean_angular_error_deg": float(known.mean()),
        "median_angular_error_deg": float(np.median(known)),
        "p90_angular_error_deg": float(np.percentile(known, 90)),
        "scored_pixels": known.size,
    }


def angular_error_map(solution: Solution) -> torch.Tensor | None:
    """Angle between normals and ground truth (H, W) in degrees, NaN where the truth is unknown; None without any.

    A pixel of the mask that was left without a normal counts as 90 degrees: leaving out hard pixels must not pay.
    """
    truth = getattr(solution.observations, "ground_truth", None)
    normals = solution.values.get("normals")
    if truth is None or normals is None:
        return None
    n, t = normals.double(), truth.double()
    known = solution.observations.mask & (t.norm(dim=-1) > 0.5)
    error = angular_error_deg(n, t).nan_to_num(NO_NORMAL_DEG)
    return torch.where(known, error, torch.nan).float()


def result(solution: Solution) -> dict[str, Any]:
    """The content of `result.json`, every number finite."""
    observations = solution.observations
    record = {
        "schema_version": SCHEMA_VERSION,
        "method": solution.method,
        "status": solution.status,
        "message": solution.message,
        "frame": FRAME,
        "units": units(solution),
        "seconds": solution.seconds,
        "versions": versions(),
        "figures": {**solution.figures, **score(solution)},
        "explained": solution.explained,
        "notes": list(dict.fromkeys([*getattr(observations, "notes", ()), *solution.notes])),
        "settings": solution.settings,
    }
    if observations is not None:
        record["input"] = {
            "name": observations.name,
            "folder": observations.folder,
            "images": observations.light_count,
            "height": observations.shape[0],
            "width": observations.shape[1],
            "mask_pixels": int(observations.mask.sum()),
        }
    return plain(record)


def units(solution: Solution) -> dict[str, str]:
    """What one unit of each map is."""
    perspective = solution.figures.get("depth_model") == "perspective"
    length = getattr(solution.observations, "length_unit", "px") if perspective else "px"
    return {
        "normals": "unit vectors",
        "std": "degrees within which 68 % of the errors should fall",
        "depth": f"{length}, growing away from the camera",
        "albedo": "linear, 99th percentile 1",
        "angular_error": "degrees",
    }


def versions() -> dict[str, str]:
    """Versions of what computed the result."""
    found = {"sharpvision": sharpvision.__version__, "python": platform.python_version()}
    for package in ("torch", "numpy", "scipy", "warp-lang"):
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found


def plain(value: Any) -> Any:
    """Strict JSON: tensors become lists, paths and enumerations text, infinity the word, NaN null.

    >>> from pathlib import Path
    >>> plain({"a": float("inf"), "b": [torch.tensor(2), float("nan")], "c": Path("x")})
    {'a': 'infinite', 'b': [2, None], 'c': 'x'}
    """
    if isinstance(value, Mapping):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, torch.Tensor | np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(entry) for entry in value]
    if isinstance(value, Enum):
        return plain(value.value)
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else ("infinite" if value > 0 else "-infinite")
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return str(value)


def as_json(record: Mapping[str, Any]) -> str:
    """Indented strict JSON with a final newline."""
    return json.dumps(plain(record), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
