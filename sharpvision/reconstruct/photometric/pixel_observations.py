"""The observations of the pixels of a mask, in the units that the solvers work in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sharpvision.data.observations import PhotometricObservations, Validity
from sharpvision.reconstruct.photometric.grid import PixelGrid

GREY = np.array([0.2989, 0.5870, 0.1140], np.float32)


@dataclass(frozen=True, eq=False)
class PixelObservations:
    """Radiance of P pixels under N lights over the lights' intensities.

    `radiance` (P, N, 3) float32; `usable` (P, N) uint8, zero where saturated; `lights` (N, 3) float32, OpenCV frame;
    `intensities` (N, 3); `viewers` (P, 3) unit vectors to the camera; `focal_px` in cells, None when orthographic.
    """

    grid: PixelGrid
    radiance: NDArray[np.float32]
    usable: NDArray[np.uint8]
    lights: NDArray[np.float32]
    intensities: NDArray[np.float32]
    viewers: NDArray[np.float32]
    noise: float

    @property
    def scale(self) -> NDArray[np.float32]:
        """90th percentile over the lights of each pixel's grey radiance (P,), at least a sensor step."""
        grey = self.radiance @ GREY
        return np.maximum(np.quantile(grey, 0.9, axis=1), max(self.noise, 1e-7)).astype(np.float32)

    def on(self, coarse: PixelGrid) -> PixelObservations:
        """Averaged over the cells of a coarser grid; a cell with a saturated pixel counts as saturated."""
        if coarse.factor == self.grid.factor and coarse.size == self.grid.size:
            return self
        saturated = self.grid.average((self.usable == 0).astype(np.float32), coarse) > 0
        viewers = self.grid.average(self.viewers, coarse)
        viewers /= np.linalg.norm(viewers, axis=1, keepdims=True)
        return PixelObservations(
            coarse, self.grid.average(self.radiance, coarse), (~saturated).astype(np.uint8), self.lights,
            self.intensities, viewers, self.noise * self.grid.factor / coarse.factor,
        )  # fmt: skip


def gather(observations: PhotometricObservations, rows: int = 256) -> PixelObservations:
    """Read the pixels of the mask, strip by strip."""
    mask = observations.mask.numpy()
    grid = PixelGrid(mask)
    lights = np.ascontiguousarray(observations.light_directions.numpy(), np.float32)
    intensities = observations.light_intensities.numpy().astype(np.float32)
    radiance = np.empty((grid.size, len(lights), 3), np.float32)
    usable = np.empty((grid.size, len(lights)), np.uint8)
    first = 0
    for tile in observations.tiles(rows):
        inside = tile.mask.numpy()
        last = first + int(inside.sum())
        radiance[first:last] = tile.images.numpy()[:, inside].transpose(1, 0, 2) / intensities
        usable[first:last] = (tile.validity.numpy()[:, inside] != int(Validity.SATURATED)).T
        first = last
    step = observations.quantisation / float(intensities.mean())
    noise = max(step, noise_level(radiance, grid))
    return PixelObservations(grid, radiance, usable, lights, intensities, viewers_of(observations, grid), noise)


def noise_level(radiance: NDArray, grid: PixelGrid, triples: int = 4000) -> float:
    """Standard deviation of the sensor's noise in `radiance` (P, N, 3), from its second differences along rows.

        sigma = median |I(x - 1) - 2 I(x) + I(x + 1)| / (0.6745 sqrt(6))

    over the darker half of the observations, where read noise dominates and texture is weak. Zero where no three pixels
    stand in a row.

    >>> grid = PixelGrid(np.ones((40, 40), bool))
    >>> noisy = 0.5 + 0.01 * np.random.default_rng(0).standard_normal((1600, 8, 3)).astype(np.float32)
    >>> bool(abs(noise_level(noisy, grid) - 0.01) < 1e-3)
    True
    """
    rows, columns = grid.index
    first = np.flatnonzero((rows[2:] == rows[:-2]) & (columns[2:] == columns[:-2] + 2))
    if not first.size:
        return 0.0
    first = first[:: max(1, first.size // triples)]
    left, centre, right = (radiance[first + i].reshape(first.size, -1) for i in range(3))
    dark = centre <= np.median(centre)
    return float(np.median(np.abs(left - 2 * centre + right)[dark]) / (0.6745 * np.sqrt(6.0)))


def viewers_of(observations: PhotometricObservations, grid: PixelGrid) -> NDArray[np.float32]:
    """Unit vectors (P, 3) from the surface to the camera: (0, 0, -1) for an orthographic camera, -ray otherwise."""
    rays = np.zeros((grid.size, 3))
    rays[:, 2] = 1.0
    if observations.focal_px is not None:
        height, width = observations.shape
        x0, y0 = observations.principal_point or (width / 2, height / 2)
        rays[:, 0] = (grid.index[1] + 0.5 - x0) / observations.focal_px
        rays[:, 1] = (grid.index[0] + 0.5 - y0) / observations.focal_px
        rays /= np.linalg.norm(rays, axis=1, keepdims=True)
    return (-rays).astype(np.float32)
