"""Hard shadows: which points of a scene see a light."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from sharpvision.kernels.plain_values import outside_transforms, plain_values
from sharpvision.rendering.geometry import SceneTopology
from sharpvision.rendering.samples import Visibility

if TYPE_CHECKING:
    from sharpvision.kernels.visibility import Occluders

_KEPT: WeakKeyDictionary[SceneTopology, Occluders] = WeakKeyDictionary()
"""One hierarchy of boxes for each topology that lives: a scene that is dropped, or gets other faces, drops it. Not a
field of the topology, which is copied and pickled with its scene."""
_KEPT_TURN = threading.Lock()


def visibility_of(vertices: Tensor, topology: SceneTopology) -> Visibility:
    """A test of rays from points of the surface against the whole scene; float32, without derivative.

    A ray stops `Occluders.offset` short of both its ends: what is nearer does not shade, nor what lies behind a light.
    The hierarchy of boxes is kept with the topology: the next call with vertices elsewhere refits it or, where that is
    faster, makes it anew (`kernels/ray_hierarchy.py`); the answers are the same.
    """
    from sharpvision.kernels.visibility import Occluders

    places = plain_values(vertices)
    with _KEPT_TURN:
        occluders = _KEPT.get(topology)
        if occluders is None:
            with outside_transforms():
                occluders = _KEPT[topology] = Occluders(places[:0], topology.faces)
    with outside_transforms():
        occluders = occluders.at(places)
        start = occluders.offset

    def see(points: Tensor, directions: Tensor, distances: Tensor | None) -> Tensor:
        points, directions = plain_values(points).float(), plain_values(directions).float()
        reach = None if distances is None else plain_values(distances).float()
        with torch.no_grad(), outside_transforms():
            origins = points + start * directions
            if reach is None:
                return ~occluders.blocked(origins, directions, torch.inf)
            # A ray as long as the way to its light, of which it goes one length: each point has a reach of its own.
            way = directions * (reach - 2 * start).clamp(min=0)[:, None]
            return ~occluders.blocked(origins, way, 1.0)

    return see
