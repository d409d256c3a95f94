"""From a folder of photographs as a person has them to observations: decoded, cleaned, calibrated."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from sharpvision.core.errors import InputError
from sharpvision.data.capture_file import NAME, CaptureFile, read_capture_file
from sharpvision.data.images import decode
from sharpvision.data.layout import Layout
from sharpvision.data.lights import check_spread
from sharpvision.data.lights_file import FileLights
from sharpvision.data.observations import PhotometricObservations
from sharpvision.data.photometric import ReadOptions, layout_of, read_photometric
from sharpvision.reconstruct.calibration.intensities import LightIntensities
from sharpvision.reconstruct.calibration.object_mask import ObjectMask
from sharpvision.reconstruct.calibration.response import ResponseEstimate
from sharpvision.reconstruct.capture.ball_lights import ball_of_folder, find_ball, lens_of
from sharpvision.reconstruct.capture.belonging import Belonging, belonging, subset, without
from sharpvision.reconstruct.capture.capture import BallFinding, Capture, Findings
from sharpvision.reconstruct.capture.cleaning import Cleaning, cleaned, movement, resized
from sharpvision.reconstruct.capture.dark import read_dark
from sharpvision.reconstruct.capture.found_mask import find_mask, with_mask
from sharpvision.reconstruct.capture.options import CaptureOptions
from sharpvision.reconstruct.capture.remember import MASK, learned, remember_capture
from sharpvision.reconstruct.capture.response import response_of_capture, response_of_exposures
from sharpvision.reconstruct.capture.stack import Images, analysis_shape, small_images
from sharpvision.reconstruct.capture.strengths import (
    card_intensities,
    highlight_intensities,
    matte_ball_intensities,
    with_intensities,
)
from sharpvision.sensor.response_curve import ResponseCurve

SHAKEN = 0.5
"""Pixels of movement from which a camera counts as hand-held where nobody says."""
Progress = Callable[[str, float], None]


def prepare_capture(
    folder: str | Path, options: CaptureOptions | None = None, progress: Progress | None = None
) -> Capture:
    """Observations from photographs with or without known lights, and what was found out on the way.

    In this order: decoding, exposures undone, the dark frame subtracted, the camera's response, shake removed,
    photographs that do not belong left out, the object's mask, the mirror ball, lights. A part that has nothing to do
    leaves the photographs untouched, so that a folder with lights and a mask gives what `read_photometric` gives.
    What was learned goes to the folder's `capture.json` and `lights.json` (`options.remember`), so that the next run
    needs no options; a person's own `lights.json` or `light_directions.txt` is never written over.
    `progress(stage, done)` is called with done in [0, 1]. Raises `InputError` (one line) where the photographs do not
    allow what was asked for.
    """
    options = (options or CaptureOptions()).checked()
    folder = Path(folder)
    capture_file = read_capture_file(folder) or CaptureFile()
    work = _Preparation(folder, options, options.completed(folder, capture_file), capture_file, progress or _silent)
    return work.run()


def _silent(stage: str, done: float) -> None:
    """No progress is shown."""


@dataclass
class _Preparation:
    """The state of one preparation: `asked` are the caller's options, `settled` those with the capture file's."""

    folder: Path
    asked: CaptureOptions
    settled: CaptureOptions
    capture_file: CaptureFile
    progress: Progress
    belonging: Belonging = field(default_factory=lambda: Belonging({}, 0.0))

    def run(self) -> Capture:
        response, estimate = self._response_of_exposures()
        raw = self._read(response)
        if self._untried():
            self.progress("photographs that belong", 0.42)
            self.belonging = belonging(raw)
            raw = without(raw, tuple(self.belonging.left_out))
        observations, cleaning = self._clean(raw, response, None)
        found = self._ball(raw, response, cleaning) if self._needs_ball() else None
        mask, picture = self._mask(observations, found)
        lit, lights = self._lit(observations, found, mask)
        if estimate is None and self._response_unknown() and lit.light_directions.isfinite().all():
            self.progress("camera response", 0.7)
            estimate = response_of_capture(self._lit(raw, found, mask)[0])
            observations, cleaning = self._clean(self._read(estimate.curve), estimate.curve, cleaning)
            lit, lights = self._lit(observations, found, mask)
        strengths = self._strengths(lit, found)
        if strengths is not None:
            lit, lights = with_intensities(lit, lights, strengths)
        findings = Findings(
            ball=found, response=estimate, alignment=cleaning.alignment, dark_share=cleaning.dark_share,
            intensities=strengths, mask=mask, picture=picture, left_out=self.belonging.left_out,
            scale=1.0 if picture is None else picture.shape[1] / observations.shape[1],
        )  # fmt: skip
        told = () if estimate is None else _response_notes(estimate)
        lit = replace(lit, notes=(*lit.notes, *told, *self.belonging.notes(cleaning.dark_share is not None)))
        keys = learned(self.folder, self.asked, self.capture_file, findings, lit.image_names)
        if found is not None and self.settled.read.light_count is not None:
            lit = _fewer(lit, self.settled.read.light_count)
        capture = Capture(lit, findings, lights, keys)
        self.progress("done", 1.0)
        if not self.settled.remember:
            return capture
        return remember_capture(self.folder, capture, self._on_disk if MASK in keys.values() else None)

    def _options(self, response: ResponseCurve | None, *, full_size: bool = False) -> ReadOptions:
        given = self.settled.read
        besides = given.besides if self.settled.dark_frame is None else (*given.besides, self.settled.dark_frame)
        given = replace(given, response=response or given.response, besides=besides)
        if self._needs_ball():  # it shows all lights, and tells which photographs have one
            given = replace(given, lights="none", light_count=None)
        return replace(given, max_size=None) if full_size else given

    def _read(self, response: ResponseCurve | None, *, full_size: bool = False) -> PhotometricObservations:
        """All photographs, their lights too where no ball is to give them."""
        options = self._options(response, full_size=full_size)
        observations = read_photometric(self.folder, options, lambda done, total: self._reading(done / total))
        observations = without(observations, tuple(self.belonging.left_out))
        unheeded = f"of {NAME} were not heeded"  # by the reader; they are here
        return replace(observations, notes=tuple(note for note in observations.notes if unheeded not in note))

    def _reading(self, done: float) -> None:
        self.progress("reading", 0.4 * done)

    def _clean(
        self, observations: PhotometricObservations, response: ResponseCurve | None, before: Cleaning | None
    ) -> tuple[PhotometricObservations, Cleaning]:
        """The photographs without the dark frame's light and the camera's shake (that of `before`, if any)."""
        dark_frame = self.settled.dark_frame or self._layout().dark
        dark = None
        if dark_frame is not None:
            dark = read_dark(Path(dark_frame), observations, self._options(response), self.capture_file)
        if before is not None:
            return cleaned(observations, dark, before.alignment)
        moved = None
        if self.settled.align or (self.settled.align is None and self._untried()):
            self.progress("movement", 0.45)
            moved = movement(observations, dark)
            if self.settled.align is None and not np.abs(moved.parameters).max() > SHAKEN:
                moved = None
        return cleaned(observations, dark, moved)

    def _layout(self) -> Layout:
        return layout_of(self.folder, self.settled.read, self.capture_file)

    def _response_unknown(self) -> bool:
        asked = self.asked.read.response
        return asked == "unknown" or (asked is None and self.capture_file.response == "unknown")

    def _response_of_exposures(self) -> tuple[ResponseCurve | None, ResponseEstimate | None]:
        if self.asked.exposures_folder is None:
            return None, None
        self.progress("camera response", 0.0)
        estimate = response_of_exposures(Path(self.asked.exposures_folder))
        return estimate.curve, estimate

    def _strengths(self, lit: PhotometricObservations, found: BallFinding | None) -> LightIntensities | None:
        """Intensities from a gray card or from highlights; None where there is nothing to measure them on."""
        unknown = self._needs_ball() or self.asked.gray_card is not None or bool((lit.light_intensities == 1).all())
        if self.settled.gray_card is not None and unknown and lit.light_directions.isfinite().all():
            return card_intensities(lit, self.settled.gray_card, self._scale(lit))
        if self.asked.matte_ball is not None and lit.light_directions.isfinite().all():
            return matte_ball_intensities(lit, self.asked.matte_ball, self._scale(lit))
        return None if found is None else highlight_intensities(found)

    def _scale(self, observations: PhotometricObservations) -> float:
        """Pixels of the observations in one of the photographs on disk."""
        if self.settled.read.max_size is None:
            return 1.0
        return observations.shape[1] / self._on_disk[1]

    @cached_property
    def _on_disk(self) -> tuple[int, int]:
        """Height and width of the photographs."""
        height, width = decode(self._layout().photographs[0]).pixels.shape[:2]
        return int(height), int(width)

    def _mask(
        self, observations: PhotometricObservations, found: BallFinding | None
    ) -> tuple[ObjectMask | None, Images | None]:
        """The object's mask where there is none, and the mean photograph where something was looked for in it."""
        given = self._layout().mask is not None and self.settled.made_mask is None
        if given or self.settled.made_mask == "whole":
            return None, None if found is None or not found.in_frame else self._picture(observations)
        self.progress("mask", 0.65)
        ball = self.settled.ball if isinstance(self.settled.ball, tuple) else None
        if found is not None:
            ball = (*found.ball.centre, found.ball.radius) if found.in_frame else None
        return find_mask(observations, ball, self.settled.gray_card, self._scale(observations))

    def _picture(self, observations: PhotometricObservations) -> Images:
        """The mean of all photographs, small."""
        count, shape = observations.light_count, observations.shape
        return small_images(observations.source, count, shape, analysis_shape(shape, count)).mean(0)

    def _lit(
        self, observations: PhotometricObservations, found: BallFinding | None, mask: ObjectMask | None
    ) -> tuple[PhotometricObservations, FileLights | None]:
        """The observations of the mask's object, under the ball's lights if there is one."""
        if mask is not None:
            observations = with_mask(observations, mask.mask, self.capture_file, self._scale(observations))
            observations = replace(observations, notes=(*observations.notes, *mask.notes))
        elif self.settled.made_mask == "whole":
            everything = np.ones(observations.shape, bool)
            observations = with_mask(observations, everything, self.capture_file, self._scale(observations))
        if found is None:
            return observations, None
        return _lit_by_ball(observations, found, self.settled.read.lights)

    def _untried(self) -> bool:
        """Whether nobody has looked at these photographs yet: their lights are still to be found."""
        layout = self._layout()
        return self._needs_ball() or (layout.lights is None and layout.directions is None)

    def _needs_ball(self) -> bool:
        """Whether lights come from a ball: it was asked for, or lights are wanted and the folder has none.

        A ball that the capture file names comes before lights of the parent folder, which may be another capture's.
        """
        if self.asked.ball is not None or self.asked.ball_folder is not None:
            return True
        if self.settled.read.lights == "none":
            return False
        layout = self._layout()
        lights = layout.lights or layout.directions
        named = self.settled.ball is not None or self.settled.ball_folder is not None
        return lights is None or (named and lights.parent.resolve() != self.folder.resolve())

    def _ball(
        self, observations: PhotometricObservations, response: ResponseCurve | None, cleaning: Cleaning
    ) -> BallFinding:
        """The ball at full size, which its small highlights need whatever size is solved.

        What does not change from photograph to photograph does no harm there, so the dark frame stays in: the table's
        light in it shows the ball's outline.
        """
        self.progress("mirror ball", 0.6)
        settled, where = self.settled, str(self.folder)
        if settled.ball_folder is not None:
            read = ReadOptions(response=settled.read.response, focal=settled.read.focal)
            return ball_of_folder(Path(settled.ball_folder), read, observations)
        hint = settled.ball if isinstance(settled.ball, tuple) else None
        if settled.read.max_size is not None:
            full = self._read(response, full_size=True)
            cleaning = replace(cleaning, alignment=resized(cleaning.alignment, observations.shape, full.shape))
            observations = full
        observations = cleaned(observations, None, cleaning.alignment)[0]
        try:
            return find_ball(observations, hint, lens_of(observations), where, in_frame=True)
        except InputError as error:
            if settled.ball is not None:
                raise
            raise InputError(self.folder, "lights (lights.json, light_directions.txt) or a mirror ball in the picture",
                             f"no lights, and {error.found} for {error.expected}",
                             "put a ball in, name a folder with one (--ball-folder), or use --method uncalibrated",
                             ) from error  # fmt: skip


def _response_notes(estimate: ResponseEstimate) -> tuple[str, ...]:
    if not estimate.determined:
        return estimate.notes
    return (f"the camera's response was estimated; its logarithm is known to {estimate.log_std:.2f}", *estimate.notes)


def _lit_by_ball(
    observations: PhotometricObservations, found: BallFinding, wanted: str
) -> tuple[PhotometricObservations, FileLights]:
    """The observations under the ball's lights, without the photographs that show no highlight."""
    kept = [int(i) for i in np.flatnonzero(found.lights.found)]
    directions = found.lights.directions[kept]
    lit = subset(observations, kept)
    names = lit.image_names
    where = f"sharpvision: mirror ball {'in the picture' if found.in_frame else 'in a folder of its own'}"
    lights = FileLights(directions, None, None, names, source=where)
    equal = "no gray card: all lights were taken as equally strong (--method semicalibrated estimates how strong)"
    check_spread(Path(observations.folder), directions)
    lit = replace(
        lit,
        light_directions=torch.from_numpy(directions),
        light_intensities=torch.ones(len(kept), 3, dtype=torch.float64),
        calibration="directions" if wanted == "directions" else "full",
        notes=(*observations.notes, *found.ball.notes, *found.lights.notes, *((equal,) if wanted == "full" else ())),
    )
    return lit, lights


def _fewer(observations: PhotometricObservations, count: int) -> PhotometricObservations:
    if not 3 <= count <= observations.light_count:
        raise InputError("--light-count", f"a number from 3 to {observations.light_count}", f"{count}",
                         "use one in that range")  # fmt: skip
    return observations.with_lights(count)
