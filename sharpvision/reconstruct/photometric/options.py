"""What a caller may choose for any method of photometric stereo."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sharpvision.core.registry import Registry
from sharpvision.data.observations import PhotometricObservations
from sharpvision.solvers.solution import Solution


@dataclass(frozen=True)
class PhotometricOptions:
    """`light_distance` is "fit", "infinite" or a number in mask sides; `progress(stage, done)`, done in [0, 1]."""

    seed: int
    light_distance: float | str
    residual: bool
    progress: Callable[[str, float], None]


Method = Callable[[PhotometricObservations, PhotometricOptions], Solution]
"""A method of photometric stereo; a new one is a function filed in `METHODS`."""

METHODS: Registry[Method] = Registry("method")
