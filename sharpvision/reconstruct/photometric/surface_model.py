"""The image-formation model of one surface and the block updates that invert it.

The state, by name: `normals` (P, 3), `weights` (P, 3, 6) of the reflectance basis, `cost` (P,), `depth` (P,) and
`depth_normals` (P, 3) of the integrated surface, `visibility` (P, N), `bounce` (P, N, 3) irradiance that comes from the
surface itself, `inverse_distance` of the lights in mask sides, `gains` (N,) corrections of the lights' intensities.
Updates rebind entries and never write into the arrays that they find.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sharpvision.kernels.height_field import cast_shadows
from sharpvision.kernels.pixels import Pixels
from sharpvision.kernels.robust_normals import robust_normals
from sharpvision.reconstruct.integration_bilateral import bilateral_depth
from sharpvision.reconstruct.integration_settings import IntegrationSettings
from sharpvision.reconstruct.photometric.bounce import bounced_irradiance
from sharpvision.reconstruct.photometric.pixel_observations import PixelObservations
from sharpvision.reconstruct.photometric.settings import PhysicsSettings
from sharpvision.solvers.block_descent import BlockUpdate

State = dict[str, Any]

DIFFUSE = slice(0, 2)
_SECOND_START_RAD = 0.035


class SurfaceModel:
    """Observations of one grid, and the updates of the state that explain them."""

    def __init__(self, observations: PixelObservations, settings: PhysicsSettings) -> None:
        self.observations, self.settings, self.grid = observations, settings, observations.grid
        self.scale = observations.scale
        self.observed = observations.radiance / self.scale[:, None, None]
        usable = observations.usable.astype(np.float32)
        brightness = self.observed.mean(-1)
        self.weight = usable * np.clip(brightness / settings.dark_level, settings.dark_floor, 1.0)
        self.usable = usable
        self.loss_scale = np.hypot(settings.loss_scale, observations.noise / self.scale).astype(np.float32)

    def start(self) -> State:
        """The robust Lambertian solution, lights at infinity, everything visible."""
        normals, albedo, _ = robust_normals(
            self.observations.radiance, self.observations.usable, self.observations.lights
        )
        normals = self.facing(normals)
        weights = np.zeros((self.grid.size, 3, 6), np.float32)
        weights[..., 0] = albedo / self.scale[:, None]
        return {
            "normals": normals, "weights": weights, "cost": np.zeros(self.grid.size, np.float32),
            "depth": np.zeros(self.grid.size), "depth_normals": normals,
            "visibility": np.ones(self.usable.shape, np.float32), "bounce": None,
            "inverse_distance": 0.0, "gains": np.ones(len(self.observations.lights), np.float32), "correction": None,
        }  # fmt: skip

    def points(self, state: State, inverse_distance: float | None = None) -> NDArray[np.float32]:
        """Positions (P, 3) in light distances, from the centre of the mask's bounding box at the mean depth."""
        inverse = state["inverse_distance"] if inverse_distance is None else inverse_distance
        rows, columns = self.grid.index
        x = columns - 0.5 * (columns.min() + columns.max())
        y = rows - 0.5 * (rows.min() + rows.max())
        z = state["depth"] - state["depth"].mean()
        return np.ascontiguousarray(np.stack([x, y, z], 1) * (inverse / self.grid.side), np.float32)

    def pixels(self, state: State, *, dark_weights: bool = True) -> Pixels:
        """The per-pixel problem at the state: gains, bounce and learned correction taken off the observations."""
        observed = self.observed / state["gains"][:, None]
        if state["bounce"] is not None:
            observed = observed - state["bounce"] * state["weights"][..., DIFFUSE].sum(-1)[:, None]
        if state["correction"] is not None:
            observed = observed - state["correction"]
        return Pixels(
            np.ascontiguousarray(np.maximum(observed, 0.0), np.float32),
            np.ascontiguousarray(self.weight if dark_weights else self.usable, np.float32),
            np.ascontiguousarray(state["visibility"], np.float32), self.loss_scale, self.observations.lights,
            self.points(state), self.observations.viewers, self.settings.relative_scale, self.settings.sparsity,
        )  # fmt: skip

    def facing(self, normals: NDArray, least: float = 0.06) -> NDArray[np.float32]:
        """Unit normals turned towards the camera where their cosine to it is below `least`."""
        viewers = self.observations.viewers
        cosine = (normals * viewers).sum(1, keepdims=True)
        normals = normals + np.maximum(least - cosine, 0.0) * viewers
        return np.ascontiguousarray(normals / np.linalg.norm(normals, axis=1, keepdims=True), np.float32)

    def fit_pixels(
        self, state: State, prior: NDArray | None, prior_weight: float, *, second_start: bool = True, steps: int = 15
    ) -> BlockUpdate:
        """Normals and reflectance of every pixel; where the prior's normal is elsewhere, a second start from it."""
        pixels = self.pixels(state)
        before = state["normals"]
        normals, weights, cost = pixels.fit(
            before, state["weights"], steps=steps, prior=prior, prior_weight=prior_weight
        )
        if prior is not None and second_start:
            apart = np.flatnonzero((normals * prior).sum(1) < np.cos(_SECOND_START_RAD))
            if apart.size:
                other = pixels.subset(apart).fit(
                    prior[apart], weights[apart], steps=steps, prior=prior[apart], prior_weight=prior_weight
                )
                better = other[2] < cost[apart]
                for target, candidate in zip((normals, weights, cost), other, strict=True):
                    target[apart[better]] = candidate[better]
        state["normals"], state["weights"], state["cost"] = normals, weights, cost
        turn = np.arccos(np.clip((normals * before).sum(1), -1.0, 1.0))
        return BlockUpdate(float(cost.mean()), float(turn.mean()))

    def integrate(self, state: State, steps: int = 30) -> BlockUpdate:
        """Depth with steps from the normals (bilateral), confident where the model fits; its own normals beside it."""
        settings = IntegrationSettings(
            method="bilateral", k=self.settings.bilateral_k, min_nz=0.12, max_steps=steps, tolerance=1e-3
        )
        confidence = self.grid.image(np.exp(-state["cost"].astype(np.float64)) + 1e-3)
        initial = self.grid.image(state["depth"], np.nan) if np.any(state["depth"]) else None
        result = bilateral_depth(
            self.grid.image(state["normals"]), self.grid.mask, weights=confidence, initial=initial, settings=settings
        )
        before = state["depth"]
        state["depth"] = result.depth[self.grid.index]
        state["depth_normals"] = self.facing(result.own_normals[self.grid.index])
        return BlockUpdate(float(state["cost"].mean()), float(np.abs(state["depth"] - before).mean() / self.grid.side))

    def cast(self, state: State) -> BlockUpdate:
        """Visibility of each light from each pixel over the depth."""
        before = state["visibility"]
        state["visibility"] = cast_shadows(
            self.grid.image(state["depth"], np.nan), self.grid.mask, self.observations.lights, self.points(state)
        )
        return BlockUpdate(float(state["cost"].mean()), float(np.abs(state["visibility"] - before).mean()))

    def reflect(self, state: State) -> BlockUpdate:
        """Irradiance that the surface sends to itself, from its depth and diffuse albedo."""
        albedo = state["weights"][..., DIFFUSE].sum(-1) * self.scale[:, None]
        albedo = np.clip(
            albedo / max(float(np.quantile(albedo.max(1), 0.97)), 1e-9) * self.settings.bounce_albedo, 0.0, 1.0
        )
        direct = self.direct_irradiance(state)
        state["bounce"] = bounced_irradiance(
            self.grid, self.depth_in_cells(state), state["normals"], direct, albedo, self.settings.bounce_cells
        )
        return BlockUpdate(float(state["cost"].mean()), float(state["bounce"].mean()))

    def direct_irradiance(self, state: State) -> NDArray[np.float32]:
        """g V max(n.l, 0) (P, N) at the state."""
        to_light = self.observations.lights[None] - self.points(state)[:, None]
        square = (to_light**2).sum(-1)
        cosine = np.einsum("pa,pja->pj", state["normals"], to_light)
        return (np.maximum(cosine, 0.0) / square**1.5 * state["visibility"]).astype(np.float32)

    def predict(self, state: State, *, correction: bool = True) -> NDArray[np.float32]:
        """Radiance (P, N, 3) over the lights' given intensities and the pixels' scale."""
        radiance = self.pixels(state).predict(state["normals"], state["weights"])
        if state["bounce"] is not None:
            radiance = radiance + state["bounce"] * state["weights"][..., DIFFUSE].sum(-1)[:, None]
        if correction and state["correction"] is not None:
            radiance = radiance + state["correction"]
        return radiance * state["gains"][:, None]

    def carry(self, coarse: SurfaceModel, state: State) -> State:
        """A state of a coarser grid, interpolated to this one, its reflectance fitted anew."""

        def up(values: NDArray) -> NDArray:
            return coarse.grid.interpolate(values, self.grid)

        fine: State = {
            "normals": self.facing(up(state["normals"])),
            "depth": up(state["depth"]).astype(np.float64) * self.depth_step(coarse),
            "visibility": up(state["visibility"]), "bounce": None if state["bounce"] is None else up(state["bounce"]),
            "inverse_distance": state["inverse_distance"], "gains": state["gains"], "correction": None,
            "weights": up(state["weights"]), "cost": up(state["cost"]),
        }  # fmt: skip
        fine["depth_normals"] = fine["normals"]
        fine["weights"], fine["cost"] = self.pixels(fine).fit_weights(fine["normals"], fine["weights"], 5)
        return fine

    def depth_step(self, coarse: SurfaceModel) -> float:
        """What a depth of the coarser grid is multiplied by on this one: depth is in cells."""
        return coarse.grid.factor / self.grid.factor

    def depth_in_cells(self, state: State) -> NDArray[np.float64]:
        """Depth (P,) in cells of an orthographic view, for light between the surface's own parts."""
        return state["depth"]
