"""Texture look-ups against torch's grid_sample, brute force and finite differences."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck

from sharpvision.kernels.mip_chain import mip_chain
from sharpvision.kernels.reference.texture import texture as twin
from sharpvision.kernels.texture import Wrap, _counted, _sorted, texture

WRAPS: list[Wrap] = ["repeat", "clamp", "mirror"]


def picture(height: int = 5, width: int = 4, channels: int = 3) -> Tensor:
    return torch.rand(height, width, channels, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def places(count: int, spread: float = 3.0, seed: int = 0) -> Tensor:
    g = torch.Generator().manual_seed(seed)
    return (torch.rand(count, 2, generator=g, dtype=torch.float64) - 0.4) * spread


def folded(index: Tensor, size: int, wrap: Wrap) -> Tensor:
    if wrap == "clamp":
        return index.clamp(0, size - 1)
    if wrap == "repeat":
        return index % size
    index = index % (2 * size)
    return torch.where(index >= size, 2 * size - 1 - index, index)


def by_hand(texels: Tensor, uv: Tensor, wrap: Wrap) -> Tensor:
    height, width, _ = texels.shape
    x, y = uv[:, 0] * width - 0.5, (1 - uv[:, 1]) * height - 0.5
    j, i = x.floor().long(), y.floor().long()
    value = torch.zeros(len(uv), texels.shape[2], dtype=texels.dtype)
    for di in (0, 1):
        for dj in (0, 1):
            weight = (1 - (x - j - dj).abs()) * (1 - (y - i - di).abs())
            value = value + weight[:, None] * texels[folded(i + di, height, wrap), folded(j + dj, width, wrap)]
    return value


@pytest.mark.parametrize("wrap", WRAPS)
@pytest.mark.parametrize("size", [(5, 4), (1, 1), (1, 3), (2, 2)])
def test_bilinear_is_the_blend_of_four_texels(wrap: Wrap, size: tuple[int, int]) -> None:
    texels, uv = picture(*size), places(200)
    torch.testing.assert_close(texture(texels, uv, wrap=wrap), by_hand(texels, uv, wrap))


def test_bilinear_is_grid_sample_inside_and_at_the_border() -> None:
    texels, uv = picture(), places(200)
    grid = torch.stack([2 * uv[:, 0] - 1, 1 - 2 * uv[:, 1]], 1)[None, None]
    image = texels.permute(2, 0, 1)[None]
    expected = torch.nn.functional.grid_sample(image, grid, padding_mode="border", align_corners=False)
    torch.testing.assert_close(texture(texels, uv, wrap="clamp"), expected[0, :, 0].T)


def test_corners_of_the_picture() -> None:
    """(0, 0) is the lower left corner: row H - 1."""
    texels, e = picture(), 1e-9
    corners = torch.tensor([[e, e], [1 - e, e], [e, 1 - e], [1 - e, 1 - e]], dtype=torch.float64)
    expected = texels[[-1, -1, 0, 0], [0, -1, 0, -1]]
    torch.testing.assert_close(texture(texels, corners, wrap="clamp"), expected, atol=1e-6, rtol=0.0)
    torch.testing.assert_close(texture(texels, corners, wrap="repeat", filter="nearest"), expected)


@pytest.mark.parametrize("wrap", WRAPS)
@pytest.mark.parametrize("size", [(3, 4), (1, 2)])
def test_gradients_are_finite_differences(wrap: Wrap, size: tuple[int, int]) -> None:
    texels, uv = picture(*size).requires_grad_(), places(12).requires_grad_()
    assert gradcheck(lambda t, x: texture(t, x, wrap=wrap), (texels, uv), check_forward_ad=True)
    assert gradcheck(lambda t: texture(t, uv.detach(), wrap=wrap, filter="nearest"), (texels,))
    lod = torch.rand(12, dtype=torch.float64) * 3
    assert gradcheck(lambda t, x: texture(t, x, lod, wrap, "mipmap"), (texels, uv))


@pytest.mark.parametrize("wrap", WRAPS)
@pytest.mark.parametrize("filter", ["nearest", "bilinear", "mipmap"])
def test_values_and_gradients_are_the_twins(wrap: Wrap, filter: str) -> None:
    texels, uv = picture(8, 4).requires_grad_(), places(60).requires_grad_()
    lod = torch.rand(60, dtype=torch.float64) * 4 - 0.5
    ours, theirs = texture(texels, uv, lod, wrap, filter), twin(texels, uv, lod, wrap, filter)
    torch.testing.assert_close(ours, theirs)
    wanted = (texels,) if filter == "nearest" else (texels, uv)
    mine, expected = (torch.autograd.grad(v.square().sum(), wanted) for v in (ours, theirs))
    for a, b in zip(mine, expected, strict=True):
        torch.testing.assert_close(a, b)


def test_mip_levels_blend_and_end_at_the_mean() -> None:
    texels, uv = picture(8, 8), places(50)
    chain = mip_chain(texels)
    torch.testing.assert_close(chain[-1][0, 0], texels.mean((0, 1)))
    for level in range(4):
        lod = torch.full((50,), float(level), dtype=torch.float64)
        torch.testing.assert_close(texture(texels, uv, lod, filter="mipmap"), texture(chain[level], uv))
    between = texture(texels, uv, torch.full((50,), 0.25, dtype=torch.float64), filter="mipmap")
    torch.testing.assert_close(between, 0.75 * texture(chain[0], uv) + 0.25 * texture(chain[1], uv))
    assert torch.equal(texture(texels, uv, None, filter="mipmap"), texture(texels, uv))


def test_threads_do_not_change_a_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    results = []
    for threads in ("1", "4"):
        monkeypatch.setenv("SHARPVISION_THREADS", threads)
        texels, uv = picture(40, 30).float().requires_grad_(), places(3000).float().requires_grad_()
        value = texture(texels, uv)
        results.append((value.detach(), *torch.autograd.grad(value.square().sum(), (texels, uv))))
    assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))


@pytest.mark.parametrize("wrap", [0, 1, 2])
@pytest.mark.parametrize("smooth", [0, 1])
def test_taps_are_listed_alike_for_a_cpu_and_for_cuda(wrap: int, smooth: int) -> None:
    for count in (400, 1, 0):
        for dtype in (torch.float32, torch.float64):
            arguments = (smooth, wrap), picture(7, 5).to(dtype), places(count).to(dtype)
            for ours, theirs in zip(_counted(*arguments), _sorted(*arguments), strict=True):
                assert torch.equal(ours, theirs)
                assert ours.dtype == theirs.dtype


def test_no_points_and_no_texels() -> None:
    assert texture(picture(), places(0)).shape == (0, 3)
    with pytest.raises(ValueError, match="must have texels"):
        texture(torch.zeros(0, 2, 3), torch.zeros(1, 2))
