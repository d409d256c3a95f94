"""What a caller may choose when normals become depth."""

from __future__ import annotations

from dataclasses import dataclass

from sharpvision.core.errors import InputError

METHODS = ("least_squares", "bilateral")


@dataclass(frozen=True)
class IntegrationSettings:
    """Settings of `integrate_normals` and `bilateral_depth`.

    `method` is "least_squares" (smooth surfaces, one linear solve) or "bilateral" (surfaces with steps).
    `focal_px` in pixels selects a perspective camera, None an orthographic one; `principal_point` (x, y) with pixel
    centres at +0.5, None for the image's centre. `k` is the sharpness of the bilateral weights (1 / px^2 of the jump
    seen along the normal); larger cuts more. `max_steps` and `tolerance` (relative change of the energy) end the
    reweighting. `min_nz` clamps -n_z (perspective: the cosine times the ray's length) from below, which bounds slopes.

    >>> IntegrationSettings(method="bilateral").k
    8.0
    """

    method: str = "least_squares"
    focal_px: float | None = None
    principal_point: tuple[float, float] | None = None
    k: float = 8.0
    max_steps: int = 150
    tolerance: float = 1e-3
    min_nz: float = 0.05

    def __post_init__(self) -> None:
        where = "integration settings"
        if self.method not in METHODS:
            raise InputError(where, f"method one of {', '.join(METHODS)}", repr(self.method), "use one of these")
        if self.focal_px is not None and not 0 < self.focal_px < float("inf"):
            raise InputError(where, "a positive focal length in pixels", str(self.focal_px), "give --focal in pixels")
        if not self.k > 0 or not 0 < self.min_nz < 1 or self.max_steps < 1 or not self.tolerance >= 0:
            raise InputError(
                where,
                "k > 0, 0 < min_nz < 1, max_steps >= 1, tolerance >= 0",
                f"k {self.k}, min_nz {self.min_nz}, max_steps {self.max_steps}, tolerance {self.tolerance}",
                "correct the value",
            )
