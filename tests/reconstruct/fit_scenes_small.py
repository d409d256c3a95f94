"""Small scenes for the tests of the fits: no mesh from outside, 32 to 64 pixels."""

from __future__ import annotations

import math
from dataclasses import replace

import torch

from sharpvision.bench.fit_scenes import FitScene, around, grey, mesh_named, photographs_of, scene_of
from sharpvision.core.pose import Pose
from sharpvision.geometry import Mesh
from sharpvision.geometry.primitives import icosphere


def assembly(turn_deg: float, shift: float, size: int = 48) -> FitScene:
    """A known assembly, turned and shifted."""
    mesh = mesh_named("assembly")
    truth = scene_of(mesh, grey(), Pose(torch.tensor([0.3, -0.4, 0.2]), torch.tensor([0.1, 0.0, -0.1])))
    turned = torch.tensor([0.3, -0.4, 0.2]) + math.radians(turn_deg) * torch.tensor([0.6, 0.8, 0.0])
    start = scene_of(mesh, grey(), Pose(turned, torch.tensor([0.1 + shift, 0.0, -0.1])))
    return FitScene(truth, start, photographs_of(truth, around(1, size)))


def peanut() -> Mesh:
    """A sphere drawn long and pinched in the middle, coarse."""
    mesh = icosphere(1.0, 3)
    x, y, z = mesh.vertices.unbind(1)
    waist = 0.35 + 0.25 * y * y
    return replace(mesh, vertices=torch.stack([waist * x, 0.8 * y, waist * z], 1))
