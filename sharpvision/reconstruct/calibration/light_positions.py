"""Places of lamps nearby: rays reflected by two mirror balls, or by one ball and the shading of a plane."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from sharpvision.core.errors import InputError
from sharpvision.reconstruct.calibration.ball_detection import Ball
from sharpvision.reconstruct.calibration.ball_reflection import reflect_on_ball
from sharpvision.reconstruct.calibration.sphere_outline import SphereOutline

Array = NDArray[np.float64]

PARALLEL_DEG = 0.5  # rays that meet under less than this do not tell a distance
GRID = 40  # places a side at which a plane's shading is read


@dataclass(frozen=True)
class LightPositions:
    """Lamps of N images in the camera frame (OpenCV) and the unit of the balls' radii: `positions` (N, 3), NaN where not
    `found` (N,); `covariance` (N, 3, 3), `std` (N,) the root of its trace; `misfit`, the root mean square of what
    the fit leaves of the highlights' places, in their standard deviations; `notes` to be read."""

    positions: Array
    covariance: Array
    std: Array
    found: NDArray[np.bool_]
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

        sum_bk | D_bk^+ (F(h_bk; m_b) - (p_k - q_bk) / |p_k - q_bk|) |^2 / s_bk^2 + sum_b (m_b - m_b0)^T C_b^-1 (m_b - m_b0)

    with the highlight h_bk (std s_bk), the reflection F there and the place q_bk on the ball, and D its derivative by h, so
    that a misfit counts in pixels. Raises `InputError` with an orthographic camera, fewer than two balls, or where no
    image has a highlight on two of them.
    """
    if len(balls) < 2 or len(radii) != len(balls):
        raise InputError(where, "two balls and their radii", f"{len(balls)} and {len(radii)}", "add the second ball")
    outlines = [ball.outline for ball in balls]
    spots = np.stack([ball.highlights.positions for ball in balls])
    spread = np.stack([ball.highlights.std_px for ball in balls])
    rays = [_rays(outline, place, radius) for outline, place, radius in zip(outlines, spots, radii, strict=True)]
    seen = np.stack([np.isfinite(direction).all(-1) for _, direction in rays])
    pairs = seen.sum(0) >= 2
    if not pairs.any():
        raise InputError(where, "a highlight on two balls", "none in any image", "move the balls where the lamps reach")
    start, angles = _first_guess(rays, seen, pairs)
    if np.degrees(angles).max() < PARALLEL_DEG:
        raise InputError(where, "lamps near enough for the reflected rays to meet", f"rays within {PARALLEL_DEG} degrees",
                         "use their directions, or put the balls further apart")  # fmt: skip
    index = np.flatnonzero(pairs)
    problem = _BallFit(outlines, list(radii), spots[:, index], spread[:, index], seen[:, index],
                       [_root_information(ball) for ball in balls])  # fmt: skip
    unknowns, covariance, misfit = _solved(problem.residuals, problem.start(start[index]), problem.highlight_count)
    count = len(pairs)
    positions, blocks = np.full((count, 3), np.nan), np.full((count, 3, 3), np.nan)
    first = 3 * len(balls)
    for row, image in enumerate(index):
        part = slice(first + 3 * row, first + 3 * row + 3)
        positions[image], blocks[image] = unknowns[part], covariance[part, part]
    notes = _missing(pairs, names, "no highlight on two balls, so no place of the lamp")
    return LightPositions(positions, blocks, _std(blocks), pairs, misfit, notes)


@dataclass(frozen=True)
class PlaneInView:
    """A flat matte rectangle of one colour in the frame: `corners_px` (4, 2) of its rim in order round it, `width` (from
    the first corner to the second) and `height` in the unit of the ball's radius."""

    corners_px: Array
    width: float
    height: float


def lights_from_ball_and_plane(images: NDArray[np.float32], ball: Ball, radius: float, plane: PlaneInView,
                               names: Sequence[str] = (), where: str = "photographs") -> LightPositions:  # fmt: skip
    """Lamps from one ball of known radius and the shading of a plane whose rim is known; images (N, H, W, 3) linear.

    The ball's reflection gives a ray; how the plane darkens away from the lamp gives the place on it. Per lamp p

        log I(x) = c + log max(n . (p - x), 0) - 3 log |p - x|

    over places x on the plane (n its normal, uniform albedo), weighted against the highlight's place. Places in shadow,
    under the ball or with texture count little (Cauchy). The lamp must radiate evenly over the plane.
    """
    outline = ball.outline
    origins, directions = _rays(outline, ball.highlights.positions, radius)
    frame, flat = plane_pose(plane, outline, where)
    pixels = _project(flat, outline)
    height, width = images.shape[1:3]
    visible = (pixels > 1).all(1) & (pixels < np.array([width, height]) - 1).all(1)
    visible &= outline.distance(pixels) > 0.15 * outline.radius
    if visible.sum() < 50:
        raise InputError(where, "a plane in the frame", f"{visible.sum()} of {len(pixels)} places of it", "check its rim")
    flat, columns, rows = flat[visible], *np.floor(pixels[visible]).astype(int).T
    found = np.isfinite(directions).all(1)
    if not found.any():
        raise InputError(where, "a highlight on the ball", "none in any image", "light the ball")
    count = len(images)
    positions, blocks, left = np.full((count, 3), np.nan), np.full((count, 3, 3), np.nan), []
    for image in np.flatnonzero(found):
        values = images[image, rows, columns].mean(-1).astype(np.float64)
        fit = _PlaneFit(outline, radius, ball.highlights.positions[image], float(ball.highlights.std_px[image]),
                        _Shading(flat, frame[2], values))  # fmt: skip
        ray = (origins[image], directions[image])
        unknowns, covariance, misfit = _solved(fit.residuals, fit.start(*ray), 1, "soft_l1")
        positions[image], blocks[image] = unknowns[:3], covariance[:3, :3]
        left.append(misfit)
    notes = _missing(found, names, "no highlight on the ball, so no place of the lamp")
    return LightPositions(positions, blocks, _std(blocks), found, float(np.sqrt(np.mean(np.square(left)))), notes)


def plane_pose(plane: PlaneInView, outline: SphereOutline, where: str) -> tuple[Array, Array]:
    """Axes (3, 3) of a plane in the camera frame, the last one its normal towards the camera, and a grid (M, 3) of
    places on it within its rim."""
    import cv2

    lens = outline.lens
    if lens.focal_px is None:
        raise InputError(where, "a perspective camera with a known focal length", "an orthographic one",
                         "give the focal length (EXIF or capture.json)")  # fmt: skip
    camera = np.array([[lens.focal_px, 0, lens.principal_point[0]], [0, lens.focal_px, lens.principal_point[1]], [0, 0, 1]])
    w, h = plane.width, plane.height
    model = np.array([[0, 0, 0], [w, 0, 0], [w, h, 0], [0, h, 0]], dtype=np.float64)
    corners = np.asarray(plane.corners_px, dtype=np.float64)
    good, turn, shift = cv2.solvePnP(model, corners, camera, None, flags=cv2.SOLVEPNP_IPPE)
    if not good:
        raise InputError(where, "four corners of a rectangle", "no plane that has them", "check their order and lengths")
    axes = np.asarray(cv2.Rodrigues(turn)[0], dtype=np.float64).T
    shares = (np.arange(GRID) + 0.5) / GRID
    shares = shares[(shares > 0.04) & (shares < 0.96)]
    across, down = np.meshgrid(shares * w, shares * h)
    places = across.reshape(-1, 1) * axes[0] + down.reshape(-1, 1) * axes[1] + shift.ravel()
    return axes * np.array([[1], [1], [-np.sign(axes[2] @ places.mean(0))]]), places


def _project(points: Array, outline: SphereOutline) -> Array:
    return outline.lens.project(points)


def _rays(outline: SphereOutline, spots: Array, radius: float) -> tuple[Array, Array]:
    """Origins (N, 3) and directions (N, 3) of the rays that leave the ball at highlights."""
    ball_centre(outline, radius)
    reflected = reflect_on_ball(spots, outline)
    return reflected.origins * radius, reflected.directions


def _first_guess(rays: list[tuple[Array, Array]], seen: NDArray[np.bool_],
                 pairs: NDArray[np.bool_]) -> tuple[Array, Array]:  # fmt: skip
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


def _misfit_px(outline: SphereOutline, radius: float, spots: Array, lamps: Array) -> Array:
    """By how far (N, 2), in pixels, highlights (N, 2) are off for lamps (N, 3), to first order."""
    def bent(places: Array) -> Array:
        reflected = reflect_on_ball(places, outline)
        to_lamp = lamps - reflected.origins * radius
        return reflected.directions - to_lamp / np.linalg.norm(to_lamp, axis=-1, keepdims=True)

    step = 1e-3
    slope = np.stack([(bent(spots + step * axis) - bent(spots - step * axis)) / (2 * step) for axis in np.eye(2)], axis=-1)
    return (np.linalg.pinv(slope) @ bent(spots)[..., None])[..., 0]


@dataclass(frozen=True)
class _BallFit:
    """Unknowns: changes of the outlines in units of their deviation, then the lamps."""

    outlines: list[SphereOutline]
    radii: list[float]
    spots: Array
    std_px: Array
    seen: NDArray[np.bool_]
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
            off = _misfit_px(outline.moved(change), self.radii[number], self.spots[number, there], lamps[there])
            parts.append((off / self.std_px[number, there, None]).ravel())
        return np.nan_to_num(np.concatenate([*parts, unknowns[:edge]]), nan=1e3)


@dataclass(frozen=True)
class _Shading:
    """Places (M, 3) on a plane, its normal (3,) and the linear values (M,) there."""

    places: Array
    normal: Array
    values: Array


@dataclass(frozen=True)
class _PlaneFit:
    """Unknowns: the lamp and the logarithm of its brightness."""

    outline: SphereOutline
    radius: float
    spot: Array
    std_px: float
    shading: _Shading

    def start(self, origin: Array, direction: Array) -> Array:
        """The best of a few distances along the ray."""
        size = float(np.linalg.norm(np.ptp(self.shading.places, axis=0)))
        lamps = [origin + reach * size * direction for reach in np.geomspace(0.1, 10, 25)]
        guesses = [np.append(lamp, self._brightness(lamp)) for lamp in lamps]
        return min(guesses, key=lambda guess: float(np.abs(self.residuals(guess)).mean()))

    def _predicted(self, lamp: Array) -> Array:
        away = lamp - self.shading.places
        return np.log(np.maximum(away @ self.shading.normal, 1e-6)) - 3 * np.log(np.linalg.norm(away, axis=1))

    def _brightness(self, lamp: Array) -> float:
        return float(np.median(np.log(np.maximum(self.shading.values, 1e-5)) - self._predicted(lamp)))

    def residuals(self, unknowns: Array) -> Array:
        """The highlight's two, then the plane's, over the scatter of two percent that paper has at best."""
        off = _misfit_px(self.outline, self.radius, self.spot[None], unknowns[None, :3]).ravel() / self.std_px
        dark = self.shading.values < 0.02 * self.shading.values.max()
        bright = self.shading.values > 0.98
        logs = np.log(np.maximum(self.shading.values, 1e-5)) - self._predicted(unknowns[:3]) - unknowns[3]
        scaled = np.where(dark | bright, 0.0, np.arctan(logs / 0.1) * 0.1 / 0.02)
        return np.nan_to_num(np.concatenate([off, scaled]), nan=1e3)


def _solved(residuals: Callable[[Array], Array], start: Array, highlights: int,
            loss: str = "linear") -> tuple[Array, Array, float]:  # fmt: skip
    """Solution, covariance (scaled up where the misfit is larger than its deviations say) and the highlights' root mean
    square misfit in their deviations."""
    solution = least_squares(residuals, start, loss=loss, x_scale="jac")
    freedom = max(len(solution.fun) - len(start), 1)
    scale = max(float((solution.fun**2).sum()) / freedom, 1.0)
    covariance = scale * np.linalg.pinv(solution.jac.T @ solution.jac)
    return solution.x, covariance, float(np.sqrt((solution.fun[: 2 * highlights] ** 2).mean()))


def _std(blocks: Array) -> Array:
    return np.sqrt(np.trace(blocks, axis1=1, axis2=2))


def _missing(found: NDArray[np.bool_], names: Sequence[str], reason: str) -> tuple[str, ...]:
    if found.all():
        return ()
    listed = ", ".join(names[index] if names else f"image {index}" for index in np.flatnonzero(~found).tolist())
    return (f"{reason}: {listed}",)
