"""The residual of one object: kept where it explains pixels it has not seen, absent where physics leaves nothing."""

from __future__ import annotations

import numpy as np
import torch
from photometric_spheres import lambertian_sphere

from sharpvision.reconstruct.photometric.learned import correction_of, train_residual
from sharpvision.reconstruct.photometric.pixel_observations import gather
from sharpvision.reconstruct.photometric.settings import PhysicsSettings
from sharpvision.reconstruct.photometric.surface_model import State, SurfaceModel
from sharpvision.residuals import ReflectanceResidual


def known_sphere() -> tuple[SurfaceModel, State]:
    """A Lambertian sphere and the state that explains it: true normals, albedo as Lambert's weight."""
    observations = lambertian_sphere(24, 12, widest_deg=40.0)
    model = SurfaceModel(gather(observations), PhysicsSettings())
    state = model.start()
    state["normals"] = observations.ground_truth[observations.mask].numpy()
    state["weights"], state["cost"] = model.pixels(state).fit_weights(state["normals"], state["weights"], 5)
    return model, state


def test_a_correction_of_an_untrained_network_is_zero() -> None:
    model, state = known_sphere()
    correction = correction_of(ReflectanceResidual(), model, state)
    assert correction.shape == model.observed.shape
    assert (correction == 0).all()


def test_a_systematic_misfit_is_learned() -> None:
    """The physics is told that the sphere is Lambertian; its images darken with the cosine of the light."""
    model, state = known_sphere()
    cosine = np.maximum(np.einsum("pa,ja->pj", state["normals"], model.observations.lights), 0.0)
    model.observed = (model.observed * (0.6 + 0.4 * cosine)[..., None]).astype(np.float32)
    network = train_residual(model, state, seed=0)
    assert network is not None
    before = model.observed - model.predict(state)
    corrected = {**state, "correction": correction_of(network, model, state)}
    after = model.observed - model.predict(corrected)
    assert np.square(after).sum() < 0.3 * np.square(before).sum()
    plain = model.predict(corrected, correction=False)
    np.testing.assert_array_equal(plain, model.predict(state))


def test_the_same_seed_learns_the_same_network_and_leaves_torchs_generator_alone() -> None:
    model, state = known_sphere()
    model.observed = (model.observed**1.3).astype(np.float32)
    torch.manual_seed(5)
    first = train_residual(model, state, seed=1)
    drawn = torch.rand(3)
    torch.manual_seed(5)
    assert torch.equal(drawn, torch.rand(3))
    second = train_residual(model, state, seed=1)
    assert first is not None
    assert second is not None
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))
