"""Decodes one photograph into its stored codes, upright, without a word on stdout or stderr."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sharpvision.core.errors import BackendUnavailable, InputError
from sharpvision.data.exif import exif_of_block, exif_of_tiff, orientation_of, upright
from sharpvision.data.files import read_bytes
from sharpvision.data.png_chunks import SIGNATURE, checked_png, damaged

RAW_SUFFIXES = frozenset({".dng", ".nef", ".cr2", ".cr3", ".arw", ".raf", ".orf", ".rw2", ".pef"})
HEIC_SUFFIXES = frozenset({".heic", ".heif"})
SUFFIXES = RAW_SUFFIXES | HEIC_SUFFIXES | {".png", ".tif", ".tiff", ".jpg", ".jpeg", ".exr", ".hdr"}
FORMATS = "PNG, TIFF, JPEG, EXR, HDR, HEIC or RAW"


@dataclass(frozen=True)
class Photograph:
    """Codes as stored, upright: `pixels` (H, W, 1 or 3) uint8, uint16 or float32, RGB, without alpha."""

    pixels: NDArray[Any]
    exif: Image.Exif

    @property
    def orientation(self) -> int:
        """The EXIF orientation that was undone."""
        return orientation_of(self.exif)


def decode(path: Path) -> Photograph:
    """Decodes a PNG, TIFF, JPEG, EXR, HDR or, by extras, HEIC (`heic`) or RAW (`raw`) file; content decides, not names.

    Raises `InputError` for what is unreadable, empty, cut off, or none of these; `BackendUnavailable` for RAW without
    rawpy and HEIC without pi-heif.
    """
    if path.suffix.lower() in RAW_SUFFIXES:
        return _decode_raw(path)
    data = read_bytes(path, f"an image ({FORMATS})")
    if data[4:8] == b"ftyp" and data[8:12] in _HEIC_BRANDS:
        return _decode_heic(path, data)
    for magics, decoder in _DECODERS:
        if data.startswith(magics):
            return decoder(path, data)
    raise InputError(path, f"an image ({FORMATS})", "a file of another kind", "convert it, or take it away")


def _decode_png(path: Path, data: bytes) -> Photograph:
    pixels_only, block = checked_png(path, data)
    exif = exif_of_block(block)
    return Photograph(upright(_by_opencv(path, pixels_only, "PNG"), orientation_of(exif)), exif)


def _decode_tiff(path: Path, data: bytes) -> Photograph:
    return Photograph(_by_opencv(path, data, "TIFF"), exif_of_tiff(path))  # OpenCV turns TIFFs upright by itself


def _decode_hdr(path: Path, data: bytes) -> Photograph:
    return Photograph(_by_opencv(path, data, "HDR"), Image.Exif())


def _decode_jpeg(path: Path, data: bytes) -> Photograph:
    # Pillow, not OpenCV: OpenCV fills the missing rows of a cut-off JPEG with gray and warns on stderr only.
    try:
        with warnings.catch_warnings(), Image.open(io.BytesIO(data)) as image:
            warnings.simplefilter("ignore")
            exif = image.getexif()
            pixels = np.asarray(image.convert("L" if image.mode == "L" else "RGB"))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise damaged(path, f"a JPEG that does not decode ({_first_line(error)})") from error
    return Photograph(upright(np.atleast_3d(pixels), orientation_of(exif)), exif)


def _decode_exr(path: Path, data: bytes) -> Photograph:
    import OpenEXR

    try:
        with _library_silenced(), OpenEXR.File(str(path)) as file:
            channels = {name: np.asarray(c.pixels) for name, c in file.channels().items() if c.pixels is not None}
    except Exception as error:  # its binding raises bare RuntimeError, ValueError and TypeError
        raise damaged(path, f"an EXR that does not decode ({_first_line(error)})") from error
    for name in ("RGB", "RGBA", "Y"):
        if name in channels:
            return Photograph(np.atleast_3d(channels[name])[..., :3].astype(np.float32), Image.Exif())
    raise InputError(path, "an EXR with channels R, G, B or Y", f"{', '.join(sorted(channels)) or 'none'}",
                     "write the radiance as RGB in the first part")  # fmt: skip


def _decode_raw(path: Path) -> Photograph:
    """Linear demosaicked codes in the camera's own colours: no white balance, no brightening, no gamma."""
    try:
        import rawpy
    except ImportError as error:
        raise BackendUnavailable("raw", f"{path}: RAW photographs") from error
    read_bytes(path, "a RAW photograph")
    try:
        with rawpy.imread(str(path)) as raw:
            pixels = raw.postprocess(gamma=(1, 1), no_auto_bright=True, output_bps=16, use_camera_wb=False,
                                     user_wb=[1, 1, 1, 1], output_color=rawpy.ColorSpace.raw)  # fmt: skip
    except rawpy.LibRawError as error:
        raise damaged(path, f"a RAW file that does not decode ({_first_line(error)})") from error
    return Photograph(np.ascontiguousarray(pixels), exif_of_tiff(path))  # LibRaw turns it upright


def _decode_heic(path: Path, data: bytes) -> Photograph:
    """8 bits as stored, or 10 and 12 bits in the high bits of 16; libheif turns it upright and undoes the crop.

    The container says which way up it is; the EXIF repeats it (HEIF, ISO/IEC 23008-12, 7.1.4) and only tells here
    what was undone.
    """
    try:
        import pi_heif
    except ImportError as error:
        raise BackendUnavailable("heic", f"{path}: HEIC photographs") from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            photograph = pi_heif.open_heif(io.BytesIO(data), convert_hdr_to_8bit=False)
            pixels = np.atleast_3d(np.array(photograph))[..., :3]  # a copy: the decoder frees its memory
    except (OSError, SyntaxError, ValueError, RuntimeError, EOFError) as error:
        raise damaged(path, f"a HEIC that does not decode ({_first_line(error)})") from error
    block = photograph.info.get("exif")
    return Photograph(np.ascontiguousarray(pixels), exif_of_block(block))


_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}
_DECODERS: list[tuple[tuple[bytes, ...], Callable[[Path, bytes], Photograph]]] = [
    ((SIGNATURE,), _decode_png),
    ((b"\xff\xd8\xff",), _decode_jpeg),
    ((b"II*\0", b"MM\0*"), _decode_tiff),
    ((b"#?RADIANCE", b"#?RGBE"), _decode_hdr),
    ((b"v/1\x01",), _decode_exr),
]


def _by_opencv(path: Path, data: bytes, kind: str) -> NDArray[Any]:
    """Pixels (H, W, 1 or 3) RGB; alpha is dropped."""
    with _opencv_silenced():
        try:
            pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
        except cv2.error as error:
            raise damaged(path, f"a {kind} that does not decode ({_first_line(error)})") from error
    if pixels is None:
        raise damaged(path, f"a {kind} that is cut off or damaged")
    if pixels.dtype == np.float64:
        pixels = pixels.astype(np.float32)
    if pixels.dtype not in (np.uint8, np.uint16, np.float32):
        raise InputError(path, "8 or 16 bits or float32 a channel", str(pixels.dtype), "convert it to one of these")
    if pixels.ndim == 2:
        return pixels[..., None]
    return cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB if pixels.shape[2] == 3 else cv2.COLOR_BGRA2RGB)


def _first_line(error: Exception) -> str:
    """The library's own words, on one line."""
    return " ".join(str(error).split())[:120] or type(error).__name__


@contextlib.contextmanager
def _opencv_silenced() -> Iterator[None]:
    """OpenCV's log off for the moment: its complaints become our errors."""
    before = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        cv2.utils.logging.setLogLevel(before)


@contextlib.contextmanager
def _library_silenced() -> Iterator[None]:
    """File descriptors 1 and 2 into nothing for the moment: OpenEXR writes to both and has no switch for it."""
    sys.stdout.flush()
    sys.stderr.flush()
    saved = os.dup(1), os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        os.dup2(saved[0], 1)
        os.dup2(saved[1], 2)
        for descriptor in (*saved, nowhere):
            os.close(descriptor)
