"""How far the images of a capture lie apart, to a pixel or so, although the light changes between them."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

_LARGEST = 256
"""Longer side in pixels at which images are compared."""
_PARTNERS = 8
"""Images with which each is compared."""


def edge_strength(gray: NDArray[np.float32]) -> NDArray[np.float32]:
    """Gradient magnitude of the log image (H, W): edges of albedo and of silhouettes, about alike under any light.

    The log's floor is 5 % of the image's bright end, so that noise in the dark has no edges.
    """
    bright = float(np.percentile(gray, 90))
    log = cv2.GaussianBlur(np.log(np.maximum(gray, 0) + max(0.05 * bright, 1e-6)), (0, 0), 1.0)
    return np.asarray(np.hypot(cv2.Scharr(log, -1, 1, 0), cv2.Scharr(log, -1, 0, 1)) / 32, dtype=np.float32)


def pair_shift(first: NDArray[np.float32], second: NDArray[np.float32]) -> tuple[NDArray[np.float64], float]:
    """Shift (x, y) with second(p + shift) like first(p), by phase correlation, and its response (peak's share)."""
    height, width = first.shape
    window = cv2.createHanningWindow((width, height), cv2.CV_32F)
    (x, y), response = cv2.phaseCorrelate(first, second, window)
    return np.array([x, y]), float(response)


def coarse_shifts(images: NDArray[np.float32]) -> tuple[NDArray[np.float64], float]:
    """Shifts (N, 2) in pixels (x, y) of images (N, H, W), median zero, and the cycle error in pixels.

    Each image is compared with some others, near and far in the list; the shifts t of least
    sum_ij rho(|d_ij - (t_j - t_i)|) over those pairs are the result, and the median of that distance, which is zero
    where every round trip ends where it began, is the cycle error.
    """
    count, height, width = images.shape
    scale = min(1.0, _LARGEST / max(height, width))
    size = (max(8, round(width * scale)), max(8, round(height * scale)))
    features = [edge_strength(cv2.resize(image, size, interpolation=cv2.INTER_AREA)) for image in images]
    steps = sorted({min(count - 1, max(1, round(count * f))) for f in (0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5)})[:_PARTNERS]
    pairs = [(i, (i + step) % count) for i in range(count) for step in steps] if count > 1 else []
    if not pairs:
        return np.zeros((count, 2)), 0.0
    measured = [pair_shift(features[i], features[j]) for i, j in pairs]
    shifts = np.stack([s for s, _ in measured]) / [size[0] / width, size[1] / height]
    weight = np.array([max(response, 1e-3) for _, response in measured])
    first, second = np.array(pairs).T
    incidence = np.zeros((len(pairs), count))
    incidence[np.arange(len(pairs)), second] += 1.0
    incidence[np.arange(len(pairs)), first] -= 1.0
    robust = np.ones(len(pairs))
    tight = 1.0 / scale
    solution = np.zeros((count, 2))
    for _ in range(30):  # iteratively reweighted least squares with the absolute value's weights
        root = np.sqrt(weight * robust)[:, None]
        solution = np.linalg.lstsq(incidence * root, shifts * root, rcond=1e-9)[0]
        distance = np.hypot(*(shifts - incidence @ solution).T)
        robust = tight / np.maximum(distance, 0.1 * tight)
    return solution - np.median(solution, axis=0), float(np.median(distance))
