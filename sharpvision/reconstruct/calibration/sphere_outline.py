"""The outline of a sphere: a circle for an orthographic camera, an ellipse under perspective; three numbers each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

STEPS = 30  # of Gauss-Newton at most


@dataclass(frozen=True)
class Lens:
    """A camera at the origin: `focal_px` and `principal_point` (x, y) in pixels, pixel centres at +0.5; a focal length
    of None stands for an orthographic camera, which sees along (0, 0, 1)."""

    focal_px: float | None = None
    principal_point: tuple[float, float] = (0.0, 0.0)

    def rays(self, points: Array) -> Array:
        """Unit viewing directions (..., 3) of image points (..., 2).

        >>> Lens(100.0, (50.0, 50.0)).rays(np.array([50.0, 50.0]))
        array([0., 0., 1.])
        """
        points = np.asarray(points, dtype=np.float64)
        ones = np.ones((*points.shape[:-1], 1))
        if self.focal_px is None:
            return np.concatenate([np.zeros_like(points), ones], axis=-1)
        rays = np.concatenate([(points - self.principal_point) / self.focal_px, ones], axis=-1)
        return rays / np.linalg.norm(rays, axis=-1, keepdims=True)

    def project(self, directions: Array) -> Array:
        """Image points (..., 2) of directions (..., 3) in front of the camera; perspective only."""
        assert self.focal_px is not None
        return self.focal_px * directions[..., :2] / directions[..., 2:] + np.asarray(self.principal_point)


@dataclass(frozen=True)
class SphereOutline:
    """The outline of a sphere as `parameters` (3,).

    Orthographic: (x, y, radius) of the circle, in pixels. Perspective: m = c / cos(a), with the unit direction c to the
    sphere's centre and the angular radius a, so that a viewing direction d (unit) touches the sphere where

        m . d = 1

    which is linear in m (the outline is a cone; its cut with the image an ellipse, hyperbolic or parabolic only for
    spheres beside the camera).

    >>> outline = SphereOutline.from_circle((50.0, 50.0), 10.0, Lens(100.0, (50.0, 50.0)))
    >>> np.round(outline.semi_axes, 6), np.round(outline.distance(np.array([[50.0, 60.2]])), 2)
    (array([10., 10.]), array([0.2]))
    """

    parameters: tuple[float, float, float]
    lens: Lens

    @staticmethod
    def from_circle(centre: tuple[float, float], radius: float, lens: Lens) -> SphereOutline:
        """The outline nearest to a circle in pixels."""
        if lens.focal_px is None:
            return SphereOutline((float(centre[0]), float(centre[1]), float(radius)), lens)
        angle = np.arange(64) * (2 * np.pi / 64)
        points = np.asarray(centre) + radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)
        return fit_outline(points, np.ones(64), lens, None)

    def moved(self, change: Array) -> SphereOutline:
        """With `change` (3,) added to the parameters."""
        x, y, z = (float(value) for value in np.asarray(self.parameters) + change)
        return SphereOutline((x, y, z), self.lens)

    def grown(self, pixels: float) -> SphereOutline:
        """Larger by so many pixels, about the same centre (perspective: to first order)."""
        if self.lens.focal_px is None:
            return self.moved(np.array([0.0, 0.0, pixels]))
        half = self.angular_radius * (1 + pixels / self.radius)
        return self.moved(self.direction / np.cos(half) - np.asarray(self.parameters))

    @property
    def angular_radius(self) -> float:
        """Half the angle that the sphere fills, in radians; zero for an orthographic camera."""
        return 0.0 if self.lens.focal_px is None else float(np.arccos(1 / np.linalg.norm(self.parameters)))

    @property
    def direction(self) -> Array:
        """Unit direction (3,) from the camera to the sphere's centre."""
        if self.lens.focal_px is None:
            return np.array([0.0, 0.0, 1.0])
        return np.asarray(self.parameters) / np.linalg.norm(self.parameters)

    @property
    def ellipse(self) -> tuple[Array, Array, float]:
        """Middle (2,), half axes (2,) longer first, and the angle of the longer one against x in degrees (y down).

        With tilt t of the centre from the optical axis and angular radius a, the longer axis points to the principal
        point and ends at f tan(t - a) and f tan(t + a); the shorter one is f sin(a) / sqrt(cos^2 a - sin^2 t).
        """
        if self.lens.focal_px is None:
            x, y, radius = self.parameters
            return np.array([x, y]), np.array([radius, radius]), 0.0
        direction, half, focal = self.direction, self.angular_radius, self.lens.focal_px
        flat = float(np.hypot(direction[0], direction[1]))
        tilt = np.arctan2(flat, direction[2])
        outward = direction[:2] / flat if flat > 1e-12 else np.array([1.0, 0.0])
        near, far = np.tan(tilt - half), np.tan(tilt + half)
        middle = np.asarray(self.lens.principal_point) + 0.5 * focal * (near + far) * outward
        short = focal * np.sin(half) / np.sqrt(max(np.cos(half) ** 2 - np.sin(tilt) ** 2, 1e-12))
        return middle, np.array([0.5 * focal * (far - near), short]), float(np.degrees(np.arctan2(*outward[::-1])))

    @property
    def centre(self) -> tuple[float, float]:
        """Middle of the outline in pixels (under perspective not where the sphere's centre projects to)."""
        middle = self.ellipse[0]
        return float(middle[0]), float(middle[1])

    @property
    def semi_axes(self) -> Array:
        """Half axes of the outline in pixels, longer first."""
        return self.ellipse[1]

    @property
    def radius(self) -> float:
        """Radius of the circle of the same area, in pixels."""
        return float(np.sqrt(np.prod(self.semi_axes)))

    def contour(self, count: int) -> tuple[Array, Array]:
        """`count` points (count, 2) on the outline, and the outward unit normals (count, 2) there."""
        middle, axes, angle_deg = self.ellipse
        turn = np.radians(angle_deg)
        along, across = np.array([np.cos(turn), np.sin(turn)]), np.array([-np.sin(turn), np.cos(turn)])
        phase = np.arange(count)[:, None] * (2 * np.pi / count)
        points = middle + axes[0] * np.cos(phase) * along + axes[1] * np.sin(phase) * across
        normals = axes[1] * np.cos(phase) * along + axes[0] * np.sin(phase) * across
        return points, normals / np.linalg.norm(normals, axis=1, keepdims=True)

    def distance(self, points: Array) -> Array:
        """Signed distance (...) of image points (..., 2) in pixels, to first order (Sampson) under perspective;
        negative inside."""
        return _distance(np.asarray(self.parameters), np.asarray(points, dtype=np.float64), self.lens)


def _distance(parameters: Array, points: Array, lens: Lens) -> Array:
    if lens.focal_px is None:
        return np.hypot(points[..., 0] - parameters[0], points[..., 1] - parameters[1]) - parameters[2]
    flat = (points - np.asarray(lens.principal_point)) / lens.focal_px
    length = np.sqrt(1 + (flat**2).sum(-1))
    dot = (flat @ parameters[:2] + parameters[2]) / length
    gradient = (parameters[:2] - dot[..., None] * flat / length[..., None]) / (length * lens.focal_px)[..., None]
    return (1 - dot) / np.maximum(np.linalg.norm(gradient, axis=-1), 1e-9)


def fit_outline(points: Array, weights: Array, lens: Lens, scale_px: float | None) -> SphereOutline:
    """Least-squares outline of points (M, 2) with weights (M,): linear first, then of the distances in pixels
    (Gauss-Newton, reweighted).

    Orthographic: Kasa's circle; perspective: m of m . d = 1. `scale_px` is the Cauchy scale of the second step, None
    for plain squares. Needs three points that are not in a line.
    """
    root = np.sqrt(weights)
    if lens.focal_px is None:
        shift = points.mean(0)
        flat = points - shift
        system = np.concatenate([2 * flat, np.ones((len(points), 1))], axis=1)
        solved = np.linalg.lstsq(system * root[:, None], (flat**2).sum(1) * root, rcond=None)[0]
        radius = np.sqrt(max(solved[2] + solved[0] ** 2 + solved[1] ** 2, 1e-12))
        start = np.array([solved[0] + shift[0], solved[1] + shift[1], radius])
    else:
        start = np.linalg.lstsq(lens.rays(points) * root[:, None], root, rcond=None)[0]

    parameters = start
    for _ in range(STEPS):
        off, slope = _distance(parameters, points, lens), _slope(parameters, points, lens)
        robust = weights if scale_px is None else weights / (1 + (off / scale_px) ** 2)
        system = slope.T @ (robust[:, None] * slope)
        change = np.linalg.solve(system + 1e-12 * np.trace(system) * np.eye(3), slope.T @ (robust * off))
        parameters = parameters - change
        if np.abs(slope @ change).max() < 1e-7:
            break
    x, y, z = (float(value) for value in parameters)
    return SphereOutline((x, y, z), lens)


def _slope(parameters: Array, points: Array, lens: Lens) -> Array:
    """Derivatives (M, 3) of the distances by the parameters, by central differences."""
    columns = []
    for axis in range(3):
        step = np.zeros(3)
        step[axis] = 1e-5 * max(float(np.linalg.norm(parameters)), 1e-6)
        ahead, behind = (_distance(parameters + sign * step, points, lens) for sign in (1, -1))
        columns.append((ahead - behind) / (2 * step[axis]))
    return np.stack(columns, axis=1)


def outline_covariance(outline: SphereOutline, points: Array, std_px: float) -> Array:
    """Covariance (3, 3) of the outline's parameters from points (M, 2) whose distances scatter by `std_px`:
    std^2 (J^T J)^-1 with J by central differences.

    >>> outline = SphereOutline((0.0, 0.0, 10.0), Lens())
    >>> points, _ = outline.contour(200)
    >>> np.round(np.sqrt(np.diag(outline_covariance(outline, points, 0.1))), 4)
    array([0.01  , 0.01  , 0.0071])
    """
    slope = _slope(np.asarray(outline.parameters), points, outline.lens)
    return std_px**2 * np.linalg.pinv(slope.T @ slope)
