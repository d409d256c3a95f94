"""Writers of rendered buffers: PNG (8 and 16 bit), OpenEXR and Radiance HDR, as bytes; and pictures of buffers."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sharpvision.core.errors import InputError
from sharpvision.core.srgb import srgb_from_linear

CHANNELS = {
    "image": ("R", "G", "B"), "alpha": ("A",), "depth": ("Z",), "normal": ("normal.X", "normal.Y", "normal.Z"),
    "uv": ("uv.U", "uv.V"), "face": ("face.id",), "albedo": ("albedo.R", "albedo.G", "albedo.B"),
    "shading": ("shading.R", "shading.G", "shading.B"),
}  # fmt: skip
"""The channels of a buffer in an EXR."""


def png(values: NDArray[Any], bits: int = 8) -> bytes:
    """A PNG of values in [0, 1], (H, W, 3) or (H, W), as they are: coded by the caller. Clipped; NaN is 0.

    >>> png(np.zeros((2, 2, 3)))[1:4]
    b'PNG'
    """
    top = 2**bits - 1
    codes = np.rint(top * np.clip(np.nan_to_num(values), 0, 1)).astype(np.uint8 if bits == 8 else np.uint16)
    if bits == 8:
        buffer = io.BytesIO()
        Image.fromarray(np.ascontiguousarray(codes)).save(buffer, "PNG", compress_level=6)
        return buffer.getvalue()
    import cv2  # Pillow writes no colours of 16 bits

    codes = codes[..., ::-1] if codes.ndim == 3 else codes
    good, data = cv2.imencode(".png", np.ascontiguousarray(codes), [cv2.IMWRITE_PNG_COMPRESSION, 6])
    assert good
    return bytes(data)


def hdr(linear: NDArray[Any]) -> bytes:
    """Radiance RGBE of linear values (H, W, 3): about 1 % of the brightest channel, negative values are 0.

    >>> hdr(np.ones((2, 2, 3)))[:10]
    b'#?RADIANCE'
    """
    import cv2

    values = np.maximum(np.nan_to_num(linear.astype(np.float32)), 0)
    good, data = cv2.imencode(".hdr", np.ascontiguousarray(values[..., ::-1]))
    assert good
    return bytes(data)


def exr(buffers: Mapping[str, NDArray[Any]]) -> bytes:
    """OpenEXR of buffers with their own channels (`CHANNELS`), float32 as they are; face ids int as uint32.

    A pixel that sees nothing has depth +inf and face 4294967295.

    >>> exr({"depth": np.ones((2, 2), np.float32)})[:4] == bytes([0x76, 0x2F, 0x31, 0x01])
    True
    """
    import OpenEXR

    channels = {}
    for name, values in buffers.items():
        planes = values.reshape(*values.shape[:2], -1)
        kind = np.uint32 if name == "face" else np.float32
        for index, channel in enumerate(CHANNELS[name]):
            channels[channel] = np.ascontiguousarray(planes[..., index].astype(np.int64 if name == "face" else kind))
            channels[channel] = (channels[channel] & 0xFFFFFFFF).astype(kind) if name == "face" else channels[channel]
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    with tempfile.TemporaryDirectory() as folder:  # its binding writes to names alone
        place = Path(folder) / "buffers.exr"
        with OpenEXR.File(header, channels) as file:
            file.write(str(place))
        return place.read_bytes()


def picture(name: str, values: NDArray[Any]) -> NDArray[Any]:
    """A buffer as sRGB-coded values in [0, 1], (H, W, 3) or (H, W), for a picture format.

    Radiance, albedo and shading in sRGB; normals (n + 1) / 2; depth from white (nearest) to black (farthest and where
    there is nothing); uv as red and green; each face a colour of its own; alpha as it is.
    """
    if name in ("image", "albedo", "shading"):
        return srgb_from_linear(np.clip(np.nan_to_num(values), 0, 1))
    if name == "normal":
        return np.where((values != 0).any(-1, keepdims=True), (values + 1) / 2, 0)
    if name == "depth":
        known = np.isfinite(values)
        near, far = (values[known].min(), values[known].max()) if known.any() else (0.0, 1.0)
        return np.where(known, 1 - 0.9 * (np.where(known, values, near) - near) / max(far - near, 1e-12), 0)
    if name == "uv":
        return np.concatenate([np.mod(np.nan_to_num(values), 1), np.zeros_like(values[..., :1])], -1)
    if name == "face":
        ids = (values.astype(np.int64)[..., None] + 1) * np.array([73856093, 19349663, 83492791])
        return np.where(values[..., None] >= 0, (ids % 211 + 44) / 255, 0)
    return values


def encoded(path: Path, buffers: Mapping[str, NDArray[Any]], bits: int = 8) -> dict[Path, bytes]:
    """The files that hold `buffers`, by the suffix of `path`; `InputError` for another one.

    EXR holds all in one file. PNG holds one buffer; others go beside it, `a.png` and `a.depth.png`. HDR holds radiance.
    """
    suffix = check_format(path, tuple(buffers))
    if suffix == ".exr":
        return {path: exr(buffers)}
    if suffix == ".hdr":
        return {path: hdr(next(iter(buffers.values())))}
    first = "image" if "image" in buffers else next(iter(buffers))
    return {
        path if name == first else path.with_name(f"{path.stem}.{name}{path.suffix}"): png(picture(name, values), bits)
        for name, values in buffers.items()
    }


def check_format(path: Path, names: tuple[str, ...]) -> str:
    """The suffix, where it can hold these buffers; else `InputError`."""
    suffix = path.suffix.lower()
    if suffix not in (".png", ".exr", ".hdr"):
        found = repr(path.suffix) if path.suffix else "no suffix"
        raise InputError(path, "a name that ends in .png, .exr or .hdr", found, "rename the output")
    if suffix == ".hdr" and (len(names) != 1 or names[0] not in ("image", "albedo", "shading")):
        raise InputError(path, "one buffer of colours in an HDR", ", ".join(names), "write an EXR")
    return suffix
