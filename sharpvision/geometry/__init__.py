"""Surfaces: normal fields, height fields and meshes (the x and n of the equation).

What needs SciPy or Warp is loaded when it is touched.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from sharpvision.geometry.height_field import HeightField
from sharpvision.geometry.mesh import Mesh, area_vectors, area_weighted_normals
from sharpvision.geometry.normals import NormalField, angular_error_deg, mean_angular_error_deg

if TYPE_CHECKING:
    from sharpvision.geometry.distances import SurfaceDistance, surface_distance
    from sharpvision.geometry.edges import MeshEdges, edges_of
    from sharpvision.geometry.laplacian import graph_laplacian
    from sharpvision.geometry.remeshing import remesh
    from sharpvision.geometry.self_intersection import intersecting_faces, self_intersections

_HOMES = {
    "SurfaceDistance": "distances",
    "surface_distance": "distances",
    "MeshEdges": "edges",
    "edges_of": "edges",
    "graph_laplacian": "laplacian",
    "remesh": "remeshing",
    "intersecting_faces": "self_intersection",
    "self_intersections": "self_intersection",
}

__all__ = [
    "HeightField",
    "Mesh",
    "MeshEdges",
    "NormalField",
    "SurfaceDistance",
    "angular_error_deg",
    "area_vectors",
    "area_weighted_normals",
    "edges_of",
    "graph_laplacian",
    "intersecting_faces",
    "mean_angular_error_deg",
    "remesh",
    "self_intersections",
    "surface_distance",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"sharpvision.geometry.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'sharpvision.geometry' has no attribute {name!r}")
