"""Brute-force point sampling of a gradient scene in float64: the nearest face at any place, and the mean of a pixel.

A Warp kernel of its own that shares no code with the renderer. A place p = (x, y, 1) times the inverse of the matrix of a
face's projected corners gives the weights over the depth, beta: inside where all are >= 0, 1 / depth = sum beta, and
nearest is the largest sum that is at most 1 / near. Faces are listed per pixel by their boxes, widened by a margin, so
that a list made once serves for scenes moved by less than it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from types import SimpleNamespace

import numpy as np
import torch
import warp as wp
from numpy.typing import NDArray
from torch import Tensor

from sharpvision.bench.gradient_model import Geometry, Topology, Unknowns, radiance
from sharpvision.bench.gradient_scenes import SIZE, GradientScene
from sharpvision.kernels.dispatch import dispatch, kernel_module, warp_view

MARGIN_PX = 0.1
REACH_PX = 1.0
PATTERN_SIDES = {"interior": 8, "ring": 32, "contour": 64}


@dataclass(frozen=True, eq=False)
class FaceLists:
    """Faces that may touch a pixel: `faces[first[p] : first[p + 1]]` for the flat pixel p."""

    first: Tensor
    faces: Tensor


def face_lists(geometry: Geometry, topology: Topology, near: float, margin: float = MARGIN_PX) -> FaceLists:
    """Lists by the boxes of the faces' parts beyond the near plane, `margin` pixels wider."""
    rows = geometry.projected.detach()[topology.faces]
    w = rows[..., 2]
    low = rows.new_full((len(rows), 2), torch.inf)
    high = -low
    for k in range(3):
        here, there = rows[:, k], rows[:, (k + 1) % 3]
        wh, wt = w[:, k], w[:, (k + 1) % 3]
        cut = (near - wh) / torch.where(wt == wh, 1.0, wt - wh)
        crossing = here + cut[:, None] * (there - here)
        for point, valid in ((here, wh >= near), (crossing, (wh < near) != (wt < near))):
            place = point[:, :2] / torch.where(valid, point[:, 2], 1.0)[:, None]
            low = torch.where(valid[:, None], torch.minimum(low, place), low)
            high = torch.where(valid[:, None], torch.maximum(high, place), high)
    first = (low - margin).floor().clamp(0, SIZE).nan_to_num(0, SIZE, 0).long()
    last = (high + margin).floor().clamp(-1, SIZE - 1).nan_to_num(-1, SIZE - 1, -1).long()
    size = (last - first + 1).clamp(min=0)
    count = size[:, 0] * size[:, 1]
    count[geometry.inverse.detach().abs().sum((1, 2)) == 0] = 0
    face = torch.repeat_interleave(torch.arange(len(rows)), count)
    place = torch.arange(len(face)) - (count.cumsum(0) - count)[face]
    across = size[face, 0]
    pixel = (first[face, 1] + place // across) * SIZE + first[face, 0] + place % across
    order = torch.argsort(pixel, stable=True)
    begin = torch.zeros(SIZE * SIZE + 1, dtype=torch.int32)
    begin[1:] = torch.bincount(pixel, minlength=SIZE * SIZE).cumsum(0)
    return FaceLists(begin, face[order].to(torch.int32).contiguous())


def regular(side: int) -> Tensor:
    """The middles of `side` x `side` cells of the unit square."""
    middles = (torch.arange(side, dtype=torch.float64) + 0.5) / side
    return torch.stack(torch.meshgrid(middles, middles, indexing="xy"), -1).reshape(-1, 2)


def multi_jittered(side: int, seed: int) -> Tensor:
    """side^2 points of the unit square, one in every cell, row and column (Kensler 2013, with full shuffles)."""
    rng = np.random.default_rng([side, seed])
    column = np.stack([rng.permutation(side) for _ in range(side)])  # sub-column within cell column i, for each row
    row = np.stack([rng.permutation(side) for _ in range(side)])
    i, j = np.meshgrid(np.arange(side), np.arange(side), indexing="ij")
    jitter = rng.uniform(size=(2, side, side))
    x = (i + (column[i, j] + jitter[0]) / side) / side
    y = (j + (row[j, i] + jitter[1]) / side) / side
    return torch.from_numpy(np.stack([x, y], -1).reshape(-1, 2))


def nearest(points: Tensor, geometry: Geometry, lists: FaceLists, near: float) -> tuple[Tensor, Tensor]:
    """Nearest face (P,), -1 where none, and its beta (P, 3) at places (P, 2) in the image."""
    face = torch.empty(len(points), dtype=torch.int32)
    inverse = geometry.inverse.detach().contiguous()
    points = points.contiguous()
    inputs = [warp_view(points, wp.vec2d), warp_view(lists.first), warp_view(lists.faces), warp_view(inverse, wp.mat33d),
              wp.float64(1 / near), warp_view(face)]  # fmt: skip
    dispatch(_kernels().nearest, len(points), inputs, points.device)
    found = face.long()
    place = torch.cat([points, torch.ones_like(points[:, :1])], 1)
    beta = (place[:, :, None] * inverse[found.clamp(min=0)]).sum(1)
    return found, beta


@dataclass(frozen=True, eq=False)
class Sampling:
    """Where an image is sampled: which pixels are `contour` pixels (crossed by a contour), `ring` pixels (within a pixel
    of one) and `interior` (the others), all flat indices (P,); pixels without a face are in none."""

    contour: Tensor
    ring: Tensor
    interior: Tensor


def sampling_of(lists: FaceLists, contour_points: Tensor) -> Sampling:
    """Pixels sorted by their distance to points (P, 2) that lie densely on all contours."""
    crossed, near = _within(contour_points, 0.06), _within(contour_points, REACH_PX)
    listed = lists.first[1:] > lists.first[:-1]
    kinds = (crossed, near & ~crossed & listed, listed & ~near & ~crossed)
    return Sampling(*(kind.nonzero()[:, 0].to(torch.int32) for kind in kinds))


def _within(points: Tensor, distance: float) -> Tensor:
    """Which pixels (H W,) have one of the points in their square, widened by `distance`."""
    found = torch.zeros(SIZE, SIZE, dtype=torch.bool)
    for dx in (-distance, 0.0, distance):
        for dy in (-distance, 0.0, distance):
            pixel = (points + points.new_tensor([dx, dy])).floor().long()
            inside = ((pixel >= 0) & (pixel < SIZE)).all(1)
            found[pixel[inside, 1], pixel[inside, 0]] = True
    return found.reshape(-1)


class AreaSampler:
    """Images of one scene, near to the state that its lists were made at."""

    def __init__(self, scene: GradientScene, topology: Topology, lists: FaceLists) -> None:
        self.scene, self.topology, self.lists = scene, topology, lists
        self.background = torch.from_numpy(scene.background).reshape(-1, 3)
        self.zeros = torch.zeros(1, 3, dtype=torch.float64)

    def image(self, geometry: Geometry, unknowns: Unknowns, sampling: Sampling, seed: int) -> Tensor:
        """Image (H W, 3): 64 x 64, 32 x 32 and 8 x 8 samples; `seed` chooses the multi-jittered pattern."""
        image = self.background.clone()
        for kind, side in PATTERN_SIDES.items():
            pixels = getattr(sampling, kind)
            pattern = regular(side) if kind == "interior" else multi_jittered(side, seed)
            image[pixels.long()] = self.mean(geometry, unknowns, pixels, pattern, shifted=kind != "interior", seed=seed)
        return image

    def regular_image(self, geometry: Geometry, unknowns: Unknowns, side: int) -> Tensor:
        """Image (H W, 3) with `side` x `side` samples on a grid in every pixel."""
        pixels = (self.lists.first[1:] > self.lists.first[:-1]).nonzero()[:, 0].to(torch.int32)
        image = self.background.clone()
        image[pixels.long()] = self.mean(geometry, unknowns, pixels, regular(side), shifted=False, seed=0)
        return image

    def mean(
        self, geometry: Geometry, unknowns: Unknowns, pixels: Tensor, pattern: Tensor, *, shifted: bool, seed: int
    ) -> Tensor:
        """Mean radiance (P, 3) of pixels over a pattern of the unit square, moved round in each by a vector of its own
        where `shifted`."""
        scene, top = self.scene, self.topology
        shift = torch.zeros(len(pixels), 2, dtype=torch.float64)
        if shifted:
            rng = np.random.default_rng([seed, 7])
            shift = torch.from_numpy(rng.uniform(size=(SIZE * SIZE, 2)))[pixels.long()].contiguous()
        out = torch.empty(len(pixels), 3, dtype=torch.float64)
        matte = scene.light_direction is None
        direction = self.zeros[0] if matte else unknowns["light_direction"].detach()
        toward = wp.vec3d(*(direction / direction.norm().clamp(min=1e-30)).tolist())
        colors = torch.from_numpy(np.concatenate([s.colors for s in scene.shapes]))
        textured = scene.texels is not None
        uv = torch.zeros(1, 2, dtype=torch.float64) if scene.shapes[0].uv is None else torch.from_numpy(scene.shapes[0].uv)
        texels = unknowns["albedo_texture"].detach() if textured else torch.zeros(1, 1, 3, dtype=torch.float64)
        light = unknowns["light_sh"].detach() if matte else torch.zeros(9, 3, dtype=torch.float64)
        alpha = float(unknowns["roughness"]) if scene.roughness is not None else -1.0
        index = [t.to(torch.int32).contiguous() for t in (top.faces, top.normal_faces, top.uv_faces)]
        real = [t.detach().contiguous() for t in (geometry.vertices, geometry.normals, colors, uv, texels, light)]
        inverse, pattern = geometry.inverse.detach().contiguous(), pattern.contiguous()
        inputs = [
            warp_view(pixels), warp_view(shift, wp.vec2d), warp_view(pattern, wp.vec2d), warp_view(self.lists.first),
            warp_view(self.lists.faces), warp_view(inverse, wp.mat33d), wp.float64(1 / scene.near),
            warp_view(self.background, wp.vec3d), *(warp_view(i) for i in index), warp_view(real[0], wp.vec3d),
            warp_view(real[1], wp.vec3d), warp_view(real[2], wp.vec3d), warp_view(real[3], wp.vec2d), int(textured),
            warp_view(real[4], wp.vec3d), int(matte), warp_view(real[5], wp.vec3d), toward,
            wp.vec3d(*scene.irradiance.tolist()), wp.float64(alpha), wp.vec3d(*scene.f0.tolist()),
            wp.vec3d(*geometry.eye.tolist()), warp_view(out, wp.vec3d),
        ]  # fmt: skip
        dispatch(_kernels().mean, len(pixels), inputs, pixels.device, band_items=32)
        return out


def sample_radiance(
    scene: GradientScene, topology: Topology, geometry: Geometry, unknowns: Unknowns, points: Tensor, lists: FaceLists
) -> Tensor:
    """Radiance (P, 3) at places (P, 2), by `nearest` and torch; the background where there is no face."""
    face, beta = nearest(points, geometry, lists, scene.near)
    pixel = points.floor().long().clamp(0, SIZE - 1)
    out = torch.from_numpy(scene.background)[pixel[:, 1], pixel[:, 0]].clone()
    hit = face >= 0
    weights = beta[hit] / beta[hit].sum(1, keepdim=True)
    out[hit] = radiance(scene, topology, geometry, unknowns, face[hit], weights).detach()
    return out


Indices = NDArray[np.int32]


@cache
def _kernels() -> SimpleNamespace:
    module = kernel_module(__name__, wp.float64)
    real = wp.float64

    @wp.func
    def nearest_face(
        p: wp.vec3d, begin: int, end: int, faces: wp.array(dtype=int), inverse: wp.array(dtype=wp.mat33d), most: wp.float64
    ) -> int:
        best = real(0.0)
        found = int(-1)
        for k in range(begin, end):
            m = inverse[faces[k]]
            b0 = p[0] * m[0, 0] + p[1] * m[1, 0] + m[2, 0]
            if b0 >= real(0.0):
                b1 = p[0] * m[0, 1] + p[1] * m[1, 1] + m[2, 1]
                if b1 >= real(0.0):
                    b2 = p[0] * m[0, 2] + p[1] * m[1, 2] + m[2, 2]
                    total = b0 + b1 + b2
                    if b2 >= real(0.0) and total > best and total <= most:
                        best = total
                        found = faces[k]
        return found

    @wp.kernel(module=module, enable_backward=False)
    def nearest(
        first: int,
        points: wp.array(dtype=wp.vec2d),
        list_first: wp.array(dtype=int),
        list_faces: wp.array(dtype=int),
        inverse: wp.array(dtype=wp.mat33d),
        most: wp.float64,
        out: wp.array(dtype=int),
    ):
        i = first + wp.tid()
        p = points[i]
        x = int(wp.floor(p[0]))
        y = int(wp.floor(p[1]))
        found = int(-1)
        if x >= 0 and y >= 0 and x < SIZE and y < SIZE:
            pixel = y * SIZE + x
            found = nearest_face(
                wp.vec3d(p[0], p[1], real(1.0)), list_first[pixel], list_first[pixel + 1], list_faces, inverse, most
            )
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
        n: wp.vec3d, wi: wp.vec3d, wo: wp.vec3d, albedo: wp.vec3d, alpha: wp.float64, f0: wp.vec3d
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
            fresnel = f0 + (one - f0) * wp.pow(real(1.0) - wp.dot(wo, h), real(5.0))
            through = (real(1.0) - wp.pow(real(1.0) - ci, real(5.0))) * (real(1.0) - wp.pow(real(1.0) - co, real(5.0)))
            total = wp.cw_mul(albedo, one - f0) * (through / real(3.141592653589793)) + fresnel * (d / (gi * go))
        return total

    @wp.kernel(module=module, enable_backward=False)
    def mean(
        first: int,
        pixels: wp.array(dtype=int),
        shift: wp.array(dtype=wp.vec2d),
        pattern: wp.array(dtype=wp.vec2d),
        list_first: wp.array(dtype=int),
        list_faces: wp.array(dtype=int),
        inverse: wp.array(dtype=wp.mat33d),
        most: wp.float64,
        background: wp.array(dtype=wp.vec3d),
        faces: wp.array2d(dtype=int),
        normal_faces: wp.array2d(dtype=int),
        uv_faces: wp.array2d(dtype=int),
        vertices: wp.array(dtype=wp.vec3d),
        normals: wp.array(dtype=wp.vec3d),
        colors: wp.array(dtype=wp.vec3d),
        uv: wp.array(dtype=wp.vec2d),
        textured: int,
        texels: wp.array2d(dtype=wp.vec3d),
        matte: int,
        light: wp.array(dtype=wp.vec3d),
        toward: wp.vec3d,
        irradiance: wp.vec3d,
        alpha: wp.float64,
        f0: wp.vec3d,
        eye: wp.vec3d,
        out: wp.array(dtype=wp.vec3d),
    ):
        i = first + wp.tid()
        pixel = pixels[i]
        x = real(pixel % SIZE)
        y = real(pixel / SIZE)
        total = wp.vec3d(real(0.0), real(0.0), real(0.0))
        count = pattern.shape[0]
        for s in range(count):
            u = pattern[s][0] + shift[i][0]
            v = pattern[s][1] + shift[i][1]
            p = wp.vec3d(x + u - wp.floor(u), y + v - wp.floor(v), real(1.0))
            f = nearest_face(p, list_first[pixel], list_first[pixel + 1], list_faces, inverse, most)
            if f < 0:
                total += background[pixel]
            else:
                m = inverse[f]
                b = wp.transpose(m) * p
                b = b / (b[0] + b[1] + b[2])
                n = b[0] * normals[normal_faces[f, 0]] + b[1] * normals[normal_faces[f, 1]]
                n = wp.normalize(n + b[2] * normals[normal_faces[f, 2]])
                albedo = b[0] * colors[faces[f, 0]] + b[1] * colors[faces[f, 1]] + b[2] * colors[faces[f, 2]]
                if textured != 0:
                    t = b[0] * uv[uv_faces[f, 0]] + b[1] * uv[uv_faces[f, 1]] + b[2] * uv[uv_faces[f, 2]]
                    albedo = texel(texels, t)
                if matte != 0:
                    total += wp.cw_mul(albedo, sky(n, light))
                else:
                    cosine = wp.max(wp.dot(n, toward), real(0.0))
                    value = albedo / real(3.141592653589793)
                    if alpha > real(0.0):
                        place = b[0] * vertices[faces[f, 0]] + b[1] * vertices[faces[f, 1]] + b[2] * vertices[faces[f, 2]]
                        value = lobe(n, toward, wp.normalize(eye - place), albedo, alpha, f0)
                    total += wp.cw_mul(value, irradiance) * cosine
        out[i] = total / real(count)

    return SimpleNamespace(nearest=nearest, mean=mean)
