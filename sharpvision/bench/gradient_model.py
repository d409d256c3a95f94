"""The image formation of the gradient scenes once more, in torch and float64, by formulas of its own.

Shares nothing with the renderer: rotations by a matrix exponential, barycentrics by inverting the 3x3 matrix of a
face's projected corners, irradiance by the polynomials of the spherical harmonics.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from sharpvision.bench.gradient_scenes import METALLIC, SIZE, TARGET_SCALE, TARGET_SHIFT_PX, TARGET_TURN, GradientScene

Unknowns = dict[str, Tensor]


@dataclass(frozen=True, eq=False)
class Topology:
    """All shapes of a scene as one mesh; index tensors (F, 3). `place` (V,) numbers the distinct positions of a shape.
    `first` counts the vertices of the first shape, `face_shape` (F,) says whose a face is."""

    faces: Tensor
    normal_faces: Tensor
    uv_faces: Tensor
    face_shape: Tensor
    place: Tensor
    normals: int
    first: int


@dataclass(frozen=True, eq=False)
class Geometry:
    """What unknowns make of a scene: `vertices` (V, 3) in the world, `projected` rows (x w, y w, w), unit `normals`
    (N, 3), `eye` (3,), and `inverse` (F, 3, 3): a place (x, y, 1) times it is a point's weights over its depth."""

    vertices: Tensor
    projected: Tensor
    normals: Tensor
    eye: Tensor
    inverse: Tensor


def topology_of(scene: GradientScene) -> Topology:
    """The scene's shapes, one after the other."""
    faces, normal_faces, uv_faces, owner, place = [], [], [], [], []
    vertex = normal = texture = places = 0
    for index, s in enumerate(scene.shapes):
        own = s.faces if s.normal_faces is None else s.normal_faces
        uv = np.zeros_like(s.faces) if s.uv_faces is None else s.uv_faces
        same = np.unique(s.vertices, axis=0, return_inverse=True)[1].reshape(-1)
        faces.append(s.faces + vertex)
        normal_faces.append(own + normal)
        uv_faces.append(uv + texture)
        owner.append(np.full(len(s.faces), index))
        place.append(same + places)
        vertex, normal, places = vertex + len(s.vertices), normal + int(own.max()) + 1, places + int(same.max()) + 1
        texture += 1 if s.uv is None else len(s.uv)
    columns = (faces, normal_faces, uv_faces, owner, place)
    tables = [torch.from_numpy(np.concatenate(column).astype(np.int64)) for column in columns]
    return Topology(tables[0], tables[1], tables[2], tables[3], tables[4], normal, len(scene.shapes[0].vertices))


def unknowns_of(scene: GradientScene) -> Unknowns:
    """The values of everything a scene may be differentiated in, at the scene as it is."""
    values = {
        "translation": np.zeros(3), "rotation": np.zeros(3), "scale": np.ones(()), "focal_length": scene.focal_px,
        "vertices": np.concatenate([s.vertices for s in scene.shapes]), "principal_point": scene.principal_point,
        "distortion": scene.distortion, "light_sh": scene.light_sh, "light_direction": scene.light_direction,
        "albedo_texture": scene.texels, "roughness": None if scene.roughness is None else np.array(scene.roughness),
    }  # fmt: skip
    return {name: torch.tensor(value, dtype=torch.float64) for name, value in values.items() if value is not None}


def target_of(scene: GradientScene, unknowns: Unknowns) -> Unknowns:
    """Unknowns of the target: all shapes turned about the middle of the first, grown, and moved in the image."""
    points = unknowns["vertices"]
    first = points[: len(scene.shapes[0].vertices)]
    middle = (first.amin(0) + first.amax(0)) / 2
    axis = torch.tensor([0.5, 0.7, 0.5], dtype=torch.float64)
    turn = _rotation(TARGET_TURN * axis / axis.norm())
    depth = (points @ _camera(scene)[0].T + _camera(scene)[1])[:, 2].mean()
    shift = depth / unknowns["focal_length"].mean() * torch.tensor([*TARGET_SHIFT_PX, 0.0], dtype=torch.float64)
    moved = TARGET_SCALE * (points - middle) @ turn.T + middle + shift @ _camera(scene)[0]
    return unknowns | {"vertices": moved}


def geometry_of(scene: GradientScene, topology: Topology, unknowns: Unknowns) -> Geometry:
    """World positions, projected rows and shading normals (area weighted); differentiable in the unknowns."""
    linear = unknowns["scale"] * _rotation(unknowns["rotation"])
    points = unknowns["vertices"]
    vertices = torch.cat([points[: topology.first] @ linear.T + unknowns["translation"], points[topology.first :]])
    a, b, c = vertices[topology.faces].unbind(1)
    area = torch.linalg.cross(b - a, c - a)
    total = area.new_zeros(topology.normals, 3).index_add(0, topology.normal_faces.T.reshape(-1), area.repeat(3, 1))
    length = total.norm(dim=-1, keepdim=True)
    normals = total / torch.where(length > 0, length, 1.0)
    rotation, shift = _camera(scene)
    x, y, w = (vertices @ rotation.T + shift).unbind(-1)
    if "distortion" in unknowns:
        x, y = _distorted(x / w, y / w, unknowns["distortion"])
        x, y = x * w, y * w
    (fx, fy), (cx, cy) = unknowns["focal_length"], unknowns["principal_point"]
    projected = torch.stack([fx * x + cx * w, fy * y + cy * w, w], -1)
    return Geometry(vertices, projected, normals, -(rotation.T @ shift), _inverse(projected[topology.faces]))


def radiance(
    scene: GradientScene, topology: Topology, geometry: Geometry, unknowns: Unknowns, face: Tensor, weights: Tensor
) -> Tensor:
    """Radiance (P, 3) towards the camera of the points with barycentric `weights` (P, 3) of faces (P,)."""

    def at(values: Tensor, corners: Tensor) -> Tensor:
        return (weights[..., None] * values[corners[face]]).sum(1)

    normal = at(geometry.normals, topology.normal_faces)
    normal = normal / normal.norm(dim=-1, keepdim=True).clamp(min=1e-30)
    if scene.texels is None:
        albedo = at(torch.from_numpy(np.concatenate([s.colors for s in scene.shapes])), topology.faces)
    else:
        assert scene.shapes[0].uv is not None
        albedo = bilinear(unknowns["albedo_texture"], at(torch.from_numpy(scene.shapes[0].uv), topology.uv_faces))
    if "light_sh" in unknowns:
        return albedo * (sh_irradiance(normal) @ unknowns["light_sh"]) / math.pi
    toward = unknowns["light_direction"] / unknowns["light_direction"].norm()
    sun = torch.from_numpy(scene.irradiance) * (normal @ toward).clamp(min=0)[:, None]
    if scene.roughness is None:
        return albedo * sun / math.pi
    view = geometry.eye - at(geometry.vertices, topology.faces)
    view = view / view.norm(dim=-1, keepdim=True)
    return glossy(normal, toward, view, albedo, unknowns["roughness"]) * sun


def sh_irradiance(n: Tensor) -> Tensor:
    """Irradiance (P, 9) of the nine real spherical harmonics at unit normals (Ramamoorthi and Hanrahan 2001)."""
    x, y, z = n.unbind(-1)
    values = [
        0.5 * math.sqrt(1 / math.pi) * torch.ones_like(x),
        math.sqrt(3 / (4 * math.pi)) * y, math.sqrt(3 / (4 * math.pi)) * z, math.sqrt(3 / (4 * math.pi)) * x,
        0.5 * math.sqrt(15 / math.pi) * x * y, 0.5 * math.sqrt(15 / math.pi) * y * z,
        0.25 * math.sqrt(5 / math.pi) * (3 * z * z - 1), 0.5 * math.sqrt(15 / math.pi) * x * z,
        0.25 * math.sqrt(15 / math.pi) * (x * x - y * y),
    ]  # fmt: skip
    share = [math.pi] + [2 * math.pi / 3] * 3 + [math.pi / 4] * 5
    return torch.stack([a * v for a, v in zip(share, values, strict=True)], -1)


def glossy(n: Tensor, wi: Tensor, wo: Tensor, base: Tensor, roughness: Tensor) -> Tensor:
    """A diffuse base under a GGX lobe: albedo (1 - f0) T(n.wi) T(n.wo) / pi + F D G / (4 n.wi n.wo), T = 1 - (1 - c)^5,
    separable Smith shadowing, Schlick's F; zero where either cosine is not positive. glTF's parameters: albedo = (1 -
    metallic) base, f0 = 0.04 (1 - metallic) + metallic base, alpha = roughness^2."""
    albedo, f0, alpha = (1 - METALLIC) * base, 0.04 * (1 - METALLIC) + METALLIC * base, roughness**2
    half = wi + wo
    half = half / half.norm(dim=-1, keepdim=True)
    ci, co, ch = n @ wi, (n * wo).sum(-1), (n * half).sum(-1)
    seen = (ci > 0) & (co > 0)
    ci, co = torch.where(seen, ci, 1.0), torch.where(seen, co, 1.0)
    a2 = alpha**2
    d = a2 / (math.pi * (ch**2 * (a2 - 1) + 1) ** 2)
    smith = 1 / ((ci + (a2 + (1 - a2) * ci**2).sqrt()) * (co + (a2 + (1 - a2) * co**2).sqrt()))
    fresnel = f0 + (1 - f0) * (1 - (wo * half).sum(-1, keepdim=True)) ** 5
    through = (1 - (1 - ci) ** 5) * (1 - (1 - co) ** 5)
    total = albedo / math.pi * (1 - f0) * through[:, None] + (d * smith)[:, None] * fresnel
    return torch.where(seen[:, None], total, 0.0)


def bilinear(texels: Tensor, uv: Tensor) -> Tensor:
    """Texels (H, W, C), first row on top, at (P, 2); centres at (i + 0.5) / W; the picture repeats."""
    height, width, _ = texels.shape
    x, y = uv[:, 0] * width - 0.5, (1 - uv[:, 1]) * height - 0.5
    left, top = x.detach().floor(), y.detach().floor()
    fx, fy = (x - left)[:, None], (y - top)[:, None]
    i0, j0 = left.long() % width, top.long() % height
    i1, j1 = (i0 + 1) % width, (j0 + 1) % height
    upper = texels[j0, i0] * (1 - fx) + texels[j0, i1] * fx
    return upper * (1 - fy) + (texels[j1, i0] * (1 - fx) + texels[j1, i1] * fx) * fy


def _rotation(vector: Tensor) -> Tensor:
    x, y, z = vector.unbind()
    o = torch.zeros_like(x)
    rows = [torch.stack(r) for r in ((o, -z, y), (z, o, -x), (-y, x, o))]
    return torch.linalg.matrix_exp(torch.stack(rows))


def _camera(scene: GradientScene) -> tuple[Tensor, Tensor]:
    return _rotation(torch.from_numpy(scene.camera_turn)), torch.from_numpy(scene.camera_shift)


def _distorted(x: Tensor, y: Tensor, coefficients: Tensor) -> tuple[Tensor, Tensor]:
    """OpenCV's k1, k2, p1, p2, k3."""
    k1, k2, p1, p2, k3 = coefficients
    r2 = x * x + y * y
    radial = 1 + r2 * (k1 + r2 * (k2 + r2 * k3))
    return (
        x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x),
        y * radial + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y,
    )


def _inverse(corners: Tensor) -> Tensor:
    """Inverse of the matrices with a face's projected corners as rows; zero where a face is seen exactly edge-on."""
    a, b, c = corners.unbind(1)
    adjugate = torch.stack([torch.linalg.cross(b, c), torch.linalg.cross(c, a), torch.linalg.cross(a, b)], -1)
    determinant = (a * adjugate[..., 0]).sum(-1)
    size = SIZE**2 * corners[..., 2].detach().abs().amax(1) ** 3
    there = determinant.detach().abs() > 1e-13 * size
    return torch.where(there[:, None, None], adjugate / torch.where(there, determinant, 1.0)[:, None, None], 0.0)
