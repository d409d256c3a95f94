"""The pictures of the scale suite: what they hold, and that they are written as a user would have them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sharpvision.bench.large_photographs import LIGHTS, picture_size, relief_normals, write_photographs
from sharpvision.bench.photometric_scale import SIZES, mean_error_deg
from sharpvision.data import read_photometric


def test_pictures_have_the_stated_number_of_pixels():
    for megapixels in SIZES:
        height, width = picture_size(megapixels)
        assert height * width == pytest.approx(megapixels * 1e6, rel=2e-3)


def test_strips_of_the_truth_make_the_whole():
    whole = relief_normals((60, 90), 0, 60)
    strips = [relief_normals((60, 90), 0, 23), relief_normals((60, 90), 23, 60)]
    np.testing.assert_array_equal(np.concatenate(strips), whole)
    np.testing.assert_allclose(np.linalg.norm(whole, axis=-1), 1.0, atol=1e-6)
    assert whole[..., 2].max() < -0.5


def test_folder_reads_back_to_the_normals_it_was_made_of(tmp_path):
    write_photographs(tmp_path, 0.02, 0)
    observations = read_photometric(tmp_path)
    assert observations.light_count == LIGHTS
    images = observations.load().images.mean(-1).double().flatten(1).numpy()
    # Brightest and darkest lights left out: highlights and attached shadows.
    order = images.argsort(0)[6:-5]
    lights = observations.light_directions.numpy()[order.T]
    values = np.take_along_axis(images, order, 0).T
    normals = np.stack([np.linalg.lstsq(l, v, rcond=None)[0] for l, v in zip(lights, values, strict=True)])
    assert mean_error_deg(torch.from_numpy(normals).reshape(*observations.shape, 3)) < 2.0
