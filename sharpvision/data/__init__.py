"""Readers and writers of photographs, capture files and data sets; every input check lives here."""

from sharpvision.data.observations import PhotometricObservations, Tile, Validity, from_arrays

__all__ = ["PhotometricObservations", "Tile", "Validity", "from_arrays"]
