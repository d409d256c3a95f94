"""The image that radiances at points make, with coverage corrected and silhouettes differentiated.

A pixel's value is the mean of its samples plus, for each piece of a silhouette, boundary or hard edge inside it,
coefficient * (inner - outer radiance): a control variate with the exactly known area, so that the image is the
area-sampled one (see `raster_types.Plan`). Derivatives:

- to radiances and background: of that formula;
- to coordinates: the boundary integral dI = sum over pieces of length * (inner - outer) * (n . dm), with dm the motion
  of the edge at the piece's middle. The coefficients are not differentiated: what their motion would add cancels
  between neighbouring pieces, and the interior moves through the samples' radiances.

Not there: derivatives of lines where surfaces interpenetrate (no edge of the mesh lies there), of shadow borders and of
the background's own detail. Li et al. 2018, Differentiable Monte Carlo Ray Tracing through Edge Sampling, for the
integral; here its quadrature is one point a piece.
"""

from functools import cache
from types import SimpleNamespace

import torch
import warp as wp
from torch import Tensor

from sharpvision.kernels.dispatch import dispatch, kernel_module, real_of
from sharpvision.kernels.launch import start_warp
from sharpvision.kernels.raster_types import Plan
from sharpvision.kernels.views import ArrayView, warp_view

start_warp()

RUN = 128


@cache
def _kernels(real: type, channels: int) -> SimpleNamespace:
    """Colours are vectors of a fixed length, so each number of channels has kernels of its own."""
    vec2 = wp.types.vector(2, real)
    vec4 = wp.types.vector(4, real)
    color = wp.types.vector(channels, real)
    module = kernel_module(f"{__name__}.{channels}", real)

    @wp.func
    def middle(projected: wp.array(dtype=vec4), rows: wp.vec2i, t: real) -> vec4:
        return (real(1.0) - t) * projected[rows[0]] + t * projected[rows[1]]

    @wp.func
    def normal_speed(m: vec4, dm: vec4, normal: vec2) -> real:
        """Motion along `normal` of the image (m.x / m.w, m.y / m.w), in pixels, when m moves by dm."""
        x = (dm[0] - m[0] / m[3] * dm[3]) / m[3]
        y = (dm[1] - m[1] / m[3] * dm[3]) / m[3]
        return normal[0] * x + normal[1] * y

    @wp.kernel(module=module, enable_backward=False)
    def assemble(
        first: int, run: int, radiance: wp.array(dtype=color), background: wp.array(dtype=color),
        sample: wp.array(dtype=int), samples: wp.array2d(dtype=int), piece_first: wp.array(dtype=int),
        weight: wp.array(dtype=real), inner: wp.array(dtype=int), outer: wp.array(dtype=int),
        image: wp.array(dtype=color),
    ):  # fmt: skip
        """A run of pixels."""
        start = (first + wp.tid()) * run
        rows = background.shape[0]
        for i in range(start, wp.min(start + run, image.shape[0])):
            s = sample[i]
            if s >= 0:
                image[i] = radiance[s]
            else:
                row = int(0)
                if rows > 1:
                    row = i % rows
                ground = background[row]
                if s == -1:
                    image[i] = ground
                else:
                    q = -2 - s
                    value = color()
                    for k in range(samples.shape[1]):
                        p = samples[q, k]
                        if p >= 0:
                            value += radiance[p]
                        else:
                            value += ground
                    value /= real(samples.shape[1])
                    for n in range(piece_first[q], piece_first[q + 1]):
                        beyond = ground
                        if outer[n] >= 0:
                            beyond = radiance[outer[n]]
                        value += weight[n] * (radiance[inner[n]] - beyond)
                    image[i] = value

    @wp.kernel(module=module, enable_backward=False)
    def distribute(
        first: int, run: int, gradient: wp.array(dtype=color), rows: int, sample: wp.array(dtype=int),
        samples: wp.array2d(dtype=int), piece_first: wp.array(dtype=int), weight: wp.array(dtype=real),
        inner: wp.array(dtype=int), outer: wp.array(dtype=int), d_radiance: wp.array(dtype=color),
        d_background: wp.array(dtype=color),
    ):  # fmt: skip
        """Transpose of `assemble`; a point belongs to one pixel in one role, so nothing is written twice."""
        start = (first + wp.tid()) * run
        for i in range(start, wp.min(start + run, gradient.shape[0])):
            s = sample[i]
            ground = color()
            if s >= 0:
                d_radiance[s] = gradient[i]
            elif s == -1:
                if rows > 0:
                    ground = gradient[i]
            else:
                g = gradient[i]
                q = -2 - s
                share = g / real(samples.shape[1])
                for k in range(samples.shape[1]):
                    p = samples[q, k]
                    if p >= 0:
                        d_radiance[p] = share
                    else:
                        ground += share
                for n in range(piece_first[q], piece_first[q + 1]):
                    d_radiance[inner[n]] = weight[n] * g
                    if outer[n] >= 0:
                        d_radiance[outer[n]] = -weight[n] * g
                    else:
                        ground -= weight[n] * g
            if rows > 0:
                d_background[i] = ground

    @wp.kernel(module=module, enable_backward=False)
    def jumps(
        first: int, radiance: wp.array(dtype=color), background: wp.array(dtype=color), pixel: wp.array(dtype=int),
        length: wp.array(dtype=real), inner: wp.array(dtype=int), outer: wp.array(dtype=int),
        jump: wp.array(dtype=color),
    ):  # fmt: skip
        """length * (inner - outer radiance) of each piece."""
        n = first + wp.tid()
        beyond = background[pixel[n] % background.shape[0]]
        if outer[n] >= 0:
            beyond = radiance[outer[n]]
        jump[n] = length[n] * (radiance[inner[n]] - beyond)

    @wp.kernel(module=module, enable_backward=False)
    def push(
        first: int, jump: wp.array(dtype=color), gradient: wp.array(dtype=color), pixel: wp.array(dtype=int),
        rows: wp.array(dtype=wp.vec2i), along: wp.array(dtype=real), normal: wp.array(dtype=vec2),
        projected: wp.array(dtype=vec4), d_projected: wp.array(dtype=vec4),
    ):  # fmt: skip
        """The boundary integral's gradient, added to the edges' ends: pieces one after the other, by one thread."""
        for n in range(jump.shape[0]):
            g = wp.dot(jump[n], gradient[pixel[n]])
            t = along[n]
            m = middle(projected, rows[n], t)
            gx = g * normal[n][0] / m[3]
            gy = g * normal[n][1] / m[3]
            push_m = vec4(gx, gy, real(0.0), -(gx * m[0] + gy * m[1]) / m[3])
            d_projected[rows[n][0]] = d_projected[rows[n][0]] + (real(1.0) - t) * push_m
            d_projected[rows[n][1]] = d_projected[rows[n][1]] + t * push_m

    @wp.kernel(module=module, enable_backward=False)
    def sweep(
        first: int, jump: wp.array(dtype=color), pixel_of: wp.array(dtype=int), piece_first: wp.array(dtype=int),
        rows: wp.array(dtype=wp.vec2i), along: wp.array(dtype=real), normal: wp.array(dtype=vec2),
        projected: wp.array(dtype=vec4), tangent: wp.array(dtype=vec4), image: wp.array(dtype=color),
    ):  # fmt: skip
        """Adds the boundary integral's change of the image; an item is a pixel with pieces."""
        q = first + wp.tid()
        change = color()
        for n in range(piece_first[q], piece_first[q + 1]):
            m = middle(projected, rows[n], along[n])
            change += normal_speed(m, middle(tangent, rows[n], along[n]), normal[n]) * jump[n]
        if piece_first[q + 1] > piece_first[q]:
            image[pixel_of[q]] = image[pixel_of[q]] + change

    return SimpleNamespace(
        assemble=assemble, distribute=distribute, jumps=jumps, push=push, sweep=sweep, vec2=vec2, vec4=vec4, color=color
    )


def plan_tensors(plan: Plan) -> tuple[Tensor, ...]:
    """The tensors of a plan that `antialias_tensors` takes, in its order."""
    p = plan.pieces
    return (
        plan.sample, plan.samples, plan.piece_first, p.pixel, p.rows, p.along, p.normal, p.length, p.coefficient,
        p.inner, p.outer,
    )  # fmt: skip


def _assembly(plan: tuple[Tensor, ...]) -> list[ArrayView]:
    """What `assemble` and `distribute` read of a plan."""
    sample, samples, piece_first, *_, coefficient, inner, outer = plan
    return [warp_view(v) for v in (sample.reshape(-1), samples, piece_first, coefficient, inner, outer)]


def _runs(sample: Tensor) -> tuple[int, int]:
    """Pixels an item, and items: an item costs some nanoseconds on a CPU, and on CUDA a thread does one pixel."""
    run = RUN if sample.device.type == "cpu" else 1
    return run, -(-sample.numel() // run)


def assemble_image(radiance: Tensor, background: Tensor, plan: tuple[Tensor, ...]) -> Tensor:
    """The image (B, H, W, C) of radiances (P, C) and background (R, C), R = 1, H W or B H W rows; no derivative."""
    sample = plan[0]
    image = radiance.new_empty(*sample.shape, radiance.shape[1])
    kernels = _kernels(real_of(radiance), radiance.shape[1])
    radiances, ground = (warp_view(v, kernels.color) for v in (radiance, background))
    run, items = _runs(sample)
    inputs = [run, radiances, ground, *_assembly(plan), warp_view(image.view(-1, image.shape[-1]), kernels.color)]
    dispatch(kernels.assemble, items, inputs, radiance.device)
    return image


def distribute_gradient(gradient: Tensor, points: int, plan: tuple[Tensor, ...], ground: bool) -> tuple[Tensor, Tensor]:
    """Transpose of `assemble_image`: gradients to radiances (P, C) and, where `ground`, to each pixel's background."""
    sample, channels = plan[0], gradient.shape[-1]
    d_radiance = gradient.new_empty(points, channels)
    d_background = gradient.new_empty(sample.numel() if ground else 0, channels)
    kernels = _kernels(real_of(gradient), channels)
    flat, to_radiance, to_ground = (
        warp_view(v, kernels.color) for v in (gradient.view(-1, channels), d_radiance, d_background)
    )
    run, items = _runs(sample)
    inputs = [run, flat, len(d_background), *_assembly(plan), to_radiance, to_ground]
    dispatch(kernels.distribute, items, inputs, gradient.device)
    return d_radiance, d_background


def piece_jumps(radiance: Tensor, background: Tensor, plan: tuple[Tensor, ...]) -> Tensor:
    """length * (inner - outer radiance) (N, C) of each piece."""
    _, _, _, pixel, _, _, _, length, _, inner, outer = plan
    jump = radiance.new_empty(len(pixel), radiance.shape[1])
    kernels = _kernels(real_of(radiance), radiance.shape[1])
    radiances, ground, jumped = (warp_view(v, kernels.color) for v in (radiance, background, jump))
    inputs = [radiances, ground, *(warp_view(v) for v in (pixel, length, inner, outer)), jumped]
    dispatch(kernels.jumps, len(pixel), inputs, radiance.device)
    return jump


def push_edges(jump: Tensor, gradient: Tensor, projected: Tensor, plan: tuple[Tensor, ...]) -> Tensor:
    """Gradient (rows, 4) of the boundary integral to the coordinates, for the image's gradient (B, H, W, C)."""
    _, _, _, pixel, rows, along, normal, *_ = plan
    channels, d_projected = gradient.shape[-1], torch.zeros_like(projected)
    kernels = _kernels(real_of(projected), channels)
    inputs = [
        warp_view(jump, kernels.color), warp_view(gradient.view(-1, channels), kernels.color), warp_view(pixel),
        warp_view(rows, wp.vec2i), warp_view(along), warp_view(normal, kernels.vec2),
        warp_view(projected, kernels.vec4), warp_view(d_projected, kernels.vec4),
    ]  # fmt: skip
    dispatch(kernels.push, 1, inputs, projected.device)
    return d_projected


def sweep_edges(image: Tensor, jump: Tensor, projected: Tensor, tangent: Tensor, plan: tuple[Tensor, ...]) -> Tensor:
    """`image` plus its change by the boundary integral when the coordinates move by `tangent` (in place)."""
    _, _, piece_first, pixel, rows, along, normal, *_ = plan
    kernels = _kernels(real_of(projected), image.shape[-1])
    count = piece_first.diff()
    owners = torch.zeros(len(count), dtype=torch.int32, device=image.device)
    owners[count > 0] = pixel[piece_first[:-1][count > 0].long()]
    inputs = [
        warp_view(jump, kernels.color), warp_view(owners), warp_view(piece_first), warp_view(rows, wp.vec2i),
        warp_view(along), warp_view(normal, kernels.vec2), warp_view(projected, kernels.vec4),
        warp_view(tangent, kernels.vec4), warp_view(image.view(-1, image.shape[-1]), kernels.color),
    ]  # fmt: skip
    dispatch(kernels.sweep, len(count), inputs, image.device)
    return image
