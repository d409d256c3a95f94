"""The learned residual of one object: trained on what its own physics leaves over, kept only where it earns its
place."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sharpvision.reconstruct.photometric.surface_model import DIFFUSE, State, SurfaceModel
from sharpvision.residuals import ReflectanceResidual, reflectance_features


@dataclass(frozen=True)
class ResidualSettings:
    """`pixels` are sampled, a fifth of them held out; `least_gain` is the share by which the held-out cost must
    fall."""

    hidden: int = 24
    pixels: int = 1500
    batch: int = 6144
    steps: int = 1000
    rate: float = 5e-3
    decay: float = 1e-3
    least_gain: float = 0.003


@contextmanager
def _one_thread() -> Iterator[None]:
    """Torch on one thread: each of the many small steps is a barrier, 25 times slower measured where another process
    takes a core, and sums over batches would depend on the number of threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@_one_thread()
def train_residual(
    model: SurfaceModel, state: State, seed: int, settings: ResidualSettings | None = None
) -> ReflectanceResidual | None:
    """A residual network fitted to this object's own misfit, or None where pixels it has not seen do not gain from it.

    Minimises the solver's robust cost over the sampled pixels by Adam, normals, weights and lights held:

        sum_j w_j log(1 + mean_c (r_jc - D_jc m_j)^2 / s^2),   D = albedo g V max(n.l, 0)

    with r the misfit of the physics. A fifth of the pixels is held out; the network is kept where their cost falls by
    at
    least `least_gain` of itself.
    """
    settings = settings or ResidualSettings()
    random = np.random.default_rng(seed)
    chosen = np.sort(random.permutation(model.grid.size)[: settings.pixels])
    held_out = torch.from_numpy(random.permutation(len(chosen)) < len(chosen) // 5)
    features, shading, misfit, weight, scale2 = _training_data(model, state, chosen)
    generator_state = torch.get_rng_state()
    torch.manual_seed(seed)
    network = ReflectanceResidual(settings.hidden)
    torch.set_rng_state(generator_state)

    def cost(rows: Tensor) -> Tensor:
        left = misfit[rows] - shading[rows] * network(features[rows])[..., None]
        return (weight[rows] * torch.log1p((left**2).mean(-1) / scale2[rows])).sum() / weight[rows].sum().clamp_min(
            1e-12
        )

    seen, unseen = ~held_out, held_out
    with torch.no_grad():
        before = float(cost(unseen)) if bool(unseen.any()) else 0.0
    optimiser = torch.optim.AdamW(network.parameters(), lr=settings.rate, weight_decay=settings.decay)
    pool = torch.nonzero(seen)[:, 0]
    rows = max(1, settings.batch // features.shape[1])
    generator = torch.Generator().manual_seed(seed)
    for _ in range(settings.steps):
        optimiser.zero_grad()
        loss = cost(pool[torch.randint(len(pool), (rows,), generator=generator)])
        loss.backward()
        optimiser.step()
    with torch.no_grad():
        after = float(cost(unseen)) if bool(unseen.any()) else 0.0
    return network if after < (1.0 - settings.least_gain) * before else None


def _training_data(model: SurfaceModel, state: State, chosen: NDArray) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Features, shading D, misfit, weights and squared scales of the sampled pixels' observations."""
    pixels = model.pixels({**state, "correction": None}).subset(chosen)
    normals, weights = state["normals"][chosen], state["weights"][chosen]
    misfit = pixels.observed - pixels.predict(normals, weights)
    scale2 = pixels.scale[:, None] ** 2 * (1.0 + pixels.relative * (pixels.observed**2).mean(-1))
    features, shading = _features(model, state, chosen)
    as_tensor = torch.from_numpy
    return features, shading, as_tensor(misfit), as_tensor(pixels.weight), as_tensor(scale2.astype(np.float32))


def _features(model: SurfaceModel, state: State, chosen: NDArray) -> tuple[Tensor, Tensor]:
    """Features (P', N, 4) and shading albedo g V max(n.l, 0) (P', N, 3) of some pixels."""
    to_light = torch.from_numpy(model.observations.lights[None] - model.points(state)[chosen][:, None])
    square = (to_light**2).sum(-1)
    wi = to_light / square.sqrt()[..., None]
    n = torch.from_numpy(state["normals"][chosen])[:, None]
    wo = torch.from_numpy(model.observations.viewers[chosen])[:, None]
    features = reflectance_features(n, wi, wo)
    direct = features[..., 0].clamp_min(0.0) / square * torch.from_numpy(state["visibility"][chosen])
    albedo = torch.from_numpy(state["weights"][chosen][..., DIFFUSE].sum(-1))
    return features, direct[..., None] * albedo[:, None]


def correction_of(
    network: ReflectanceResidual, model: SurfaceModel, state: State, rows: int = 4096
) -> NDArray[np.float32]:
    """The radiance (P, N, 3) that the residual adds, in the units of the model."""
    out = np.empty(model.observed.shape, np.float32)
    with torch.no_grad():
        for first in range(0, model.grid.size, rows):
            chosen = np.arange(first, min(first + rows, model.grid.size))
            features, shading = _features(model, state, chosen)
            out[chosen] = (shading * network(features)[..., None]).numpy()
    return out
