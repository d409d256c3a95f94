"""NumPy face of the bundle-adjustment kernels: arrays in, arrays out, bands and scratch handled here."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import warp as wp
from numpy.typing import NDArray

from sharpvision.kernels.launch import as_warp, in_bands, launch, start_warp, thread_count

start_warp()

from sharpvision.kernels import bundle_fit  # noqa: E402  (Warp must be up before kernels are declared)
from sharpvision.kernels.reflectance_basis import vec6  # noqa: E402

LEAST_FACING = 0.05
_BAND = 128


@dataclass
class BundlePixels:
    """Grey observations of P pixels under N lights, float32 and contiguous; see `bundle_fit`.

    `observed` (P, N) over the pixel's scale; `weight` (P, N), zero where an observation does not count; `visibility`
    (P, N); `scale` (P,) of the loss; `points` (P, 3) in light distances; `viewers` (P, 3) unit.
    """

    observed: NDArray[np.float32]
    weight: NDArray[np.float32]
    visibility: NDArray[np.float32]
    scale: NDArray[np.float32]
    points: NDArray[np.float32]
    viewers: NDArray[np.float32]
    relative: float = 0.0
    sparsity: float = 0.0

    def subset(self, index: NDArray) -> BundlePixels:
        """Only the pixels `index`."""
        taken = ("observed", "weight", "visibility", "scale", "points", "viewers")
        return replace(self, **{name: np.ascontiguousarray(getattr(self, name)[index]) for name in taken})  # type: ignore[arg-type]

    def _data(self, lights: NDArray, intensities: NDArray) -> bundle_fit.BundleData:
        data = bundle_fit.BundleData()
        self._kept = (self.scale**2, lights.astype(np.float32, order="C"), intensities.astype(np.float32, order="C"))
        data.observed, data.weight = as_warp(self.observed, wp.float32), as_warp(self.weight, wp.float32)
        data.visibility, data.scale2 = as_warp(self.visibility, wp.float32), as_warp(self._kept[0], wp.float32)
        data.lights, data.intensity = as_warp(self._kept[1], wp.vec3), as_warp(self._kept[2], wp.float32)
        data.points, data.viewers = as_warp(self.points, wp.vec3), as_warp(self.viewers, wp.vec3)
        data.relative, data.sparsity = self.relative, self.sparsity
        return data

    def fit_reflectance(
        self, lights: NDArray, intensities: NDArray, normals: NDArray, weights: NDArray, passes: int = 3
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Weights (P, 6) re-fitted at given lights (N, 3), intensities (N,) and normals (P, 3); each pixel's cost."""
        data = self._data(lights, intensities)
        normals, weights = np.ascontiguousarray(normals, np.float32), weights.astype(np.float32, order="C")
        costs = np.empty(len(normals), np.float32)
        table = wp.empty((thread_count(), len(lights)), dtype=vec6, device="cpu")
        arrays = (as_warp(normals, wp.vec3), as_warp(weights, vec6), as_warp(costs, wp.float32))

        def band(first: int, last: int, worker: int) -> None:
            launch(bundle_fit.fit_reflectance, last - first, [data, first, worker, passes, table, *arrays])

        in_bands(band, len(normals), _BAND)
        return weights, costs

    def eliminate(
        self, lights: NDArray, intensities: NDArray, axes: NDArray, normals: NDArray, weights: NDArray, damping: float
    ) -> Elimination:
        """The Gauss-Newton system in the lights' 3 N unknowns, pixels eliminated; `axes` (N, 2, 3) tangents."""
        data = self._data(lights, intensities)
        pixels, count = self.observed.shape
        n, x = np.ascontiguousarray(normals, np.float32), np.ascontiguousarray(weights, np.float32)
        tangents = axes.astype(np.float32, order="C")
        found = Elimination(
            np.empty((pixels, 8, 3 * count), np.float32), np.empty((pixels, 8), np.float32),
            np.empty((pixels, 3), np.float32), np.empty((pixels, count, 3), np.float32),
            np.empty((pixels, count), np.float32),
        )  # fmt: skip
        out = bundle_fit.Eliminated()
        out.rows, out.right = as_warp(found.rows, wp.float32), as_warp(found.right, bundle_fit.vec8)
        out.lower, out.slope = as_warp(found.lower, wp.vec3), as_warp(found.slope, wp.vec3)
        out.residual = as_warp(found.residual, wp.float32)
        arrays = (as_warp(n, wp.vec3), as_warp(x, vec6), as_warp(tangents, wp.vec3))

        def band(first: int, last: int, _: int) -> None:
            launch(bundle_fit.eliminate_pixels, last - first, [data, first, damping, *arrays, out])

        in_bands(band, pixels, _BAND)
        return found

    def turn(self, normals: NDArray, steps: NDArray) -> NDArray[np.float32]:
        """Normals (P, 3) moved by steps (P, 2) along their tangents, as `eliminate` has them."""
        n, s = np.ascontiguousarray(normals, np.float32), np.ascontiguousarray(steps, np.float32)
        out = np.empty_like(n)
        arrays = [as_warp(n, wp.vec3), as_warp(s, wp.vec2), as_warp(self.viewers, wp.vec3)]
        target = as_warp(out, wp.vec3)

        def band(first: int, last: int, _: int) -> None:
            launch(bundle_fit.turn_normals, last - first, [first, *arrays, LEAST_FACING, target])

        in_bands(band, len(n), 4096)
        return out


@dataclass(frozen=True)
class Elimination:
    """What `bundle_fit.Eliminated` says, as arrays, and the two steps of the solve around it."""

    rows: NDArray[np.float32]
    right: NDArray[np.float32]
    lower: NDArray[np.float32]
    slope: NDArray[np.float32]
    residual: NDArray[np.float32]

    def reduced_system(self) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Schur complement (3N, 3N), its right-hand side (3N,), and the diagonal (3N,) before the elimination."""
        count = self.slope.shape[1]
        blocks = np.einsum("pja,pjb->jab", self.slope, self.slope, optimize=True).astype(np.float64)
        gradient = np.einsum("pja,pj->ja", self.slope, self.residual).astype(np.float64).ravel()
        flat = self.rows.reshape(-1, 3 * count)
        matrix = -(flat.T @ flat).astype(np.float64)
        for j in range(count):
            matrix[3 * j : 3 * j + 3, 3 * j : 3 * j + 3] += blocks[j]
        return matrix, gradient - flat.T @ self.right.ravel(), np.einsum("jaa->ja", blocks).ravel()

    def normal_steps(self, light_steps: NDArray) -> NDArray[np.float32]:
        """Steps (P, 2) along the normals' tangents that belong to steps (3N,) of the lights."""
        left = self.right[:, 6:] - self.rows[:, 6:] @ light_steps.astype(np.float32)
        second = left[:, 1] / self.lower[:, 2]
        first = (left[:, 0] - self.lower[:, 1] * second) / self.lower[:, 0]
        return np.stack([first, second], 1)
