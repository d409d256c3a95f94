"""What preparing a capture gives: observations to solve, findings to show, and what the folder should remember."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sharpvision.data.lights_file import FileLights
from sharpvision.data.observations import PhotometricObservations

if TYPE_CHECKING:
    from sharpvision.reconstruct.calibration.ball_detection import Ball
    from sharpvision.reconstruct.calibration.mirror_ball import BallLights


@dataclass(frozen=True)
class BallFinding:
    """A mirror ball as it was seen: `ball` and `lights` in pixels of its photographs as they were read; `picture`
    (h, w, 3) their mean in linear values, reduced by `scale`; `names` are those of the photographs, `in_frame` whether
    the ball stands beside the object."""

    ball: Ball
    lights: BallLights
    picture: NDArray[np.float32]
    scale: float
    names: tuple[str, ...]
    in_frame: bool


@dataclass(frozen=True)
class Findings:
    """What each part found, None where it had nothing to do; for the report.

    `picture` (h, w, 3) is the mean of the photographs, linear, reduced by `scale`.
    """

    picture: NDArray[np.float32] | None = None
    scale: float = 1.0
    ball: BallFinding | None = None
    mask: Any = None
    alignment: Any = None
    left_out: Mapping[str, str] = field(default_factory=dict)
    response: Any = None
    intensities: Any = None
    dark_share: float | None = None


@dataclass(frozen=True)
class Capture:
    """A prepared capture.

    `lights` are those that were found here, None where the folder's own were used; `learned` are keys for
    `capture.json`; `written` names the files that were written into the folder.
    """

    observations: PhotometricObservations
    findings: Findings = Findings()
    lights: FileLights | None = None
    learned: Mapping[str, Any] = field(default_factory=dict)
    written: tuple[str, ...] = ()
