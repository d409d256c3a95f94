"""Readers and writers of photographs, capture files and data sets; every input check lives here."""

from sharpvision.data.capture_file import CaptureFile, read_capture_file
from sharpvision.data.datasets import data_folder
from sharpvision.data.normal_maps import read_normals
from sharpvision.data.observations import PhotometricObservations, Tile, Validity, from_arrays
from sharpvision.data.photometric import ReadOptions, read_photometric

__all__ = [
    "CaptureFile", "PhotometricObservations", "ReadOptions", "Tile", "Validity",
    "data_folder", "from_arrays", "read_capture_file", "read_normals", "read_photometric",
]  # fmt: skip
