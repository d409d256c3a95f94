"""The path-traced example: readable, small, and in the frame that its files promise."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import numpy as np
import pytest
import torch

from sharpvision.bench.photometric_scoring import angular_errors_deg
from sharpvision.bench.photometric_uncertainty import path_traced_folder
from sharpvision.data import Validity, read_photometric


@pytest.fixture(scope="module")
def figurine():
    return read_photometric(path_traced_folder())


def test_least_squares_finds_normals_near_the_truth(figurine):
    # Any mirrored or swapped axis of lights, pictures or truth would cost tens of degrees.
    images = figurine.load().images / figurine.light_intensities[:, None, None].float()
    signal = images[:, figurine.mask].double().mean(-1).numpy()
    solution = np.linalg.lstsq(figurine.light_directions.numpy(), signal, rcond=None)[0].T
    normals = torch.zeros(*figurine.shape, 3, dtype=torch.float64)
    normals[figurine.mask] = torch.from_numpy(solution)
    errors = angular_errors_deg(normals, figurine.ground_truth, figurine.mask)
    assert 2.0 < float(errors.mean()) < 8.0  # cast shadows, one bounce and highlights are there, and hurt
    assert float(errors.median()) < 5.0


def test_shadows_hold_light_from_other_parts(figurine):
    # In attached shadow of the distant-light model the path tracer still finds light: the bounce that it must contain.
    images = figurine.load().images[:, figurine.mask].mean(-1)
    facing = figurine.light_directions.float() @ figurine.ground_truth[figurine.mask].T
    assert float(images[facing < -0.1].mean()) > 0.002


def test_truth_is_unit_faces_the_viewer_and_covers_the_mask(figurine):
    normals = figurine.ground_truth[figurine.mask]
    assert float((normals.norm(dim=-1) - 1).abs().max()) < 1e-3
    assert float((normals[:, 2] < 0.05).double().mean()) == 1.0
    assert float(figurine.ground_truth[~figurine.mask].abs().max()) == 0.0


def test_few_observations_are_saturated_and_the_distance_is_left_to_find(figurine):
    saturated = figurine.load().validity[:, figurine.mask] == int(Validity.SATURATED)
    assert float(saturated.double().mean()) < 0.01
    assert figurine.light_distance is None
    assert figurine.light_count == 20


def test_example_is_small_enough_for_the_wheel():
    scenes = Path(str(resources.files("scenes")))
    captures = scenes / "captures"  # not in the wheel, see pyproject.toml
    files = [path for path in scenes.rglob("*") if path.is_file() and captures not in path.parents]
    assert len(files) >= 24
    assert sum(path.stat().st_size for path in files) < 3 * 2**20
    assert sum(path.stat().st_size for path in captures.rglob("*") if path.is_file()) < 6 * 2**20
