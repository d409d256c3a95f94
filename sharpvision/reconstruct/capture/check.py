"""What is good about a folder of photographs, what is missing, and what to do about it, before anything is solved."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from sharpvision.core.errors import InputError
from sharpvision.data.capture_file import CaptureFile, read_capture_file
from sharpvision.data.folder_lights import folder_lights
from sharpvision.data.layout import Layout
from sharpvision.data.masks import read_mask
from sharpvision.data.photometric import ReadOptions, layout_of
from sharpvision.data.reduction import reduce_mask
from sharpvision.reconstruct.calibration.alignment import Alignment, align
from sharpvision.reconstruct.calibration.ambient import ambient_bound
from sharpvision.reconstruct.calibration.ball_detection import Ball, detect_ball
from sharpvision.reconstruct.calibration.coverage import Coverage, light_coverage
from sharpvision.reconstruct.calibration.mirror_ball import lights_from_ball
from sharpvision.reconstruct.calibration.object_mask import find_object
from sharpvision.reconstruct.calibration.outlier_images import OutlierImage, outlier_images
from sharpvision.reconstruct.calibration.sharpness import blurred_images
from sharpvision.reconstruct.capture.inspection import Inspection, inspect

State = Literal["good", "improve", "missing", "bad"]
_MANY, _FEW = 12, 6


@dataclass(frozen=True)
class CheckItem:
    """One line of the table: `state` "good", "improve" (it will work, but), "missing" (something has to be given or
    will be assumed) or "bad" (it will not work); what was `found`; `advice`, empty where all is well."""

    name: str
    state: State
    found: str
    advice: str = ""


@dataclass(frozen=True)
class CaptureCheck:
    """The table, and what its pictures are drawn from; `mask` (h, w), `ball` and `picture` (h, w, 3), the photographs'
    mean, are `scale` times smaller than the photographs; `shifts` (N, 2) in their pixels."""

    name: str
    items: tuple[CheckItem, ...]
    image_names: tuple[str, ...]
    picture: NDArray[np.float32]
    mask: NDArray[np.bool_]
    scale: float
    coverage: Coverage | None = None
    ball: Ball | None = None
    shifts: NDArray[np.float64] | None = None
    left_out: tuple[str, ...] = ()

    @property
    def usable(self) -> bool:
        """Whether nothing is bad."""
        return all(item.state != "bad" for item in self.items)


def check_capture(
    folder: str | Path, mask: Path | None = None, progress: Callable[[int, int], None] | None = None
) -> CaptureCheck:
    """Looks at the photographs of a folder as `prepare_capture` would, solves nothing, writes nothing.

    Raises `InputError` where the folder has no photographs, none can be read, or a file beside them is wrong.
    """
    folder = Path(folder)
    capture = read_capture_file(folder) or CaptureFile()
    layout = layout_of(folder, ReadOptions(mask=mask), capture)
    paths = tuple(path for path in layout.photographs if path.name not in capture.left_out)
    if not paths:
        raise InputError(folder, "photographs that are not left out", "none", "correct left_out in capture.json")
    seen = inspect(paths, capture, progress)
    images = seen.images
    odd = outlier_images(images)
    kept = np.array([i for i in range(len(images)) if i not in {entry.index for entry in odd}])
    names = tuple(seen.shots[i].name for i in kept)
    alignment = align(images[kept])
    ball = _ball(images[kept])
    mask_item, inside = _mask(layout, seen, images[kept], ball)
    lights_item, coverage = _lights(folder, layout, capture, seen, images[kept], kept, ball)
    items = (
        _count(seen), *_belonging(odd, seen), _stored(seen, capture), _exposure(seen, capture), _focal(seen, capture),
        *_light_levels(seen, kept, inside), _sharp(seen, kept), _movement(alignment, seen, capture),
        _ambient(images[kept], inside, layout), mask_item, lights_item,
    )  # fmt: skip
    return CaptureCheck(
        layout.name, items, names, images[kept].mean(0), inside, seen.scale, coverage, ball,
        alignment.measured * seen.scale if np.isfinite(alignment.std).any() else None,
        tuple(seen.shots[entry.index].name for entry in odd),
    )  # fmt: skip


def _count(seen: Inspection) -> CheckItem:
    count = len(seen.shots)
    height, width = seen.shape
    found = f"{count} of {width}x{height}"
    if seen.refused:
        return CheckItem("photographs", "bad", f"{found}, {len(seen.refused)} refused: {seen.refused[0]}",
                         "take it away, or photograph and store all alike")  # fmt: skip
    if count < 3:
        return CheckItem("photographs", "bad", found, f"take {_MANY} to 20, each with the lamp in another place")
    if count < _FEW:
        return CheckItem("photographs", "improve", found, f"three suffice for a matte object; take {_MANY} to 20")
    return CheckItem("photographs", "good", found)


def _belonging(odd: list[OutlierImage], seen: Inspection) -> list[CheckItem]:
    return [
        CheckItem("does not belong", "improve", f"{seen.shots[entry.index].name}: {entry.reason}; {entry.sentence}",
                  "it will be left out; take it again, or list it under left_out in capture.json")
        for entry in odd
    ]  # fmt: skip


def _stored(seen: Inspection, capture: CaptureFile) -> CheckItem:
    depth = {"uint8": "8 bits", "uint16": "16 bits", "float32": "floats"}[seen.container]
    kind = f"JPEG or HEIC, {depth}" if seen.jpeg else depth
    if capture.response == "unknown":
        return CheckItem("response", "missing", f"{kind}; the camera's response is unknown",
                         "it will be estimated; better: RAW, or --exposures-folder")  # fmt: skip
    if capture.response is not None:
        named = capture.response if isinstance(capture.response, str) else "a curve"
        return CheckItem("response", "good", f"{kind}; {named}, from capture.json")
    if seen.container == "uint8":
        return CheckItem("response", "improve", f"{kind}; will be read as sRGB",
                         "cameras bend the curve: shoot RAW, or have it estimated (--response unknown)")  # fmt: skip
    return CheckItem("response", "good", f"{kind}; will be read as linear")


def _exposure(seen: Inspection, capture: CaptureFile) -> CheckItem:
    if capture.exposures is not None:
        return CheckItem("exposure", "good", "from capture.json")
    told = [shot.exposure for shot in seen.shots]
    known = [value for value in told if value is not None]
    if not known:
        return CheckItem("exposure", "missing", "EXIF does not tell", "taken as equal: use manual exposure, ISO and "
                         "white balance, or list exposures in capture.json")  # fmt: skip
    ratio = max(known) / min(known)
    if len(known) < len(told):
        found = f"{len(told) - len(known)} of {len(told)} photographs do not tell, others differ {ratio:.2f} times"
        return CheckItem("exposure", "improve" if ratio < 1.02 else "bad", found, "list exposures in capture.json")
    if ratio > 1.02:
        return CheckItem("exposure", "improve", f"differs by up to {ratio:.2f} times",
                         "it is undone from EXIF; manual exposure is more exact")  # fmt: skip
    return CheckItem("exposure", "good", "the same in all, from EXIF")


def _focal(seen: Inspection, capture: CaptureFile) -> CheckItem:
    if capture.camera is not None:
        return CheckItem("focal length", "good", f"{capture.camera.model}, from capture.json")
    told = {round(shot.focal_px) for shot in seen.shots if shot.focal_px is not None}
    if not told:
        return CheckItem("focal length", "missing", "EXIF does not tell", "the camera is taken as orthographic, well "
                         "for an object far away; else give --focal PX")  # fmt: skip
    if max(told) > 1.01 * min(told):
        return CheckItem("focal length", "bad", f"zoomed: {min(told)} to {max(told)} px", "keep the zoom where it is")
    return CheckItem("focal length", "good", f"{min(told)} px, from EXIF")


def _light_levels(seen: Inspection, kept: NDArray[np.int64], inside: NDArray[np.bool_]) -> list[CheckItem]:
    """Saturation within the mask, and how much of the sensor's range the photographs use."""
    shots = [seen.shots[i] for i in kept]
    shares = np.array([shot.saturated[inside].mean() if inside.any() else 0.0 for shot in shots])
    worst = shots[int(shares.argmax())].name
    found = f"{100 * shares.mean():.1f} % of the object on average, at most {100 * shares.max():.0f} % ({worst})"
    if shares.max() > 0.5:
        saturated = CheckItem("saturation", "bad", found, "expose less: halve the time or the ISO")
    elif shares.mean() > 0.03:
        saturated = CheckItem("saturation", "improve", found, "expose less; matte white should stay below 80 %")
    else:
        saturated = CheckItem("saturation", "good", found)
    top = max(float(np.percentile(shot.small[inside], 95)) if inside.any() else shot.level for shot in shots)
    dim = [shot.name for shot in shots if (np.median(shot.small[inside]) if inside.any() else shot.level) < 0.004]
    found = f"the brightest photograph reaches {100 * top:.0f} % of the sensor's range"
    if top < 0.08:
        dark = CheckItem("darkness", "improve", found, "expose more: longer, with the camera on a stand")
    elif len(dim) > len(shots) / 3:
        dark = CheckItem("darkness", "improve", f"{len(dim)} of {len(shots)} photographs are nearly black ({dim[0]})",
                         "bring the lamp round to the camera's side, or expose more")  # fmt: skip
    else:
        dark = CheckItem("darkness", "good", found)
    return [saturated, dark]


def _sharp(seen: Inspection, kept: NDArray[np.int64]) -> CheckItem:
    widths = np.array([seen.shots[i].width_px for i in kept])
    if not np.isfinite(widths).any():
        return CheckItem("sharpness", "bad", "no edges in any photograph", "focus on the object, and light it")
    usual = float(np.nanmedian(widths))
    soft = [seen.shots[i].name for i in kept[blurred_images(widths)]]
    if soft:
        found = f"{len(soft)} blurred more than the others ({usual:.1f} px): {', '.join(soft[:4])}"
        return CheckItem("sharpness", "improve", found, "take them again: fix the focus, expose shorter, use a stand")
    if usual > 3:
        return CheckItem("sharpness", "improve", f"edges are {usual:.1f} px wide in all",
                         "focus, close the aperture; or save time with a smaller --max-size")  # fmt: skip
    return CheckItem("sharpness", "good", f"edges are {usual:.1f} px wide")


def _movement(alignment: Alignment, seen: Inspection, capture: CaptureFile) -> CheckItem:
    if not np.isfinite(alignment.std).any():
        return CheckItem("movement", "missing", "not measured: four photographs with contrast are needed")
    largest = float(np.hypot(*alignment.measured.T).max()) * seen.scale
    std = float(np.median(alignment.std)) * seen.scale
    if alignment.moved.any():
        undone = "it is undone" if capture.align else "add --align to undo it"
        return CheckItem("movement", "improve", f"up to {largest:.1f} px, known to {std:.1f} px",
                         f"{undone}; a stand and a remote release are better")  # fmt: skip
    return CheckItem("movement", "good", f"none above its uncertainty of {std:.2f} px")


def _ambient(images: NDArray[np.float32], inside: NDArray[np.bool_], layout: Layout) -> CheckItem:
    if layout.dark is not None:
        return CheckItem("ambient light", "good", f"{layout.dark.name} will be subtracted")
    bound = ambient_bound(images.mean(-1), inside)
    found = f"at most {100 * bound:.0f} % of the light"
    if bound > 0.15:
        return CheckItem("ambient light", "missing", found, "take one photograph with the lamp off and name it dark.*")
    return CheckItem("ambient light", "good", found)


def _ball(images: NDArray[np.float32]) -> Ball | None:
    try:
        return detect_ball(images)
    except InputError:
        return None


def _mask(
    layout: Layout, seen: Inspection, images: NDArray[np.float32], ball: Ball | None
) -> tuple[CheckItem, NDArray[np.bool_]]:
    """The item, and the mask at the small size."""
    small = images.shape[1:3]
    if layout.mask is not None:
        mask = read_mask(layout.mask, seen.shape)
        inside = mask if mask.shape == small else reduce_mask(mask, small)
        return CheckItem("mask", "good", f"{layout.mask.name}, {100 * mask.mean():.0f} % of the picture"), inside
    found = find_object(images, None if ball is None else ball_area(ball, small))
    said = f"made from the photographs: {100 * found.mask.mean():.0f} % of the picture, background {found.background}"
    if found.confidence == 0.0:
        return CheckItem("mask", "missing", found.notes[0], "paint mask.png, white on the object"), found.mask
    if found.confidence < 0.9:
        advice = "use a dark background, or paint mask.png"
        return CheckItem("mask", "improve", f"{said}, but unsure", advice), found.mask
    return CheckItem("mask", "good", said, "look at it (--out); a mask.png overrides it"), found.mask


def ball_area(ball: Ball, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Pixels (H, W) of a ball and a rim about it, where no object is looked for."""
    middle, axes, angle = ball.outline.ellipse
    area = np.zeros(shape, np.uint8)
    centre = (round(float(middle[0]) - 0.5), round(float(middle[1]) - 0.5))
    size = (round(1.12 * float(axes[0]) + 1), round(1.12 * float(axes[1]) + 1))
    cv2.ellipse(area, centre, size, float(angle), 0, 360, 1, -1)
    return area > 0


def _lights(
    folder: Path, layout: Layout, capture: CaptureFile, seen: Inspection, images: NDArray[np.float32],
    kept: NDArray[np.int64], ball: Ball | None,
) -> tuple[CheckItem, Coverage | None]:  # fmt: skip
    """Where the lights are known from, and how they cover the directions."""
    if layout.lights is not None or layout.directions is not None:
        lights = folder_lights(folder, layout, capture, "directions")
        where = lights.where.name
        rows = [i for i, path in enumerate(layout.photographs) if path.name in {seen.shots[k].name for k in kept}]
        if lights.points is not None:
            return CheckItem("lights", "good", f"{len(rows)} near lights from {where}"), None
        coverage, source = light_coverage(lights.directions[rows]), where
    elif ball is not None:
        found = lights_from_ball(images, ball)
        coverage, source = light_coverage(found.directions[found.found]), "a mirror ball in the picture (--ball auto)"
        if not found.found.all():
            source += f", {int((~found.found).sum())} photographs without a highlight"
    elif capture.ball_folder is not None:
        return CheckItem("lights", "good", f"from the mirror ball in {capture.ball_folder}"), None
    else:
        return CheckItem("lights", "missing", "no lights.json, light_directions.txt or mirror ball",
                         "put a shiny ball into the picture, photograph one under the same lights (--ball-folder), or "
                         "use --method uncalibrated"), None  # fmt: skip
    found_text = f"{source}: {len(coverage.polar_deg)} directions, {coverage.cone_deg:.0f} degrees off the axis"
    if coverage.condition < 0.05:
        return CheckItem("lights", "bad", found_text, "; ".join(coverage.advice)), coverage
    state: State = "improve" if coverage.advice else "good"
    return CheckItem("lights", state, found_text, "; ".join(coverage.advice)), coverage
