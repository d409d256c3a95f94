"""Kernels of texture look-up: values, slopes, and the lists of who reads which texel; see `kernels.texture`."""

from functools import cache
from types import SimpleNamespace

import warp as wp

from sharpvision.kernels.dispatch import kernel_module
from sharpvision.kernels.launch import start_warp

start_warp()


@cache
def texture_kernels(real: type) -> SimpleNamespace:
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

    @wp.func
    def tap_weight(x: vec2, corner: wp.vec2i, k: int, smooth: int) -> real:
        """How much of a point's k-th texel it reads."""
        out = real(1.0)
        if smooth == 1:
            fx = x[0] - real(corner[0])
            fy = x[1] - real(corner[1])
            if k % 2 == 1:
                out = fx
            else:
                out = real(1.0) - fx
            if k // 2 == 1:
                out *= fy
            else:
                out *= real(1.0) - fy
        return out

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
            for k in range(1 + 3 * smooth):
                t = tap(size, corner, k, wrap)
                n = following[t]
                following[t] = n + 1
                listed[n] = p
                weight[n] = tap_weight(x, corner, k, smooth)

    @wp.kernel(module=module, enable_backward=False)
    def point_taps(
        first: int, smooth: int, wrap: int, size: wp.vec2i, uv: wp.array(dtype=vec2), texel: wp.array2d(dtype=int),
        weight: wp.array2d(dtype=real),
    ):  # fmt: skip
        """Texel and weight of each tap, by point."""
        p = first + wp.tid()
        x = place(uv[p], size[0], size[1], smooth)
        corner = wp.vec2i(int(wp.floor(x[0])), int(wp.floor(x[1])))
        for k in range(1 + 3 * smooth):
            texel[p, k] = tap(size, corner, k, wrap)
            weight[p, k] = tap_weight(x, corner, k, smooth)

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
        look_up=look_up, slopes=slopes, tilt=tilt, count_taps=count_taps, list_taps=list_taps, point_taps=point_taps,
        spread=spread, vec2=vec2,
    )  # fmt: skip
