"""NumPy twin of the robust Lambertian estimate of one pixel; see `sharpvision.kernels.robust_normals`."""

from __future__ import annotations

import numpy as np

from sharpvision.kernels.robust_normals import CAUCHY

GREY = np.array([0.2989, 0.5870, 0.1140])


def ranked(observed: np.ndarray, usable: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Grey observations (N,) over the 90th percentile, dark weights (N,) of the trusted, and who starts (N,)."""
    grey, usable = observed.astype(np.float64) @ GREY, usable.astype(bool)
    before = (grey[None] < grey[:, None]) | ((grey[None] == grey[:, None]) & np.tri(len(grey), k=-1, dtype=bool))
    rank = (before & usable[None]).sum(1) / max(usable.sum() - 1, 1)
    grey = grey / max(grey[usable & (rank <= 0.9001)].max(initial=0.0), 1e-6)
    low, high = (0.25, 0.8) if usable.sum() >= 5 else (0.0, 1.0)  # the middle of four are two: too few
    trusted = usable & (rank <= high + 1e-7)
    return grey, np.where(trusted, np.clip(grey / 0.3, 0.1, 1.0), 0.0), trusted & (rank >= low)


def robust_cost(
    m: np.ndarray, grey: np.ndarray, dark: np.ndarray, lights: np.ndarray, scale: float, formulation: int = CAUCHY
) -> float:
    """sum_j d_j rho(g_j - max(m.l_j, 0)), rho = s^2 log(1 + (r / s)^2) / 2 (Cauchy) or |r| (L1); m = albedo n (3,)."""
    r = grey - np.maximum(lights.astype(np.float64) @ m, 0.0)
    loss = 0.5 * scale**2 * np.log1p((r / scale) ** 2) if formulation == CAUCHY else np.abs(r)
    return float((dark * loss).sum())
