"""A module as a function of its parameters, for gradcheck and vmap."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.func import functional_call


def as_function(module: nn.Module) -> tuple[Callable[..., Any], tuple[Tensor, ...]]:
    """`f(*parameters, *inputs)` and the parameters, detached, in the module's order."""
    names = [name for name, _ in module.named_parameters()]
    values = tuple(parameter.detach().clone() for parameter in module.parameters())

    def function(*arguments: Tensor) -> Any:
        return functional_call(module, dict(zip(names, arguments, strict=False)), arguments[len(names) :])

    return function, values


def random_state(module: nn.Module, generator: torch.Generator, spread: float) -> None:
    """Draw every unconstrained parameter anew from a normal distribution: any state that the module can have."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(spread * torch.randn(parameter.shape, generator=generator, dtype=parameter.dtype))


def random_directions(rng: np.random.Generator, count: int, least_cosine: float | None = None) -> NDArray[np.float64]:
    """Unit vectors (count, 3), uniform on the sphere or where the cosine to (0, 0, -1) is at least `least_cosine`."""
    cosine = rng.uniform(-1.0 if least_cosine is None else least_cosine, 1.0, count)
    azimuth = rng.uniform(0.0, 2 * np.pi, count)
    sine = np.sqrt(1 - cosine**2)
    return np.stack([sine * np.cos(azimuth), sine * np.sin(azimuth), -cosine], -1)
