"""Analysis by synthesis on photographs of another renderer: errors, the lights' distance, and what a solution holds."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from photometric_spheres import error_deg, lambertian_sphere, photographs

from sharpvision.core.errors import InputError
from sharpvision.data.observations import PhotometricObservations
from sharpvision.reconstruct import photometric_stereo
from sharpvision.reconstruct.photometric import methods
from sharpvision.reconstruct.photometric.options import PhotometricOptions
from sharpvision.reconstruct.photometric.physics import solve_physics
from sharpvision.reconstruct.photometric.physics_solution import physics_solution
from sharpvision.reconstruct.photometric.pixel_observations import gather
from sharpvision.reconstruct.photometric.settings import PhysicsSettings
from sharpvision.solvers.solution import Solution, Status

TWO_STAGES = PhysicsSettings(reduced_pixels=400)


def solve(observations: PhotometricObservations, settings: PhysicsSettings, seed: int = 0) -> Solution:
    """The physics method with settings of the test's own."""
    options = PhotometricOptions(seed, "fit", True, lambda stage, done: None)
    return physics_solution(observations, solve_physics(gather(observations), options, settings))


@pytest.fixture(scope="module")
def glossy() -> PhotometricObservations:
    return photographs(material="glossy", inverse_distance=0.06)


@pytest.fixture(scope="module")
def small() -> PhotometricObservations:
    """Where the answer does not matter, only which way it was found."""
    return photographs(material="glossy", inverse_distance=0.06, side=18, light_count=6)


@pytest.fixture(scope="module")
def solution(glossy: PhotometricObservations) -> Solution:
    return photometric_stereo(glossy)


def test_near_lights_and_a_glossy_sphere(glossy: PhotometricObservations, solution: Solution) -> None:
    errors = error_deg(solution.values["normals"], glossy)
    assert errors.mean() < 1.3
    assert errors.mean() < 0.6 * error_deg(photometric_stereo(glossy, "robust").values["normals"], glossy).mean()
    assert float(solution.values["inverse_light_distance"]) == pytest.approx(0.06, abs=0.015)
    distance = solution.figures["light_distance_mask_sides"]
    assert distance == pytest.approx(1 / float(solution.values["inverse_light_distance"]))


def test_distant_lights_are_found_to_be_distant() -> None:
    observations = photographs(material="glossy")
    solution = photometric_stereo(observations)
    assert solution.figures["light_distance_mask_sides"] == "infinite"
    assert float(solution.values["inverse_light_distance"]) == 0.0
    assert error_deg(solution.values["normals"], observations).mean() < 1.3


def test_a_lambertian_sphere_without_noise() -> None:
    """What the basis holds exactly comes out nearly exactly; the rim is left out, where light grazes."""
    observations = lambertian_sphere(40, 16)
    solution = photometric_stereo(observations, light_distance="infinite")
    errors = error_deg(solution.values["normals"], observations)
    facing = observations.ground_truth[..., 2][observations.mask].numpy() < -0.4
    assert errors[facing].mean() < 0.5
    assert solution.explained["neither"] < 1e-3


def test_a_distance_that_is_given_is_kept(small: PhotometricObservations) -> None:
    given = photometric_stereo(small, light_distance=12.5)
    assert given.figures["light_distance_mask_sides"] == pytest.approx(12.5)
    assert photometric_stereo(small, light_distance="infinite").figures["light_distance_mask_sides"] == "infinite"
    assert photometric_stereo(small, light_distance=float("inf")).figures["light_distance_mask_sides"] == "infinite"


def test_a_distance_of_the_rig_takes_the_place_of_a_fit(small: PhotometricObservations) -> None:
    rig = replace(small, light_distance=20.0)
    assert photometric_stereo(rig).figures["light_distance_mask_sides"] == pytest.approx(20.0)
    assert photometric_stereo(rig, light_distance=15.0).figures["light_distance_mask_sides"] == pytest.approx(15.0)
    assert photometric_stereo(rig, light_distance="infinite").figures["light_distance_mask_sides"] == "infinite"
    distant = replace(small, light_distance=float("inf"))
    assert photometric_stereo(distant).figures["light_distance_mask_sides"] == "infinite"


def test_the_true_distance_is_at_least_as_good_as_infinity(glossy: PhotometricObservations) -> None:
    near = photometric_stereo(glossy, light_distance=1 / 0.06)
    far = photometric_stereo(glossy, light_distance="infinite")
    errors = [error_deg(found.values["normals"], glossy).mean() for found in (near, far)]
    assert errors[0] < 0.6 * errors[1]


def test_what_the_solution_holds(glossy: PhotometricObservations, solution: Solution) -> None:
    """Names, shapes and types as DEVELOPERS.md says."""
    (height, width), count, values = glossy.shape, glossy.light_count, solution.values
    lobes = len(values["lobe_roughness"])
    shapes = {
        "normals": (height, width, 3), "albedo": (height, width, 3), "depth": (height, width),
        "predicted": (6, height, width, 3), "predicted_physics": (6, height, width, 3), "predicted_lights": (6,),
        "lobe_weights": (height, width, lobes, 3), "lobe_roughness": (lobes,), "rough_diffuse": (height, width, 3),
        "inverse_light_distance": (), "light_intensities": (count, 3),
    }  # fmt: skip
    assert {name: tuple(value.shape) for name, value in values.items()} == shapes
    for name in set(shapes) - {"predicted_lights", "inverse_light_distance"}:
        assert values[name].dtype is torch.float32, name
    outside = ~glossy.mask
    assert torch.isnan(values["depth"][outside]).all()
    for name, value in values.items():
        if name != "depth":
            assert torch.isfinite(value).all(), name
    assert torch.isfinite(values["depth"][glossy.mask]).all()
    for name in ("normals", "albedo", "lobe_weights", "rough_diffuse"):
        assert (values[name][outside] == 0).all(), name
    assert {"depth_model", "albedo_scale", "light_distance_mask_sides", "learned_parameters", "steps"} <= set(
        solution.figures
    )
    assert solution.observations is glossy
    assert solution.seconds > 0
    assert (solution.settings["light_count"], solution.settings["seed"]) == (12, 0)
    assert any("orthographic" in note for note in solution.notes)


def test_normals_are_unit_and_face_the_camera(glossy: PhotometricObservations, solution: Solution) -> None:
    normals = solution.values["normals"][glossy.mask]
    torch.testing.assert_close(normals.norm(dim=-1), torch.ones(len(normals)), atol=1e-5, rtol=0)
    assert (normals[:, 2] < 0).all()


def test_reflectance_is_not_negative_and_albedo_has_its_gauge(
    glossy: PhotometricObservations, solution: Solution
) -> None:
    for name in ("albedo", "lobe_weights", "rough_diffuse"):
        assert (solution.values[name] >= 0).all(), name
    albedo = solution.values["albedo"][glossy.mask]
    assert float(np.quantile(albedo[albedo > 0].numpy(), 0.99)) == pytest.approx(1.0, rel=1e-4)
    assert (solution.values["rough_diffuse"] <= solution.values["albedo"] + 1e-6).all()
    roughness = solution.values["lobe_roughness"]
    assert ((roughness > 0) & (roughness <= 1)).all()


def test_rerendered_images_are_those_of_the_sensor(glossy: PhotometricObservations, solution: Solution) -> None:
    lights = solution.values["predicted_lights"]
    assert (lights.min(), lights.max()) == (0, glossy.light_count - 1)
    observed = glossy.source.images[lights][:, glossy.mask]
    apart = (solution.values["predicted"][:, glossy.mask] - observed).abs()
    assert float(apart.mean()) < 0.02


def test_shares_and_std(glossy: PhotometricObservations, solution: Solution) -> None:
    assert sum(solution.explained.values()) == pytest.approx(1.0)
    assert solution.explained["physics"] > 0.99
    std = solution.std["normals"]
    assert std.shape == glossy.shape
    inside = std[glossy.mask]
    assert torch.isfinite(std).all()
    assert ((inside > 0) & (inside <= 90)).all()
    assert (std[~glossy.mask] == 0).all()


def test_noise_widens_the_stated_spread(solution: Solution, glossy: PhotometricObservations) -> None:
    loud = photographs(material="glossy", inverse_distance=0.06, noise=0.04)
    found = photometric_stereo(loud).std["normals"][loud.mask]
    assert found.median() > 1.5 * solution.std["normals"][glossy.mask].median()


def test_history_tells_how_it_went(solution: Solution) -> None:
    assert solution.history
    assert all(np.isfinite([step.value, step.step, step.seconds]).all() for step in solution.history)
    assert solution.history[-1].value < solution.history[0].value
    assert {step.stage.split(":")[0] for step in solution.history} <= {"reduced", "full"}
    assert solution.status in (Status.CONVERGED, Status.STEP_LIMIT)
    assert solution.message


def test_the_same_seed_gives_the_same_bytes(glossy: PhotometricObservations, solution: Solution) -> None:
    again = photometric_stereo(glossy)
    for name, value in solution.values.items():
        assert value.numpy().tobytes() == again.values[name].numpy().tobytes(), name
    assert solution.std["normals"].numpy().tobytes() == again.std["normals"].numpy().tobytes()
    assert [step.value for step in solution.history] == [step.value for step in again.history]


def test_without_the_residual_nothing_is_learned(glossy: PhotometricObservations) -> None:
    plain = photometric_stereo(glossy, residual=False)
    assert plain.explained["residual"] == 0.0
    assert plain.figures["learned_parameters"] == 0
    assert torch.equal(plain.values["predicted"], plain.values["predicted_physics"])
    assert plain.settings["residual"] is False


def test_the_residual_is_small_and_does_not_hurt(glossy: PhotometricObservations, solution: Solution) -> None:
    assert solution.figures["learned_parameters"] <= 10_000
    plain = photometric_stereo(glossy, residual=False)
    errors = [error_deg(found.values["normals"], glossy).mean() for found in (solution, plain)]
    assert errors[0] <= errors[1] + 0.1
    assert solution.explained["physics"] + solution.explained["residual"] >= plain.explained["physics"] - 1e-3


def test_one_round_is_a_step_limit(glossy: PhotometricObservations) -> None:
    for settings in (
        PhysicsSettings(reduced_rounds=1, full_rounds=1),
        PhysicsSettings(reduced_pixels=400, reduced_rounds=1, full_rounds=1),
    ):
        found = solve(glossy, settings)
        assert found.status is Status.STEP_LIMIT
        assert "1 round" in found.message
        assert torch.isfinite(found.values["normals"]).all()


def test_two_stages_reach_what_one_reaches(glossy: PhotometricObservations, solution: Solution) -> None:
    found = solve(glossy, TWO_STAGES)
    assert {step.stage.split(":")[0] for step in found.history} == {"reduced", "full"}
    assert error_deg(found.values["normals"], glossy).mean() < 1.6
    assert float(found.values["inverse_light_distance"]) == pytest.approx(0.06, abs=0.03)  # from 300 cells
    assert found.values["depth"].shape == glossy.shape


@pytest.mark.parametrize(("material", "bar"), [("matte", 1.5), ("rough", 2.0), ("metal", 8.0), ("mixed", 2.0)])
def test_other_materials_are_better_than_robust(material: str, bar: float) -> None:
    observations = photographs(material=material, shape="bumpy", inverse_distance=0.06)
    found = photometric_stereo(observations)
    errors = error_deg(found.values["normals"], observations)
    robust = error_deg(photometric_stereo(observations, "robust").values["normals"], observations)
    assert errors.mean() < min(bar, 0.7 * robust.mean())
    assert sum(found.explained.values()) == pytest.approx(1.0)


def test_progress_goes_from_nothing_to_all(small: PhotometricObservations) -> None:
    said: list[tuple[str, float]] = []
    photometric_stereo(small, progress=lambda stage, done: said.append((stage, done)))
    shares = [done for _, done in said]
    assert all(0.0 <= done <= 1.0 for done in shares)
    assert all(a <= b for a, b in pairwise(shares))
    assert len({stage for stage, _ in said}) < 12


def test_too_much_for_memory_says_what_to_do(glossy: PhotometricObservations, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(methods, "LARGEST_PHYSICS", 5000)
    with pytest.raises(InputError, match=r"--max-size \d+") as caught:
        photometric_stereo(glossy)
    fits = int(str(caught.value).split("--max-size ")[1].split(")")[0])
    share = (fits / max(glossy.shape)) ** 2
    assert share * int(glossy.mask.sum()) * glossy.light_count <= 5000
    assert "--method robust" in str(caught.value)
    assert photometric_stereo(glossy, "robust").status is Status.CONVERGED


def test_an_unknown_method_names_those_there_are(glossy: PhotometricObservations) -> None:
    with pytest.raises(InputError, match="least_squares, physics, robust"):
        photometric_stereo(glossy, "deep")


@pytest.mark.parametrize("distance", ["near", 0.0, -3.0, float("nan")])
def test_a_distance_that_is_none(glossy: PhotometricObservations, distance: float | str) -> None:
    with pytest.raises(InputError, match="light distance"):
        photometric_stereo(glossy, light_distance=distance)
