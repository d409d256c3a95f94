"""Normals to depth: the entry for both methods, orthographic and perspective, of any size."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import label
from torch import Tensor

from sharpvision.core.errors import InputError
from sharpvision.reconstruct.integration_bilateral import bilateral_depth
from sharpvision.reconstruct.integration_least_squares import least_squares_depth
from sharpvision.reconstruct.integration_reduced import enlarge, reduce_normals, reduced_settings, reduction_factor
from sharpvision.reconstruct.integration_settings import IntegrationSettings
from sharpvision.solvers.solution import Solution, Status, Step

__all__ = ["IntegrationSettings", "integrate_normals"]


@dataclass(frozen=True)
class _Integrated:
    """What either method gives: depth (pixels, or log depth), history, and how it ended."""

    depth: NDArray[np.float64]
    energies: list[float]
    status: Status
    message: str
    undetermined: float
    unknown: int


def integrate_normals(normals: Tensor, mask: Tensor, settings: IntegrationSettings | None = None) -> Solution:
    """Depth whose gradient is that of a field of normals.

    Orthographic: n_z dz/du + n_x = 0 and n_z dz/dv + n_y = 0, z in pixels. Perspective, with the ray
    r = ((u - c_x) / f, (v - c_y) / f, 1) and L = log depth: f (n.r) dL/du + n_x = 0 and f (n.r) dL/dv + n_y = 0.
    "least_squares" asks this on both sides of every pixel, "bilateral" lets each choose a side: depth may have steps.

    normals (H, W, 3) OpenCV camera frame (x right, y down, z forward; n_z < 0 faces the camera), any length; zero or
    not finite where unknown: there the depth is filled in smoothly, and the notes say so. mask (H, W) bool.
    Returns values `depth` (H, W) float32, NaN outside the mask, growing away from the camera, and `components` (H, W)
    int32, the 4-connected parts of the mask from 0, -1 outside.
    Gauge: each component has a constant that normals can't tell: its mean depth is 0 (orthographic), its mean log
    depth is 0, so its depth is a multiple of the unknown distance (perspective).
    `status` is ILL_POSED where the bilateral weights cut off parts of 1 % of the pixels or more (their share is in
    `figures["undetermined_share"]`). A part that a step surrounds on all sides leaves no trace in the normals, so its
    height is lost without notice where its rim can pass for a crease. Raises `InputError` for an empty mask, for
    shapes that disagree, and where no normal is known.
    Quéau, Durou, Aujol: Normal Integration: A Survey, JMIV 2018; Cao et al.: Bilateral Normal Integration, ECCV 2022.

    >>> n = torch.tensor([0.6, 0.0, -0.8]).expand(4, 5, 3)
    >>> solution = integrate_normals(n, torch.ones(4, 5, dtype=torch.bool))
    >>> solution.status.value, [round(v, 3) for v in solution.values["depth"][0].tolist()]
    ('converged', [-1.5, -0.75, 0.0, 0.75, 1.5])
    """
    settings = settings or IntegrationSettings()
    started = time.perf_counter()
    field, inside = _checked(normals, mask)
    notes: list[str] = []
    factor = reduction_factor(int(inside.sum()), settings.method)
    if factor > 1:
        small, small_mask = reduce_normals(field, inside, factor)
        result = _integrate(small, small_mask, reduced_settings(settings, factor, inside.shape))
        notes.append(
            f"integrated on a grid {factor} times coarser ({int(small_mask.sum())} cells of averaged normals) and "
            "interpolated: detail of the depth finer than a cell is lost"
        )
        depth = enlarge(result.depth, factor, inside.shape, scale=1.0 if settings.focal_px else float(factor))
    else:
        result = _integrate(field, inside, settings)
        depth = result.depth.astype(np.float32)
    components, count = label(inside)
    components -= 1
    depth = _fixed_constant(depth, components, count, perspective=settings.focal_px is not None)
    notes += _notes(settings, count, result)
    return Solution(
        method=settings.method,
        status=result.status,
        message=result.message,
        values={"depth": torch.from_numpy(depth), "components": torch.from_numpy(components)},
        history=[Step(e, float("nan"), float("nan"), 0.0, 0.0, settings.method) for e in result.energies],
        figures={
            "depth_model": "perspective" if settings.focal_px else "orthographic",
            "components": count,
            "steps": len(result.energies),
            "reduction_factor": factor,
            "unknown_normals": result.unknown,
            "undetermined_share": result.undetermined,
        },
        settings=asdict(settings),
        notes=notes,
        seconds=time.perf_counter() - started,
    )


def _checked(normals: Tensor, mask: Tensor) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """The inputs as arrays, without copies, refused where nothing can be done with them."""
    field, inside = normals.detach().cpu().numpy(), mask.detach().cpu().numpy().astype(bool, copy=False)
    if field.shape != (*inside.shape, 3):
        raise InputError("normals", f"shape (H, W, 3) with the mask's {inside.shape}", str(field.shape), "use one size")
    if not inside.any():
        raise InputError("mask", "at least one pixel inside", "an empty mask", "check the mask's file and threshold")
    if not any(_any_known(field[top : top + 512], inside[top : top + 512]) for top in range(0, len(inside), 512)):
        raise InputError("normals", "a finite normal of a length", "none inside the mask", "check the mask")
    return field, inside


def _any_known(normals: NDArray[Any], mask: NDArray[np.bool_]) -> bool:
    chosen = normals[mask]
    return bool((np.isfinite(chosen).all(1) & (np.abs(chosen) > 1e-6).any(1)).any())


def _integrate(normals: NDArray[Any], mask: NDArray[np.bool_], settings: IntegrationSettings) -> _Integrated:
    if settings.method == "bilateral":
        b = bilateral_depth(normals, mask, settings=settings)
        status, message = b.status, f"energy settled after {b.steps} reweightings"
        if status is not Status.CONVERGED:
            message = f"the energy still changes after {b.steps} reweightings"
        elif b.undetermined_share >= 0.01:
            status = Status.ILL_POSED
            message = (
                f"steps surround {100 * b.undetermined_share:.0f} % of the pixels: the height of those parts is a guess"
            )
        return _Integrated(b.depth, b.energies, status, message, b.undetermined_share, b.unknown)
    s = least_squares_depth(normals, mask, settings)
    message = "solved" if s.status is Status.CONVERGED else "the linear solver met its iteration limit"
    return _Integrated(s.depth, [s.energy], s.status, message, 0.0, s.unknown)


def _fixed_constant(
    depth: NDArray[np.float32], components: NDArray[np.int32], count: int, perspective: bool
) -> NDArray[np.float32]:
    """Mean zero of depth or of log depth on each component; then the exponential of log depth."""
    inside = components >= 0
    labels, values = components[inside], depth[inside]
    mean = np.bincount(labels, values, count) / np.bincount(labels, minlength=count)
    values = values - mean.astype(np.float32)[labels]
    depth[inside] = np.exp(values) if perspective else values
    depth[~inside] = np.nan
    return depth


def _notes(settings: IntegrationSettings, components: int, result: _Integrated) -> list[str]:
    """What a user must know about the depth."""
    notes = []
    if settings.focal_px is None:
        notes.append("without a focal length the camera is orthographic: depth is in pixels")
    else:
        notes.append("depth is relative: the normals do not tell the distance, the mean log depth is 0")
    if components > 1:
        notes.append(f"the mask has {components} parts: their depths relative to each other are unknown")
    if result.unknown:
        notes.append(f"{result.unknown} pixels inside the mask have no normal: their depth is filled in smoothly")
    if result.status is Status.ILL_POSED:
        notes.append(result.message)
    return notes
