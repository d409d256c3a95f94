"""NumPy face of the per-pixel kernels: arrays in, arrays out, bands and scratch handled here."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import warp as wp

from sharpvision.kernels.launch import as_warp, in_bands, launch, start_warp, thread_count

start_warp()

from sharpvision.kernels import pixel_fit  # noqa: E402  (Warp must be up before kernels are declared)
from sharpvision.kernels.reflectance_basis import BASIS_SIZE, vec6  # noqa: E402


@dataclass
class Pixels:
    """Observations and geometry of P pixels under N lights, float32 and contiguous.

    `observed` (P, N, 3) radiance over the light's intensity and the pixel's scale; `weight` (P, N), zero where an
    observation does not count; `visibility` (P, N) in [0, 1]; `scale` (P,) of the robust loss; `lights` (N, 3) unit;
    `points` (P, 3) in light distances (zeros for lights at infinity); `viewers` (P, 3) unit, towards the camera.
    `relative` widens the loss with the observation, `sparsity` is the price of rough diffuse weight (see `pixel_fit`),
    `tolerance` the relative fall of the cost that ends a pixel's fit. Gauge: scaling `observed` and `scale` by c scales
    the weights by c (where `relative` and `sparsity` are 0). Raises `ValueError` for arrays that are not contiguous.
    """

    observed: np.ndarray
    weight: np.ndarray
    visibility: np.ndarray
    scale: np.ndarray
    lights: np.ndarray
    points: np.ndarray
    viewers: np.ndarray
    relative: float = 0.0
    sparsity: float = 0.0
    tolerance: float = 1e-3

    def subset(self, index: np.ndarray) -> Pixels:
        """Only the pixels `index`."""
        taken = ("observed", "weight", "visibility", "scale", "points", "viewers")
        return replace(self, **{name: getattr(self, name)[index] for name in taken})

    def _kernel_data(self, prior: np.ndarray | None, prior_weight: float) -> pixel_fit.PixelData:
        data = pixel_fit.PixelData()
        data.observed = as_warp(self.observed, wp.vec3)
        data.weight = as_warp(self.weight, wp.float32)
        data.visibility = as_warp(self.visibility, wp.float32)
        self._scale2 = self.scale**2
        data.scale2 = as_warp(self._scale2, wp.float32)
        data.lights = as_warp(self.lights, wp.vec3)
        data.points = as_warp(self.points, wp.vec3)
        data.viewers = as_warp(self.viewers, wp.vec3)
        data.prior = as_warp(self.viewers if prior is None else prior, wp.vec3)
        data.prior_weight = 0.0 if prior is None else prior_weight
        data.relative = self.relative
        data.sparsity = self.sparsity
        data.tolerance = self.tolerance
        return data

    def fit(self, normals: np.ndarray, weights: np.ndarray, *, steps: int = 15, prior: np.ndarray | None = None,
            prior_weight: float = 0.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
        """Normals (P, 3), weights (P, 3, 6) and costs (P,) after at most `steps` damped Gauss-Newton steps a pixel."""
        return self._run(pixel_fit.fit_pixels, steps, normals, weights, self._kernel_data(prior, prior_weight))

    def fit_weights(self, normals: np.ndarray, weights: np.ndarray, passes: int = 3) -> tuple[np.ndarray, np.ndarray]:
        """Weights (P, 3, 6) re-fitted at fixed normals, and their data costs (P,)."""
        data = self._kernel_data(None, 0.0)
        _, weights, costs = self._run(pixel_fit.fit_weights_only, passes, normals, weights, data)
        return weights, costs

    def _run(self, kernel: wp.Kernel, count: int, normals: np.ndarray, weights: np.ndarray, data: pixel_fit.PixelData
             ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
        normals, weights = normals.astype(np.float32, order="C"), weights.astype(np.float32, order="C")
        costs = np.empty(len(normals), np.float32)
        table = wp.empty((thread_count(), len(self.lights)), dtype=vec6, device="cpu")
        arrays = (as_warp(normals, wp.vec3), as_warp(weights, pixel_fit.mat36), as_warp(costs, wp.float32))

        def band(first: int, last: int, worker: int) -> None:
            launch(kernel, last - first, [data, first, worker, count, table, *arrays])

        in_bands(band, len(normals))
        return normals, weights, costs

    def predict(self, normals: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Radiance (P, N, 3) that the model gives."""
        return self._evaluate(pixel_fit.predict_pixels, normals, weights, np.empty_like(self.observed))

    def curvature(self, normals: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Reduced Gauss-Newton matrix (h11, h12, h22) (P, 3) of the data cost in each pixel's two tangents."""
        return self._evaluate(pixel_fit.tangent_curvature, normals, weights, np.empty((len(normals), 3), np.float32))

    def _evaluate(self, kernel: wp.Kernel, normals: np.ndarray, weights: np.ndarray, out: np.ndarray) -> np.ndarray:
        """Run a kernel that reads normals and weights and fills `out`."""
        data, target = self._kernel_data(None, 0.0), as_warp(out, wp.vec3)
        n = as_warp(np.ascontiguousarray(normals, np.float32), wp.vec3)
        x = as_warp(np.ascontiguousarray(weights, np.float32), pixel_fit.mat36)
        in_bands(lambda first, last, _: launch(kernel, last - first, [data, first, n, x, target]), len(normals))
        return out


def start_weights(count: int) -> np.ndarray:
    """Weights (P, 3, 6) to start from: half diffuse."""
    weights = np.zeros((count, 3, BASIS_SIZE), np.float32)
    weights[..., 0] = 1.0
    return weights
