"""Photometric observations: validated once when read, then a source of tiles."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import IntEnum
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

Calibration = Literal["full", "directions", "none"]
"""What is known of the lights: all, directions without intensities, or nothing."""


class Validity(IntEnum):
    """Why an observation counts or does not."""

    VALID = 0
    SATURATED = 1
    DARK = 2


@dataclass(frozen=True)
class Tile:
    """A horizontal strip of all images: `images` (N, h, W, 3) linear radiance in [0, 1] of the sensor's range
    (not divided by the light's intensity), `validity` (N, h, W) uint8 of `Validity`, `mask` (h, W) bool."""

    top: int
    images: Tensor
    validity: Tensor
    mask: Tensor


@runtime_checkable
class ImageSource(Protocol):
    """Reads rows `top` to `bottom` of all images as linear float32 (N, h, W, 3) and their validity (N, h, W) uint8."""

    def read(self, top: int, bottom: int) -> tuple[Tensor, Tensor]: ...

    def select(self, lights: list[int]) -> ImageSource:
        """The same source with only these images, in this order."""
        ...


@dataclass(frozen=True)
class MemorySource:
    """Images that are in memory already: linear float32 (N, H, W, 3)."""

    images: Tensor
    validity: Tensor

    def read(self, top: int, bottom: int) -> tuple[Tensor, Tensor]:
        """Rows `top` to `bottom`."""
        return self.images[:, top:bottom], self.validity[:, top:bottom]

    def select(self, lights: list[int]) -> MemorySource:
        """Only these images, in this order."""
        return MemorySource(self.images[lights], self.validity[lights])


@dataclass(frozen=True)
class PointLights:
    """Lights nearby: `positions` (N, 3) in the camera frame (OpenCV) and the capture's length unit, float64.

    The radiant intensity towards a unit direction u (from the light) is I max(a.u, 0)^mu with the unit `axes` a (N, 3)
    and the `exponents` mu (N,), 0 for a light that is the same in all directions (no horizon then); I is the
    observations' `light_intensities`.
    """

    positions: Tensor
    axes: Tensor
    exponents: Tensor

    def select(self, lights: list[int]) -> PointLights:
        """Only these lights, in this order."""
        return PointLights(self.positions[lights], self.axes[lights], self.exponents[lights])


@dataclass(frozen=True)
class PhotometricObservations:
    """Images of one object from one camera under N known lights.

    `mask` (H, W) bool; `light_directions` (N, 3) float64, unit, from the surface to the light, OpenCV camera frame
    (x right, y down, z forward, so a light on the camera's side has z < 0); `light_intensities` (N, 3) float64 RGB;
    `focal_px` and `principal_point` (x, y; pixel centres at +0.5) in pixels of these images, None for an orthographic
    camera; `ground_truth` (H, W, 3) float32 unit normals in the same frame, zero where unknown, or None;
    `light_distance` in mask sides (the longer side of the mask's bounding box), `inf`, or None where unknown;
    `quantisation` is the sensor step of one level (1 / 65535 for 16 bits); `notes` are assumptions a user must read.
    `calibration` says what of the lights is known: what is not has NaN directions or intensities of one, unless the
    truth is there to be scored against, and no method but a calibrated one may look at it. `point_lights`, where the
    lights are near and their places known; directions are then those from the object's middle.
    """

    name: str
    folder: Path
    source: ImageSource
    mask: Tensor
    light_directions: Tensor
    light_intensities: Tensor
    focal_px: float | None = None
    principal_point: tuple[float, float] | None = None
    ground_truth: Tensor | None = None
    light_distance: float | None = None
    quantisation: float = 1.0 / 65535.0
    length_unit: str = "px"
    image_names: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default_factory=tuple)
    calibration: Calibration = "full"
    point_lights: PointLights | None = None

    @property
    def light_count(self) -> int:
        """Number of images."""
        return int(self.light_directions.shape[0])

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return int(self.mask.shape[0]), int(self.mask.shape[1])

    def tiles(self, height: int) -> Iterator[Tile]:
        """Strips of `height` rows from top to bottom, read and decoded on demand."""
        for top in range(0, self.shape[0], height):
            bottom = min(top + height, self.shape[0])
            images, validity = self.source.read(top, bottom)
            yield Tile(top, images, validity, self.mask[top:bottom])

    def load(self) -> Tile:
        """All rows at once; for images that fit in memory."""
        images, validity = self.source.read(0, self.shape[0])
        return Tile(0, images, validity, self.mask)

    def with_lights(self, count: int) -> PhotometricObservations:
        """Only `count` lights: those at `numpy.linspace(0, N - 1, count).round()`.

        Raises `ValueError` unless 3 <= count <= N.
        """
        if not 3 <= count <= self.light_count:
            raise ValueError(f"light count must be between 3 and {self.light_count}, not {count}")
        lights = spread_lights(count, self.light_count)
        return replace(
            self,
            source=self.source.select(lights),
            light_directions=self.light_directions[lights],
            light_intensities=self.light_intensities[lights],
            image_names=tuple(self.image_names[i] for i in lights) if self.image_names else (),
            point_lights=None if self.point_lights is None else self.point_lights.select(lights),
        )


def spread_lights(count: int, total: int) -> list[int]:
    """`count` of `total` lights, evenly spread over the list, the first and the last among them.

    >>> spread_lights(4, 10)
    [0, 3, 6, 9]
    """
    return [int(i) for i in np.linspace(0, total - 1, count).round()]


def from_arrays(
    images: Tensor, light_directions: Tensor, light_intensities: Tensor | None = None, mask: Tensor | None = None,
    *, ground_truth: Tensor | None = None, name: str = "arrays",
) -> PhotometricObservations:  # fmt: skip
    """Observations from tensors: images (N, H, W, 3) linear in [0, 1], lights (N, 3) in the OpenCV camera frame.

    >>> lights = torch.tensor([[0., 0, -1], [0.6, 0, -0.8], [0, 0.6, -0.8], [-0.6, 0, -0.8]])
    >>> o = from_arrays(torch.full((4, 2, 5, 3), 0.5), lights)
    >>> o.shape, o.light_count
    ((2, 5), 4)
    """
    images = images.to(torch.float32)
    count, height, width, _ = images.shape
    if light_intensities is None:
        light_intensities = torch.ones(count, 3)
    validity = torch.where(images.amax(-1) >= 0.98, int(Validity.SATURATED), int(Validity.VALID)).to(torch.uint8)
    return PhotometricObservations(
        name=name,
        folder=Path("."),
        source=MemorySource(images, validity),
        mask=torch.ones(height, width, dtype=torch.bool) if mask is None else mask.to(torch.bool),
        light_directions=torch.nn.functional.normalize(light_directions.to(torch.float64), dim=-1),
        light_intensities=light_intensities.to(torch.float64),
        ground_truth=ground_truth,
    )
