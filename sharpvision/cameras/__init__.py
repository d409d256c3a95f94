"""Cameras: points to pixels and back, and the frames of others (the p of the equation)."""

from sharpvision.cameras.camera import CAMERAS, Camera, Projection, Rays, pixel_centres
from sharpvision.cameras.distorted import BrownConrady, Distorted, Fisheye, Rational
from sharpvision.cameras.distortion import BROWN_CONRADY, FISHEYE, RATIONAL, DistortionModel, distort, distorts
from sharpvision.cameras.orthographic import Orthographic, orthographic_project, orthographic_unproject
from sharpvision.cameras.pinhole import Pinhole, pinhole_project, pinhole_unproject
from sharpvision.cameras.undistortion import undistort
from sharpvision.cameras.view import View

__all__ = [
    "BROWN_CONRADY",
    "BrownConrady",
    "CAMERAS",
    "Camera",
    "Distorted",
    "DistortionModel",
    "FISHEYE",
    "Fisheye",
    "Orthographic",
    "Pinhole",
    "Projection",
    "RATIONAL",
    "Rational",
    "Rays",
    "View",
    "distort",
    "distorts",
    "orthographic_project",
    "orthographic_unproject",
    "pinhole_project",
    "pinhole_unproject",
    "pixel_centres",
    "undistort",
]
