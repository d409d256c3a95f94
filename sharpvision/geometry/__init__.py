"""Surfaces: normal fields, height fields and meshes (the x and n of the equation)."""

from sharpvision.geometry.height_field import HeightField
from sharpvision.geometry.mesh import Mesh, area_vectors, area_weighted_normals
from sharpvision.geometry.normals import NormalField, angular_error_deg, mean_angular_error_deg

__all__ = [
    "HeightField",
    "Mesh",
    "NormalField",
    "angular_error_deg",
    "area_vectors",
    "area_weighted_normals",
    "mean_angular_error_deg",
]
