"""Looking up a picture at texture coordinates: nearest, bilinear or mip-mapped, with adjoint and tangent.

A *tap* is a texel that a point reads: one a point, or four. The adjoint goes over texels, not over points: taps are
listed by texel (sorted), and each texel sums its own in their order. So there are no atomics and the bytes do
not depend on the number of threads.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Literal

import torch
import warp as wp
from jaxtyping import Float
from torch import Tensor
from torch.compiler import is_compiling

from sharpvision.kernels.custom_ops import differentiable
from sharpvision.kernels.dispatch import dispatch, real_of
from sharpvision.kernels.first_order import first_order
from sharpvision.kernels.launch import start_warp
from sharpvision.kernels.mip_chain import mip_chain
from sharpvision.kernels.texture_kernels import texture_kernels
from sharpvision.kernels.views import warp_view

start_warp()

Wrap = Literal["repeat", "clamp", "mirror"]
Filter = Literal["nearest", "bilinear", "mipmap"]
_WRAPS: dict[str, int] = {"repeat": 0, "clamp": 1, "mirror": 2}


def texture(
    texels: Float[Tensor, "h w c"],
    uv: Float[Tensor, "p 2"],
    lod: Float[Tensor, " p"] | None = None,
    wrap: Wrap = "repeat",
    filter: Filter = "bilinear",
) -> Float[Tensor, "p c"]:
    """Values of a picture at texture coordinates: u right, v up from the lower left corner, (1, 1) the upper right one.

    Texel centres lie at half-integers; row 0 of `texels` is on top. `bilinear` blends the four texels around;
    `mipmap` blends two levels of a chain of box-filtered pictures by `lod` (P,), 0 the picture itself, each step half
    its size (`mip_chain`), and is bilinear where `lod` is None. Beyond the picture `repeat` begins anew, `clamp` holds
    its border, `mirror` folds. First derivatives to `texels` and `uv` (none to `uv` for `nearest`, none to `lod`),
    reverse and forward mode; the derivative to `uv` jumps at texel centres. Raises `ValueError` for a picture without
    texels. Williams 1983, Pyramidal parametrics.

    >>> ramp = torch.tensor([[[0.0], [1.0]]])
    >>> texture(ramp, torch.tensor([[0.25, 0.5], [0.5, 0.5]]), wrap="clamp").tolist()
    [[0.0], [0.5]]
    """
    if not texels.numel():
        raise ValueError(f"a picture must have texels, not the shape {tuple(texels.shape)}")
    if filter == "nearest":
        return _operation((0, _WRAPS[wrap]), texels, uv)
    if filter == "bilinear" or lod is None:
        return _operation((1, _WRAPS[wrap]), texels, uv)
    chain = mip_chain(texels)
    level = lod.detach().clamp(0, len(chain) - 1)
    blended = _traced_levels if is_compiling() else _blended
    return blended((level, _WRAPS[wrap]), uv, *chain)


_Setting = tuple[int, int]


def _value(setting: _Setting, texels: Tensor, uv: Tensor) -> tuple[Tensor, ...]:
    kernels = texture_kernels(real_of(texels))
    out = texels.new_empty(len(uv), texels.shape[2])
    dispatch(
        kernels.look_up, len(uv), [*setting, warp_view(texels), warp_view(uv, kernels.vec2), warp_view(out)], uv.device
    )
    return (out,)


_Taps = tuple[Tensor, Tensor, Tensor]
"""`first` (texels + 1,): a texel's taps, from `first[t]` to `first[t + 1]` - 1, in the order of their points; the point
and the weight of each."""


def _counted(setting: _Setting, texels: Tensor, uv: Tensor) -> _Taps:
    """By a counting sort, which is quick for one thread."""
    kernels, (smooth, wrap) = texture_kernels(real_of(texels)), setting
    height, width, _ = texels.shape
    head = [smooth, wrap, wp.vec2i(height, width), warp_view(uv, kernels.vec2)]
    count = torch.zeros(height * width, dtype=torch.int32, device=uv.device)
    dispatch(kernels.count_taps, 1, [*head, warp_view(count)], uv.device)
    first = torch.zeros(height * width + 1, dtype=torch.int32, device=uv.device)
    torch.cumsum(count, 0, dtype=torch.int32, out=first[1:])
    listed = torch.empty((1 + 3 * smooth) * len(uv), dtype=torch.int32, device=uv.device)
    weight, following = texels.new_empty(len(listed)), first[:-1].clone()
    dispatch(kernels.list_taps, 1, [*head, warp_view(following), warp_view(listed), warp_view(weight)], uv.device)
    return first, listed, weight


def _sorted(setting: _Setting, texels: Tensor, uv: Tensor) -> _Taps:
    """The same to the bit by a stable sort, which is quick for thousands of threads: on CUDA."""
    kernels, (smooth, wrap) = texture_kernels(real_of(texels)), setting
    height, width, _ = texels.shape
    taps = 1 + 3 * smooth
    texel = torch.empty(len(uv), taps, dtype=torch.int32, device=uv.device)
    weight = texels.new_empty(len(uv), taps)
    head = [smooth, wrap, wp.vec2i(height, width), warp_view(uv, kernels.vec2)]
    dispatch(kernels.point_taps, len(uv), [*head, warp_view(texel), warp_view(weight)], uv.device)
    owner, order = torch.sort(texel.view(-1), stable=True)
    ends = torch.arange(height * width + 1, dtype=torch.int32, device=uv.device)
    first = torch.searchsorted(owner, ends, out_int32=True)
    return first, (order // taps).to(torch.int32), weight.view(-1)[order]


def _gradient(
    setting: _Setting, wanted: Sequence[bool], gradient: Tensor, texels: Tensor, uv: Tensor, _: Tensor
) -> tuple[Tensor | None, ...]:
    kernels, (smooth, wrap) = texture_kernels(real_of(texels)), setting
    places, given = warp_view(uv, kernels.vec2), warp_view(gradient)
    to_texels = to_uv = None
    if wanted[0]:
        taps = (_counted if uv.device.type == "cpu" else _sorted)(setting, texels, uv)
        to_texels = torch.empty_like(texels)
        inputs: list[Any] = [*(warp_view(v) for v in taps), given, warp_view(to_texels.view(-1, texels.shape[2]))]
        dispatch(kernels.spread, to_texels.shape[0] * to_texels.shape[1], inputs, uv.device)
    if wanted[1]:
        to_uv = torch.zeros_like(uv)
        if smooth:
            inputs = [wrap, warp_view(texels), places, given, warp_view(to_uv, kernels.vec2)]
            dispatch(kernels.slopes, len(uv), inputs, uv.device)
    return to_texels, to_uv


def _tangent(setting: _Setting, tangents: list[Tensor | None], texels: Tensor, uv: Tensor, value: Tensor) -> Tensor:
    kernels, (changed, moved) = texture_kernels(real_of(texels)), tangents
    out = torch.zeros_like(value) if changed is None else _value(setting, changed.contiguous(), uv)[0]
    if moved is not None and setting[0]:
        inputs = [warp_view(texels), *(warp_view(v.contiguous(), kernels.vec2) for v in (uv, moved)), warp_view(out)]
        dispatch(kernels.tilt, len(uv), [setting[1], *inputs], uv.device)
    return out


def _shapes(setting: _Setting, texels: Tensor, uv: Tensor) -> list[tuple[int, ...]]:
    return [(uv.shape[0], texels.shape[2])]


_operation = first_order("texture", _value, _gradient, _tangent, _shapes)


_Levels = tuple[Tensor, int]


def _shares(level: Tensor, levels: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Of each level the points that it has a part in, and the part (P, 1)."""
    for k in range(levels):
        share = (1 - (level - k).abs()).clamp(min=0)
        near = share.nonzero()[:, 0]
        yield near, share[near][:, None]


def _blended(setting: _Levels, uv: Tensor, *chain: Tensor) -> Tensor:
    value = torch.zeros(len(uv), chain[0].shape[-1], dtype=chain[0].dtype, device=uv.device)
    for picture, (near, share) in zip(chain, _shares(setting[0], len(chain)), strict=True):
        if len(near):
            value = value.index_add(0, near, share * _operation((1, setting[1]), picture, uv[near]))
    return value


def _levels_value(setting: _Levels, uv: Tensor, *chain: Tensor) -> tuple[Tensor, ...]:
    return (_blended(setting, uv, *chain),)


def _levels_gradient(
    setting: _Levels, wanted: Sequence[bool], gradient: Tensor, uv: Tensor, *rest: Tensor
) -> tuple[Tensor | None, ...]:
    chain, of_uv, of_chain = rest[:-1], torch.zeros_like(uv), []
    for want, picture, (near, share) in zip(wanted[1:], chain, _shares(setting[0], len(chain)), strict=True):
        which, arriving = (want, wanted[0]), share * gradient[near]
        of_picture, of_places = _gradient((1, setting[1]), which, arriving, picture, uv[near], arriving)
        of_chain.append(of_picture)
        if of_places is not None:
            of_uv.index_add_(0, near, of_places)
    return of_uv, *of_chain


def _levels_shapes(setting: _Levels, uv: Tensor, *chain: Tensor) -> list[tuple[int, ...]]:
    return [(uv.shape[0], chain[0].shape[2])]


_traced_levels = differentiable("texture_mipmap", _blended, _levels_value, _levels_gradient, _levels_shapes)
