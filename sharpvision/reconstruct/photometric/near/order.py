"""Whether the photographs stand in the order of their lamps: a wrong order is the commonest mistake with a rig."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from sharpvision.reconstruct.photometric.near.lambertian import lambertian_normals
from sharpvision.reconstruct.photometric.near.model import NearSurfaceModel
from sharpvision.reconstruct.photometric.pixel_observations import GREY

CELLS = 500
MOST_SWAPPED = 30
"""Lamps above which exchanged pairs are not looked for: their number grows with the square."""

LEAST_GAIN = 1.45
"""How much better another order must fit to be believed: places off by 5 % of their distance leave 1.7 and more."""


@dataclass(frozen=True)
class Order:
    """The order that fits best: light `lights[j]` for photograph j, `gain` times better (robust cost) than as given,
    and `what` it is in words."""

    lights: NDArray[np.intp]
    gain: float
    what: str


def orders(count: int) -> Iterator[tuple[NDArray[np.intp], str]]:
    """Cyclic shifts forward and backward, and exchanges of two: (lights for photographs, words).

    >>> [what for _, what in orders(3)][:3]
    ['as given', 'backwards', 'starting with light 2']
    """
    given = np.arange(count)
    for shift in range(count):
        turned = np.roll(given, -shift)
        yield turned, "as given" if shift == 0 else f"starting with light {shift + 1}"
        yield turned[::-1], "backwards" if shift == 0 else f"backwards from light {(shift - 1) % count + 1}"
    if count <= MOST_SWAPPED:
        for a, b in combinations(range(count), 2):
            swapped = given.copy()
            swapped[[a, b]] = b, a
            yield swapped, f"with lights {a + 1} and {b + 1} exchanged"


def best_order(model: NearSurfaceModel) -> Order:
    """The order under which a plane at the rig's distance, Lambertian with free normals, fits the photographs best.

    Fall-off across the object tells lamps apart that a turn of all normals would make equal if they were far.
    """
    grey, weight = model.observed @ GREY, model.weight
    chosen = np.linspace(0, model.grid.size - 1, min(CELLS, model.grid.size)).round().astype(int)
    arrival = model.rig.arrival(model.rig.distance * model.rays[chosen])
    found = [
        (float(lambertian_normals(grey[chosen], weight[chosen], arrival[:, lights], 6)[1].mean()), lights, what)
        for lights, what in orders(grey.shape[1])
    ]
    cost, lights, what = min(found, key=lambda entry: entry[0])
    return Order(lights, found[0][0] / max(cost, 1e-12), what)
