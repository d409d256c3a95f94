"""Where the object is, when nobody says: what stands apart from the picture's border under a moving light."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

_LARGEST = 400
"""Longer side in pixels at which the mask is cut out; its edge is then found again at full size."""
_BORDER = 0.03
_DARK = 0.04
"""Share of the bright end below which a border counts as black."""
_ITERATIONS = 4
_RANGE = 0.3
"""Deviations from the border within which pixels do not differ: what the threshold's logarithm starts from."""
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class ObjectMask:
    """`mask` (H, W); `confidence` in [0, 1]: how clearly the object's features part from the border's; `background`:
    "dark", or "lit" by the same lamp; `notes` for the reader of the report."""

    mask: NDArray[np.bool_]
    confidence: float
    background: str
    notes: tuple[str, ...] = ()


def find_object(images: Floats, exclude: NDArray[np.bool_] | None = None) -> ObjectMask:
    """The object's mask from linear images (N, H, W[, 3]) of it under different lights; `exclude` (H, W) is not it.

    What lies along the picture's border is background. A dark background tells itself by its brightness. A lit one,
    such as a table, goes bright and dark with the lamp like all of its plane: of log(image / background's image), the
    latter smooth over the picture, the 60th and the 90th percentile over the images lie apart only where the surface
    has another normal. Cast shadows, which only darken, move neither. The former, their distance and colour are the
    channels of a GrabCut (Rother, Kolmogorov and Blake, 2004) that starts from what stands apart of the border's
    distribution. The largest piece is kept, its holes filled.

    Where nothing stands apart, or nearly all does, the mask is the whole picture without `exclude`, with confidence 0
    and a note.
    """
    stack = images if images.ndim == 4 else np.repeat(images[..., None], 3, -1)
    height, width = stack.shape[1:3]
    scale = min(1.0, _LARGEST / max(height, width))
    size = (max(16, round(width * scale)), max(16, round(height * scale)))
    small = np.stack([cv2.resize(image, size, interpolation=cv2.INTER_AREA) for image in stack])
    out = np.zeros(size[::-1], bool)
    if exclude is not None:
        out = cv2.resize(exclude.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0.01
    whole = np.ones((height, width), bool) if exclude is None else ~exclude
    features, dark = _features(small, out)
    if features is None:
        return ObjectMask(whole, 0.0, "dark", ("no object was found: the photographs hold no contrast",))
    score = _distance(features, _border(out))
    cut = _cut(features, score, out)
    kept = _largest_piece(cut)
    share = kept.mean()
    background = "dark" if dark else "lit"
    if not 0.003 < share < 0.95:
        return ObjectMask(whole, 0.0, background, ("no object was found: nothing stands apart from the background",))
    confidence = _separation(score, kept, out)
    mask = cv2.resize(kept.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR) > 0.5
    mask &= whole
    notes = ["the object's mask was made from the photographs; look at it, or name one with --mask"]
    touching = kept[0].sum() + kept[-1].sum() + kept[:, 0].sum() + kept[:, -1].sum()
    if touching > 0.05 * sum(kept.shape):
        notes.append("the object reaches the picture's border, where background was expected")
        confidence *= 0.5
    return ObjectMask(mask, confidence, background, tuple(notes))


def _border(out: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The picture's edge, without what is excluded."""
    band = max(2, round(_BORDER * min(out.shape)))
    border = np.ones_like(out)
    border[band:-band, band:-band] = False
    return border & ~out


def _features(stack: Floats, out: NDArray[np.bool_]) -> tuple[Floats | None, bool]:
    """Channels (H, W, C) with values about 0 to 1 and whether the border is dark; None where all images are black."""
    gray = stack.mean(-1)
    level = np.maximum(np.percentile(gray, 95, axis=(1, 2)), 1e-9)
    lit = level > 0.02 * level.max()
    gray, stack = gray[lit] / level[lit, None, None], stack[lit]
    mean = gray.mean(0)
    bright = float(np.percentile(mean, 95))
    if level.max() < 1e-6 or mean.std() < 1e-4 * bright:
        return None, True
    border = _border(out)
    dark = bool(np.median(mean[border]) < _DARK * bright)
    brightness = np.sqrt(np.clip(mean / bright, 0, 1.5))
    if dark:
        top = np.percentile(gray, 90, axis=0) / max(float(np.percentile(gray, 98)), 1e-9)
        strongest = np.sqrt(np.clip(top, 0, 1.5))
        return np.stack([brightness, strongest, brightness], -1).astype(np.float32), dark
    log = np.log(gray + 0.02)
    ratio = log - np.stack([_smooth_background(image, border) for image in log])
    middle, high = np.percentile(ratio, [60, 90], axis=0)
    spread = cv2.GaussianBlur((high - middle).astype(np.float32), (0, 0), 1.0)
    colour = np.log(stack.mean(0) + 0.02 * stack.mean(0).max())
    chroma = colour - colour.mean(-1, keepdims=True)
    apart = np.linalg.norm(chroma - np.median(chroma[border], axis=0), axis=-1)
    return np.stack([middle, 2.0 * spread, apart], -1).astype(np.float32), dark


def _smooth_background(log: Floats, border: NDArray[np.bool_]) -> Floats:
    """A quadratic surface (H, W) through a log image's border, its outliers left out: light falls off smoothly."""
    height, width = log.shape
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    x, y = 2 * x / width - 1, 2 * y / height - 1
    basis = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], -1)
    rows, values = basis[border], log[border].astype(np.float64)
    weight = np.ones_like(values)
    solution = np.zeros(6)
    for _ in range(5):
        root = np.sqrt(weight)
        solution = np.linalg.lstsq(rows * root[:, None], values * root, rcond=None)[0]
        residual = values - rows @ solution
        weight = 1 / (1 + (residual / (2 * 1.4826 * np.median(np.abs(residual)) + 1e-3)) ** 2)
    return (basis @ solution).astype(np.float32)


def _distance(features: Floats, border: NDArray[np.bool_]) -> Floats:
    """How many deviations of the border's values each pixel lies away from their middle, the largest over channels."""
    values = features[border]
    middle = np.median(values, axis=0)
    deviation = np.maximum(1.4826 * np.median(np.abs(values - middle), axis=0), 0.02)
    distance = np.abs(features - middle) / deviation
    return np.asarray(np.sqrt((distance**2).mean(-1)), dtype=np.float32)


def _cut(features: Floats, score: Floats, out: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """GrabCut of the features, started from the score."""
    threshold = _otsu(np.log(score + _RANGE)[~out])
    apart = (np.log(score + _RANGE) > threshold) & ~out
    low, high = np.percentile(features[~out], [0.5, 99.5], axis=0)
    coded = np.clip((features - low) / np.maximum(high - low, 1e-6), 0, 1)
    dither = np.random.default_rng(0).normal(0, 2, coded.shape)  # a background without noise has no Gaussian
    picture = np.clip(np.rint(255 * coded + dither), 0, 255).astype(np.uint8)
    label = np.where(apart, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    border = _border(out)
    label[border & ~apart] = cv2.GC_BGD
    label[out] = cv2.GC_BGD
    if not apart.any() or apart.all():
        return apart
    cv2.setRNGSeed(0)
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(picture, label, None, *models, _ITERATIONS, cv2.GC_INIT_WITH_MASK)  # type: ignore[call-overload]
    return np.asarray((label == cv2.GC_FGD) | (label == cv2.GC_PR_FGD))


def _otsu(values: Floats) -> float:
    """Otsu's threshold between two classes of values."""
    low, high = float(values.min()), float(values.max())
    codes = np.rint(255 * (values - low) / max(high - low, 1e-9)).astype(np.uint8)
    code = cv2.threshold(codes, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)[0]
    return low + (high - low) * code / 255


def _largest_piece(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The largest connected piece after a small opening, holes filled; pieces near to it of a tenth of its size too."""
    opened = ndimage.binary_opening(mask, iterations=1)
    labels, count = ndimage.label(opened)
    if count == 0:
        return np.zeros_like(mask)
    sizes = np.bincount(labels.ravel())[1:]
    kept = labels == 1 + int(sizes.argmax())
    reach = ndimage.binary_dilation(kept, iterations=max(2, max(mask.shape) // 50))
    for index, size in enumerate(sizes, 1):
        if size > 0.1 * sizes.max() and reach[labels == index].any():
            kept |= labels == index
    return np.asarray(ndimage.binary_fill_holes(kept), dtype=bool)


def _separation(score: Floats, kept: NDArray[np.bool_], out: NDArray[np.bool_]) -> float:
    """Area under the curve of the score as a test of object against background, stretched to [0, 1]."""
    from scipy.stats import rankdata

    use = ~out
    ranks = rankdata(score[use])
    inside = kept[use]
    positive, negative = int(inside.sum()), int((~inside).sum())
    if positive == 0 or negative == 0:
        return 0.0
    area = (ranks[inside].sum() - positive * (positive + 1) / 2) / (positive * negative)
    return float(np.clip(2 * area - 1, 0, 1))
