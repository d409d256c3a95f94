"""The per-pixel maps of a photometric solution: `maps.npz` in the frame of files, and a picture of each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from sharpvision.core.frames import opengl_from_opencv
from sharpvision.core.srgb import srgb8
from sharpvision.data import PhotometricObservations, Validity
from sharpvision.report.result import FRAME, angular_error_map, as_json, units
from sharpvision.solvers import Solution

Array = NDArray[Any]
_TILE_ROWS = 256


def photometric_maps(solution: Solution) -> dict[str, Array]:
    """What `maps.npz` holds, by name.

    `normals` (H, W, 3) float32, zero outside the mask; `std` (H, W) degrees, `depth` (H, W) and `angular_error` (H, W)
    degrees (with ground truth), NaN where unknown; `albedo` (H, W, 3) linear; `mask` (H, W) bool; `validity` (H, W) the
    share of the images in which the pixel is neither saturated nor dark, `saturated` and `dark` (H, W) the number of
    those in which it is; `frame` and `units` text. What the solution does not hold is left out.
    """
    maps: dict[str, Array] = {}
    values = solution.values
    if "normals" in values:
        maps["normals"] = opengl_from_opencv(values["normals"].detach().float()).cpu().numpy() + 0.0  # no -0
    if "normals" in solution.std:
        maps["std"] = _float(solution.std["normals"])
    for name in ("depth", "albedo"):
        if name in values:
            maps[name] = _float(values[name])
    if solution.observations is not None:
        maps["mask"] = solution.observations.mask.cpu().numpy()
        maps.update(_validity(solution.observations))
    elif "normals" in maps:
        maps["mask"] = (maps["normals"] != 0).any(-1)
    error = angular_error_map(solution)
    if error is not None:
        maps["angular_error"] = error.numpy()
    maps["frame"] = np.array(FRAME)
    maps["units"] = np.array(as_json(units(solution)))
    return maps


def pictures(maps: dict[str, Array]) -> Iterator[tuple[str, bytes]]:
    """File name and PNG of each map: normals as 16-bit (n + 1) / 2, albedo in sRGB, the others colour-mapped."""
    mask = maps.get("mask")
    if mask is None:
        return
    if "normals" in maps:
        code = np.where(mask[..., None], (maps["normals"] + 1.0) * (65535 / 2), 0.0)
        yield "normals.png", png(np.rint(np.clip(code, 0, 65535)).astype(np.uint16))
    if "albedo" in maps:
        yield "albedo.png", png(srgb8(np.where(mask[..., None], maps["albedo"], 0.0)))
    if "depth" in maps:
        yield "depth.png", png(coloured(-maps["depth"], mask, "viridis"))  # near is bright
    if "std" in maps:
        yield "std.png", png(coloured(maps["std"], mask, "magma", low=0.0))
    if "angular_error" in maps:
        yield "error.png", png(coloured(maps["angular_error"], mask, "magma", low=0.0))
    if "validity" in maps:
        yield "validity.png", png(coloured(maps["validity"], mask, "gray", low=0.0, high=1.0))
    yield "mask.png", png(mask.astype(np.uint8) * np.uint8(255))


def coloured(values: Array, mask: Array, colours: str, low: float | None = None, high: float | None = None) -> Array:
    """RGBA (H, W, 4) uint8 of a map, from its 1st to its 99th percentile unless given; transparent where unknown."""
    from matplotlib import colormaps  # slow to import, and only pictures need it

    known = mask & np.isfinite(values)
    inside = values[known]
    low = low if low is not None else float(np.percentile(inside, 1)) if inside.size else 0.0
    high = high if high is not None else float(np.percentile(inside, 99)) if inside.size else 1.0
    level = np.zeros(values.shape, dtype=np.uint8)
    level[known] = np.clip((inside - low) / max(high - low, 1e-12) * 255, 0, 255).astype(np.uint8)
    table = (colormaps[colours](np.arange(256)) * 255).round().astype(np.uint8)
    picture = table[level]
    picture[~known] = 0
    return picture


def png(picture: Array) -> bytes:
    """PNG of a gray, RGB or RGBA array, 8 or 16 bits."""
    if picture.ndim == 3:
        picture = picture[..., [2, 1, 0, 3][: picture.shape[-1]]]
    written, data = cv2.imencode(".png", np.ascontiguousarray(picture), [cv2.IMWRITE_PNG_COMPRESSION, 3])
    if not written:
        raise ValueError(f"a picture of shape {picture.shape} and type {picture.dtype} is not a PNG")
    return data.tobytes()


def _validity(observations: PhotometricObservations) -> dict[str, Array]:
    """Counts over the images, strip by strip."""
    height, width = observations.shape
    saturated = torch.zeros(height, width, dtype=torch.int32)
    dark = torch.zeros_like(saturated)
    for tile in observations.tiles(_TILE_ROWS):
        rows = slice(tile.top, tile.top + tile.mask.shape[0])
        saturated[rows] = (tile.validity == int(Validity.SATURATED)).sum(0)
        dark[rows] = (tile.validity == int(Validity.DARK)).sum(0)
    valid = 1.0 - (saturated + dark).float() / observations.light_count
    return {
        "validity": valid.numpy(),
        "saturated": saturated.numpy().astype(np.uint16),
        "dark": dark.numpy().astype(np.uint16),
    }


def _float(values: torch.Tensor) -> Array:
    return values.detach().float().cpu().numpy()
