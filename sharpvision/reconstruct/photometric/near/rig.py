"""Where lamps and camera are, and what a lamp sends to a point: fall-off, direction and beam."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from sharpvision.core.errors import InputError
from sharpvision.data.observations import PhotometricObservations
from sharpvision.reconstruct.photometric.grid import PixelGrid

Floats = NDArray[np.float64]

LARGEST_DISAGREEMENT_DEG = 15.0
"""Mean angle between given directions and those of the places above which the directions say nothing on the depth."""


@dataclass(frozen=True, eq=False)
class Rig:
    """Lamps and a pinhole camera, OpenCV frame, any one length unit.

    `positions` (N, 3), unit `axes` (N, 3), `exponents` (N,) of the beam; `focal_px` and `principal_point` in pixels of
    the photographs; `distance` is the depth at which the object is thought to be.
    """

    positions: Floats
    axes: Floats
    exponents: Floats
    focal_px: float
    principal_point: tuple[float, float]
    distance: float

    @cached_property
    def unit(self) -> float:
        """The length that counts as one: the mean distance of the lamps from the object's thought place."""
        middle = np.array([0.0, 0.0, self.distance])
        return float(np.linalg.norm(self.positions - middle, axis=1).mean())

    @property
    def lights(self) -> NDArray[np.float32]:
        """Positions in units, for the kernels' `light_at`."""
        return np.ascontiguousarray(self.positions / self.unit, np.float32)

    def rays(self, grid: PixelGrid) -> Floats:
        """Rays (P, 3) through the centres of a grid's cells, with z = 1: a point is its depth times its ray."""
        rows, columns = grid.index
        x = ((columns + 0.5) * grid.factor - self.principal_point[0]) / self.focal_px
        y = ((rows + 0.5) * grid.factor - self.principal_point[1]) / self.focal_px
        return np.stack([x, y, np.ones(grid.size)], 1)

    def beam(self, points: Floats) -> NDArray[np.float32]:
        """Share (P, N) of each lamp's radiant intensity on its axis that leaves it towards points (P, 3).

            max(a.u, 0)^mu,  u from the lamp to the point;  1 where mu = 0

        A point at the lamp itself gets 0 for mu > 0.
        """
        away = points[:, None] - self.positions
        length = np.linalg.norm(away, axis=-1)
        cosine = np.einsum("pja,ja->pj", away, self.axes) / np.maximum(length, 1e-12)
        shaped = np.maximum(cosine, 0.0) ** np.where(self.exponents > 0, self.exponents, 1.0)
        return np.where(self.exponents > 0, shaped, 1.0).astype(np.float32)

    def arrival(self, points: Floats) -> Floats:
        """Vectors (P, N, 3) towards the lamps whose length is the irradiance over (I / unit^2), shadows aside."""
        to_light = self.positions - points[:, None]
        length = np.maximum(np.linalg.norm(to_light, axis=-1), 1e-9 * self.unit)
        return to_light * (self.beam(points) * self.unit**2 / length**3)[..., None]


def rig_of(observations: PhotometricObservations) -> Rig:
    """The rig of observations with `point_lights`.

    The object's thought depth is where its directions and places agree (`distance_from_directions`). Raises
    `InputError` without a focal length, and where that depth is not positive or the two disagree.
    """
    lights = observations.point_lights
    assert lights is not None
    if observations.focal_px is None:
        raise InputError(
            observations.name, "a focal length in pixels with lights at finite places", "none",
            "give --focal PIXELS (or a capture.json with the camera), or leave the places out",
        )  # fmt: skip
    height, width = observations.shape
    centre = observations.principal_point or (width / 2, height / 2)
    positions = lights.positions.numpy().astype(np.float64)
    rows, columns = np.nonzero(observations.mask.numpy())
    middle = (0.5 * (columns.min() + columns.max() + 1), 0.5 * (rows.min() + rows.max() + 1))
    ray = np.array([*((m - c) / observations.focal_px for m, c in zip(middle, centre, strict=True)), 1.0])
    directions = observations.light_directions.numpy().astype(np.float64)
    distance, apart = distance_from_directions(positions, directions, ray)
    if not distance > 0 or apart > LARGEST_DISAGREEMENT_DEG:
        raise InputError(
            observations.name, "light directions that meet their places at one depth before the camera",
            f"depth {distance:.3g} {observations.length_unit}, {apart:.0f} degrees apart",
            "check the object's distance and the frame of the positions (x right, y up, z to the viewer in files)",
        )  # fmt: skip
    axes = lights.axes.numpy().astype(np.float64)
    axes = axes / np.maximum(np.linalg.norm(axes, axis=1, keepdims=True), 1e-12)
    return Rig(positions, axes, lights.exponents.numpy().astype(np.float64), observations.focal_px, centre, distance)


def distance_from_directions(positions: Floats, directions: Floats, ray: Floats) -> tuple[float, float]:
    """Depth z at which the lamps at `positions` (N, 3) are seen in `directions` (N, 3) from z times `ray` (3,), and the
    mean angle in degrees by which they then differ.

        min over z of  sum_j |d_j x (P_j - z r)|^2,   a closed form

    >>> places = np.array([[1.0, 0, 0], [0, 1.0, 0], [-1.0, 0, 0.5]])
    >>> seen = places - [0, 0, 3.0]
    >>> seen /= np.linalg.norm(seen, axis=1, keepdims=True)
    >>> tuple(round(v, 6) for v in distance_from_directions(places, seen, np.array([0, 0, 1.0])))
    (3.0, 0.0)
    """
    across, along = np.cross(directions, positions), np.cross(directions, ray)
    z = float((across * along).sum() / max(float((along**2).sum()), 1e-300))
    seen = positions - z * ray
    sine = np.linalg.norm(np.cross(directions, seen), axis=1)
    return z, float(np.degrees(np.arctan2(sine, (directions * seen).sum(1))).mean())
