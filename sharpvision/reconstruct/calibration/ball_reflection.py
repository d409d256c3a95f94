"""Mirror reflection on a ball, in closed form, and how uncertainty goes through it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sharpvision.reconstruct.calibration.sphere_outline import SphereOutline

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Reflections:
    """Rays from a mirror ball towards the lights, OpenCV camera frame: `origins` (N, 3) on the ball in its radii (from
    the camera; from the ball's centre for an orthographic one), `normals` (N, 3), `directions` (N, 3), all unit but the
    first; NaN outside the ball."""

    origins: Array
    normals: Array
    directions: Array


def reflect_on_ball(points: Array, outline: SphereOutline) -> Reflections:
    """Mirror reflection of the viewing rays d through image points (N, 2) on the ball of an outline:

        p = t d,  |p - c| = 1,  n = p - c,  l = d - 2 (d . n) n

    with the ball's radius as the unit of length and its centre c = direction / sin(angular radius); orthographic: d =
    (0, 0, 1) and n_xy = (point - centre) / radius. Twice the normal's angle, not the normal.

    >>> from sharpvision.reconstruct.calibration.sphere_outline import Lens
    >>> half = np.sin(np.radians(30.0))
    >>> outline = SphereOutline((50.0, 50.0, 10.0), Lens())
    >>> reflect_on_ball(np.array([[50 + 10 * half, 50.0]]), outline).directions.round(4)
    array([[ 0.866,  0.   , -0.5  ]])
    """
    points = np.asarray(points, dtype=np.float64)
    rays = outline.lens.rays(points)
    if outline.lens.focal_px is None:
        x, y, radius = outline.parameters
        flat = (points - (x, y)) / radius
        depth = 1 - (flat**2).sum(-1)
        normals = np.concatenate([flat, -np.sqrt(np.where(depth >= 0, depth, np.nan))[..., None]], axis=-1)
        origins = normals
    else:
        centre = outline.direction / np.sin(outline.angular_radius)
        along = rays @ centre
        reach = along**2 - centre @ centre + 1
        origins = (along - np.sqrt(np.where(reach >= 0, reach, np.nan)))[..., None] * rays
        normals = origins - centre
    facing = (rays * normals).sum(-1, keepdims=True)
    return Reflections(origins, normals, rays - 2 * facing * normals)


def direction_std_deg(points: Array, std_px: Array, outline: SphereOutline, covariance: Array) -> Array:
    """Standard deviation (N,) in degrees of the reflected directions (the 68 % angle), from that of the highlights
    (N,) in pixels and the outline's covariance (3, 3), both carried through `reflect_on_ball` by central differences.

    An angle of two equal components of std s has its 68 % point at 1.51 s.
    """
    columns = []
    step = 1e-4 * max(outline.radius, 1.0)
    for axis in range(2):
        shift = np.eye(2)[axis] * step
        ahead, behind = (reflect_on_ball(points + sign * shift, outline).directions for sign in (1, -1))
        columns.append((ahead - behind) / (2 * step) * std_px[:, None])
    values, vectors = np.linalg.eigh(covariance)
    for value, vector in zip(values, vectors.T, strict=True):
        if value <= 0:
            continue
        size = np.sqrt(value)
        small = min(size, 1e-5 * float(np.linalg.norm(outline.parameters)))
        ahead, behind = (
            reflect_on_ball(points, outline.moved(sign * small * vector)).directions for sign in (1, -1)
        )
        columns.append((ahead - behind) * (size / (2 * small)))
    variance = sum((column**2).sum(-1) for column in columns)
    return np.degrees(1.51 * np.sqrt(variance / 2))
