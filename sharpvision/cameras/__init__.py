"""Cameras: points to pixels and back, and the frames of others (the p of the equation)."""

from sharpvision.cameras.camera import CAMERAS, Camera, Projection, Rays, pixel_centres
from sharpvision.cameras.orthographic import Orthographic, orthographic_project, orthographic_unproject
from sharpvision.cameras.pinhole import Pinhole, pinhole_project, pinhole_unproject
from sharpvision.cameras.view import View

__all__ = [
    "CAMERAS",
    "Camera",
    "Orthographic",
    "Pinhole",
    "Projection",
    "Rays",
    "View",
    "orthographic_project",
    "orthographic_unproject",
    "pinhole_project",
    "pinhole_unproject",
    "pixel_centres",
]
