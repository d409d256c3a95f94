"""Looking up a picture at texture coordinates: nearest, bilinear or mip-mapped, with adjoint and tangent.

A *tap* is a texel that a point reads: one a point, or four. The adjoint goes over texels, not over points: taps are
listed by texel (a counting sort), and each texel sums its own in their order. So there are no atomics and the bytes do
not depend on the number of threads.
"""

from collections.abc import Iterator, Sequence
from functools import cache
from types import SimpleNamespace
from typing import Literal

import torch
import warp as wp
from jaxtyping import Float
from torch import Tensor
from torch.compiler import is_compiling

from sharpvision.kernels.custom_ops import differentiable
from sharpvision.kernels.dispatch import dispatch, kernel_module, real_of
from sharpvision.kernels.first_order import first_order
from sharpvision.kernels.launch import start_warp
from sharpvision.kernels.views import warp_view

start_warp()

Wrap = Literal["repeat", "clamp", "mirror"]
Filter = Literal["nearest", "bilinear", "mipmap"]
_WRAPS: dict[str, int] = {"repeat": 0, "clamp": 1, "mirror": 2}


@cache
def _kernels(real: type) -> SimpleNamespace:
    vec2 = wp.types.vector(2, real)
    module = kernel_module(__name__, real)

    @wp.func
    def wrapped(i: int, size: int, wrap: int) -> int:
        """The index inside [0, size) that stands for i."""
        out = int(0)
        if wrap == 1:
            out = wp.clamp(i, 0, size - 1)
        else:
            period = size
            if wrap == 2:
                period = 2 * size
            out = i - period * int(wp.floor(real(i) / real(period)))
            out = out % period
            if out >= size:
                out = 2 * size - 1 - out
        return out

    @wp.func
    def place(uv: vec2, height: int, width: int, smooth: int) -> vec2:
        """Column and row of a point, texel centres at integers where `smooth`; v runs up, rows run down."""
        shift = real(0.0)
        if smooth == 1:
            shift = real(0.5)
        return vec2(uv[0] * real(width) - shift, (real(1.0) - uv[1]) * real(height) - shift)

    @wp.func
    def tap(texels: wp.vec2i, corner: wp.vec2i, k: int, wrap: int) -> int:
        """Flat index of a point's k-th texel; `texels` (height, width), `corner` the first one's column and row."""
        j = wrapped(corner[0] + k % 2, texels[1], wrap)
        i = wrapped(corner[1] + k // 2, texels[0], wrap)
        return i * texels[1] + j

    @wp.kernel(module=module, enable_backward=False)
    def look_up(
        first: int, smooth: int, wrap: int, texels: wp.array3d(dtype=real), uv: wp.array(dtype=vec2),
        out: wp.array2d(dtype=real),
    ):  # fmt: skip
        p = first + wp.tid()
        height = texels.shape[0]
        width = texels.shape[1]
        x = place(uv[p], height, width, smooth)
        j = int(wp.floor(x[0]))
        i = int(wp.floor(x[1]))
        i0 = wrapped(i, height, wrap)
        j0 = wrapped(j, width, wrap)
        if smooth == 1:
            fx = x[0] - real(j)
            fy = x[1] - real(i)
            i1 = wrapped(i + 1, height, wrap)
            j1 = wrapped(j + 1, width, wrap)
            for c in range(out.shape[1]):
                top = texels[i0, j0, c] + fx * (texels[i0, j1, c] - texels[i0, j0, c])
                low = texels[i1, j0, c] + fx * (texels[i1, j1, c] - texels[i1, j0, c])
                out[p, c] = top + fy * (low - top)
        else:
            for c in range(out.shape[1]):
                out[p, c] = texels[i0, j0, c]

    @wp.kernel(module=module, enable_backward=False)
    def slopes(
        first: int, wrap: int, texels: wp.array3d(dtype=real), uv: wp.array(dtype=vec2),
        gradient: wp.array2d(dtype=real), out: wp.array(dtype=vec2),
    ):  # fmt: skip
        """Adjoint of a bilinear look-up to the texture coordinates."""
        p = first + wp.tid()
        height = texels.shape[0]
        width = texels.shape[1]
        x = place(uv[p], height, width, 1)
        j = int(wp.floor(x[0]))
        i = int(wp.floor(x[1]))
        fx = x[0] - real(j)
        fy = x[1] - real(i)
        i0 = wrapped(i, height, wrap)
        j0 = wrapped(j, width, wrap)
        i1 = wrapped(i + 1, height, wrap)
        j1 = wrapped(j + 1, width, wrap)
        gx = real(0.0)
        gy = real(0.0)
        for c in range(gradient.shape[1]):
            g = gradient[p, c]
            top = texels[i0, j1, c] - texels[i0, j0, c]
            low = texels[i1, j1, c] - texels[i1, j0, c]
            gx += g * (top + fy * (low - top))
            gy += g * (texels[i1, j0, c] + fx * low - texels[i0, j0, c] - fx * top)
        out[p] = vec2(gx * real(width), -gy * real(height))

    @wp.kernel(module=module, enable_backward=False)
    def tilt(
        first: int, wrap: int, texels: wp.array3d(dtype=real), uv: wp.array(dtype=vec2), moved: wp.array(dtype=vec2),
        out: wp.array2d(dtype=real),
    ):  # fmt: skip
        """Adds the change of a bilinear look-up when the texture coordinates move."""
        p = first + wp.tid()
        height = texels.shape[0]
        width = texels.shape[1]
        x = place(uv[p], height, width, 1)
        j = int(wp.floor(x[0]))
        i = int(wp.floor(x[1]))
        fx = x[0] - real(j)
        fy = x[1] - real(i)
        i0 = wrapped(i, height, wrap)
        j0 = wrapped(j, width, wrap)
        i1 = wrapped(i + 1, height, wrap)
        j1 = wrapped(j + 1, width, wrap)
        dx = moved[p][0] * real(width)
        dy = -moved[p][1] * real(height)
        for c in range(out.shape[1]):
            top = texels[i0, j1, c] - texels[i0, j0, c]
            low = texels[i1, j1, c] - texels[i1, j0, c]
            change = dx * (top + fy * (low - top))
            change += dy * (texels[i1, j0, c] + fx * low - texels[i0, j0, c] - fx * top)
            out[p, c] = out[p, c] + change

    @wp.kernel(module=module, enable_backward=False)
    def count_taps(
        first: int, smooth: int, wrap: int, size: wp.vec2i, uv: wp.array(dtype=vec2), count: wp.array(dtype=int)
    ):
        """Taps of each texel; by one thread."""
        for p in range(uv.shape[0]):
            x = place(uv[p], size[0], size[1], smooth)
            corner = wp.vec2i(int(wp.floor(x[0])), int(wp.floor(x[1])))
            for k in range(1 + 3 * smooth):
                t = tap(size, corner, k, wrap)
                count[t] = count[t] + 1

    @wp.kernel(module=module, enable_backward=False)
    def list_taps(
        first: int, smooth: int, wrap: int, size: wp.vec2i, uv: wp.array(dtype=vec2), following: wp.array(dtype=int),
        listed: wp.array(dtype=int), weight: wp.array(dtype=real),
    ):  # fmt: skip
        """Point and weight of each tap, by texel; `following` holds the next free place of each. By one thread."""
        for p in range(uv.shape[0]):
            x = place(uv[p], size[0], size[1], smooth)
            corner = wp.vec2i(int(wp.floor(x[0])), int(wp.floor(x[1])))
            fx = x[0] - real(corner[0])
            fy = x[1] - real(corner[1])
            for k in range(1 + 3 * smooth):
                t = tap(size, corner, k, wrap)
                n = following[t]
                following[t] = n + 1
                listed[n] = p
                w = real(1.0)
                if smooth == 1:
                    if k % 2 == 1:
                        w = fx
                    else:
                        w = real(1.0) - fx
                    if k // 2 == 1:
                        w *= fy
                    else:
                        w *= real(1.0) - fy
                weight[n] = w

    @wp.kernel(module=module, enable_backward=False)
    def spread(
        first: int, list_first: wp.array(dtype=int), listed: wp.array(dtype=int), weight: wp.array(dtype=real),
        gradient: wp.array2d(dtype=real), texels: wp.array2d(dtype=real),
    ):  # fmt: skip
        """Adjoint to one texel."""
        t = first + wp.tid()
        for c in range(texels.shape[1]):
            texels[t, c] = real(0.0)
        for n in range(list_first[t], list_first[t + 1]):
            for c in range(texels.shape[1]):
                texels[t, c] = texels[t, c] + weight[n] * gradient[listed[n], c]

    return SimpleNamespace(
        look_up=look_up, slopes=slopes, tilt=tilt, count_taps=count_taps, list_taps=list_taps, spread=spread, vec2=vec2
    )


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


def mip_chain(texels: Float[Tensor, "h w c"]) -> list[Float[Tensor, "h2 w2 c"]]:
    """The picture and its halvings down to one texel: sides of n texels become floor(n / 2) (at least 1), as in OpenGL.

    Each texel is the mean of the finer picture over its own area. Of an even side that is the mean of two texels, of an
    odd one, n = 2 m + 1, of three: ((m - k) x_2k + m x_2k+1 + (k + 1) x_2k+2) / n. So every texel counts for as much
    as any other and the mean of the picture stays what it is. Linear, with both derivatives. Guthe and Heckbert 2005,
    Non-power-of-two mipmap creation (NVIDIA).

    >>> [tuple(v.shape) for v in mip_chain(torch.zeros(4, 3, 1))]
    [(4, 3, 1), (2, 1, 1), (1, 1, 1)]
    >>> mip_chain(torch.tensor([[[0.0], [5.0], [0.0], [0.0], [10.0]]]))[1].flatten().tolist()
    [2.0, 4.0]
    """
    chain = [texels]
    while max(chain[-1].shape[:2]) > 1:
        picture = chain[-1].permute(2, 0, 1)[None]
        pairs = tuple(2 - side % 2 for side in picture.shape[2:])
        if max(pairs) > 1:
            picture = torch.nn.functional.avg_pool2d(picture, pairs)
        for axis in (2, 3):
            if pairs[axis - 2] == 1 and picture.shape[axis] > 1:
                picture = _odd_halved(picture.transpose(axis, 3)).transpose(axis, 3)
        chain.append(picture[0].permute(1, 2, 0).contiguous())
    return chain


def _odd_halved(rows: Tensor) -> Tensor:
    """Rows (.., 2 m + 1) as (.., m), see `mip_chain`."""
    size = rows.shape[-1]
    half = size // 2
    k = torch.arange(half, dtype=rows.dtype, device=rows.device)
    ends = (half - k) * rows[..., :-1:2] + (k + 1) * rows[..., 2::2]
    return (ends + half * rows[..., 1::2]) / size


_Setting = tuple[int, int]


def _value(setting: _Setting, texels: Tensor, uv: Tensor) -> tuple[Tensor, ...]:
    kernels = _kernels(real_of(texels))
    out = texels.new_empty(len(uv), texels.shape[2])
    dispatch(
        kernels.look_up, len(uv), [*setting, warp_view(texels), warp_view(uv, kernels.vec2), warp_view(out)], uv.device
    )
    return (out,)


def _gradient(
    setting: _Setting, wanted: Sequence[bool], gradient: Tensor, texels: Tensor, uv: Tensor, _: Tensor
) -> tuple[Tensor | None, ...]:
    kernels, (smooth, wrap) = _kernels(real_of(texels)), setting
    height, width, channels = texels.shape
    places, given = warp_view(uv, kernels.vec2), warp_view(gradient)
    to_texels = to_uv = None
    if wanted[0]:
        size, taps = wp.vec2i(height, width), 1 + 3 * smooth
        count = torch.zeros(height * width, dtype=torch.int32, device=uv.device)
        dispatch(kernels.count_taps, 1, [smooth, wrap, size, places, warp_view(count)], uv.device)
        first = torch.zeros(height * width + 1, dtype=torch.int32, device=uv.device)
        torch.cumsum(count, 0, dtype=torch.int32, out=first[1:])
        listed = torch.empty(taps * len(uv), dtype=torch.int32, device=uv.device)
        weight, following = texels.new_empty(taps * len(uv)), first[:-1].clone()
        inputs = [smooth, wrap, size, places, warp_view(following), warp_view(listed), warp_view(weight)]
        dispatch(kernels.list_taps, 1, inputs, uv.device)
        to_texels = torch.empty_like(texels)
        inputs = [warp_view(v) for v in (first, listed, weight, gradient, to_texels.view(-1, channels))]
        dispatch(kernels.spread, height * width, inputs, uv.device)
    if wanted[1]:
        to_uv = torch.zeros_like(uv)
        if smooth:
            inputs = [wrap, warp_view(texels), places, given, warp_view(to_uv, kernels.vec2)]
            dispatch(kernels.slopes, len(uv), inputs, uv.device)
    return to_texels, to_uv


def _tangent(setting: _Setting, tangents: list[Tensor | None], texels: Tensor, uv: Tensor, value: Tensor) -> Tensor:
    kernels, (changed, moved) = _kernels(real_of(texels)), tangents
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
