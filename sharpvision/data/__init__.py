"""Readers and writers of photographs, scenes, meshes and images; every input check lives here. Loaded when touched."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sharpvision.data.capture_file import CaptureFile, read_capture_file
    from sharpvision.data.datasets import data_folder
    from sharpvision.data.film import write_film
    from sharpvision.data.normal_maps import read_normals
    from sharpvision.data.observations import PhotometricObservations, Tile, Validity, from_arrays
    from sharpvision.data.photometric import ReadOptions, read_photometric

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
}

__all__ = [
    "CaptureFile", "PhotometricObservations", "ReadOptions", "Tile", "Validity",
    "data_folder", "from_arrays", "read_capture_file", "read_normals", "read_photometric", "write_film",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"sharpvision.data.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'sharpvision.data' has no attribute {name!r}")
