"""Intensities from the object: closed forms, and what can't be told."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from photometric_spheres import sphere_normals

from sharpvision.bench.rendered import light_directions
from sharpvision.data.observations import from_arrays
from sharpvision.reconstruct import photometric_stereo
from sharpvision.reconstruct.photometric.pixel_observations import gather
from sharpvision.reconstruct.photometric.semicalibrated import estimate_intensities, with_intensities
from sharpvision.solvers import Status


def observations(normals, mask, count, seed=0):
    lights = light_directions(count, 50.0)
    strength = np.exp(np.random.default_rng(seed).uniform(-0.6, 0.6, (count, 3)))
    images = 0.3 * np.maximum(np.einsum("hwa,na->nhw", normals, lights), 0.0)[..., None] * strength[:, None, None]
    blind = from_arrays(torch.from_numpy(images), torch.from_numpy(lights), mask=torch.from_numpy(mask))
    return blind, strength


def ratio_error(found, truth):
    logs = np.log(found / truth)
    return float(np.abs(logs - logs.mean(0)).max())


@pytest.mark.parametrize("count", [4, 5, 8, 24])
def test_intensities_of_a_sphere_are_found_exactly_in_all_channels(count):
    mask, normals = sphere_normals(24)
    blind, strength = observations(normals, mask, count)
    found = estimate_intensities(gather(blind))
    assert found.determined
    assert ratio_error(found.intensities, strength) < 2e-3
    assert np.allclose(np.log(found.intensities).mean(0), 0.0, atol=1e-5)


def test_three_lights_and_a_plane_do_not_tell():
    mask, normals = sphere_normals(20)
    three = estimate_intensities(gather(observations(normals, mask, 3)[0]))
    assert not three.determined
    assert "three lights" in three.reason
    plane = np.broadcast_to([0.0, 0.0, -1.0], (20, 20, 3))
    flat = estimate_intensities(gather(observations(plane, np.ones((20, 20), bool), 8)[0]))
    assert not flat.determined
    assert np.isinf(flat.std).any() or flat.std.max() > 0.14


def test_black_images_do_not_tell():
    mask, normals = sphere_normals(16)
    blind, _ = observations(0 * normals, mask, 6)
    found = estimate_intensities(gather(blind))
    assert not found.determined
    assert np.isfinite(found.intensities).all()


def test_other_intensities_leave_the_images_as_they_are():
    mask, normals = sphere_normals(16)
    pixels = gather(observations(normals, mask, 6)[0])
    other = with_intensities(pixels, np.full((6, 3), 2.0))
    assert np.allclose(other.radiance * other.intensities, pixels.radiance * pixels.intensities)
    assert other.noise == pytest.approx(pixels.noise / 2)


def test_given_intensities_are_not_looked_at():
    mask, normals = sphere_normals(20)
    blind, strength = observations(normals, mask, 8)
    blind = replace(blind, ground_truth=torch.from_numpy(normals.astype(np.float32)))
    wrong = replace(blind, light_intensities=torch.from_numpy(np.random.default_rng(5).uniform(0.1, 9.0, (8, 3))))
    one, two = (photometric_stereo(o, "semicalibrated", residual=False) for o in (blind, wrong))
    assert torch.equal(one.values["normals"], two.values["normals"])
    assert one.values["light_intensities"].shape == (8, 3)
    assert ratio_error(one.values["light_intensities"].numpy(), strength) < 0.02
    cosine = (one.values["normals"].numpy() * normals).sum(-1)[mask]
    assert np.degrees(np.arccos(np.clip(cosine, -1, 1))).mean() < 1.0


def test_three_lights_end_ill_posed_with_values():
    mask, normals = sphere_normals(16)
    solution = photometric_stereo(observations(normals, mask, 3)[0], "semicalibrated", residual=False)
    assert solution.status is Status.ILL_POSED
    assert "intensities" in solution.message
    assert torch.isfinite(solution.values["normals"]).all()
