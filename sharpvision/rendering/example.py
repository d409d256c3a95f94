"""A small scene to try things on."""

from __future__ import annotations

import torch

from sharpvision.cameras import View
from sharpvision.geometry.primitives import icosphere
from sharpvision.illumination import SphericalHarmonics
from sharpvision.materials import Lambert
from sharpvision.rendering.scene import Scene, Shape


def example_scene(size: tuple[int, int] = (128, 128), subdivisions: int = 3) -> tuple[Scene, View]:
    """A matte `ball` of radius 1 under a `sky` brighter above (y), seen from distance 3; `size` (height, width).

    >>> scene, view = example_scene()
    >>> len(scene.shapes["ball"].faces), view.height
    (1280, 128)
    """
    sky = torch.zeros(9, 3)
    sky[0], sky[1], sky[2], sky[3] = 2.2, 0.9, 0.6, torch.tensor([0.5, 0.2, -0.2])
    ball = Shape(icosphere(subdivisions=subdivisions), Lambert(torch.tensor([0.8, 0.6, 0.5])))
    eye, up = torch.tensor([0.0, 0.0, 3.0]), torch.tensor([0.0, 1.0, 0.0])
    view = View.look_at(eye, torch.zeros(3), up, 60.0, size)
    return Scene({"ball": ball}, {"sky": SphericalHarmonics(sky)}), view
