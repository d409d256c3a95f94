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

from sharpvision.kernels.dispatch import dispatch, kernel_module, real_of, warp_view
from sharpvision.kernels.launch import start_warp
from sharpvision.kernels.raster_types import Plan

start_warp()


@cache
def _kernels(real: type) -> SimpleNamespace:
    vec2 = wp.types.vector(2, real)
    vec4 = wp.types.vector(4, real)
    module = kernel_module(__name__, real)

    @wp.func
    def radiance_of(radiance: wp.array2d(dtype=real), background: wp.array2d(dtype=real), p: int, row: int, c: int):
        value = real(0.0)
        if p >= 0:
            value = radiance[p, c]
        else:
            value = background[row, c]
        return value

    @wp.func
    def middle(projected: wp.array(dtype=vec4), rows: wp.array2d(dtype=int), t: real, n: int) -> vec4:
        return (real(1.0) - t) * projected[rows[n, 0]] + t * projected[rows[n, 1]]

    @wp.func
    def normal_speed(m: vec4, dm: vec4, normal: vec2) -> real:
        """Motion along `normal` of the image (m.x / m.w, m.y / m.w), in pixels, when m moves by dm."""
        x = (dm[0] - m[0] / m[3] * dm[3]) / m[3]
        y = (dm[1] - m[1] / m[3] * dm[3]) / m[3]
        return normal[0] * x + normal[1] * y

    @wp.kernel(module=module, enable_backward=False)
    def assemble(
        first: int, radiance: wp.array2d(dtype=real), background: wp.array2d(dtype=real),
        sample: wp.array(dtype=int), samples: wp.array2d(dtype=int), piece_first: wp.array(dtype=int),
        weight: wp.array(dtype=real), inner: wp.array(dtype=int), outer: wp.array(dtype=int),
        image: wp.array2d(dtype=real),
    ):  # fmt: skip
        i = first + wp.tid()
        row = i % background.shape[0]
        s = sample[i]
        for c in range(image.shape[1]):
            value = real(0.0)
            if s >= -1:
                value = radiance_of(radiance, background, s, row, c)
            else:
                q = -2 - s
                for k in range(samples.shape[1]):
                    value += radiance_of(radiance, background, samples[q, k], row, c)
                value /= real(samples.shape[1])
                for n in range(piece_first[q], piece_first[q + 1]):
                    jump = radiance[inner[n], c] - radiance_of(radiance, background, outer[n], row, c)
                    value += weight[n] * jump
            image[i, c] = value

    @wp.kernel(module=module, enable_backward=False)
    def distribute(
        first: int, gradient: wp.array2d(dtype=real), rows: int, sample: wp.array(dtype=int),
        samples: wp.array2d(dtype=int), piece_first: wp.array(dtype=int), weight: wp.array(dtype=real),
        inner: wp.array(dtype=int), outer: wp.array(dtype=int), d_radiance: wp.array2d(dtype=real),
        d_background: wp.array2d(dtype=real),
    ):  # fmt: skip
        """Transpose of `assemble`; a point belongs to one pixel in one role, so nothing is written twice."""
        i = first + wp.tid()
        s = sample[i]
        for c in range(gradient.shape[1]):
            g = gradient[i, c]
            ground = real(0.0)
            if s == -1:
                ground = g
            elif s >= 0:
                d_radiance[s, c] = g
            else:
                q = -2 - s
                share = g / real(samples.shape[1])
                for k in range(samples.shape[1]):
                    p = samples[q, k]
                    if p >= 0:
                        d_radiance[p, c] = share
                    else:
                        ground += share
                for n in range(piece_first[q], piece_first[q + 1]):
                    d_radiance[inner[n], c] = weight[n] * g
                    if outer[n] >= 0:
                        d_radiance[outer[n], c] = -weight[n] * g
                    else:
                        ground -= weight[n] * g
            if rows > 0:
                d_background[i, c] = ground

    @wp.kernel(module=module, enable_backward=False)
    def jumps(
        first: int, radiance: wp.array2d(dtype=real), background: wp.array2d(dtype=real), pixel: wp.array(dtype=int),
        length: wp.array(dtype=real), inner: wp.array(dtype=int), outer: wp.array(dtype=int),
        jump: wp.array2d(dtype=real),
    ):  # fmt: skip
        """length * (inner - outer radiance) of each piece."""
        n = first + wp.tid()
        row = pixel[n] % background.shape[0]
        for c in range(jump.shape[1]):
            jump[n, c] = length[n] * (radiance[inner[n], c] - radiance_of(radiance, background, outer[n], row, c))

    @wp.kernel(module=module, enable_backward=False)
    def push(
        first: int, jump: wp.array2d(dtype=real), gradient: wp.array2d(dtype=real), pixel: wp.array(dtype=int),
        rows: wp.array2d(dtype=int), along: wp.array(dtype=real), normal: wp.array(dtype=vec2),
        projected: wp.array(dtype=vec4), d_projected: wp.array(dtype=vec4),
    ):  # fmt: skip
        """The boundary integral's gradient, added to the edges' ends: pieces one after the other, by one thread."""
        for n in range(jump.shape[0]):
            g = real(0.0)
            for c in range(jump.shape[1]):
                g += jump[n, c] * gradient[pixel[n], c]
            m = middle(projected, rows, along[n], n)
            gx = g * normal[n][0] / m[3]
            gy = g * normal[n][1] / m[3]
            push_m = vec4(gx, gy, real(0.0), -(gx * m[0] + gy * m[1]) / m[3])
            d_projected[rows[n, 0]] = d_projected[rows[n, 0]] + (real(1.0) - along[n]) * push_m
            d_projected[rows[n, 1]] = d_projected[rows[n, 1]] + along[n] * push_m

    @wp.kernel(module=module, enable_backward=False)
    def sweep(
        first: int, jump: wp.array2d(dtype=real), pixel_of: wp.array(dtype=int), piece_first: wp.array(dtype=int),
        rows: wp.array2d(dtype=int), along: wp.array(dtype=real), normal: wp.array(dtype=vec2),
        projected: wp.array(dtype=vec4), tangent: wp.array(dtype=vec4), image: wp.array2d(dtype=real),
    ):  # fmt: skip
        """Adds the boundary integral's change of the image; an item is a pixel with pieces."""
        q = first + wp.tid()
        for n in range(piece_first[q], piece_first[q + 1]):
            m = middle(projected, rows, along[n], n)
            dm = middle(tangent, rows, along[n], n)
            speed = normal_speed(m, dm, normal[n])
            for c in range(image.shape[1]):
                image[pixel_of[q], c] = image[pixel_of[q], c] + speed * jump[n, c]

    return SimpleNamespace(assemble=assemble, distribute=distribute, jumps=jumps, push=push, sweep=sweep)


def plan_tensors(plan: Plan) -> tuple[Tensor, ...]:
    """The tensors of a plan that `antialias_tensors` takes, in its order."""
    p = plan.pieces
    return (
        plan.sample, plan.samples, plan.piece_first, p.pixel, p.rows, p.along, p.normal, p.length, p.coefficient,
        p.inner, p.outer,
    )  # fmt: skip


def _assembly(plan: tuple[Tensor, ...]) -> list[wp.array]:
    """What `assemble` and `distribute` read of a plan."""
    sample, samples, piece_first, *_, coefficient, inner, outer = plan
    return [warp_view(v) for v in (sample.reshape(-1), samples, piece_first, coefficient, inner, outer)]


def assemble_image(radiance: Tensor, background: Tensor, plan: tuple[Tensor, ...]) -> Tensor:
    """The image (B, H, W, C) of radiances (P, C) and background (R, C), R = 1, H W or B H W rows; no derivative."""
    sample = plan[0]
    image = radiance.new_empty(*sample.shape, radiance.shape[1])
    kernels = _kernels(real_of(radiance))
    inputs = [warp_view(radiance), warp_view(background), *_assembly(plan), warp_view(image.view(-1, image.shape[-1]))]
    dispatch(kernels.assemble, sample.numel(), inputs, radiance.device)
    return image


def distribute_gradient(gradient: Tensor, points: int, plan: tuple[Tensor, ...], ground: bool) -> tuple[Tensor, Tensor]:
    """Transpose of `assemble_image`: gradients to radiances (P, C) and, where `ground`, to each pixel's background."""
    sample, channels = plan[0], gradient.shape[-1]
    d_radiance = gradient.new_empty(points, channels)
    d_background = gradient.new_empty(sample.numel() if ground else 0, channels)
    flat = gradient.reshape(-1, channels)
    inputs = [warp_view(flat), len(d_background), *_assembly(plan), warp_view(d_radiance), warp_view(d_background)]
    dispatch(_kernels(real_of(gradient)).distribute, sample.numel(), inputs, gradient.device)
    return d_radiance, d_background


def piece_jumps(radiance: Tensor, background: Tensor, plan: tuple[Tensor, ...]) -> Tensor:
    """length * (inner - outer radiance) (N, C) of each piece."""
    _, _, _, pixel, _, _, _, length, _, inner, outer = plan
    jump = radiance.new_empty(len(pixel), radiance.shape[1])
    inputs = [warp_view(v) for v in (radiance, background, pixel, length, inner, outer, jump)]
    dispatch(_kernels(real_of(radiance)).jumps, len(pixel), inputs, radiance.device)
    return jump


def push_edges(jump: Tensor, gradient: Tensor, projected: Tensor, plan: tuple[Tensor, ...]) -> Tensor:
    """Gradient (rows, 4) of the boundary integral to the coordinates, for the image's gradient (B, H, W, C)."""
    _, _, _, pixel, rows, along, normal, *_ = plan
    real = real_of(projected)
    vec2, vec4 = wp.types.vector(2, real), wp.types.vector(4, real)
    d_projected = torch.zeros_like(projected)
    inputs = [
        warp_view(jump), warp_view(gradient.reshape(-1, gradient.shape[-1])), warp_view(pixel), warp_view(rows),
        warp_view(along), warp_view(normal, vec2), warp_view(projected, vec4), warp_view(d_projected, vec4),
    ]  # fmt: skip
    dispatch(_kernels(real).push, 1, inputs, projected.device)
    return d_projected


def sweep_edges(image: Tensor, jump: Tensor, projected: Tensor, tangent: Tensor, plan: tuple[Tensor, ...]) -> Tensor:
    """`image` plus its change by the boundary integral when the coordinates move by `tangent` (in place)."""
    _, _, piece_first, pixel, rows, along, normal, *_ = plan
    real = real_of(projected)
    vec2, vec4 = wp.types.vector(2, real), wp.types.vector(4, real)
    count = piece_first.diff()
    owners = torch.zeros(len(count), dtype=torch.int32, device=image.device)
    owners[count > 0] = pixel[piece_first[:-1][count > 0].long()]
    inputs = [
        warp_view(jump), warp_view(owners), warp_view(piece_first), warp_view(rows), warp_view(along),
        warp_view(normal, vec2), warp_view(projected, vec4), warp_view(tangent, vec4),
        warp_view(image.view(-1, image.shape[-1])),
    ]  # fmt: skip
    dispatch(_kernels(real).sweep, len(count), inputs, image.device)
    return image
