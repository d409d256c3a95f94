"""Readers and writers of photographs, capture files and data sets; every input check lives here."""

from sharpvision.data.observations import PhotometricObservations, Tile, Validity, from_arrays
from sharpvision.data.photometric import ReadOptions, read_photometric

__all__ = ["PhotometricObservations", "ReadOptions", "Tile", "Validity", "from_arrays", "read_photometric"]
