"""The reference gradient: interior derivative at many samples, boundary integral by fine quadrature, true residual.

    dL/dtheta = sum over pixels of G . (mean over the pixel of d radiance / dtheta
                + integral over the lines in it of (inner - outer radiance) n . dm/dtheta ds),    G = 2 (I - T)

L = sum of (I - T)^2 over pixels and channels, I the area-sampled image, T that of the target at 8 x 8 samples. The
interior is differentiated by torch's autograd in float64. Li, Aittala, Durand and Lehtinen 2018 for the second term.
Missing: lines where surfaces interpenetrate.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sharpvision.bench.area_sampling import (
    AreaSampler,
    FaceLists,
    Sampling,
    face_lists,
    multi_jittered,
    nearest,
    regular,
    sample_radiance,
    sampling_of,
)
from sharpvision.bench.gradient_contours import (
    BOUNDARY,
    CUT,
    FOLD,
    HARD_EDGE,
    PIECES_PER_PIXEL,
    SegmentPieces,
    Segments,
    end_points,
    end_weights,
    pieces_of,
    segments_of,
)
from sharpvision.bench.gradient_model import (
    Geometry,
    Topology,
    Unknowns,
    geometry_of,
    radiance,
    target_of,
    topology_of,
    unknowns_of,
)
from sharpvision.bench.gradient_scenes import SIZE, GradientScene

NUDGE_PX = 1e-3
DEPTH_TOLERANCE = 1e-6
CONTOUR_SIDE = 24
CHUNK = 150_000
SHADING = ("light_sh", "light_direction", "albedo_texture", "roughness")  # do not move the image


@dataclass(frozen=True, eq=False)
class Prepared:
    """A scene at its own unknowns, what its pixels are sampled with, its target and its true image (H W, 3)."""

    scene: GradientScene
    topology: Topology
    unknowns: Unknowns
    geometry: Geometry
    lists: FaceLists
    segments: Segments
    sampling: Sampling
    target: Tensor
    image: Tensor

    def sampler(self) -> AreaSampler:
        """The sampler of the scene near to this state."""
        return AreaSampler(self.scene, self.topology, self.lists)


@dataclass(frozen=True, eq=False)
class Reference:
    """Gradient by parameter, the part of it from the pixels' interiors, the visible length (V,) in pixels of silhouette
    lines that end at a vertex, and the pixels that a visible line of any kind crosses."""

    gradient: Unknowns
    interior: Unknowns
    silhouette_px: Tensor
    line_pixels: Tensor


def prepared(scene: GradientScene) -> Prepared:
    """Image, target and contours of a scene."""
    topology, unknowns = topology_of(scene), unknowns_of(scene)
    geometry = geometry_of(scene, topology, unknowns)
    lists = face_lists(geometry, topology, scene.near)
    segments = segments_of(geometry, topology, scene.near)
    pieces, _, _ = visible_pieces(segments, geometry, topology, lists, scene.near, per_pixel=8)
    sampling = sampling_of(lists, pieces.middle)
    moved = target_of(scene, unknowns)
    there = geometry_of(scene, topology, moved)
    target = AreaSampler(scene, topology, face_lists(there, topology, scene.near)).regular_image(there, moved, 8)
    image = AreaSampler(scene, topology, lists).image(geometry, unknowns, sampling, seed=0)
    return Prepared(scene, topology, unknowns, geometry, lists, segments, sampling, target, image)


def reference_of(p: Prepared) -> Reference:
    """Gradient of the loss in every parameter of the scene."""
    leaves = {k: v.clone().requires_grad_() for k, v in p.unknowns.items()}
    residual = 2 * (p.image - p.target)
    geometry = geometry_of(p.scene, p.topology, leaves)
    _interior(p, geometry, leaves, residual)
    names = [name for name in p.scene.parameters if name in leaves]
    zero = {k: torch.zeros_like(v) for k, v in leaves.items()}
    interior = {k: zero[k] if leaves[k].grad is None else leaves[k].grad.clone() for k in names}  # type: ignore[union-attr]
    surrogate, silhouette, line_pixels = _boundary(p, geometry, residual)
    found = torch.autograd.grad(surrogate, [leaves[k] for k in names], allow_unused=True)
    gradient = {k: interior[k] + (zero[k] if g is None else g) for k, g in zip(names, found, strict=True)}
    return Reference(gradient, interior, silhouette, line_pixels)


def _interior(p: Prepared, geometry: Geometry, leaves: Unknowns, residual: Tensor) -> None:
    """Adds the derivative at samples to the leaves' gradients: 8 x 8 in a pixel, more at contours."""
    tensors = {k: getattr(geometry, k).detach().requires_grad_() for k in ("vertices", "normals", "inverse")}
    there = Geometry(projected=geometry.projected.detach(), eye=geometry.eye, **tensors)
    inputs = {k: leaves[k].detach().requires_grad_() for k in SHADING if k in leaves}
    wanted = list(tensors.values()) + list(inputs.values())
    for points, pixel, share in _interior_points(p):
        face, _ = nearest(points, p.geometry, p.lists, p.scene.near)
        hit = face >= 0
        points, pixel, face = points[hit], pixel[hit], face[hit]
        place = torch.cat([points, torch.ones_like(points[:, :1])], 1)
        beta = (place[:, :, None] * there.inverse[face]).sum(1)
        weights = beta / beta.sum(1, keepdim=True)
        values = radiance(p.scene, p.topology, there, leaves | inputs, face, weights)
        ((values * residual[pixel]).sum() * share).backward()
    gradients = [torch.zeros_like(t) if t.grad is None else t.grad for t in wanted]
    sources = [geometry.vertices, geometry.normals, geometry.inverse, *(leaves[k] for k in inputs)]
    torch.autograd.backward(sources, gradients, retain_graph=True)


def _interior_points(p: Prepared):  # type: ignore[no-untyped-def]
    """Chunks of places (P, 2), their pixels and the share of a pixel that each stands for."""
    at_contours = torch.cat([p.sampling.contour, p.sampling.ring]).long()
    for pixels, pattern, shifted in (
        (p.sampling.interior.long(), regular(8), False),
        (at_contours, multi_jittered(CONTOUR_SIDE, 3), True),
    ):
        count = max(1, CHUNK // len(pattern))
        generator = torch.Generator().manual_seed(17)
        shift = torch.rand(len(pixels), 1, 2, generator=generator, dtype=torch.float64) if shifted else 0.0
        place = (pattern + shift) % 1.0 if shifted else pattern[None].expand(len(pixels), -1, -1)
        corner = torch.stack([pixels % SIZE, pixels // SIZE], 1).double()[:, None]
        for first in range(0, len(pixels), count):
            part = slice(first, first + count)
            points = (corner[part] + place[part]).reshape(-1, 2)
            yield points, pixels[part].repeat_interleave(len(pattern)), 1 / len(pattern)


def _boundary(p: Prepared, geometry: Geometry, residual: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """A number whose derivative is the boundary integral; the visible silhouette at each vertex; pixels of lines."""
    s, near = p.segments, p.scene.near
    pieces, share, outside = visible_pieces(s, p.geometry, p.topology, p.lists, near)
    ends, _ = end_points(s, geometry.projected, near)
    segment, kind = pieces.segment, s.kind[pieces.segment]

    def edge_radiance(faces: Tensor, rows: Tensor) -> Tensor:
        weights = end_weights(s, faces.clamp(min=0), p.geometry, p.topology, near)[segment[rows]]
        weights = weights[:, 0] * (1 - share[rows, None]) + weights[:, 1] * share[rows, None]
        return radiance(p.scene, p.topology, p.geometry, p.unknowns, faces[segment[rows]], weights).detach()

    inner = edge_radiance(s.inner, torch.arange(len(segment)))
    outer = sample_radiance(p.scene, p.topology, p.geometry, p.unknowns, outside, p.lists)
    hard = (kind == HARD_EDGE).nonzero()[:, 0]
    if len(hard):
        outer[hard] = edge_radiance(s.outer, hard)
    jump = ((inner - outer) * residual[pieces.pixel]).sum(1) * pieces.length
    middle = (1 - pieces.along[:, None]) * ends[segment, 0] + pieces.along[:, None] * ends[segment, 1]
    surrogate = (jump[:, None] * pieces.normal * middle).sum()

    silhouette = torch.zeros(len(p.topology.place), dtype=torch.float64)
    outline = (kind == FOLD) | (kind == BOUNDARY)
    for end in range(2):
        silhouette.index_add_(0, s.start[segment[outline], end], pieces.length[outline])
    return surrogate, silhouette, pieces.pixel.unique()


def visible_pieces(
    segments: Segments,
    geometry: Geometry,
    topology: Topology,
    lists: FaceLists,
    near: float,
    per_pixel: int = PIECES_PER_PIXEL,
) -> tuple[SegmentPieces, Tensor, Tensor]:
    """Pieces that no face hides; the perspective-correct place (N,) of their middles on the segments; and places (N, 2)
    a hair outside of them."""
    pieces = pieces_of(segments, geometry, topology, near, per_pixel)
    w = end_points(segments, geometry.projected.detach(), near)[1][pieces.segment]
    inverse_depth = (1 - pieces.along) / w[:, 0] + pieces.along / w[:, 1]
    share = pieces.along / w[:, 1] / inverse_depth
    kind = segments.kind[pieces.segment]
    outside = pieces.middle + torch.where(kind == HARD_EDGE, 0.0, NUDGE_PX)[:, None] * pieces.normal
    outside = outside.clamp(0, SIZE - 1e-9)
    face, beta = nearest(outside, geometry, lists, near)
    seen = (face < 0) | (beta.sum(1) <= inverse_depth * (1 + DEPTH_TOLERANCE)) | (kind == CUT)
    return SegmentPieces(**{name: value[seen] for name, value in vars(pieces).items()}), share[seen], outside[seen]
