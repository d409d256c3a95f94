"""What the page needs to relight an object: fitted normals and reflectance as small integers, and how to read them.

The shader (`templates/brdf.js`) and `shade` below are the same formulas; one test holds `shade` to
`sharpvision.materials` and another holds the shader's pixels to `shade`.
"""

from __future__ import annotations

import base64
import math
import zlib
from dataclasses import dataclass, field, replace
from typing import Any

import cv2
import numpy as np
from scipy import ndimage

from sharpvision.materials.lobe_mixture import ROUGH_DIFFUSE_VARIANCE
from sharpvision.report.page_pictures import srgb
from sharpvision.report.page_subject import Subject, coverage, shrink
from sharpvision.solvers.solution import Solution

MAX_PIXELS = 400_000
MARGIN_PX = 4  # how far values reach over the mask's rim, so that interpolation does not fade there
TINT_SIGMA_PX = 2.0
FILL = 0.015  # light from everywhere, for display: keeps what lies in shadow readable


@dataclass(frozen=True)
class Material:
    """Fitted reflectance on a grid of (h, w) pixels, in the frame of files (x right, y up, z to the viewer).

    `diffuse` and `rough` (h, w, 3) weigh max(n.l, 0) and its Oren-Nayar form (together the solution's albedo);
    `lobes` (h, w, K) are grey weights of GGX lobes of width `alpha` (K,), coloured by `tint` (h, w, 3) whose mean over
    the channels is 1; `height` (h, w) in grid pixels towards the viewer, or None; `cover` (h, w) in [0, 1];
    `exposure` brings the picture into range.
    """

    cover: np.ndarray
    normals: np.ndarray
    diffuse: np.ndarray
    height: np.ndarray | None = None
    rough: np.ndarray | None = None
    lobes: np.ndarray | None = None
    tint: np.ndarray | None = None
    alpha: tuple[float, ...] = ()
    exposure: float = 1.0


@dataclass(frozen=True)
class Packed:
    """Base64 of deflated planes, and the JSON-ready description that the page reads them by."""

    data: str
    description: dict[str, Any] = field(default_factory=dict)


def fitted_material(solution: Solution, subject: Subject, max_pixels: int = MAX_PIXELS) -> Material:
    """The reflectance of a photometric solution, shrunk to at most `max_pixels`; Lambert where no lobes were fitted."""
    height, width = subject.mask.shape
    side = max(height, width) * min(1.0, math.sqrt(max_pixels / (height * width)))
    max_side = max(1, math.floor(side))
    cover = cv2.GaussianBlur(coverage(subject.mask, max_side), (0, 0), 0.9)  # a smooth rim when enlarged

    def layer(image: np.ndarray) -> np.ndarray:
        return _reach_over_rim(shrink(image, subject.mask, max_side))

    def value(name: str) -> np.ndarray | None:
        tensor = solution.values.get(name)
        if tensor is None or tensor.shape[:2] != solution.values["normals"].shape[:2]:
            return None
        return tensor.detach().cpu().numpy()[subject.window].astype(np.float32)

    normals = layer(subject.normals)
    length = np.linalg.norm(normals, axis=-1, keepdims=True)
    normals = np.where(length > 1e-6, normals / np.maximum(length, 1e-6), [0.0, 0.0, 1.0]).astype(np.float32)
    if subject.albedo is None:
        diffuse = np.full((*cover.shape, 3), 0.7, np.float32)
    else:
        diffuse = np.maximum(layer(subject.albedo), 0)
    rough = value("rough_diffuse")
    if rough is not None:  # the albedo is the sum of both diffuse weights
        rough = np.minimum(np.maximum(layer(rough), 0), diffuse)
        diffuse = diffuse - rough
    weights = value("lobe_weights")
    lobes = tint = None
    alpha: tuple[float, ...] = ()
    if weights is not None and weights.ndim == 4 and weights.shape[2] > 0:
        count = weights.shape[2]
        small = np.maximum(layer(weights.reshape(*weights.shape[:2], -1)), 0).reshape(*cover.shape, count, 3)
        lobes = small.mean(-1)
        # Neighbouring lobes trade weight differently in each channel: their colour is only known as a local mean.
        coloured = cv2.GaussianBlur(np.ascontiguousarray(small.sum(2)), (0, 0), TINT_SIGMA_PX)
        grey = coloured.mean(-1, keepdims=True)
        tint = np.where(grey > 1e-9, coloured / np.maximum(grey, 1e-9), 1).astype(np.float32)
        alpha = tuple(float(a) for a in solution.values["lobe_roughness"].detach().cpu().reshape(-1)[:count])
    material = Material(
        cover=cover,
        normals=normals,
        diffuse=diffuse,
        height=_height(subject, max_side, cover.shape[1] / width),
        rough=rough,
        lobes=lobes,
        tint=tint,
        alpha=alpha,
    )
    bright = shade(material, direction(0.25, 0.3))[cover > 0.5]
    top = float(np.percentile(bright, 98)) if bright.size else 0.0
    return replace(material, exposure=0.82 / top if top > 1e-9 else 1.0)


def direction(x: float, y: float) -> np.ndarray:
    """The light's direction for a point of the unit disc, z to the viewer; beyond the disc it is at the horizon.

    >>> direction(0.6, 0.0).round(3).tolist()
    [0.6, 0.0, 0.8]
    """
    radius = math.hypot(x, y)
    fit = min(1.0, 0.995 / radius) if radius > 0 else 1.0
    return np.array([x * fit, y * fit, math.sqrt(max(0.0, 1 - (radius * fit) ** 2))])


def shade(material: Material, light: np.ndarray) -> np.ndarray:
    """Radiance under one distant light of unit irradiance, seen along z, without cast shadows.

        L = a max(n.l, 0) + b O(n, l) + sum_k w_k D(n.h; alpha_k) V(n.l, n.v; alpha_k) max(n.l, 0)

    with O the Oren-Nayar (1994, qualitative) cosine, D the GGX distribution and V Smith's separable masking over
    4 n.l n.v (Walter et al. 2007). Weights carry the 1/pi. Light (3,), unit; returns (h, w, 3).
    """
    n = material.normals
    nl = np.clip((n * light).sum(-1), 0, 1)
    nv = np.clip(n[..., 2], 1e-3, 1)
    half = light + np.array([0.0, 0.0, 1.0])
    nh = np.clip((n * (half / np.linalg.norm(half))).sum(-1), 0, 1)
    radiance = material.diffuse * nl[..., None]
    if material.rough is not None:
        radiance = radiance + material.rough * oren_nayar_cosine(nl, nv, float(light[2]))[..., None]
    if material.lobes is not None and material.tint is not None:
        gloss = sum(material.lobes[..., k] * ggx_lobe(nl, nv, nh, alpha) for k, alpha in enumerate(material.alpha))
        radiance = radiance + material.tint * np.asarray(gloss * nl)[..., None]
    return radiance


def ggx_lobe(nl: np.ndarray, nv: np.ndarray, nh: np.ndarray, alpha: float) -> np.ndarray:
    """D(n.h) V(n.l, n.v) of one GGX lobe of unit weight, without Fresnel (1/sr)."""
    a2 = alpha * alpha
    distribution = a2 / (np.pi * (nh * nh * (a2 - 1) + 1) ** 2)
    masking = (nl + np.sqrt(a2 + (1 - a2) * nl * nl)) * (nv + np.sqrt(a2 + (1 - a2) * nv * nv))
    return distribution / masking


def oren_nayar_cosine(nl: np.ndarray, nv: np.ndarray, lv: float) -> np.ndarray:
    """n.l (A + B max(0, cos dphi) sin(alpha) tan(beta)), the Oren-Nayar form of the cosine; `lv` is l.v."""
    variance = ROUGH_DIFFUSE_VARIANCE
    a = 1 - 0.5 * variance / (variance + 0.33)
    b = 0.45 * variance / (variance + 0.09)
    # cos dphi sin(alpha) tan(beta) = (l.v - n.l n.v) / max(n.l, n.v)
    return nl * (a + b * np.maximum(0, lv - nl * nv) / np.maximum(np.maximum(nl, nv), 1e-3))


def pack(material: Material) -> Packed:
    """The material as integers: per channel q = round((2^bits - 1) ((v - offset) / scale)^(1/power)).

    Rows are stored as differences to the left neighbour modulo 2^bits (as PNG does), 16-bit values as a plane of high
    and one of low bytes, everything deflated and in base64.
    """
    channels: list[dict[str, Any]] = []
    planes: list[np.ndarray] = []

    def put(name: str, values: np.ndarray, bits: int, span: tuple[float, float], power: float = 1.0) -> None:
        low, high = span
        scale = max(high - low, 1e-12)
        levels = quantise(values, bits, low, scale, power)
        step = np.bitwise_and(np.diff(levels.astype(np.int64), axis=1, prepend=0), (1 << bits) - 1)
        if bits > 8:
            planes.append((step >> 8).astype(np.uint8))
        planes.append((step & 255).astype(np.uint8))
        channels.append({"name": name, "bits": bits, "offset": low, "scale": scale, "power": power})

    put("cover", material.cover, 8, (0.0, 1.0))
    for axis, name in enumerate(("nx", "ny")):
        put(name, material.normals[..., axis], 12, (-1.0, 1.0))
    if material.height is not None:
        put("height", material.height, 12, (float(material.height.min()), float(material.height.max())))
    for group, image in (("diffuse", material.diffuse), ("rough", material.rough), ("tint", material.tint)):
        if image is not None:
            for channel, letter in enumerate("rgb"):
                put(f"{group}_{letter}", image[..., channel], 8, (0.0, _top(image[..., channel])), 2.0)
    for k in range(len(material.alpha)):
        assert material.lobes is not None
        put(f"lobe_{k}", material.lobes[..., k], 8, (0.0, _top(material.lobes[..., k])), 2.0)

    raw = b"".join(np.ascontiguousarray(plane).tobytes() for plane in planes)
    height, width = material.cover.shape
    return Packed(
        data=base64.b64encode(zlib.compress(raw, 9)).decode("ascii"),
        description={
            "width": width,
            "height": height,
            "channels": channels,
            "alpha": list(material.alpha),
            "rough": material.rough is not None,
            "relief": material.height is not None,
            "variance": ROUGH_DIFFUSE_VARIANCE,
            "fill": FILL,
            "exposure": material.exposure,
        },
    )


def quantise(values: np.ndarray, bits: int, offset: float, scale: float, power: float) -> np.ndarray:
    """Values to integers of `bits` bits; NaN becomes the lowest."""
    share = np.clip((np.nan_to_num(values, nan=offset) - offset) / scale, 0, 1)
    return np.round(share ** (1 / power) * ((1 << bits) - 1)).astype(np.uint32)


def _top(values: np.ndarray) -> float:
    """Upper end of a channel: its largest value, unless the last 0.05 % alone would coarsen all others."""
    top, most = float(values.max(initial=0)), float(np.percentile(values, 99.95)) if values.size else 0.0
    return min(top, 4 * most) if most > 0 else top


def _height(subject: Subject, max_side: int, scale: float) -> np.ndarray | None:
    if subject.depth is None:
        return None
    depth = shrink(subject.depth, subject.mask, max_side)
    filled = _reach_over_rim(depth)
    finite = np.isfinite(depth)
    if not finite.any():
        return None
    middle = float(np.median(depth[finite]))
    return (-(np.where(np.isfinite(filled), filled, middle) - middle) * scale).astype(np.float32)


def _reach_over_rim(image: np.ndarray) -> np.ndarray:
    """Fill pixels that are NaN from the nearest finite one, up to `MARGIN_PX` away; 0 beyond."""
    known = np.isfinite(image.reshape(*image.shape[:2], -1)).all(-1)
    if known.all() or not known.any():
        return np.nan_to_num(image).astype(np.float32)
    distance, (rows, columns) = ndimage.distance_transform_edt(~known, return_indices=True)
    near = (distance <= MARGIN_PX).reshape(known.shape + (1,) * (image.ndim - 2))
    return np.where(near, image[rows, columns], 0).astype(np.float32)


def poster(material: Material, light: np.ndarray) -> np.ndarray:
    """The first picture of the relit object as RGBA (h, w, 4) in [0, 1], filled and tone-mapped as the shader does."""
    albedo = material.diffuse if material.rough is None else material.diffuse + material.rough
    picture = tone((shade(material, light) + FILL * albedo) * material.exposure)
    share = np.clip((material.cover - 0.35) / 0.3, 0, 1)
    return np.dstack([picture, share * share * (3 - 2 * share)])


def tone(linear: np.ndarray, shoulder: float = 0.7) -> np.ndarray:
    """Linear to sRGB, faithful below `shoulder` s, above it s + (1 - s)(1 - exp(-(x - s) / (1 - s))).

    >>> tone(np.array([0.5, 100.0])).round(4)
    array([0.7354, 1.    ])
    """
    over = np.maximum(linear - shoulder, 0)
    rolled = np.minimum(linear, shoulder) + (1 - shoulder) * (1 - np.exp(-over / (1 - shoulder)))
    return srgb(rolled)
