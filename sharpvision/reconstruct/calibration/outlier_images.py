"""Images that do not belong: of another scene, with the lamp off, or blurred beyond use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from sharpvision.reconstruct.calibration.coarse_motion import edge_strength
from sharpvision.reconstruct.calibration.sharpness import blurred_images, edge_width

Reason = Literal["lamp off", "another scene", "blurred"]
_DARK = 0.04
_LARGEST = 256
_BLURRED, _WIDER = 2.5, 1.5
_ALIKE = 0.35


@dataclass(frozen=True)
class OutlierImage:
    """An image that does not belong: its `index`, the `reason`, and one sentence with the figures."""

    index: int
    reason: Reason
    sentence: str


def outlier_images(images: NDArray[np.float32]) -> list[OutlierImage]:
    """Which of the linear images (N, H, W[, C]) should be left out, and why; never more than a third of them.

    Lamp off: brighter parts (95th percentile) below 4 % of the median image's. Another scene: its edges (gradients of
    the log image, blurred so that shake and moving shadows matter little) correlate with those of the median over all
    images far less than the others' do. Blurred: edges 2.5 times as wide as the median's. Where more than a third would
    go, there is no telling who the odd ones are, and the list is empty.
    """
    gray = images if images.ndim == 3 else images.mean(-1)
    count, height, width = gray.shape
    if count < 4:
        return []
    level = np.percentile(gray, 95, axis=(1, 2))
    middle = float(np.median(level))
    if not middle > 1e-9:
        return []
    found = [
        OutlierImage(int(i), "lamp off", f"it has {100 * level[i] / middle:.1f} % of the others' light")
        for i in np.flatnonzero(level < _DARK * middle)
    ]
    lit = np.flatnonzero(level >= _DARK * middle)
    likeness = _likeness(gray[lit])
    usual = float(np.median(likeness))
    spread = 1.4826 * float(np.median(np.abs(likeness - usual)))
    strange = (likeness < _ALIKE * usual) & (likeness < usual - 5 * spread)
    for i in np.flatnonzero(strange):
        sentence = f"its edges agree with the others' by {likeness[i]:.2f}, where {usual:.2f} is usual"
        found.append(OutlierImage(int(lit[i]), "another scene", sentence))
    scale = min(1.0, 4 * _LARGEST / max(height, width))
    reduced = [gray[i] if scale == 1 else cv2.resize(gray[i], None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
               for i in lit[~strange]]  # fmt: skip
    widths = np.array([edge_width(image) for image in reduced]) / scale
    blurred = blurred_images(widths, _BLURRED, _WIDER / scale)
    for i, width in zip(lit[~strange][blurred], widths[blurred], strict=True):
        sentence = f"its edges are {width:.1f} pixels wide, where {np.nanmedian(widths):.1f} is usual"
        found.append(OutlierImage(int(i), "blurred", sentence))
    return sorted(found, key=lambda entry: entry.index) if len(found) <= count / 3 else []


def _likeness(gray: NDArray[np.float32]) -> NDArray[np.float64]:
    """Correlation (N,) of each image's blurred edges with the median over all."""
    height, width = gray.shape[1:]
    scale = min(1.0, _LARGEST / max(height, width))
    size = (max(8, round(width * scale)), max(8, round(height * scale)))
    sigma = 0.02 * max(size)
    edges = np.stack([
        cv2.GaussianBlur(edge_strength(cv2.resize(image, size, interpolation=cv2.INTER_AREA)), (0, 0), sigma)
        for image in gray
    ]).reshape(len(gray), -1).astype(np.float64)  # fmt: skip
    edges -= edges.mean(1, keepdims=True)
    middle = np.median(edges / np.maximum(edges.std(1, keepdims=True), 1e-12), axis=0)
    norms = np.linalg.norm(edges, axis=1) * np.linalg.norm(middle)
    return np.asarray(edges @ middle / np.maximum(norms, 1e-12))
