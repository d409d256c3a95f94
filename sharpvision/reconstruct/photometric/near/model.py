"""The surface model under lamps nearby: depth in the rig's length unit, a pinhole camera, light that differs by pixel.

What changes against `SurfaceModel`: `depth` (P,) is z along the rays; the kernels' `lights` are positions over the
rig's unit and their `points` are z ray / unit, so that `light_at` gives the true direction and (unit / distance)^2;
`visibility` holds cast shadows times the beam; normals integrate in log depth. `shadows` (P, N) are the
cast shadows alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import label

from sharpvision.kernels.height_field import SHADOW_MARGIN, SHADOW_SOFTNESS, cast_shadows
from sharpvision.reconstruct.integration_bilateral import BilateralDepth, bilateral_depth
from sharpvision.reconstruct.integration_grid import PixelGraph, SlopeEquations, pixel_graph, slope_equations
from sharpvision.reconstruct.integration_settings import IntegrationSettings
from sharpvision.reconstruct.photometric.near.lambertian import lambertian_normals
from sharpvision.reconstruct.photometric.near.projective import projective_lights, projective_points
from sharpvision.reconstruct.photometric.near.rig import Rig
from sharpvision.reconstruct.photometric.pixel_observations import GREY, PixelObservations
from sharpvision.reconstruct.photometric.settings import PhysicsSettings
from sharpvision.reconstruct.photometric.surface_model import State, SurfaceModel
from sharpvision.solvers.block_descent import BlockUpdate

BILATERAL_K = 1.0
"""Sharpness of steps: softer than under distant lights, where no lamp tells the heights on both sides of one."""

LEAST_INFORMATION = 1e-3
"""What a normal is worth that nothing determines, in units of the cost by squared angle."""

TOUCHED = 1.0 / (1.0 + math.exp(-SHADOW_MARGIN / SHADOW_SOFTNESS))
"""Visibility of `cast_shadows` where a ray touches the surface."""


@dataclass(frozen=True)
class Integrated:
    """The last integration: its graph, its equations, its result, and the information of a confidence of one."""

    graph: PixelGraph
    equations: SlopeEquations
    depth: BilateralDepth
    information: float


class NearSurfaceModel(SurfaceModel):
    """Observations of one grid under a rig, and the updates of the state that explain them."""

    def __init__(
        self, observations: PixelObservations, settings: PhysicsSettings, rig: Rig,
        coarse: NearSurfaceModel | None = None,
    ) -> None:  # fmt: skip
        super().__init__(observations, settings)
        self.rig, self.coarse = rig, coarse
        self.rays = rig.rays(self.grid)
        self.integrated: Integrated | None = None

    @cached_property
    def components(self) -> NDArray[np.intp]:
        """Number (P,) of the 4-connected part of the mask that a pixel is in, from 0."""
        return label(self.grid.mask)[0][self.grid.index].astype(np.intp) - 1

    def start(self) -> State:
        """Robust Lambertian normals of a plane at the rig's distance, nothing in shadow."""
        depth = np.full(self.grid.size, self.rig.distance)
        m, _ = self.lambertian(depth)
        size = np.linalg.norm(m, axis=1)
        towards = self.observations.viewers
        normals = self.facing(np.where(size[:, None] > 1e-9, m / np.maximum(size, 1e-9)[:, None], towards))
        weights = np.zeros((self.grid.size, 3, 6), np.float32)
        weights[..., 0] = size[:, None]
        return {
            "normals": normals, "weights": weights, "cost": np.zeros(self.grid.size, np.float32), "depth": depth,
            "depth_normals": normals, "shadows": np.ones(self.usable.shape, np.float32),
            "visibility": self.rig.beam(depth[:, None] * self.rays), "bounce": None,
            "inverse_distance": self.inverse_distance(depth),
            "gains": np.ones(len(self.observations.lights), np.float32), "correction": None,
            "scale_std": math.inf, "scale_std_of_places": 0.0,
        }  # fmt: skip

    def lambertian(self, depth: NDArray, arrival: NDArray | None = None) -> tuple[NDArray, NDArray]:
        """Albedo times normal (P, 3), in the pixels' scale, and cost (P,) of the robust Lambertian fit at a depth."""
        if arrival is None:
            arrival = self.rig.arrival(depth[:, None] * self.rays)
        return lambertian_normals(self.observed @ GREY, self.weight, arrival)

    def inverse_distance(self, depth: NDArray) -> float:
        """Mask sides at the mean depth over the lamps' mean distance from the object's middle."""
        middle = (depth[:, None] * self.rays).mean(0)
        away = float(np.linalg.norm(self.rig.positions - middle, axis=1).mean())
        return self.grid.side * self.grid.factor * float(depth.mean()) / self.rig.focal_px / away

    def points(self, state: State, inverse_distance: float | None = None) -> NDArray[np.float32]:
        """Positions (P, 3) in the rig's units; the places of the lamps leave no distance to choose."""
        return self.points_at(state["depth"])

    def points_at(self, depth: NDArray) -> NDArray[np.float32]:
        """Positions (P, 3) in the rig's units of a depth (P,)."""
        return np.ascontiguousarray(depth[:, None] * self.rays / self.rig.unit, np.float32)

    def integrate(self, state: State, steps: int = 30) -> BlockUpdate:
        """Log depth with steps from the normals, each as confident as its pixel determines it; each part of the mask
        keeps its mean log depth. What `anchor` needs of it stays in `integrated`."""
        factor, (x, y) = self.grid.factor, self.rig.principal_point
        settings = IntegrationSettings(
            method="bilateral", focal_px=self.rig.focal_px / factor, principal_point=(x / factor, y / factor),
            k=BILATERAL_K, min_nz=0.12, max_steps=steps, tolerance=1e-3,
        )  # fmt: skip
        information = self.information(state)
        middle = float(np.median(information))
        confidence = self.grid.image(information / middle)
        before = np.log(state["depth"])
        initial = self.grid.image(before - before.mean(), np.nan) if np.ptp(before) > 0 else None
        field = self.grid.image(state["normals"])
        result = bilateral_depth(field, self.grid.mask, weights=confidence, initial=initial, settings=settings)
        graph = pixel_graph(self.grid.mask)
        equations = slope_equations(field, graph, confidence, settings)
        self.integrated = Integrated(graph, equations, result, middle)
        relative = result.depth[self.grid.index]
        count = np.bincount(self.components)
        moved = relative + (np.bincount(self.components, before - relative) / count)[self.components]
        self.place(state, np.exp(moved))
        state["depth_normals"] = self.facing(result.own_normals[self.grid.index])
        return BlockUpdate(float(state["cost"].mean()), float(np.abs(moved - before).mean()))

    def information(self, state: State) -> NDArray[np.float64]:
        """Rise of the cost by squared angle of the normal (P,), both tangents' harmonic mean: what it is known by."""
        h11, h12, h22 = self.pixels(state).curvature(state["normals"], state["weights"]).T.astype(np.float64)
        return np.maximum(h11 * h22 - h12**2, 0.0) / np.maximum(0.5 * (h11 + h22), 1e-9) + LEAST_INFORMATION

    def place(self, state: State, depth: NDArray) -> None:
        """Set the depth and what follows from it at once: the beams, and the distance in mask sides."""
        state["depth"] = depth
        state["visibility"] = state["shadows"] * self.rig.beam(depth[:, None] * self.rays)
        state["inverse_distance"] = self.inverse_distance(depth)

    def cast(self, state: State) -> BlockUpdate:
        """Visibility of each lamp from each pixel: shadows over the depth, exact under perspective, times the beam.

        Where a ray only touches the surface it is free: less would dim all slanting light, which moves the depth.
        """
        before = state["visibility"]
        focal, middle = self.rig.focal_px / self.grid.factor, float(state["depth"].mean())
        places = projective_points(self.grid, state["depth"], focal, middle)
        lights, shares = projective_lights(self.rig, self.grid, middle)
        height = self.grid.image(places[:, 2].astype(np.float64), np.nan)
        soft = cast_shadows(height, self.grid.mask, lights, places, shares)
        state["shadows"] = np.minimum(soft / TOUCHED, 1.0).astype(np.float32)
        self.place(state, state["depth"])
        return BlockUpdate(float(state["cost"].mean()), float(np.abs(state["visibility"] - before).mean()))

    def under(self, rig: Rig) -> NearSurfaceModel:
        """The same observations under another rig, without a reduced grid."""
        return NearSurfaceModel(replace(self.observations, lights=rig.lights), self.settings, rig)

    def reduced(self, state: State) -> tuple[NearSurfaceModel, State]:
        """The model of the reduced grid and the state averaged over its cells, itself where there is none."""
        coarse = self.coarse
        if coarse is None or coarse.grid.factor == self.grid.factor:
            return self, state

        def mean(values: NDArray) -> NDArray:
            return self.grid.average(values, coarse.grid)

        small: State = {
            "normals": coarse.facing(mean(state["normals"])), "cost": mean(state["cost"]),
            "weights": mean(state["weights"] * self.scale[:, None, None]) / coarse.scale[:, None, None],
            "shadows": mean(state["shadows"]), "bounce": None if state["bounce"] is None else mean(state["bounce"]),
            "gains": state["gains"], "correction": None,
        }  # fmt: skip
        middle = float(state["depth"].mean())  # differences from it survive the averages' single precision
        coarse.place(small, middle + mean(state["depth"] - middle).astype(np.float64))
        return coarse, small

    def cells_of_pixels(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Cells of the reduced grid, and the pixels that are in them."""
        coarse = self.coarse or self
        step = coarse.grid.factor // self.grid.factor
        number = np.full(coarse.grid.mask.shape, -1)
        number[coarse.grid.index] = np.arange(coarse.grid.size)
        cells = number[self.grid.index[0] // step, self.grid.index[1] // step]
        return cells[cells >= 0], np.flatnonzero(cells >= 0)

    def depth_in_cells(self, state: State) -> NDArray[np.float64]:
        """Depth (P,) in cells as an orthographic camera at the object's mean depth would see it."""
        middle = float(state["depth"].mean())
        return (state["depth"] - middle) * self.rig.focal_px / (self.grid.factor * middle)

    def carry(self, coarse: SurfaceModel, state: State) -> State:
        """A state of a coarser grid, interpolated to this one."""
        fine = super().carry(coarse, state)
        fine |= {name: state[name] for name in ("scale_std", "scale_std_of_places")}
        fine["shadows"] = coarse.grid.interpolate(state["shadows"], self.grid)
        self.place(fine, fine["depth"])
        return fine

    def depth_step(self, coarse: SurfaceModel) -> float:
        """Depth is in the rig's unit on every grid."""
        return 1.0
