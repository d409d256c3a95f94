"""Films: frames as an animated WebP or GIF."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sharpvision.core.errors import InputError
from sharpvision.core.srgb import srgb8
from sharpvision.data.whole_file import write_whole

FORMATS = {".webp": "WEBP", ".gif": "GIF"}


def write_film(path: str | Path, frames: Iterable[Any], fps: float = 25.0, *, overwrite: bool = True) -> Path:
    """Write `frames` as an endless film to `path`, a `.webp` or a `.gif`; the file appears whole or not at all.

    A frame is a tensor or array (H, W, 3) or (H, W): floats are linear in [0, 1] (values outside are clipped, NaN is
    black) and become sRGB; uint8 is taken as sRGB already. A WebP times frames to the millisecond, a GIF to 10 ms,
    in 256 colours each. Raises `InputError` for another suffix, no frame, frames of different size or a rate outside
    (0, 1000].

    >>> import tempfile
    >>> place = write_film(Path(tempfile.mkdtemp()) / "turn.webp", [np.zeros((8, 8, 3)), np.ones((8, 8, 3))], fps=10)
    >>> with Image.open(place) as film:
    ...     film.n_frames, film.size
    (2, (8, 8))
    """
    path = Path(path)
    write_whole({path: film_bytes(path, frames, fps)}, overwrite)
    return path


def film_bytes(path: Path, frames: Iterable[Any], fps: float) -> bytes:
    """The film that `write_film` writes; `path` says its format."""
    kind = film_format(path)
    if not 0 < fps <= 1000:
        raise InputError(path, "a rate above 0 and at most 1000 frames a second", f"{fps:g}", "choose another rate")
    pictures = [Image.fromarray(_as_srgb8(path, frame)) for frame in frames]
    if not pictures:
        raise InputError(path, "at least one frame", "none", "give the film frames")
    sizes = sorted({picture.size for picture in pictures})
    if len(sizes) > 1:
        found = " and ".join(f"{w}x{h}" for w, h in sizes[:2])
        raise InputError(path, "frames of one size", found, "resize the frames")
    buffer = io.BytesIO()
    options = {"quality": 88, "method": 4} if kind == "WEBP" else {"optimize": False, "disposal": 1}
    first, *rest = pictures if kind == "WEBP" else [picture.quantize(256) for picture in pictures]
    first.save(buffer, kind, save_all=True, append_images=rest, duration=1000 / fps, loop=0, **options)
    return buffer.getvalue()


def film_format(path: Path) -> str:
    """Pillow's name of the format that the suffix asks for; `InputError` for another suffix."""
    kind = FORMATS.get(path.suffix.lower())
    if kind is None:
        found = repr(path.suffix) if path.suffix else "no suffix"
        raise InputError(path, f"a name that ends in {' or '.join(FORMATS)}", found, "rename the film")
    return kind


def _as_srgb8(path: Path, frame: Any) -> NDArray[np.uint8]:
    """A frame as uint8 (H, W, 3), sRGB."""
    values = np.asarray(frame.detach().cpu() if hasattr(frame, "detach") else frame)
    if values.ndim == 2 or (values.ndim == 3 and values.shape[2] == 1):
        values = np.repeat(values.reshape(*values.shape[:2], 1), 3, -1)
    if values.ndim != 3 or values.shape[2] != 3 or not values.size:
        raise InputError(path, "frames (H, W, 3) or (H, W)", str(tuple(values.shape)), "give each frame as an image")
    return np.ascontiguousarray(values) if values.dtype == np.uint8 else srgb8(values)
