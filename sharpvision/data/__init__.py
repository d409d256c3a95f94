"""Readers and writers of photographs, scenes, meshes and images; every input check lives here. Loaded when touched."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sharpvision.data.capture_file import CaptureFile, read_capture_file
    from sharpvision.data.datasets import data_folder
    from sharpvision.data.film import write_film
    from sharpvision.data.mesh_files import MeshFile, read_mesh
    from sharpvision.data.normal_maps import read_normals
    from sharpvision.data.observations import PhotometricObservations, Tile, Validity, from_arrays
    from sharpvision.data.photometric import ReadOptions, read_photometric
    from sharpvision.data.scene_file import SceneFile, bundled_scenes, read_scene, scene_path

_HOMES = {
    "CaptureFile": "capture_file",
    "read_capture_file": "capture_file",
    "data_folder": "datasets",
    "write_film": "film",
    "read_normals": "normal_maps",
    "PhotometricObservations": "observations",
    "Tile": "observations",
    "Validity": "observations",
    "from_arrays": "observations",
    "ReadOptions": "photometric",
    "read_photometric": "photometric",
    "MeshFile": "mesh_files",
    "read_mesh": "mesh_files",
    "SceneFile": "scene_file",
    "bundled_scenes": "scene_file",
    "read_scene": "scene_file",
    "scene_path": "scene_file",
}

__all__ = [
    "CaptureFile", "MeshFile", "PhotometricObservations", "ReadOptions", "SceneFile", "Tile", "Validity",
    "bundled_scenes", "data_folder", "from_arrays", "read_capture_file", "read_mesh", "read_normals",
    "read_photometric", "read_scene", "scene_path", "write_film",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"sharpvision.data.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'sharpvision.data' has no attribute {name!r}")
