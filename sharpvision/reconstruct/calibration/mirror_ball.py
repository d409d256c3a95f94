"""Light directions from the highlights on a mirror ball."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sharpvision.core.errors import InputError
from sharpvision.reconstruct.calibration.ball_detection import Ball
from sharpvision.reconstruct.calibration.highlights import Highlights, find_highlights
from sharpvision.reconstruct.calibration.sphere_outline import SphereOutline, outline_covariance

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Reflections:
    """Rays from a mirror ball towards the lights, OpenCV camera frame: `origins` (N, 3) on the ball in its radii (from
    the camera; from the ball's centre for an orthographic one), `normals` (N, 3), `directions` (N, 3), all unit but the
    first; NaN outside the ball."""

    origins: Array
    normals: Array
    directions: Array


@dataclass(frozen=True)
class BallLights:
    """Lights of N images: `directions` (N, 3) unit, to the light, OpenCV camera frame; `std_deg` (N,) the angle that 68
    % of errors stay below; `found` (N,) bool. What was not found is NaN.

    `brightness` (N, 3) is the highlights' flux, 1 for the brightest channel's mean: a hint at relative intensities, too
    low where `saturated` (N,). `notes` name what a user must know, such as images without a highlight.
    """

    directions: Array
    std_deg: Array
    found: NDArray[np.bool_]
    brightness: Array
    saturated: NDArray[np.bool_]
    notes: tuple[str, ...] = ()


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


def lights_from_ball(images: NDArray[np.float32], ball: Ball, names: Sequence[str] = (),
                     where: str = "photographs") -> BallLights:  # fmt: skip
    """Direction, uncertainty and brightness of the light of each image (N, H, W, 3), linear, from a ball in them.

    The ball may have been found in other images of the same camera. `names` are the images' names for the notes. Raises
    `InputError` where no image has a highlight.
    """
    same = len(images) == len(ball.highlights.found)
    highlights = ball.highlights if same else find_highlights(images, ball.outline)
    reflected = reflect_on_ball(highlights.positions, ball.outline)
    found = highlights.found & np.isfinite(reflected.directions).all(1)
    if not found.any():
        raise InputError(where, "a highlight on the ball", "none in any image", "light the ball, or give the lights")
    spread = max(ball.contour_rms_px, 0.05)
    # Neighbouring edge points share pixels and blur: about one in two pixels of contour tells something new.
    covariance = outline_covariance(ball.outline, ball.edge_points[::2], spread)
    doubt = np.subtract(ball.outline.grown(max(0.5 * ball.growth_px, 0.1)).parameters, ball.outline.parameters)
    covariance = covariance + np.outer(doubt, doubt)
    std_deg = direction_std_deg(highlights.positions, highlights.std_px, ball.outline, covariance)
    std_deg = np.where(found, np.clip(np.nan_to_num(std_deg, nan=90.0), 0, 90), np.nan)
    directions = np.where(found[:, None], reflected.directions, np.nan)
    flux = np.where(found[:, None], highlights.flux, np.nan)
    brightness = flux / max(float(np.nanmax(flux)), 1e-12)
    return BallLights(directions, std_deg, found, brightness, highlights.saturated,
                      (*ball.notes, *_notes(highlights, found, names)))  # fmt: skip


def _notes(highlights: Highlights, found: NDArray[np.bool_], names: Sequence[str]) -> tuple[str, ...]:
    def listed(which: NDArray[np.bool_]) -> str:
        return ", ".join(names[index] if names else f"image {index}" for index in np.flatnonzero(which).tolist())

    notes = []
    if not found.all():
        notes.append(f"no highlight on the ball, so no light direction: {listed(~found)}")
    if highlights.rivals.any():
        notes.append(f"two highlights on the ball, the brighter one taken: {listed(highlights.rivals)}")
    if highlights.saturated[found].any():
        notes.append("the highlights are saturated: the ball gives directions, but no intensities")
    return tuple(notes)
