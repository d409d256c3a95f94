"""Brute-force point sampling of a gradient scene in float64: the nearest face at any place, and the mean of a pixel.

Kernels of its own (`area_sampling_kernels`) that share no code with the renderer. A place p = (x, y, 1) times the
inverse of the matrix of a face's projected corners gives the weights over the depth, beta: inside where all are >= 0,
1 / depth = sum beta, and nearest is the largest sum that is at most 1 / near. Faces are listed per pixel by their
boxes, widened by a margin, so that a list made once serves for scenes moved by less than it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import warp as wp
from torch import Tensor

from sharpvision.bench.area_sampling_kernels import Lighting, Lists, Surface, area_kernels
from sharpvision.bench.gradient_model import Geometry, Topology, Unknowns, radiance
from sharpvision.bench.gradient_scenes import SIZE, GradientScene
from sharpvision.kernels.dispatch import dispatch
from sharpvision.kernels.views import warp_array

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
    inverse, points = geometry.inverse.detach().contiguous(), points.contiguous()
    inputs = [warp_array(points, wp.vec2d), _lists(lists, inverse, near), warp_array(face)]
    dispatch(area_kernels().nearest, len(points), inputs, points.device)
    found = face.long()
    place = torch.cat([points, torch.ones_like(points[:, :1])], 1)
    beta = (place[:, :, None] * inverse[found.clamp(min=0)]).sum(1)
    return found, beta


@dataclass(frozen=True, eq=False)
class Sampling:
    """Where an image is sampled: which pixels are `contour` pixels (crossed by a contour), `ring` pixels (within a
    pixel of one) and `interior` (the others), all flat indices (P,); pixels without a face are in none."""

    contour: Tensor
    ring: Tensor
    interior: Tensor


def sampling_of(lists: FaceLists, contour_points: Tensor) -> Sampling:
    """Pixels sorted by their distance to points (P, 2) that lie densely on all contours."""
    crossed, near = _within(contour_points, 0.03), _within(contour_points, REACH_PX)
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
        self.scene, self.lists = scene, lists
        self.background = torch.from_numpy(scene.background).reshape(-1, 3)
        tables = (topology.faces, topology.normal_faces, topology.uv_faces)
        self.index = [t.to(torch.int32).contiguous() for t in tables]
        self.colors = torch.from_numpy(np.concatenate([s.colors for s in scene.shapes]))
        uv = scene.shapes[0].uv
        self.uv = torch.zeros(1, 2, dtype=torch.float64) if uv is None else torch.from_numpy(uv)

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
        shift = torch.zeros(len(pixels), 2, dtype=torch.float64)
        if shifted:
            rng = np.random.default_rng([seed, 7])
            shift = torch.from_numpy(rng.uniform(size=(SIZE * SIZE, 2)))[pixels.long()].contiguous()
        out = torch.empty(len(pixels), 3, dtype=torch.float64)
        inverse, pattern = geometry.inverse.detach().contiguous(), pattern.contiguous()
        vertices, normals = geometry.vertices.detach().contiguous(), geometry.normals.detach().contiguous()
        lighting, kept = self._lighting(unknowns, geometry.eye)
        surface = Surface()
        surface.faces, surface.normal_faces, surface.uv_faces = (warp_array(i) for i in self.index)
        surface.vertices, surface.normals = warp_array(vertices, wp.vec3d), warp_array(normals, wp.vec3d)
        surface.colors, surface.uv = warp_array(self.colors, wp.vec3d), warp_array(self.uv, wp.vec2d)
        surface.background = warp_array(self.background, wp.vec3d)
        inputs = [
            warp_array(pixels), warp_array(shift, wp.vec2d), warp_array(pattern, wp.vec2d),
            _lists(self.lists, inverse, self.scene.near), surface, lighting, warp_array(out, wp.vec3d),
        ]  # fmt: skip
        dispatch(area_kernels().mean, len(pixels), inputs, pixels.device, band_items=32)
        del kept
        return out

    def _lighting(self, unknowns: Unknowns, eye: Tensor) -> tuple[Lighting, list[Tensor]]:
        """Light and material for the kernel, and the tensors that must outlive it."""
        scene, matte = self.scene, self.scene.light_sh is not None
        zeros = torch.zeros(1, 1, 3, dtype=torch.float64)
        texels = zeros if scene.texels is None else unknowns["albedo_texture"].detach().contiguous()
        harmonics = unknowns["light_sh"].detach().contiguous() if matte else zeros[0]
        direction = zeros[0, 0] if matte else unknowns["light_direction"].detach()
        lighting = Lighting()
        lighting.textured, lighting.texels = int(scene.texels is not None), warp_array(texels, wp.vec3d)
        lighting.matte, lighting.harmonics = int(matte), warp_array(harmonics, wp.vec3d)
        lighting.toward = wp.vec3d(*(direction / direction.norm().clamp(min=1e-30)).tolist())
        lighting.irradiance, lighting.eye = wp.vec3d(*scene.irradiance.tolist()), wp.vec3d(*eye.tolist())
        lighting.alpha = wp.float64(float(unknowns["roughness"]) ** 2 if scene.roughness is not None else -1.0)
        return lighting, [texels, harmonics]


def _lists(lists: FaceLists, inverse: Tensor, near: float) -> Lists:
    """The faces of the pixels for a kernel; the tensors must outlive it."""
    arrays = Lists()
    arrays.first, arrays.faces = warp_array(lists.first), warp_array(lists.faces)
    arrays.inverse, arrays.most = warp_array(inverse, wp.mat33d), wp.float64(1 / near)
    return arrays


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
