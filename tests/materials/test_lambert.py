"""Lambert."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from contracts.material import MaterialContract, reflected_share
from numpy.typing import NDArray

from sharpvision.materials import Lambert


class TestLambert(MaterialContract):
    entry = "lambert"

    def create(self, rng: np.random.Generator) -> Lambert:
        return Lambert(torch.from_numpy(rng.uniform(0.1, 0.9, 3)))

    def evaluate(self, material: Lambert, n: NDArray, wi: NDArray, wo: NDArray) -> NDArray:
        return np.broadcast_to(material.albedo.detach().numpy() / np.pi, (len(n), 3)).copy()


@pytest.mark.parametrize("cos_o", [1.0, 0.3, 0.01])
def test_white_furnace_gives_back_the_albedo(cos_o: float) -> None:
    albedo = torch.tensor([1.0, 0.5, 0.0], dtype=torch.float64)
    torch.testing.assert_close(reflected_share(Lambert(albedo), cos_o), albedo, rtol=0.0, atol=3e-4)


@pytest.mark.parametrize("albedo", [-0.1, 1.2, float("nan")])
def test_impossible_albedo_is_refused(albedo: float) -> None:
    with pytest.raises(ValueError, match=r"must be in \[0, 1\]"):
        Lambert(torch.tensor([albedo]))
