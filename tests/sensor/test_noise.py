"""Noise and quantisation as functions of the signal."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.autograd import gradcheck

from sharpvision.sensor import SensorSettings, noise_variance, quantise, saturated


@given(signal=st.floats(-0.5, 1.5), bits=st.integers(1, 16))
def test_quantised_value_is_the_nearest_level(signal: float, bits: int) -> None:
    value = quantise(torch.tensor(signal, dtype=torch.float64), bits)
    step = 1 / (2**bits - 1)
    assert value.item() / step == pytest.approx(round(value.item() / step), abs=1e-6)
    assert abs(value.item() - min(max(signal, 0.0), 1.0)) <= step / 2 * (1 + 1e-9)
    assert torch.equal(quantise(value, bits), value)


def test_all_levels_are_reached_in_float32() -> None:
    ramp = torch.linspace(0.0, 1.0, 100001)
    assert torch.equal((quantise(ramp, 8) * 255).round().unique(), torch.arange(256.0))
    assert quantise(ramp, 8).unique().shape == (256,)


def test_gradient_passes_through_rounding_and_stops_at_the_ends() -> None:
    signal = torch.tensor([-0.3, 0.21, 0.77, 1.4], requires_grad=True)
    gradient = torch.autograd.grad(quantise(signal, 4).sum(), signal)[0]
    assert gradient.tolist() == [0.0, 1.0, 1.0, 0.0]


def test_variance_is_the_sum_of_three() -> None:
    settings = SensorSettings(full_well=1000.0, read_noise=4.0, bits=8)
    signal = torch.tensor([-1.0, 0.0, 0.25, 1.0], dtype=torch.float64)
    constant = 16 / 1e6 + 1 / 255**2 / 12
    expected = torch.tensor([0.0, 0.0, 0.25e-3, 1e-3], dtype=torch.float64) + constant
    torch.testing.assert_close(noise_variance(signal, settings), expected)
    assert gradcheck(lambda s: noise_variance(s, settings), (signal[2:].requires_grad_(),))


def test_sensor_without_noise_has_no_variance() -> None:
    ideal = SensorSettings(full_well=math.inf, bits=None)
    assert noise_variance(torch.rand(5), ideal).abs().max().item() == 0.0


def test_one_saturated_channel_spoils_the_pixel() -> None:
    signal = torch.tensor([[[0.98, 0.1, 0.1], [0.97, 0.97, 0.97]], [[0.0, 0.0, 1.2], [0.0, 0.0, 0.0]]])
    assert saturated(signal, 0.98).tolist() == [[True, False], [True, False]]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"full_well": 0.0}, "full_well"),
        ({"full_well": math.nan}, "full_well"),
        ({"read_noise": -1.0}, "read_noise"),
        ({"read_noise": math.inf}, "read_noise"),
        ({"bits": 0}, "bits"),
        ({"bits": 25}, "bits"),
        ({"saturation": 0.0}, "saturation"),
        ({"saturation": 1.1}, "saturation"),
    ],
)
def test_settings_that_no_sensor_has_are_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SensorSettings(**wrong)
