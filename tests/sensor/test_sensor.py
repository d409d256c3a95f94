"""Photographs of known radiances: statistics, determinism, gradients."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import stats
from torch.autograd import gradcheck

from sharpvision.core.random import generator_from
from sharpvision.sensor import Sensor, SensorSettings, expose, noise_variance

ONE = torch.tensor(1.0)


@pytest.mark.parametrize("signal", [0.1, 0.4, 0.8])
@pytest.mark.parametrize(
    "settings",
    [
        SensorSettings(2000.0, 5.0, 12),
        SensorSettings(500.0, 0.0, None),
        SensorSettings(1e5, 30.0, 16),
        SensorSettings(1e4, 20.0, 8),
    ],
)
def test_mean_and_variance_are_as_stated(signal: float, settings: SensorSettings) -> None:
    count = 40000
    image, valid = expose(torch.full((count, 1), signal), ONE, settings, seed=3)
    variance = noise_variance(torch.tensor(signal), settings).item()
    # Five standard errors of the mean and of the variance.
    assert image.mean().item() == pytest.approx(signal, abs=5 * math.sqrt(variance / count))
    assert image.var().item() == pytest.approx(variance, rel=5 * math.sqrt(2 / count))
    assert bool(valid.all())


def test_few_photons_are_poisson() -> None:
    settings = SensorSettings(full_well=20.0, read_noise=0.0, bits=None, saturation=1.0)
    image, _ = expose(torch.full((20000, 1), 0.25), ONE, settings, seed=1)
    counts = (image[:, 0] * 20).round().numpy()
    observed = np.array([(counts == k).sum() for k in range(13)])
    expected = stats.poisson(5.0).pmf(np.arange(13))
    assert stats.chisquare(observed, expected / expected.sum() * observed.sum()).pvalue > 1e-3


def test_same_seed_gives_the_same_bytes() -> None:
    radiance = torch.rand(8, 9, 3, generator=torch.Generator().manual_seed(0))
    first = expose(radiance, ONE, SensorSettings(), seed=7).image
    assert torch.equal(first, expose(radiance, ONE, SensorSettings(), seed=7).image)
    assert not torch.equal(first, expose(radiance, ONE, SensorSettings(), seed=8).image)
    generator = generator_from(7)
    assert torch.equal(first, expose(radiance, ONE, SensorSettings(), generator).image)
    assert not torch.equal(first, expose(radiance, ONE, SensorSettings(), generator).image)


def test_without_seed_there_is_no_noise() -> None:
    image = expose(torch.tensor([[0.5, 1.0, 2.0]]), torch.tensor(0.25), SensorSettings(bits=None)).image
    assert image.tolist() == [[0.125, 0.25, 0.5]]


def test_infinite_well_gives_no_noise_either() -> None:
    radiance = torch.rand(5, 3)
    image = expose(radiance, ONE, SensorSettings(full_well=math.inf, bits=None), seed=1).image
    assert torch.equal(image, radiance)


def test_saturated_and_black_pixels() -> None:
    radiance = torch.tensor([[0.5, 0.5, 40.0], [-1.0, 0.0, 0.0], [0.5, 0.5, 0.5]])
    image, valid = expose(radiance, ONE, SensorSettings(bits=8), seed=0)
    assert valid.tolist() == [False, True, True]
    assert image[0, 2].item() == 1.0
    assert float(image.min()) >= 0.0
    assert float(image.max()) <= 1.0


def test_gradient_of_the_exact_exposure() -> None:
    radiance = torch.tensor([[0.3, 0.9, 0.1]], dtype=torch.float64, requires_grad=True)
    exposure = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
    assert gradcheck(lambda r, e: expose(r, e, SensorSettings(bits=None)).image, (radiance, exposure))


@pytest.mark.parametrize("seed", [None, 5])
def test_gradient_passes_noise_and_rounding_and_stops_where_clipped(seed: int | None) -> None:
    radiance = torch.tensor([[0.3, 0.9, 9.0]], requires_grad=True)
    sensor = Sensor(torch.tensor(0.5), SensorSettings(bits=8))
    image = sensor(radiance, seed).image
    by_radiance, by_exposure = torch.autograd.grad(image.sum(), [radiance, sensor.exposure_raw])
    torch.testing.assert_close(by_radiance, torch.tensor([[0.5, 0.5, 0.0]]))
    softplus_slope = torch.sigmoid(sensor.exposure_raw.detach())
    torch.testing.assert_close(by_exposure, 1.2 * softplus_slope)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_any_batch_shape_and_dtype(dtype: torch.dtype) -> None:
    for shape in [(3,), (2, 3), (2, 4, 5, 3), (0, 3), (6, 1)]:
        image, valid = Sensor(torch.tensor(1.0, dtype=dtype))(torch.full(shape, 0.5, dtype=dtype), 1)
        assert image.shape == shape
        assert image.dtype == dtype
        assert valid.shape == shape[:-1]


def test_negative_exposure_is_refused() -> None:
    with pytest.raises(ValueError, match="must be finite and >= 0"):
        Sensor(torch.tensor(-1.0))
