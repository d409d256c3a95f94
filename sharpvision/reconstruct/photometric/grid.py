"""Pixels of a mask as a list, on the photograph's grid or on one reduced by area averaging."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt


@dataclass(frozen=True, eq=False)
class PixelGrid:
    """The P pixels of a mask (H, W), row by row; a cell covers `factor` x `factor` pixels of the photograph.

    >>> grid = PixelGrid(np.array([[True, False], [True, True]]))
    >>> grid.size, grid.image(np.array([1.0, 2.0, 3.0]), fill=0.0).tolist()
    (3, [[1.0, 0.0], [2.0, 3.0]])
    """

    mask: NDArray[np.bool_]
    factor: int = 1

    @cached_property
    def index(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Rows and columns (P,) of the pixels."""
        rows, columns = np.nonzero(self.mask)
        return rows, columns

    @property
    def size(self) -> int:
        """Number of pixels."""
        return int(self.index[0].size)

    @cached_property
    def side(self) -> int:
        """The longer side of the mask's bounding box, in cells: the unit of the light distance."""
        return int(max(np.ptp(self.index[0]), np.ptp(self.index[1]))) + 1

    def image(self, values: NDArray, fill: float = 0.0) -> NDArray:
        """Values (P, ...) as an image (H, W, ...), `fill` outside the mask."""
        image = np.full((*self.mask.shape, *values.shape[1:]), fill, values.dtype)
        image[self.index] = values
        return image

    def reduced(self, cells: int, coverage: float = 0.75) -> PixelGrid:
        """The grid of the smallest factor that leaves at most `cells` cells, each at least `coverage` inside the mask.

        A mask so thin that no cell qualifies takes every cell that it touches.
        """
        step = 1
        while self.size / step**2 > cells:
            step += 1
        if step == 1:
            return self
        share = _box_sum(self.mask[..., None].astype(np.float32), step)[..., 0] / step**2
        inside = share >= coverage
        return PixelGrid(inside if inside.any() else share > 0, self.factor * step)

    def average(self, values: NDArray, coarse: PixelGrid) -> NDArray:
        """Means (P', ...) over the cells of a coarser grid of values (P, ...)."""
        step = coarse.factor // self.factor
        if step == 1:
            return values[self._positions(coarse)] if coarse.size != self.size else values
        flat = values.reshape(self.size, -1).astype(np.float32)
        total = _box_sum(self.image(flat), step)[coarse.index]
        count = _box_sum(self.mask[..., None].astype(np.float32), step)[coarse.index]
        return (total / np.maximum(count, 1.0)).reshape(coarse.size, *values.shape[1:])

    def _positions(self, other: PixelGrid) -> NDArray[np.intp]:
        return np.flatnonzero(other.mask[self.index])

    def interpolate(self, values: NDArray, fine: PixelGrid) -> NDArray:
        """Bilinear values (P', ...) at the pixels of a finer grid; beyond the mask those of the nearest cell."""
        step = self.factor // fine.factor
        if step == 1:
            return values
        flat = values.reshape(self.size, -1).astype(np.float32)
        image = self.image(flat)
        if not self.mask.all():
            nearest = distance_transform_edt(~self.mask, return_distances=False, return_indices=True)
            image = image[nearest[0], nearest[1]]
        y, x = ((i + 0.5) / step - 0.5 for i in fine.index)
        out = np.zeros((fine.size, flat.shape[1]), np.float32)
        for row, row_share in _corners(y, self.mask.shape[0]):
            for column, column_share in _corners(x, self.mask.shape[1]):
                out += image[row, column] * (row_share * column_share)[:, None].astype(np.float32)
        return out.reshape(fine.size, *values.shape[1:])


def _box_sum(image: NDArray, step: int) -> NDArray:
    """Sums over step x step boxes of an image (H, W, C), padded by zeros to whole boxes."""
    height, width, channels = image.shape
    rows, columns = -(-height // step), -(-width // step)
    padded = np.zeros((rows * step, columns * step, channels), np.float32)
    padded[:height, :width] = image
    return padded.reshape(rows, step, columns, step, channels).sum((1, 3))


def _corners(position: NDArray, count: int) -> list[tuple[NDArray[np.intp], NDArray]]:
    """The two cells beside a position along one axis, and their bilinear shares."""
    position = np.clip(position, 0.0, count - 1.0)
    low = np.floor(position).astype(np.intp)
    share = position - low
    return [(low, 1.0 - share), (np.minimum(low + 1, count - 1), share)]
