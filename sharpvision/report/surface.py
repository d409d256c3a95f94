"""The recovered depth as a mesh: coloured by the albedo, shaded by the recovered normals, cut where the depth jumps."""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor

from sharpvision.geometry import HeightField, Mesh
from sharpvision.solvers import Solution

MAX_VERTICES = 500_000
CUT_SLOPE = 8.0  # an edge steeper than this (83 degrees) joins two surfaces


def surface_mesh(solution: Solution, max_vertices: int = MAX_VERTICES) -> Mesh | None:
    """Mesh of `values["depth"]` in the OpenCV camera frame, or None without depth or without a triangle.

    Every s-th pixel becomes a vertex, with the least s that keeps to `max_vertices`; vertices are measured points, not
    averages, so that jumps in depth stay sharp. The unit is the depth's (pixels of the images where orthographic).
    """
    depth = solution.values.get("depth")
    if depth is None:
        return None
    observations = solution.observations
    mask = depth.isfinite() if observations is None else observations.mask & depth.isfinite()
    stride = max(1, math.ceil(math.sqrt(int(mask.sum()) / max_vertices)))
    every = (slice(None, None, stride), slice(None, None, stride))
    focal, centre = _camera(solution)
    field = HeightField(
        depth[every],
        mask[every],
        None if focal is None else focal / stride,
        None if centre is None else tuple((c - 0.5) / stride + 0.5 for c in centre),  # type: ignore[arg-type]
    )
    if not bool(field.valid.any()):
        return None
    pixel = 1.0 if focal is None else float(field.depth[field.valid].median()) / focal
    albedo, normals = solution.values.get("albedo"), solution.values.get("normals")
    mesh = field.mesh(None if albedo is None else albedo[every], max_step=CUT_SLOPE * stride * pixel)
    if not len(mesh.faces):
        return None
    if focal is None:
        mesh = replace(mesh, vertices=_in_image_pixels(mesh.vertices, stride))
    return mesh if normals is None else replace(mesh, vertex_normals=normals[every][field.valid])


def _camera(solution: Solution) -> tuple[float | None, tuple[float, float] | None]:
    """Focal length and principal point that the depth was integrated with; None, None where orthographic."""
    observations = solution.observations
    if solution.figures.get("depth_model") != "perspective" or observations is None:
        return None, None
    height, width = observations.shape
    return observations.focal_px, observations.principal_point or (width / 2, height / 2)


def _in_image_pixels(vertices: Tensor, stride: int) -> Tensor:
    """Centres (u, v) of every `stride`-th pixel from (u', v') of the smaller grid: u = stride (u' - 1/2) + 1/2."""
    scale = vertices.new_tensor([stride, stride, 1.0])
    half = vertices.new_tensor([0.5, 0.5, 0.0])
    return torch.addcmul(half, vertices - half, scale)
