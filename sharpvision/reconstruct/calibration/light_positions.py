"""Places of lamps nearby, from the rays that two mirror balls reflect (or more)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from sharpvision.core.errors import InputError
from sharpvision.reconstruct.calibration.ball_detection import Ball
from sharpvision.reconstruct.calibration.ball_reflection import reflect_on_ball
from sharpvision.reconstruct.calibration.sphere_outline import SphereOutline

Array = NDArray[Any]
Flags = NDArray[np.bool_]

PARALLEL_DEG = 0.5  # rays that meet under less than this do not tell a distance


@dataclass(frozen=True)
class LightPositions:
    """Lamps of N images in the camera frame (OpenCV) and the unit of the balls' radii: `positions` (N, 3), NaN where
    not `found` (N,); `covariance` (N, 3, 3), `std` (N,) the root of its trace; `misfit`, the root mean square of what
    the fit leaves of the highlights' places, in their standard deviations; `notes` to be read."""

    positions: Array
    covariance: Array
    std: Array
    found: Flags
    misfit: float
    notes: tuple[str, ...] = ()


def ball_centre(outline: SphereOutline, radius: float) -> Array:
    """Centre (3,) of a sphere of known radius, from its outline: c = direction radius / sin(angular radius).

    >>> from sharpvision.reconstruct.calibration.sphere_outline import Lens
    >>> np.round(ball_centre(SphereOutline((0.0, 0.0, 1 / np.cos(0.1)), Lens(500.0)), 10 * np.sin(0.1)), 9)
    array([ 0.,  0., 10.])
    """
    if outline.lens.focal_px is None:
        raise InputError("light positions", "a perspective camera with a known focal length", "an orthographic one",
                         "give the focal length (EXIF or capture.json)")  # fmt: skip
    return outline.direction * (radius / np.sin(outline.angular_radius))


def meet(origins: Array, directions: Array) -> tuple[Array, Array, Array]:
    """Points (N, 3) nearest to R rays each (R, N, 3), the rays' distance from them (N,) as root mean square, and the
    largest angle (N,) in radians between two of the rays: sum_r (1 - d d^T)(x - o) = 0.

    >>> origins = np.array([[[-1.0, 0, 0]], [[1.0, 0, 0]]])
    >>> point, gap, angle = meet(origins, np.array([[[0.6, 0, 0.8]], [[-0.6, 0, 0.8]]]))
    >>> point.round(6), gap.round(6), np.degrees(angle).round(2)
    (array([[0.      , 0.      , 1.333333]]), array([0.]), array([73.74]))
    """
    across = np.eye(3) - directions[..., :, None] * directions[..., None, :]
    system = across.sum(0) + 1e-15 * np.eye(3)
    points = np.linalg.solve(system, (across @ origins[..., None]).sum(0))[..., 0]
    gaps = np.linalg.norm((across @ (points - origins)[..., None])[..., 0], axis=-1)
    cosines = np.einsum("rnk,snk->rsn", directions, directions)
    return points, np.sqrt((gaps**2).mean(0)), np.arccos(np.clip(cosines.min((0, 1)), -1, 1))


def lights_from_balls(balls: Sequence[Ball], radii: Sequence[float], names: Sequence[str] = (),
                      where: str = "photographs") -> LightPositions:  # fmt: skip
    """Lamps from two or more mirror balls of known radii (in the unit of the answer), found in the same images.

    Rays meet in a first guess; then all lamps p_k and the balls' outlines m_b are fitted together, so that the lamp is
    where the reflection points to, and each outline stays near its edges:

        sum_bk | D_bk^+ (F(h_bk; m_b) - (p_k - q_bk) / |p_k - q_bk|) |^2 / s_bk^2
            + sum_b (m_b - m_b0)^T C_b^-1 (m_b - m_b0)

    with the highlight h_bk (std s_bk), the reflection F there and the place q_bk on the ball, and D the difference's
    derivative by h, so that a misfit counts in pixels. Raises `InputError` with an orthographic camera, fewer than
    two balls, or where no image has a highlight on two of them.
    """
    if len(balls) < 2 or len(radii) != len(balls):
        raise InputError(where, "two balls and their radii", f"{len(balls)} and {len(radii)}", "add the second ball")
    outlines = [ball.outline for ball in balls]
    spots = np.stack([ball.highlights.positions for ball in balls])
    spread = np.stack([ball.highlights.std_px for ball in balls])
    rays = [rays_of(outline, place, radius) for outline, place, radius in zip(outlines, spots, radii, strict=True)]
    seen = np.stack([np.isfinite(direction).all(-1) for _, direction in rays])
    pairs = seen.sum(0) >= 2
    if not pairs.any():
        raise InputError(where, "a highlight on two balls", "none in any image", "move the balls where the lamps reach")
    start, angles = _first_guess(rays, seen, pairs)
    if np.degrees(angles).max() < PARALLEL_DEG:
        found = f"rays within {PARALLEL_DEG} degrees"
        fix = "use their directions, or put the balls further apart"
        raise InputError(where, "lamps near enough for the reflected rays to meet", found, fix)
    index = np.flatnonzero(pairs)
    problem = _BallFit(outlines, list(radii), spots[:, index], spread[:, index], seen[:, index],
                       [_root_information(ball) for ball in balls])  # fmt: skip
    unknowns, covariance, misfit = solved(problem.residuals, problem.start(start[index]), problem.highlight_count)
    count = len(pairs)
    positions, blocks = np.full((count, 3), np.nan), np.full((count, 3, 3), np.nan)
    first = 3 * len(balls)
    for row, image in enumerate(index):
        part = slice(first + 3 * row, first + 3 * row + 3)
        positions[image], blocks[image] = unknowns[part], covariance[part, part]
    notes = missing(pairs, names, "no highlight on two balls, so no place of the lamp")
    return LightPositions(positions, blocks, std_of(blocks), pairs, misfit, notes)


def rays_of(outline: SphereOutline, spots: Array, radius: float) -> tuple[Array, Array]:
    """Origins (N, 3) and directions (N, 3) of the rays that leave the ball at highlights."""
    ball_centre(outline, radius)
    reflected = reflect_on_ball(spots, outline)
    return reflected.origins * radius, reflected.directions


def _first_guess(rays: list[tuple[Array, Array]], seen: Flags,
                 pairs: Flags) -> tuple[Array, Array]:  # fmt: skip
    """Where the rays of each image meet (N, 3), and their largest angle (N,); a point behind a ball goes before it."""
    count = seen.shape[1]
    points, angles = np.full((count, 3), np.nan), np.zeros(count)
    for image in np.flatnonzero(pairs):
        origins = np.stack([origin[image] for (origin, _), there in zip(rays, seen[:, image], strict=True) if there])
        directions = np.stack([ray[image] for (_, ray), there in zip(rays, seen[:, image], strict=True) if there])
        point, _, angle = meet(origins[:, None], directions[:, None])
        reach = ((point[0] - origins) * directions).sum(-1).mean()
        apart = float(np.linalg.norm(origins[0] - origins[-1]))
        points[image] = point[0] if reach > 0 else origins.mean(0) + 10 * apart * directions.mean(0)
        angles[image] = angle[0]
    return points, angles


def _root_information(ball: Ball) -> Array:
    """A (3, 3) with A^T A the inverse of the covariance of the outline's parameters."""
    values, vectors = np.linalg.eigh(ball.covariance)
    return (vectors / np.sqrt(np.maximum(values, 1e-20))).T


def misfit_px(outline: SphereOutline, radius: float, spots: Array, lamps: Array) -> Array:
    """By how far (N, 2), in pixels, highlights (N, 2) are off for lamps (N, 3), to first order."""
    def bent(places: Array) -> Array:
        reflected = reflect_on_ball(places, outline)
        to_lamp = lamps - reflected.origins * radius
        return reflected.directions - to_lamp / np.linalg.norm(to_lamp, axis=-1, keepdims=True)

    steps = 1e-3 * np.eye(2)
    slope = np.stack([(bent(spots + step) - bent(spots - step)) / 2e-3 for step in steps], axis=-1)
    return (np.linalg.pinv(slope) @ bent(spots)[..., None])[..., 0]


@dataclass(frozen=True)
class _BallFit:
    """Unknowns: changes of the outlines in units of their deviation, then the lamps."""

    outlines: list[SphereOutline]
    radii: list[float]
    spots: Array
    std_px: Array
    seen: Flags
    information: list[Array]

    @property
    def highlight_count(self) -> int:
        return int(self.seen.sum())

    def start(self, lamps: Array) -> Array:
        return np.concatenate([np.zeros(3 * len(self.outlines)), lamps.ravel()])

    def residuals(self, unknowns: Array) -> Array:
        """Highlights first, then the outlines."""
        edge = 3 * len(self.outlines)
        lamps, parts = unknowns[edge:].reshape(-1, 3), []
        for number, outline in enumerate(self.outlines):
            change = np.linalg.solve(self.information[number], unknowns[3 * number : 3 * number + 3])
            there = self.seen[number]
            off = misfit_px(outline.moved(change), self.radii[number], self.spots[number, there], lamps[there])
            parts.append((off / self.std_px[number, there, None]).ravel())
        return np.nan_to_num(np.concatenate([*parts, unknowns[:edge]]), nan=1e3)


def solved(residuals: Callable[[Array], Array], start: Array, highlights: int,
            loss: str = "linear") -> tuple[Array, Array, float]:  # fmt: skip
    """Solution, covariance (scaled up where the misfit is larger than its deviations say) and the highlights' root mean
    square misfit in their deviations."""
    solution = least_squares(residuals, start, loss=loss, x_scale="jac")
    freedom = max(len(solution.fun) - len(start), 1)
    scale = max(float((solution.fun**2).sum()) / freedom, 1.0)
    covariance = scale * np.linalg.pinv(solution.jac.T @ solution.jac)
    return solution.x, covariance, float(np.sqrt((solution.fun[: 2 * highlights] ** 2).mean()))


def std_of(blocks: Array) -> Array:
    return np.sqrt(np.trace(blocks, axis1=1, axis2=2))


def missing(found: Flags, names: Sequence[str], reason: str) -> tuple[str, ...]:
    if found.all():
        return ()
    listed = ", ".join(names[index] if names else f"image {index}" for index in np.flatnonzero(~found).tolist())
    return (f"{reason}: {listed}",)
