"""Codes to radiance."""

from __future__ import annotations

import kornia
import numpy as np
import pytest
import torch
from folders import shallow

from sharpvision.data.observations import Validity
from sharpvision.data.transfer import Transfer, is_left_aligned, linear_from_srgb


def test_srgb_inverts_the_standard_encoding() -> None:
    linear = np.linspace(0, 1, 1001)
    coded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    np.testing.assert_allclose(linear_from_srgb(coded.astype(np.float32)), linear, atol=2e-6)


@pytest.mark.parametrize(("container", "bits"), [("uint8", 8), ("uint16", 16)])
def test_a_full_container_runs_from_0_to_1(container: str, bits: int) -> None:
    transfer = Transfer(container, bits, "linear")
    found = transfer.linear(np.array([0, 1, 2**bits - 1], container))
    np.testing.assert_allclose(found, [0, 1 / (2**bits - 1), 1], rtol=1e-6)
    assert transfer.quantisation == pytest.approx(1 / (2**bits - 1))


@pytest.mark.parametrize("bits", [8, 10, 12, 14])
@pytest.mark.parametrize("form", ["low", "high", "repeated"])
def test_shallow_values_read_the_middle_of_their_level(bits: int, form: str) -> None:
    v = shallow(np.arange(0, 65536, 97, dtype=np.uint16), bits)
    high = v.astype(np.int64) << (16 - bits)
    stored = {"low": v, "high": high, "repeated": high | (high >> bits)}[form].astype(np.uint16)
    aligned = is_left_aligned(stored, bits)
    assert aligned == (form != "low")
    transfer = Transfer("uint16", bits, "linear", aligned)
    np.testing.assert_allclose(transfer.linear(stored), (v + 0.5) / 2**bits, rtol=1e-6)
    flags = transfer.validity(stored[:, None])
    np.testing.assert_array_equal(flags == Validity.DARK, v <= 1)
    if bits <= 8:
        np.testing.assert_array_equal(flags == Validity.SATURATED, v >= 250)


def test_a_dark_image_in_the_high_bits_is_recognised() -> None:
    assert is_left_aligned(np.array([16, 32, 160], np.uint16), 12)
    assert not is_left_aligned(np.array([16, 33, 160], np.uint16), 12)


@pytest.mark.parametrize("response", ["linear", "srgb"])
def test_tables_equal_the_formula(response: str) -> None:
    code = np.arange(256, dtype=np.uint8)
    expected = code / np.float32(255)
    expected = linear_from_srgb(expected) if response == "srgb" else expected
    np.testing.assert_allclose(Transfer("uint8", 8, response).linear(code), expected, rtol=1e-6)


def test_validity_takes_the_brightest_channel() -> None:
    codes = np.array([[0, 0, 0], [1, 0, 1], [2, 0, 0], [10, 255, 10], [249, 249, 249], [250, 0, 0]], np.uint8)
    flags = Transfer("uint8", 8, "srgb").validity(codes)
    assert flags.tolist() == [Validity.DARK, Validity.DARK, 0, Validity.SATURATED, 0, Validity.SATURATED]


def test_floats_saturate_only_at_infinity_or_a_declared_white() -> None:
    codes = np.array([[-0.1], [0.0], [0.5], [7.0], [np.inf]], np.float32)
    free = Transfer("float32", 32, "linear", brightest=7.0)
    assert free.validity(codes).tolist() == [Validity.DARK, Validity.DARK, 0, 0, Validity.SATURATED]
    np.testing.assert_allclose(free.linear(codes)[:, 0], [-0.1, 0, 0.5, 7, 7])
    declared = Transfer("float32", 32, "linear", white=7.0, white_declared=True)
    assert declared.validity(codes)[3] == Validity.SATURATED
    assert declared.linear(codes)[3, 0] == 1


def test_srgb_in_16_bits_agrees_with_kornia() -> None:
    codes = np.arange(0, 65536, 13, dtype=np.uint16)
    coded = torch.from_numpy(codes / np.float32(65535)).reshape(1, 1, 1, -1).expand(1, 3, 1, -1)
    expected = kornia.color.rgb_to_linear_rgb(coded)[0, 0, 0].numpy()
    np.testing.assert_allclose(Transfer("uint16", 16, "srgb").linear(codes), expected, atol=1e-6)
