"""Pictures inside the page: coloured, toned and encoded as data URIs (no maths of vision here)."""

from __future__ import annotations

import base64
import io

import matplotlib
import numpy as np
from PIL import Image

from sharpvision.core.srgb import srgb_from_linear

DEGREE_LIMITS = (1, 2, 5, 10, 20, 30, 45, 60, 90, 180)
SEQUENTIAL, RELIEF, DIVERGING = "magma", "viridis", "RdBu_r"


def data_uri(picture: np.ndarray, quality: int = 86) -> str:
    """An RGB or RGBA picture (h, w, 3 or 4) with values in [0, 1] as a WebP data URI; NaN becomes 0."""
    levels = np.round(np.clip(np.nan_to_num(picture), 0, 1) * 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(levels).save(buffer, "WEBP", quality=quality, method=4)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def srgb(linear: np.ndarray) -> np.ndarray:
    """Linear values to sRGB (IEC 61966-2-1), clipped to [0, 1].

    >>> srgb(np.array([0.0, 0.0031308, 0.5, 2.0])).round(4)
    array([0.    , 0.0404, 0.7354, 1.    ])
    """
    return srgb_from_linear(np.clip(np.nan_to_num(linear), 0, 1))


def normal_colours(normals: np.ndarray) -> np.ndarray:
    """The usual colours of normals (x right, y up, z to the viewer): (n + 1) / 2."""
    return np.clip((normals + 1) / 2, 0, 1)


def colours(values: np.ndarray, limits: tuple[float, float], palette: str) -> np.ndarray:
    """Map values (h, w) to RGB by a named palette; `limits` are the values of its ends."""
    low, high = limits
    share = np.clip((np.nan_to_num(values, nan=low) - low) / max(high - low, 1e-12), 0, 1)
    return matplotlib.colormaps[palette](share)[..., :3]


def gradient(palette: str, stops: int = 12) -> str:
    """The palette as a CSS gradient from left to right."""
    rgb = np.round(matplotlib.colormaps[palette](np.linspace(0, 1, stops))[:, :3] * 255).astype(int)
    return "linear-gradient(90deg," + ",".join(f"rgb({r},{g},{b})" for r, g, b in rgb) + ")"


def degree_limit(*maps: np.ndarray | None) -> int:
    """The smallest round limit in degrees that holds 95 % of each map.

    >>> degree_limit(np.array([0.5, 3.0, 4.0]), None)
    5
    """
    tops = [np.nanpercentile(m, 95) for m in maps if m is not None and np.isfinite(m).any()]
    top = max(tops, default=1.0)
    return next((limit for limit in DEGREE_LIMITS if limit >= top), DEGREE_LIMITS[-1])


def with_alpha(rgb: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """RGB (h, w, 3) and coverage (h, w) to RGBA."""
    return np.dstack([rgb, alpha])


def height_limits(depth: np.ndarray) -> tuple[float, float]:
    """Range of a depth map without its outermost 0.5 %; (0, 1) where nothing is finite."""
    finite = depth[np.isfinite(depth)]
    if finite.size == 0:
        return 0.0, 1.0
    low, high = np.percentile(finite, [0.5, 99.5])
    return float(low), float(high)
