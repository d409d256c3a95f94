"""Checks a PNG's structure before a decoder sees it: libpng reports damage on stderr and goes on."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

from sharpvision.core.errors import InputError

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_NEEDED = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"}


def checked_png(path: Path, data: bytes) -> tuple[bytes, bytes | None]:
    """A PNG reduced to the chunks that carry pixels, and its EXIF block or None.

    Profiles, gamma and text are left out: the decoder ignores them, or complains about them on stderr.
    `InputError` where a chunk is cut off, fails its checksum, or the end chunk is missing.
    """
    kept: list[bytes | memoryview] = [SIGNATURE]
    exif, last = None, b""
    for kind, whole, body in _chunks(path, data):
        if kind in _NEEDED:
            kept.append(whole)
        elif kind == b"eXIf":
            exif = bytes(body)
        last = kind
    if last != b"IEND":
        raise damaged(path, f"a PNG cut off after {len(data)} bytes")
    if sum(map(len, kept)) == len(data):
        return data, exif
    return b"".join(kept), exif


def damaged(path: Path, found: str) -> InputError:
    """The error for an image file that is not whole."""
    return InputError(path, "a whole image", found, "copy the file again from its source, or photograph again")


def _chunks(path: Path, data: bytes) -> Iterator[tuple[bytes, memoryview, memoryview]]:
    """Kind, bytes and body of each chunk up to IEND, checksums verified."""
    view, at = memoryview(data), len(SIGNATURE)
    while at + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        if end > len(data):
            raise damaged(path, f"a PNG cut off after {len(data)} bytes")
        (checksum,) = struct.unpack_from(">I", data, end - 4)
        if zlib.crc32(view[at + 4 : end - 4]) != checksum:
            raise damaged(path, f"a PNG whose chunk at byte {at} fails its checksum")
        yield kind, view[at:end], view[at + 8 : end - 4]
        if kind == b"IEND":
            return
        at = end
