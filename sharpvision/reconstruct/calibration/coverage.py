"""Whether the lights come from enough directions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_FEW, _NARROW, _WIDE_GAP = 3, 20.0, 150.0
_FLAT, _GRAZING = 0.05, 75.0


@dataclass(frozen=True)
class Coverage:
    """Light directions (N, 3) in the camera frame (OpenCV), as seen from the object.

    `polar_deg` (N,): angle to the viewing axis, 0 behind the camera; `azimuth_deg` (N,): anticlockwise from the right
    as the camera sees it; `cone_deg`: median polar angle; `gap_deg`: the largest empty sector of azimuth about the
    viewing axis; `condition`: smallest over largest singular value of the directions, zero where they span no space;
    `advice`, empty where all is well.
    """

    polar_deg: NDArray[np.float64]
    azimuth_deg: NDArray[np.float64]
    cone_deg: float
    gap_deg: float
    condition: float
    advice: tuple[str, ...]


def light_coverage(directions: NDArray[np.float64]) -> Coverage:
    """How directions (N, 3), unit, z < 0 for a light on the camera's side, cover the hemisphere.

    Least squares normals have the covariance sigma^2 (L^T L)^-1: a small singular value is a direction in which
    nothing is known.

    >>> turn = np.radians(np.arange(0, 360, 45))
    >>> ring = np.stack([0.6 * np.cos(turn), 0.6 * np.sin(turn), np.full(8, -0.8)], -1)
    >>> found = light_coverage(ring)
    >>> round(found.cone_deg), round(found.gap_deg), found.advice
    (37, 45, ())
    """
    lights = np.asarray(directions, dtype=np.float64).reshape(-1, 3)
    polar = np.degrees(np.arccos(np.clip(-lights[:, 2], -1, 1)))
    azimuth = np.degrees(np.arctan2(-lights[:, 1], lights[:, 0])) % 360
    values = np.linalg.svd(lights, compute_uv=False) if len(lights) >= 3 else np.zeros(3)
    condition = float(values[-1] / values[0]) if values[0] > 0 else 0.0
    cone = float(np.median(polar)) if len(lights) else 0.0
    gap = _gap(lights)
    advice = []
    if len(lights) < _FEW:
        advice.append(f"{len(lights)} lights are fewer than three: add photographs under other lights")
    elif condition < _FLAT:
        advice.append("the lights lie nearly in one plane: move the lamp up and down as well as sideways")
    elif cone < _NARROW:
        advice.append(f"the lights stand in a narrow cone ({cone:.0f} degrees from the camera's axis): move the lamp "
                      "farther out, to 30 to 60 degrees")  # fmt: skip
    if len(lights) >= _FEW and gap > _WIDE_GAP:
        advice.append(f"no light comes from a sector of {gap:.0f} degrees: carry the lamp all the way round")
    behind = int((polar > 90).sum())
    grazing = int((polar > _GRAZING).sum())
    if behind:
        advice.append(f"{behind} lights stand behind the object's front: move them to the camera's side")
    elif len(lights) and grazing > len(lights) / 3:
        advice.append(f"{grazing} of {len(lights)} lights graze the object: raise the lamp towards the camera")
    return Coverage(polar, azimuth, cone, gap, condition, tuple(advice))


def _gap(lights: NDArray[np.float64]) -> float:
    """The largest empty sector of azimuth, in degrees, over lights more than five degrees off the axis."""
    across = np.hypot(lights[:, 0], lights[:, 1]) > np.sin(np.radians(5.0))
    turns = np.sort(np.degrees(np.arctan2(lights[across, 1], lights[across, 0])) % 360)
    if len(turns) == 0:
        return 360.0
    return float(np.diff(np.append(turns, turns[0] + 360)).max())
