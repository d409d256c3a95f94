"""Reads a folder of photographs of one object under known lights."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch

from sharpvision.core.frames import opencv_from_opengl
from sharpvision.data.observations import MemorySource, PhotometricObservations, Validity


@dataclass(frozen=True)
class ReadOptions:
    """What a user may set; None means what the folder says."""

    light_count: int | None = None
    mask: Path | None = None
    response: str | None = None
    max_size: int | None = None
    focal: float | None = None


def read_photometric(folder: str | Path, options: ReadOptions = ReadOptions()) -> PhotometricObservations:  # noqa: B008
    """Observations from a folder in the layout of the DiLiGenT crops."""
    folder = Path(folder)
    names = sorted((p for p in folder.glob("*.png") if re.fullmatch(r"\d+", p.stem)), key=lambda p: int(p.stem))
    images = np.stack([cv2.imread(str(p), cv2.IMREAD_UNCHANGED)[..., ::-1] for p in names])
    scale = 65535.0 if images.dtype == np.uint16 else 255.0
    linear = torch.from_numpy(images.astype(np.float32) / np.float32(scale))
    validity = torch.where(linear.amax(-1) >= 0.98, int(Validity.SATURATED), int(Validity.VALID))
    validity = torch.where(linear.amax(-1) <= 1.0 / scale, int(Validity.DARK), validity).to(torch.uint8)
    mask = torch.from_numpy(cv2.imread(str(folder / "mask.png"), cv2.IMREAD_GRAYSCALE) > 127)
    lights_file = folder / "light_directions.txt"
    if not lights_file.exists():
        lights_file = folder.parent / "light_directions.txt"
    directions = torch.from_numpy(opencv_from_opengl(np.loadtxt(lights_file)))
    intensities = folder / "light_intensities.txt"
    truth = folder / "normal_gt.npz"
    observations = PhotometricObservations(
        name=folder.name,
        folder=folder,
        source=MemorySource(linear, validity),
        mask=mask,
        light_directions=torch.nn.functional.normalize(directions, dim=-1),
        light_intensities=torch.from_numpy(np.loadtxt(intensities)) if intensities.exists() else torch.ones(len(names), 3).double(),
        ground_truth=torch.from_numpy(opencv_from_opengl(np.load(truth)["normal"])) if truth.exists() else None,
        quantisation=1.0 / scale,
        image_names=tuple(p.name for p in names),
    )
    return observations if options.light_count is None else observations.with_lights(options.light_count)
