"""What a caller may say about a capture, and what its capture file says already."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from sharpvision.core.errors import InputError
from sharpvision.data.capture_file import WHOLE, CaptureFile
from sharpvision.data.photometric import ReadOptions

Circle = tuple[float, float, float]
Rectangle = tuple[int, int, int, int]


@dataclass(frozen=True)
class CaptureOptions:
    """How to prepare a folder of photographs; None leaves it to its capture file, and that to what is found.

    `read` as for `read_photometric`; `ball`: x, y and radius of a mirror ball in the picture, in pixels of the
    photographs on disk, or "auto" to find it; `ball_folder`: photographs of one under the same lights; `gray_card`:
    x, y, w, h of a matte card; `dark_frame`: a photograph with the lamp off; `made_mask`: "auto" finds the object
    though there may be a mask, "whole" takes the whole image; `align`: undo the camera's shake;
    `exposures_folder`: exposures of one still scene, for the camera's response; `remember`: write what was learned into
    the folder; `matte_ball`: x, y and radius of a matte ball of one colour, for the lights' intensities.
    """

    read: ReadOptions = field(default_factory=ReadOptions)
    ball: Circle | Literal["auto"] | None = None
    ball_folder: str | Path | None = None
    gray_card: Rectangle | None = None
    dark_frame: str | Path | None = None
    made_mask: Literal["auto", "whole"] | None = None
    align: bool | None = None
    exposures_folder: str | Path | None = None
    remember: bool = True
    matte_ball: Circle | None = None

    def checked(self) -> CaptureOptions:
        """Itself; `InputError` for values out of range or at odds."""
        if self.ball is not None and self.ball_folder is not None:
            raise InputError("--ball", "a ball in the picture or in a folder of its own", "both", "give one of them")
        if isinstance(self.ball, tuple):
            numbers = all(math.isfinite(value) for value in self.ball)
            if not (len(self.ball) == 3 and numbers and self.ball[2] > 0):
                raise InputError("--ball", "X,Y,R in pixels, R above zero, or auto", _listed(self.ball), "correct it")
        matte = self.matte_ball
        if matte is not None and not (all(math.isfinite(value) for value in matte) and matte[2] > 0):
            raise InputError("--matte-ball", "X,Y,R in pixels, R above zero", _listed(matte), "correct it")
        card = self.gray_card
        if card is not None and not (len(card) == 4 and min(card[:2]) >= 0 and min(card[2:]) >= 1):
            raise InputError("--gray-card", "X,Y,W,H in pixels, not negative, W and H at least 1", _listed(card),
                             "correct it")  # fmt: skip
        return self

    def completed(self, folder: Path, capture: CaptureFile) -> CaptureOptions:
        """These options, and where they are silent the capture file's; its paths are relative to the folder."""

        def beside(name: str | None) -> Path | None:
            return None if name is None else folder / name

        whole = capture.mask == WHOLE and self.read.mask is None and self.made_mask is None
        own_ball = self.ball is not None or self.ball_folder is not None
        return replace(
            self,
            ball=self.ball if own_ball else capture.ball,
            ball_folder=self.ball_folder if own_ball else beside(capture.ball_folder),
            gray_card=self.gray_card if self.gray_card is not None else capture.gray_card,
            dark_frame=self.dark_frame if self.dark_frame is not None else beside(capture.dark_frame),
            made_mask="whole" if whole else self.made_mask,
            align=self.align if self.align is not None else capture.align,
        )


def _listed(values: tuple[float, ...]) -> str:
    return ",".join(f"{value:g}" for value in values)
