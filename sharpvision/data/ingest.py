"""Decodes every photograph once, checks it, and files its codes where strips can be read from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sharpvision.core.errors import InputError
from sharpvision.data.capture_file import NAME, CaptureFile, GivenResponse, ResponseEntry
from sharpvision.data.images import Photograph, decode
from sharpvision.data.masks import read_mask
from sharpvision.data.observations import Validity
from sharpvision.data.reduction import area_average, reduce_flags, reduced_shape
from sharpvision.data.spool import PhotographSource, make_stack
from sharpvision.data.transfer import Transfer, is_left_aligned

Progress = Callable[[int, int], None]
_ALL = 0.99
"""Share of the mask from which a photograph counts as wholly saturated."""
_FRONT = 0.2
"""Cosine between light and viewing direction from which an object can't be black all over."""
_OFTEN = 0.1
"""Share of saturated observations from which a note says so."""


@dataclass(frozen=True)
class Plan:
    """What to decode: `paths` with the `gains` (N,) that undo their exposures, and `cosines` (N,) between each light
    and the direction to the camera; `response`, `mask` and `max_size` as in `ReadOptions`."""

    paths: tuple[Path, ...]
    gains: NDArray[np.float32]
    cosines: NDArray[np.float64]
    capture: CaptureFile
    response: GivenResponse | None = None
    mask: Path | None = None
    max_size: int | None = None


@dataclass(frozen=True)
class Ingested:
    """`source` at the reduced `shape`; `mask` at the size of the photographs; `exifs` of each; `exposures` where they
    were read from EXIF and undone."""

    source: PhotographSource
    shape: tuple[int, int]
    mask: NDArray[np.bool_]
    exifs: tuple[Image.Exif, ...]
    quantisation: float
    notes: tuple[str, ...]
    exposures: tuple[float, ...] = ()

    @property
    def exif(self) -> Image.Exif:
        """EXIF of the first photograph."""
        return self.exifs[0]


def ingest(plan: Plan, progress: Progress | None = None) -> Ingested:
    """Decodes and checks the photographs one at a time; memory holds one besides the stack (see `spool`).

    Raises `InputError` for a photograph that is unlike the first (size, channels, type, orientation), holds NaN, or
    is wholly saturated or black, and for a mask that does not fit.
    """
    photograph = decode(plan.paths[0])
    ingester = _Ingester(plan, photograph)
    for row, path in enumerate(plan.paths):
        if row:
            del photograph  # before the next one is there: at 24 megapixels each has 144 MB
            photograph = decode(path)
        ingester.take(row, photograph)
        if progress is not None:
            progress(row + 1, len(plan.paths))
    return ingester.finish()


class _Ingester:
    """The state of an ingestion: what the first photograph settled, and counts inside the mask."""

    def __init__(self, plan: Plan, first: Photograph) -> None:
        self.plan = plan
        self.kind, self.orientation = _kind(first.pixels), first.orientation
        self.exifs: list[Image.Exif] = []
        height, width, channels = first.pixels.shape
        self.shape = reduced_shape(height, width, plan.max_size)
        self.reducing = self.shape != (height, width)
        self.mask = np.ones((height, width), bool) if plan.mask is None else read_mask(plan.mask, (height, width))
        self.mask_pixels = int(self.mask.sum())
        self.transfer, self.notes = transfer_of(plan, first.pixels)
        self.aligned_unknown = self.transfer.container == "uint16" and not first.pixels.any()
        dtype = np.dtype(np.float32) if self.reducing else first.pixels.dtype
        self.stack = make_stack(len(plan.paths), (*self.shape, channels), dtype)
        self.flags = make_stack(len(plan.paths), (*self.shape, 1), np.uint8) if self.reducing else None
        self.saturated, self.highest, self.black = 0, 0.0, list[str]()

    def take(self, row: int, photograph: Photograph) -> None:
        """Checks and files one photograph."""
        path = self.plan.paths[row]
        self.exifs.append(photograph.exif)
        codes = self._like_the_first(path, photograph)
        if self.aligned_unknown and codes.any():
            self.transfer, self.aligned_unknown = transfer_of(self.plan, codes)[0], False
        largest = self._largest(path, codes)
        self.highest = max(self.highest, largest)
        flags = self.transfer.validity(codes)
        self._check_content(row, flags[self.mask])
        if self.flags is None:
            self.stack.write(row, codes)
            return
        self.stack.write(row, _reduced(codes, replace(self.transfer, brightest=largest), self.shape))
        self.flags.write(row, reduce_flags(flags, self.shape)[..., None])

    def finish(self) -> Ingested:
        """The source and the notes on the whole set."""
        gains, notes = self.plan.gains, [*self.notes]
        if self.black:
            notes.append(f"black all over (their lights stand far to the side or behind): {', '.join(self.black[:5])}")
        share = self.saturated / (self.mask_pixels * len(self.plan.paths))
        if share > _OFTEN:
            notes.append(f"{100 * share:.0f} % of the observations are saturated and were left out; expose less")
        floats = self.transfer.container == "float32" and not self.transfer.white_declared
        if floats and self.transfer.response == "linear" and not 1 / 16 < self.highest <= 1:
            gains = (gains / np.float32(self.highest)).astype(np.float32)
            notes.append(f"float photographs were divided by their largest value, {self.highest:.4g}")
        shown = Transfer("float32", 32, "linear") if self.reducing else replace(self.transfer, brightest=self.highest)
        source = PhotographSource(self.stack, shown, gains, tuple(range(len(gains))), self.flags)
        return Ingested(source, self.shape, self.mask, tuple(self.exifs), self.transfer.quantisation, tuple(notes))

    def _like_the_first(self, path: Path, photograph: Photograph) -> NDArray[Any]:
        """The codes, which must be of the first's size, channels, type and orientation."""
        first = self.plan.paths[0].name
        if (found := _kind(photograph.pixels)) != self.kind:
            raise InputError(path, f"{self.kind} like {first}", found, "photograph and crop them all alike")
        if photograph.orientation != self.orientation:
            raise InputError(path, f"EXIF orientation {self.orientation} like {first} (one fixed camera)",
                             f"{photograph.orientation}", "set one orientation for all (exiftool)")  # fmt: skip
        return photograph.pixels

    def _largest(self, path: Path, codes: NDArray[Any]) -> float:
        """The largest finite code; only +infinity (saturated) may be no number, and integers stay within the bits."""
        if codes.dtype != np.float32:
            largest, limit = int(codes.max()), 2**self.transfer.bits
            if largest >= limit and not self.transfer.left_aligned:
                raise InputError(f"{path.parent / NAME}, bits", f"values below {limit}", f"{largest} in {path.name}",
                                 "correct the bits, or store all photographs alike")  # fmt: skip
            return float(largest)
        bad = np.isnan(codes) | np.isneginf(codes)
        if bad.any():
            row, column = np.argwhere(bad)[0][:2]
            raise InputError(path, "numbers", f"{int(bad.sum())} NaN or -infinity (first: row {row}, column {column})",
                             "render or convert the image again")  # fmt: skip
        return float(np.max(codes, where=np.isfinite(codes), initial=0.0))

    def _check_content(self, row: int, flags: NDArray[np.uint8]) -> None:
        """Inside the mask, no photograph may be saturated all over, nor black under a light from the front."""
        path, saturated = self.plan.paths[row], int((flags == Validity.SATURATED).sum())
        self.saturated += saturated
        where = "in the mask" if self.plan.mask is not None else "in the image"
        if saturated >= _ALL * len(flags):
            share = f"{100 * saturated / len(flags):.0f} % of the pixels {where} saturated"
            raise InputError(path, "light below the sensor's limit", share,
                             "expose less, or remove the photograph and its light")  # fmt: skip
        if (flags == Validity.DARK).all():
            if self.plan.cosines[row] > _FRONT:
                raise InputError(path, "an object under its light", f"black {where}",
                                 "expose more, or remove the photograph and its light")  # fmt: skip
            self.black.append(path.name)


def transfer_of(plan: Plan, codes: NDArray[Any]) -> tuple[Transfer, list[str]]:
    """How codes like these become linear (the user's word, then the capture file's, then the format), and notes."""
    container: Any = codes.dtype.name
    capture, notes = plan.capture, list[str]()
    full = {"uint8": 8, "uint16": 16, "float32": 32}[container]
    bits = full if capture.bits is None else capture.bits
    if container == "float32":
        bits = 32
    elif bits > full or (container == "uint8" and bits < 8):
        raise InputError(f"{plan.paths[0].parent / NAME}, bits", f"at most the {full} bits of {plan.paths[0].name}"
                         if bits > full else "8 for an 8-bit file", f"{bits}", "correct the capture file")  # fmt: skip
    response = plan.response or capture.response
    if isinstance(response, ResponseEntry):
        response = response.curve
    if response == "unknown":
        notes.append("the camera's response is unknown and was taken as linear, which bends the normals where it is "
                     "not; if the photographs are ordinary JPEGs or PNGs, use --response srgb")  # fmt: skip
        response = "linear"
    if response is None:
        response = "srgb" if container == "uint8" else "linear"
        if container == "uint8":
            notes.append("8-bit photographs were read as sRGB; use --response linear if they are linear")
    aligned = container == "uint16" and bits < 16 and is_left_aligned(codes, bits)
    white = capture.white_level if container == "float32" else None
    return Transfer(container, bits, response, aligned, white or 1.0, white is not None), notes


def _kind(codes: NDArray[Any]) -> str:
    """Size, channels and type in words."""
    height, width, channels = codes.shape
    return f"{width}x{height} {'RGB' if channels == 3 else 'gray'} {codes.dtype.name}"


def _reduced(codes: NDArray[Any], transfer: Transfer, shape: tuple[int, int]) -> NDArray[np.float32]:
    """Area average of the linear values, channel by channel to keep memory low."""
    channels = range(codes.shape[-1])
    return np.concatenate([area_average(transfer.linear(codes[..., c : c + 1]), shape) for c in channels], -1)
