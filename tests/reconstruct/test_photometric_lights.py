"""What the images say of the lights, and the maps of a solution: gains, distances, shares, gauge."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from photometric_spheres import lambertian_sphere, photographs

from sharpvision.reconstruct import photometric_stereo
from sharpvision.reconstruct.photometric.lights import fit_gains
from sharpvision.reconstruct.photometric.maps import Shares, albedo_gauge, as_image, shown_lights
from sharpvision.reconstruct.photometric.pixel_observations import gather
from sharpvision.reconstruct.photometric.settings import PhysicsSettings
from sharpvision.reconstruct.photometric.surface_model import SurfaceModel


def test_gains_of_perturbed_intensities_are_recovered() -> None:
    """Images of a known surface whose intensities are stated wrong: the gains are the quotients, their mean held."""
    true = lambertian_sphere(24, 12, widest_deg=40.0)
    stated = torch.from_numpy(np.random.default_rng(0).uniform(0.85, 1.15, (12, 1))).expand(12, 3).clone()
    model = SurfaceModel(gather(replace(true, light_intensities=stated)), PhysicsSettings(intensity_pull=1e-6))
    state = model.start()
    state["normals"] = true.ground_truth[true.mask].numpy()
    state["weights"][..., 0] = true.source.images[:, true.mask].numpy().max(0) / model.scale[:, None]
    for _ in range(30):  # reflectance of known normals and the lights' gains, in turn
        state["weights"], state["cost"] = model.pixels(state).fit_weights(state["normals"], state["weights"], 5)
        fit_gains(model, state)
    expected = 1.0 / stated[:, 0].numpy()
    expected /= np.exp(np.log(expected).mean())
    np.testing.assert_allclose(state["gains"], expected, rtol=0.01)
    assert np.log(state["gains"]).mean() == pytest.approx(0.0, abs=1e-5)


def test_exact_intensities_are_left_alone() -> None:
    observations = photographs(material="matte", noise=0.002)
    solution = photometric_stereo(observations)
    ratio = solution.values["light_intensities"] / observations.light_intensities
    assert float((ratio - 1).abs().max()) < 0.02


def test_wrong_intensities_are_reported_corrected() -> None:
    observations = photographs(material="matte")
    wrong = observations.light_intensities.clone()
    wrong[4] *= 1.2
    found = photometric_stereo(replace(observations, light_intensities=wrong)).values["light_intensities"]
    ratio = found / observations.light_intensities
    others = torch.cat([ratio[:4], ratio[5:]])
    assert float(ratio[4].mean() / others.mean()) == pytest.approx(1.0, abs=0.05)


OBSERVED = arrays(np.float32, (5, 4, 3), elements=st.floats(0, 1, width=32))


@given(observed=OBSERVED, physics=OBSERVED, full=OBSERVED)
@settings(max_examples=50, deadline=None)
def test_shares_sum_to_one_and_are_those_of_the_sums_of_squares(
    observed: np.ndarray, physics: np.ndarray, full: np.ndarray
) -> None:
    observed[0] = 0.5
    valid = np.ones((5, 4), bool)
    valid[-1] = False
    shares = Shares()
    shares.add(observed[:2], physics[:2], full[:2], valid[:2])
    shares.add(observed[2:], physics[2:], full[2:], valid[2:])
    found = shares.explained()
    o, p, f = (x[:4].astype(float) for x in (observed, physics, full))
    total = (o**2).sum()
    assert sum(found.values()) == pytest.approx(1.0)
    assert found["physics"] == pytest.approx(1 - ((o - p) ** 2).sum() / total, abs=1e-5)
    assert found["neither"] == pytest.approx(((o - f) ** 2).sum() / total, abs=1e-5)


def test_shares_of_nothing() -> None:
    shares = Shares()
    assert shares.explained() == {"physics": 0.0, "residual": 0.0, "neither": 1.0}
    shares.add(np.ones((2, 3)), np.ones((2, 3)), np.ones((2, 3)), np.zeros(2, bool))
    assert shares.explained()["neither"] == 1.0


def test_the_gauge_brings_the_99th_percentile_to_one() -> None:
    albedo = np.random.default_rng(0).gamma(2.0, 0.1, (5000, 3))
    assert np.quantile(albedo * albedo_gauge(albedo), 0.99) == pytest.approx(1.0)
    assert albedo_gauge(np.zeros((10, 3))) == 1.0
    assert albedo_gauge(np.zeros((0, 3))) == 1.0
    sparse = np.zeros((1000, 3))
    sparse[0] = 0.25
    assert albedo_gauge(sparse) == pytest.approx(4.0)  # black pixels do not count
    many = np.random.default_rng(1).gamma(2.0, 0.1, (1_000_000, 3))
    assert np.quantile(many * albedo_gauge(many), 0.99) == pytest.approx(1.0, rel=0.01)


def test_shown_lights_are_spread_and_none_for_huge_images() -> None:
    observations = photographs(material="matte")
    assert shown_lights(observations) == [0, 2, 4, 7, 9, 11]
    assert shown_lights(observations.with_lights(4)) == [0, 1, 2, 3]
    big = torch.zeros(1, 1, dtype=torch.bool)
    assert shown_lights(replace(observations, mask=big.expand(4000, 6000))) == []


def test_as_image_puts_values_where_the_mask_is() -> None:
    mask = np.array([[True, False], [False, True]])
    image = as_image(mask, np.array([[1.0, 2.0], [3.0, 4.0]]), fill=-1.0)
    assert image.dtype is torch.float32
    assert image.tolist() == [[[1, 2], [-1, -1]], [[-1, -1], [3, 4]]]
