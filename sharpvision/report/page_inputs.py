"""The photographs on the page: a contact strip, and observed against predicted images."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from sharpvision.core.frames import opengl_from_opencv
from sharpvision.report.page_pictures import DIVERGING, colours, data_uri, srgb, with_alpha
from sharpvision.report.page_subject import Subject, coverage, shrink
from sharpvision.solvers.solution import Solution

CONTACT_COUNT, CONTACT_SIDE, COMPARED_SIDE = 12, 240, 560
DIFFERENCE_LIMITS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)


@dataclass(frozen=True)
class Contact:
    """One photograph of the strip: picture, name, and where its light stands on the unit disc (x right, y up), None
    where nobody knows."""

    picture: str
    name: str
    light: tuple[float, float] | None


@dataclass(frozen=True)
class Compared:
    """One light: observed, predicted and signed difference, with the root mean square of the residual in percent."""

    name: str
    observed: str
    predicted: str
    difference: str
    rms_percent: float
    rms_physics_percent: float | None


@dataclass(frozen=True)
class Comparison:
    """All compared lights; `limit_percent` is the end of the difference's colour scale."""

    lights: list[Compared]
    limit_percent: float


def read_photographs(observations: Any, subject: Subject, lights: list[int], max_side: int) -> np.ndarray:
    """The chosen photographs, cropped to the subject and box-averaged to at most `max_side`, (n, h, w, 3) linear.

    Reads one photograph after the other in strips, so that large ones need not be in memory together.
    """
    rows, columns = subject.window
    factor = max(1, math.ceil(max(subject.mask.shape) / max_side))
    strip = factor * max(1, 512 // factor)
    images = []
    for light in lights:
        source = observations.source.select([light])
        parts = []
        for top in range(rows.start, rows.stop - factor + 1, strip):
            image = source.read(top, min(top + strip, rows.stop))[0][0, :, columns].numpy()
            height, width = image.shape[0] // factor, image.shape[1] // factor
            blocks = image[: height * factor, : width * factor].reshape(height, factor, width, factor, 3)
            parts.append(blocks.mean((1, 3), dtype=np.float32))
        images.append(np.concatenate(parts))
    return np.nan_to_num(np.stack(images))


def contact_strip(observations: Any, subject: Subject, directions: Any = None) -> list[Contact]:
    """Up to twelve photographs spread over the lights, divided by their light's intensity, at one common exposure.

    `directions` (N, 3) of the lights take the place of the observations', where they were estimated.
    """
    count = observations.light_count
    chosen = sorted({int(i) for i in np.linspace(0, count - 1, min(count, CONTACT_COUNT)).round()})
    images = _unit_light(read_photographs(observations, subject, chosen, CONTACT_SIDE), observations, chosen)
    white = _white(images)
    known = observations.light_directions if directions is None else directions
    lamps = opengl_from_opencv(known[chosen]).numpy()
    return [
        Contact(data_uri(srgb(image / white), quality=80), _name(observations, i), _on_disc(lamp))
        for i, image, lamp in zip(chosen, images, lamps, strict=True)
    ]


def _on_disc(lamp: np.ndarray) -> tuple[float, float] | None:
    return (float(lamp[0]), float(lamp[1])) if np.isfinite(lamp).all() else None


def comparison(solution: Solution, subject: Subject) -> Comparison | None:
    """Observed and re-rendered images of the lights that the solver predicted; None where it predicted none."""
    predicted, lights = solution.values.get("predicted"), solution.values.get("predicted_lights")
    observations = solution.observations
    if predicted is None or lights is None or observations is None or lights.numel() == 0:
        return None
    chosen = [int(i) for i in lights.tolist()]
    observed = read_photographs(observations, subject, chosen, COMPARED_SIDE)
    height, width = observed.shape[1:3]
    full = _unit_light(_fitted(predicted, subject, (height, width)), observations, chosen)
    physics = solution.values.get("predicted_physics")
    if physics is not None and physics.equal(predicted):  # no residual was learned
        physics = None
    bare = None if physics is None else _unit_light(_fitted(physics, subject, (height, width)), observations, chosen)
    observed = _unit_light(observed, observations, chosen)
    inside = _resized(coverage(subject.mask, max(height, width)), (height, width))
    known = inside > 0.99
    white = _white(observed[:, known][:, :, None, :]) if known.any() else 1.0
    residuals = [(p - o).mean(-1) / white for p, o in zip(full, observed, strict=True)]
    top = max((float(np.nanpercentile(np.abs(r[known]), 97)) for r in residuals if known.any()), default=0.0)
    limit = next((bound for bound in DIFFERENCE_LIMITS if bound >= top), 1.0)
    compared = []
    for k, i in enumerate(chosen):
        compared.append(
            Compared(
                name=_name(observations, i),
                observed=data_uri(with_alpha(srgb(observed[k] / white), inside)),
                predicted=data_uri(with_alpha(srgb(full[k] / white), inside)),
                difference=data_uri(with_alpha(colours(residuals[k], (-limit, limit), DIVERGING), inside), quality=80),
                rms_percent=_rms(full[k] - observed[k], known, white),
                rms_physics_percent=None if bare is None else _rms(bare[k] - observed[k], known, white),
            )
        )
    return Comparison(compared, 100 * limit)


def _fitted(images: Any, subject: Subject, size: tuple[int, int]) -> np.ndarray:
    """Predicted images (M, H, W, 3), cropped to the subject and averaged to `size`; zero outside the mask."""
    crop = images.detach().cpu().numpy()[:, subject.window[0], subject.window[1]]
    return np.stack([_resized(np.nan_to_num(shrink(image, subject.mask, max(size))), size) for image in crop])


def _resized(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Nudge an image whose size differs by a pixel of rounding."""
    if image.shape[:2] == size:
        return image
    import cv2

    return cv2.resize(image, size[::-1], interpolation=cv2.INTER_LINEAR)


def _unit_light(images: np.ndarray, observations: Any, lights: list[int]) -> np.ndarray:
    """Images as a light of the mean intensity would make them."""
    intensities = observations.light_intensities.numpy()
    scale = intensities.mean() / np.maximum(intensities[lights], 1e-12)
    return images * scale[:, None, None, :].astype(np.float32)


def _white(images: np.ndarray) -> float:
    """The value shown as white: the 99.7th percentile of what is not black."""
    lit = images[images > 1e-6]
    return float(np.percentile(lit, 99.7)) if lit.size else 1.0


def _rms(residual: np.ndarray, known: np.ndarray, white: float) -> float:
    return float(100 * np.sqrt(np.mean(residual[known].astype(np.float64) ** 2)) / white) if known.any() else math.nan


def _name(observations: Any, index: int) -> str:
    names = observations.image_names
    return names[index] if index < len(names) else f"light {index + 1}"
