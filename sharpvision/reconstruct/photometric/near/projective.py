"""The map that takes a pinhole camera's rays to parallel ones, and straight lines to straight lines.

    (X, Y, Z) -> (f X / Z + c_x, f Y / Z + c_y, f (1 - z_0 / Z))

Column, row and, near z_0, depth in pixels: a perspective view of lamps and surface becomes an orthographic one, on
which shadows march as ever. A lamp is a point of projective space there: with homogeneous coordinate Z_j it is seen
from q in the direction  (f X_j + c_x Z_j, f Y_j + c_y Z_j, f (Z_j - z_0)) - Z_j q, also where it stands beside or
behind the camera (Z_j <= 0).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sharpvision.reconstruct.photometric.grid import PixelGrid
from sharpvision.reconstruct.photometric.near.rig import Rig


def projective_points(grid: PixelGrid, depth: NDArray, focal: float, middle: float) -> NDArray[np.float32]:
    """Column, row (centres at integers) and f (1 - z_0 / z), (P, 3), of a depth z (P,); f in cells, z_0 = middle."""
    rows, columns = grid.index
    return np.ascontiguousarray(np.stack([columns, rows, focal * (1.0 - middle / depth)], 1), np.float32)


def projective_lights(rig: Rig, grid: PixelGrid, middle: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Homogeneous places (N, 3) and weights (N,) of the lamps on a grid, z_0 = middle; see the module's text.

    Scaled by 1 / z_0, so both are of the size of pixels and of one.
    """
    focal = rig.focal_px / grid.factor
    cx, cy = (c / grid.factor - 0.5 for c in rig.principal_point)
    x, y, z = (rig.positions / middle).T
    lights = np.stack([focal * x + cx * z, focal * y + cy * z, focal * (z - 1.0)], 1)
    return np.ascontiguousarray(lights, np.float32), np.ascontiguousarray(z, np.float32)
