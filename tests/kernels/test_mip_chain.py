"""Halvings of pictures of any size: area resampling, which keeps constants and means, with its adjoint."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.autograd import gradcheck

from sharpvision.kernels.mip_chain import mip_chain
from sharpvision.kernels.reference.mipmap import levels
from sharpvision.kernels.reference.texture import texture as twin
from sharpvision.kernels.texture import texture

SIZES = [(1, 1), (1, 2), (1, 3), (1, 7), (9, 1), (2, 2), (3, 3), (5, 4), (4, 5), (7, 11), (13, 6), (31, 17), (97, 101)]


def picture(height: int, width: int, channels: int = 2) -> Tensor:
    return torch.rand(height, width, channels, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def by_integral(texels: np.ndarray, axis: int) -> np.ndarray:
    """Means over equal parts of an axis: differences of the running integral, which is linear between texels."""
    size = texels.shape[axis]
    half = max(1, size // 2)
    running = np.insert(np.cumsum(texels, axis), 0, 0, axis)
    at = np.linspace(0, size, half + 1)
    integral = np.apply_along_axis(lambda v: np.interp(at, np.arange(size + 1), v), axis, running)
    return np.diff(integral, axis=axis) * half / size


@pytest.mark.parametrize("size", SIZES)
def test_each_level_is_the_area_mean_of_the_last(size: tuple[int, int]) -> None:
    chain = mip_chain(picture(*size))
    assert chain[-1].shape[:2] == (1, 1)
    for fine, coarse in pairwise(chain):
        expected = by_integral(by_integral(fine.numpy(), 0), 1)
        np.testing.assert_allclose(coarse.numpy(), expected, atol=1e-14)


@pytest.mark.parametrize("size", [s for s in SIZES if s != (1, 1)])
def test_each_level_is_opencvs_area_resampling(size: tuple[int, int]) -> None:
    texels = picture(*size, 1).float()
    coarse = mip_chain(texels)[1]
    expected = cv2.resize(texels[..., 0].numpy(), coarse.shape[1::-1], interpolation=cv2.INTER_AREA)
    np.testing.assert_allclose(coarse[..., 0].numpy(), expected, atol=1e-6)


@pytest.mark.parametrize("size", SIZES)
def test_chains_are_the_twins(size: tuple[int, int]) -> None:
    texels = picture(*size).requires_grad_()
    chains = mip_chain(texels), levels(texels)
    for ours, theirs in zip(*chains, strict=True):
        torch.testing.assert_close(ours, theirs)
    gradients = [
        torch.autograd.grad(sum((v.square() * (k + 1)).sum() for k, v in enumerate(c)), texels) for c in chains
    ]
    torch.testing.assert_close(*gradients)


@given(st.integers(1, 40), st.integers(1, 40))
@settings(max_examples=60, deadline=None)
def test_mean_and_constants_stay(height: int, width: int) -> None:
    texels = picture(height, width)
    for level, constant in zip(mip_chain(texels), mip_chain(torch.full_like(texels, 0.7)), strict=True):
        torch.testing.assert_close(level.mean((0, 1)), texels.mean((0, 1)))
        torch.testing.assert_close(constant, torch.full_like(constant, 0.7))


def test_no_texel_counts_for_less_than_another() -> None:
    """The gradient of the last level is the same at all texels, the last ones of odd sides included."""
    texels = picture(7, 13, 1).requires_grad_()
    (gradient,) = torch.autograd.grad(mip_chain(texels)[-1].sum(), texels)
    torch.testing.assert_close(gradient, torch.full_like(gradient, 1 / 91))


@pytest.mark.parametrize("size", [(1, 5), (3, 1), (5, 4), (6, 7)])
def test_derivatives_are_finite_differences(size: tuple[int, int]) -> None:
    texels = picture(*size).requires_grad_()
    assert gradcheck(lambda t: tuple(mip_chain(t)[1:]), (texels,), check_forward_ad=True)


def test_a_look_up_in_a_picture_of_odd_sides_is_the_twins() -> None:
    g = torch.Generator().manual_seed(3)
    texels = picture(13, 7).requires_grad_()
    uv = (2 * torch.rand(80, 2, generator=g, dtype=torch.float64) - 0.5).requires_grad_()
    lod = 5 * torch.rand(80, generator=g, dtype=torch.float64) - 0.5
    ours, theirs = texture(texels, uv, lod, "mirror", "mipmap"), twin(texels, uv, lod, "mirror", "mipmap")
    torch.testing.assert_close(ours, theirs)
    for a, b in zip(*(torch.autograd.grad(v.square().sum(), (texels, uv)) for v in (ours, theirs)), strict=True):
        torch.testing.assert_close(a, b)
