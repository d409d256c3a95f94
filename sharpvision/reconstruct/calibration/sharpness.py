"""How wide the edges of each image are: out of focus, or moved while it was exposed."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

_SMOOTH = 0.7


def edge_width(image: NDArray[np.float32], mask: NDArray[np.bool_] | None = None) -> float:
    """Standard deviation in pixels of the Gaussian that blurs the strongest edges of a linear image (H, W); NaN where
    there are none.

        s^2 = sum |grad g|^2 / (2 sum (lap g)^2) - 0.7^2,     g = G(0.7) * log(I + floor),

    over what lies around the tenth of the pixels with the largest gradient; exact for straight edges far apart, in
    whatever light, and for a blur that is not Gaussian the deviation that its edge's energy has. Texture finer than the
    blur makes it smaller. Errors come from noise, which looks sharp: compare images of one capture.

    >>> step = np.repeat((np.arange(64) > 31)[None] * 0.1 + 0.5, 64, 0).astype(np.float32)
    >>> round(edge_width(cv2.GaussianBlur(step, (0, 0), 2)), 1)
    2.0
    """
    bright = float(np.percentile(image, 95))
    if not bright > 1e-6:
        return float("nan")
    log = cv2.GaussianBlur(np.log(np.maximum(image, 0) + np.float32(0.05 * bright)), (0, 0), _SMOOTH)
    across, down = (cv2.Sobel(log, cv2.CV_32F, *order, ksize=1) / 2 for order in ((1, 0), (0, 1)))
    gradient = across**2 + down**2
    curvature = cv2.Laplacian(log, cv2.CV_32F, ksize=1) ** 2
    use = np.ones(image.shape, bool) if mask is None else mask
    if not use.any() or gradient[use].max() < 1e-5:
        return float("nan")
    edges = ((gradient >= np.percentile(gradient[use], 90)) & use).astype(np.uint8)
    around = (cv2.dilate(edges, np.ones((5, 5), np.uint8)) > 0) & use
    squared = float(gradient[around].sum()) / max(2 * float(curvature[around].sum()), 1e-12) - _SMOOTH**2
    return float(np.sqrt(max(squared, 0.0)))


def blurred_images(widths: NDArray[np.float64], factor: float = 1.6, least: float = 1.0) -> NDArray[np.bool_]:
    """(N,) images whose edges are `factor` times as wide as the median's, and wider than that by `least` pixels.

    >>> blurred_images(np.array([0.6, 0.62, 2.3, 0.58])).tolist()
    [False, False, True, False]
    """
    known = widths[np.isfinite(widths)]
    if known.size < 3:
        return np.zeros(widths.shape, bool)
    usual = float(np.median(known))
    with np.errstate(invalid="ignore"):
        return np.asarray((widths > factor * usual) & (widths > usual + least), dtype=bool)
