"""A call of every public function of kernels, for the tests of operations while they are traced."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from silhouette_scenes import make
from surface_points import random_surface
from torch import Tensor

from sharpvision.core.vectors import unit
from sharpvision.kernels.antialias_function import antialias
from sharpvision.kernels.closest_point import closest_points
from sharpvision.kernels.corners import corners_of
from sharpvision.kernels.interpolate import barycentrics, interpolate
from sharpvision.kernels.mesh_queries import distance_to_mesh, touching_boxes
from sharpvision.kernels.normals import vertex_normals
from sharpvision.kernels.projected_rows import projected_rows
from sharpvision.kernels.rasterize import rasterize
from sharpvision.kernels.shade import irradiance_directional, irradiance_sh
from sharpvision.kernels.shade_ggx import GlossySurface, LitLobe, ggx_directional
from sharpvision.kernels.shade_ggx_sh import SkyLitLobe, ggx_sh
from sharpvision.kernels.silhouette_edges import EdgeBatch
from sharpvision.kernels.silhouette_plan import PlanSettings, plan
from sharpvision.kernels.texture import texture
from sharpvision.kernels.visibility import Occluders, visible


@dataclass
class Case:
    """What a public function computes of some tensors, all with a derivative unless `fixed`."""

    function: Callable[..., Tensor]
    inputs: tuple[Tensor, ...]
    fixed: bool = False


def _surface() -> tuple[Any, Tensor, Any, Tensor]:
    points, projected, batch = random_surface(torch.float32)
    torch._dynamo.decorators.mark_unbacked(points.face, 0)  # as those of a plan in the graph are
    return points, projected, batch, unit(torch.randn(12, 3) + torch.tensor([0.0, 0, 3]))


def of_interpolate() -> Case:
    points, projected, batch, _ = _surface()
    return Case(lambda p, a: interpolate(points, p, batch, a, batch.faces), (projected, torch.randn(12, 5)))


def of_barycentrics() -> Case:
    points, projected, batch, _ = _surface()
    return Case(lambda p: barycentrics(points, p, batch, damped=False), (projected,))


def of_irradiance_sh() -> Case:
    points, projected, batch, normals = _surface()
    return Case(
        lambda p, n, c: irradiance_sh(points, p, batch, n, batch.faces, c), (projected, normals, torch.randn(9, 3))
    )


def of_irradiance_directional() -> Case:
    points, projected, batch, normals = _surface()
    light = torch.tensor([0.2, 0.1, 1.0]), torch.rand(3)
    return Case(
        lambda p, n, *light: irradiance_directional(points, p, batch, n, batch.faces, light),
        (projected, normals, *light),
    )


def of_ggx_directional() -> Case:
    points, projected, batch, normals = _surface()
    eyes = torch.tensor([[0.3, 0.2, 4.0, 1.0], [0.2, -0.1, 1.0, 0.0]])
    lobe = torch.tensor([0.4, 0.3, 0.8]), torch.rand(3), torch.tensor(0.35), torch.rand(3) / 2

    def shaded(p: Tensor, n: Tensor, v: Tensor, eyes: Tensor, *lobe: Tensor) -> Tensor:
        return ggx_directional(points, p, batch, GlossySurface(v, n, batch.faces), eyes, LitLobe(*lobe))

    return Case(shaded, (projected, normals, torch.randn(12, 3), eyes, *lobe))


def of_ggx_sh() -> Case:
    points, projected, batch, normals = _surface()
    eyes = torch.tensor([[0.3, 0.2, 4.0, 1.0], [0.2, -0.1, 1.0, 0.0]])
    lobe = torch.randn(16, 3) / 3, torch.tensor(0.35), torch.rand(3) / 2, torch.rand(3) / 2

    def shaded(p: Tensor, n: Tensor, v: Tensor, eyes: Tensor, *lobe: Tensor) -> Tensor:
        return ggx_sh(points, p, batch, GlossySurface(v, n, batch.faces), eyes, SkyLitLobe(*lobe))

    return Case(shaded, (projected, normals, torch.randn(12, 3), eyes, *lobe))


def of_texture(how: str) -> Case:
    uv, lod = torch.rand(40, 2) * 1.4, torch.rand(40) * 3
    level = lod if how == "mipmap" else None
    return Case(lambda t, uv: texture(t, uv, level, "mirror", how), (torch.rand(7, 6, 2), uv))  # type: ignore[arg-type]


def of_vertex_normals() -> Case:
    *_, batch, _ = _surface()
    faces = batch.faces

    def normals(vertices: Tensor) -> Tensor:
        return vertex_normals(vertices, faces, faces, corners_of(faces, len(vertices)))

    return Case(normals, (torch.randn(12, 3),))


def of_projected_rows() -> Case:
    return Case(projected_rows, (torch.randn(12, 3), torch.randn(2, 4, 3), torch.randn(2, 4, 4)))


def of_rasterize() -> Case:
    scene = make("soup")
    batch = scene.batch()
    return Case(lambda p: rasterize(p, batch, near=scene.near).key.clamp(max=1.0), (scene.projected,), fixed=True)


def of_plan(edges: str) -> Case:
    scene = make("soup")
    batch = scene.batch()
    given = scene.edges if edges == "one mesh" else EdgeBatch.of_one_mesh(scene.edges, 1)

    def covered(projected: Tensor, radiance: Tensor) -> Tensor:
        raster = rasterize(projected, batch, scene.near, given if edges == "meshes" else None)
        layout = plan(projected, batch, raster, given, PlanSettings(near=scene.near))
        ground = torch.zeros(1, radiance.shape[1])
        return antialias(radiance[layout.points.face.long()], ground, projected, layout)

    return Case(covered, (scene.projected, torch.rand(len(scene.faces), 3)))


def of_all_at_once() -> Case:
    """What users put together, at points whose number nobody knows before the graph runs."""
    scene = make("soup")
    batch, faces, count = scene.batch(), scene.batch().faces, len(scene.projected)
    normals, uvs = unit(torch.randn(count, 3) + torch.tensor([0.0, 0, 3])), torch.rand(count, 2)
    wall, eyes = Occluders(torch.randn(count, 3), faces), torch.tensor([[0.0, 0, 5, 1]])

    def image(projected: Tensor, vertices: Tensor, texels: Tensor, normals: Tensor, *lobe: Tensor) -> Tensor:
        raster = rasterize(projected, batch, scene.near)
        layout = plan(projected, batch, raster, scene.edges, PlanSettings(near=scene.near))
        at = (layout.points, projected, batch)
        place, uv = (interpolate(*at, values, faces) for values in (vertices, uvs))
        color = texture(texels, uv) * texture(texels, uv, uv[:, 0] * 3, "repeat", "mipmap")
        lit = visible(place, unit(torch.ones_like(place)), 9.0, wall.at(vertices))
        radiance = color * lit[:, None] * irradiance_directional(*at, normals, faces, (lobe[0], lobe[1]))
        radiance = radiance + ggx_directional(*at, GlossySurface(vertices, normals, faces), eyes, LitLobe(*lobe))
        near = closest_points(place + 0.1, vertices, faces).distance + distance_to_mesh(vertices, faces, place + 0.2)
        return antialias(radiance + near[:, None], radiance.new_zeros(1, 3), projected, layout)

    lobe = torch.tensor([0.1, 0.2, 1.0]), torch.rand(3), torch.tensor(0.3), torch.rand(3)
    return Case(image, (scene.projected, torch.randn(count, 3), torch.rand(8, 8, 3), normals, *lobe))


def of_closest_points() -> Case:
    vertices, faces = torch.randn(12, 3), torch.randint(0, 12, (15, 3))

    def both(points: Tensor, vertices: Tensor) -> Tensor:
        found = closest_points(points, vertices, faces)
        return torch.cat([found.position, found.distance[:, None]], 1)

    return Case(both, (torch.randn(20, 3), vertices))


def of_distance_to_mesh() -> Case:
    faces = torch.randint(0, 12, (15, 3))
    return Case(
        lambda p, v: distance_to_mesh(v, faces, p, signed=True), (torch.randn(20, 3), torch.randn(12, 3)), fixed=True
    )


def of_visible() -> Case:
    wall = Occluders(torch.randn(30, 3), torch.arange(30).view(10, 3))

    def seen(points: Tensor, vertices: Tensor) -> Tensor:
        there = visible(points, unit(-points), 3.0, wall.at(vertices))
        return torch.cat([there, visible(points, unit(-points), 3.0, wall)]).double()

    return Case(seen, (torch.randn(40, 3), wall.vertices + 0.1), fixed=True)


def of_touching_boxes() -> Case:
    faces = torch.randint(0, 12, (15, 3))
    return Case(lambda v: touching_boxes(v, faces).double(), (torch.randn(12, 3),), fixed=True)


CASES: dict[str, Callable[[], Case]] = {
    "interpolate": of_interpolate,
    "barycentrics": of_barycentrics,
    "irradiance_sh": of_irradiance_sh,
    "irradiance_directional": of_irradiance_directional,
    "ggx_directional": of_ggx_directional,
    "ggx_sh": of_ggx_sh,
    "texture nearest": lambda: of_texture("nearest"),
    "texture bilinear": lambda: of_texture("bilinear"),
    "texture mipmap": lambda: of_texture("mipmap"),
    "vertex_normals, corners_of": of_vertex_normals,
    "projected_rows, joined, rows_by": of_projected_rows,
    "rasterize": of_rasterize,
    "plan, antialias": lambda: of_plan("one mesh"),
    "plan of meshes": lambda: of_plan("meshes"),
    "all at once": of_all_at_once,
    "closest_points": of_closest_points,
    "distance_to_mesh": of_distance_to_mesh,
    "touching_boxes": of_touching_boxes,
    "visible": of_visible,
}
