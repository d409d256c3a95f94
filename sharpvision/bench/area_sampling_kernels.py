"""Kernels of the brute-force reference: nearest face at a place, mean radiance of a pixel; float64, no derivatives."""

# ruff: noqa: PLR0915, UP018, RUF046
# mypy: ignore-errors

from functools import cache
from types import SimpleNamespace

import warp as wp

from sharpvision.bench.gradient_scenes import METALLIC, SIZE
from sharpvision.kernels.dispatch import kernel_module


@wp.struct
class Lists:
    """Faces of each pixel, the inverses of their matrices, and 1 / near."""

    first: wp.array(dtype=int)
    faces: wp.array(dtype=int)
    inverse: wp.array(dtype=wp.mat33d)
    most: wp.float64


@wp.struct
class Surface:
    """Faces and what is interpolated over them, and the background (H W,)."""

    faces: wp.array2d(dtype=int)
    normal_faces: wp.array2d(dtype=int)
    uv_faces: wp.array2d(dtype=int)
    vertices: wp.array(dtype=wp.vec3d)
    normals: wp.array(dtype=wp.vec3d)
    colors: wp.array(dtype=wp.vec3d)
    uv: wp.array(dtype=wp.vec2d)
    background: wp.array(dtype=wp.vec3d)


@wp.struct
class Lighting:
    """Spherical harmonics where `matte`, else a directional light; a texture or vertex colours; a lobe if alpha > 0."""

    textured: int
    texels: wp.array2d(dtype=wp.vec3d)
    matte: int
    harmonics: wp.array(dtype=wp.vec3d)
    toward: wp.vec3d
    irradiance: wp.vec3d
    alpha: wp.float64
    eye: wp.vec3d


@cache
def area_kernels() -> SimpleNamespace:
    """`nearest(first, points, lists, out)` and `mean(first, pixels, shift, pattern, lists, surface, lighting, out)`."""
    module = kernel_module(__name__, wp.float64)
    real = wp.float64
    metallic, matte_share, dielectric = (wp.float64(v) for v in (METALLIC, 1 - METALLIC, 0.04 * (1 - METALLIC)))

    @wp.func
    def nearest_face(p: wp.vec3d, pixel: int, lists: Lists) -> int:
        best = real(0.0)
        found = int(-1)
        for k in range(lists.first[pixel], lists.first[pixel + 1]):
            m = lists.inverse[lists.faces[k]]
            b0 = p[0] * m[0, 0] + p[1] * m[1, 0] + m[2, 0]
            if b0 >= real(0.0):
                b1 = p[0] * m[0, 1] + p[1] * m[1, 1] + m[2, 1]
                if b1 >= real(0.0):
                    b2 = p[0] * m[0, 2] + p[1] * m[1, 2] + m[2, 2]
                    total = b0 + b1 + b2
                    if b2 >= real(0.0) and total > best and total <= lists.most:
                        best = total
                        found = lists.faces[k]
        return found

    @wp.kernel(module=module, enable_backward=False)
    def nearest(first: int, points: wp.array(dtype=wp.vec2d), lists: Lists, out: wp.array(dtype=int)):
        i = first + wp.tid()
        p = points[i]
        x = int(wp.floor(p[0]))
        y = int(wp.floor(p[1]))
        found = int(-1)
        if x >= 0 and y >= 0 and x < SIZE and y < SIZE:
            found = nearest_face(wp.vec3d(p[0], p[1], real(1.0)), y * SIZE + x, lists)
        out[i] = found

    @wp.func
    def sky(n: wp.vec3d, c: wp.array(dtype=wp.vec3d)) -> wp.vec3d:
        # E / pi = sum over l of A_l / pi times Y_lm, A / pi = 1, 2/3, 1/4
        total = c[0] * real(0.28209479177387814)
        linear = c[1] * n[1] + c[2] * n[2] + c[3] * n[0]
        total += linear * real(0.4886025119029199 * 2.0 / 3.0)
        cross = c[4] * (n[0] * n[1]) + c[5] * (n[1] * n[2]) + c[7] * (n[0] * n[2])
        total += cross * real(1.0925484305920792 / 4.0)
        total += c[6] * ((real(3.0) * n[2] * n[2] - real(1.0)) * real(0.31539156525252005 / 4.0))
        total += c[8] * ((n[0] * n[0] - n[1] * n[1]) * real(0.5462742152960396 / 4.0))
        return total

    @wp.func
    def texel(t: wp.array2d(dtype=wp.vec3d), uv: wp.vec2d) -> wp.vec3d:
        height = t.shape[0]
        width = t.shape[1]
        x = uv[0] * real(width) - real(0.5)
        y = (real(1.0) - uv[1]) * real(height) - real(0.5)
        left = wp.floor(x)
        top = wp.floor(y)
        i = (int(left) + width) % width
        j = (int(top) + height) % height
        i1 = (i + 1) % width
        j1 = (j + 1) % height
        upper = wp.lerp(t[j, i], t[j, i1], x - left)
        return wp.lerp(upper, wp.lerp(t[j1, i], t[j1, i1], x - left), y - top)

    @wp.func
    def lobe(
        n: wp.vec3d, wi: wp.vec3d, wo: wp.vec3d, base: wp.vec3d, alpha: wp.float64
    ) -> wp.vec3d:
        ci = wp.dot(n, wi)
        co = wp.dot(n, wo)
        total = wp.vec3d(real(0.0), real(0.0), real(0.0))
        if ci > real(0.0) and co > real(0.0):
            h = wp.normalize(wi + wo)
            ch = wp.dot(n, h)
            a2 = alpha * alpha
            root = ch * ch * (a2 - real(1.0)) + real(1.0)
            d = a2 / (real(3.141592653589793) * root * root)
            gi = ci + wp.sqrt(a2 + (real(1.0) - a2) * ci * ci)
            go = co + wp.sqrt(a2 + (real(1.0) - a2) * co * co)
            one = wp.vec3d(real(1.0), real(1.0), real(1.0))
            albedo = base * matte_share
            f0 = one * dielectric + base * metallic
            fresnel = f0 + (one - f0) * wp.pow(real(1.0) - wp.dot(wo, h), real(5.0))
            through = (real(1.0) - wp.pow(real(1.0) - ci, real(5.0))) * (real(1.0) - wp.pow(real(1.0) - co, real(5.0)))
            total = wp.cw_mul(albedo, one - f0) * (through / real(3.141592653589793)) + fresnel * (d / (gi * go))
        return total

    @wp.func
    def radiance(f: int, b: wp.vec3d, s: Surface, l: Lighting) -> wp.vec3d:
        n = b[0] * s.normals[s.normal_faces[f, 0]] + b[1] * s.normals[s.normal_faces[f, 1]]
        n = wp.normalize(n + b[2] * s.normals[s.normal_faces[f, 2]])
        v0 = s.faces[f, 0]
        v1 = s.faces[f, 1]
        v2 = s.faces[f, 2]
        albedo = b[0] * s.colors[v0] + b[1] * s.colors[v1] + b[2] * s.colors[v2]
        if l.textured != 0:
            t = b[0] * s.uv[s.uv_faces[f, 0]] + b[1] * s.uv[s.uv_faces[f, 1]] + b[2] * s.uv[s.uv_faces[f, 2]]
            albedo = texel(l.texels, t)
        if l.matte != 0:
            return wp.cw_mul(albedo, sky(n, l.harmonics))
        value = albedo / real(3.141592653589793)
        if l.alpha > real(0.0):
            place = b[0] * s.vertices[v0] + b[1] * s.vertices[v1] + b[2] * s.vertices[v2]
            value = lobe(n, l.toward, wp.normalize(l.eye - place), albedo, l.alpha)
        return wp.cw_mul(value, l.irradiance) * wp.max(wp.dot(n, l.toward), real(0.0))

    @wp.kernel(module=module, enable_backward=False)
    def mean(
        first: int,
        pixels: wp.array(dtype=int),
        shift: wp.array(dtype=wp.vec2d),
        pattern: wp.array(dtype=wp.vec2d),
        lists: Lists,
        surface: Surface,
        lighting: Lighting,
        out: wp.array(dtype=wp.vec3d),
    ):
        i = first + wp.tid()
        pixel = pixels[i]
        x = real(pixel % SIZE)
        y = real(pixel / SIZE)
        total = wp.vec3d(real(0.0), real(0.0), real(0.0))
        for s in range(pattern.shape[0]):
            u = pattern[s][0] + shift[i][0]
            v = pattern[s][1] + shift[i][1]
            p = wp.vec3d(x + u - wp.floor(u), y + v - wp.floor(v), real(1.0))
            f = nearest_face(p, pixel, lists)
            if f < 0:
                total += surface.background[pixel]
            else:
                b = wp.transpose(lists.inverse[f]) * p
                total += radiance(f, b / (b[0] + b[1] + b[2]), surface, lighting)
        out[i] = total / real(pattern.shape[0])

    return SimpleNamespace(nearest=nearest, mean=mean)
