"""The objects of the example captures: a ribbed gourd with a stem, and the figurine in matte paint."""

from __future__ import annotations

import numpy as np
import trimesh

from scenes.figurine import GLAZE, Figurine, smooth

RIBS = 9
SKIN, GROOVE, STEM = (0.66, 0.32, 0.09), (0.45, 0.36, 0.14), (0.30, 0.34, 0.17)  # linear RGB albedo
PALE = (0.62, 0.50, 0.36)


def gourd(subdivisions: int = 6, colours: bool = True) -> Figurine:
    """A closed mesh about two units wide with its axis along y; `colours` False leaves one chromaticity, darker
    in the grooves.

    The radius along a direction at polar angle t and azimuth p is 0.78 + 0.1 |cos(9 p / 2)| sin(t)^1.5, less a hollow
    at the top and the bottom, and the stem is a narrow bump in the hollow.
    """
    sphere = trimesh.creation.icosphere(subdivisions)
    direction = np.asarray(sphere.vertices)
    x, y, z = direction.T
    azimuth, sine = np.arctan2(z, x), np.sqrt(np.maximum(1.0 - y**2, 0.0))
    ribs = np.sqrt(np.cos(0.5 * RIBS * azimuth) ** 2 + 0.01)
    radius = 0.78 + 0.11 * ribs * sine**1.5 + 0.02 * np.sin(3.0 * azimuth + 1.0) * sine
    radius -= 0.22 * np.exp(14.0 * (np.abs(y) - 1.0))
    leaning = np.array([0.06, 1.0, 0.1]) / np.linalg.norm([0.06, 1.0, 0.1])
    stem = np.exp(170.0 * (direction @ leaning - 1.0))
    radius += 0.42 * stem
    vertices = direction * radius[:, None] * np.array([1.0, 0.84, 1.0])
    skin = np.broadcast_to(np.array(SKIN), vertices.shape)
    if colours:
        skin = skin + smooth(0.42 - ribs, 0.12)[:, None] * (np.array(GROOVE) - skin)
        skin = skin + smooth(stem - 0.25, 0.1)[:, None] * (np.array(STEM) - skin)
    else:
        skin = np.array(PALE) * (1.0 - 0.4 * smooth(0.42 - ribs, 0.12)[:, None])
    low, high = vertices.min(0), vertices.max(0)
    vertices = (vertices - 0.5 * (low + high)) * (2.0 / (high[0] - low[0]))
    mesh = trimesh.Trimesh(vertices, sphere.faces, process=False)
    return Figurine(mesh, np.ascontiguousarray(skin), np.zeros(len(vertices)))


def painted(model: Figurine) -> Figurine:
    """The figurine with matte paint in place of its glaze."""
    paint = model.colour + model.gloss[:, None] * (np.array(GLAZE) - model.colour)
    return Figurine(model.mesh, np.ascontiguousarray(paint), np.zeros_like(model.gloss))
