"""The uncalibrated method from end to end: what it finds, what it may not look at, and when it says that it can't."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from sharpvision.bench.photometric_scoring import light_errors, scores
from sharpvision.bench.rendered import RenderedScene, render
from sharpvision.core.errors import InputError
from sharpvision.data.observations import PhotometricObservations
from sharpvision.reconstruct import photometric_stereo
from sharpvision.solvers.solution import Solution, Status


def photographs(material: str, shape: str = "sphere", side: int = 48, light_count: int = 16) -> PhotometricObservations:
    return render(RenderedScene(material, shape, side=side, light_count=light_count, seed=3))


def solve(observations: PhotometricObservations, **options) -> Solution:
    return photometric_stereo(observations, "uncalibrated", residual=False, **options)


@pytest.fixture(scope="module")
def glossy() -> tuple[PhotometricObservations, Solution]:
    observations = photographs("glossy")
    return observations, solve(observations)


def test_highlights_give_lights_and_normals(glossy) -> None:
    observations, solution = glossy
    found = scores(solution, observations)
    assert solution.status in (Status.CONVERGED, Status.STEP_LIMIT)
    assert found["mean_angular_error_deg"] < 2.0
    assert found["light_error_deg"] < 2.0
    assert found["light_intensity_error_percent"] < 3.0
    assert solution.figures["ambiguity_resolved_by"] == "highlights"
    assert solution.figures["bas_relief_stretch_percent"] < 15.0


def test_values_are_those_that_the_solution_promises(glossy) -> None:
    observations, solution = glossy
    shape, count = observations.shape, observations.light_count
    expected = {"normals": (*shape, 3), "albedo": (*shape, 3), "depth": shape, "light_directions": (count, 3),
                "light_intensities": (count, 3), "inverse_light_distance": ()}  # fmt: skip
    for name, size in expected.items():
        assert tuple(solution.values[name].shape) == size, name
    torch.testing.assert_close(solution.values["light_directions"].norm(dim=1), torch.ones(count))
    assert any("albedo" in note for note in solution.notes)


def test_neither_the_lights_nor_the_truth_are_looked_at(glossy) -> None:
    observations, solution = glossy
    hidden = replace(
        observations, light_directions=torch.full_like(observations.light_directions, torch.nan),
        light_intensities=torch.ones_like(observations.light_intensities), ground_truth=None, calibration="none",
    )  # fmt: skip
    again = solve(hidden)
    for name in ("normals", "light_directions", "light_intensities", "albedo"):
        assert torch.equal(again.values[name], solution.values[name]), name


def test_a_matte_object_is_ill_posed_and_says_what_is_left() -> None:
    observations = photographs("matte", "bumpy")
    solution = solve(observations)
    assert solution.status is Status.ILL_POSED
    assert "stretch" in solution.message
    assert "mirror ball" in solution.message
    assert solution.figures["ambiguity_resolved_by"] == "inflation prior"
    assert solution.figures["bas_relief_stretch_percent"] > 20.0
    assert scores(solution, observations)["mean_angular_error_deg"] < 6.0


def test_a_rough_object_is_resolved_by_its_roughness() -> None:
    observations = photographs("rough", "bumpy")
    solution = solve(observations)
    assert solution.status in (Status.CONVERGED, Status.STEP_LIMIT)
    assert "rough diffuse reflection" in solution.figures["ambiguity_resolved_by"]
    assert scores(solution, observations)["mean_angular_error_deg"] < 3.0


@pytest.mark.parametrize("stage", ["lights: factorisation", "lights: integrability", "lights: refinement"])
def test_interrupt_gives_what_there_is(stage: str) -> None:
    observations = photographs("glossy", side=30, light_count=8)

    def interrupt(name: str, done: float) -> None:
        if name == stage:
            raise KeyboardInterrupt

    solution = solve(observations, progress=interrupt)
    assert solution.status is Status.INTERRUPTED
    normals = solution.values["normals"][observations.mask]
    torch.testing.assert_close(normals.norm(dim=-1), torch.ones(len(normals)), atol=1e-5, rtol=0)
    assert torch.isfinite(solution.values["depth"][observations.mask]).all()
    assert torch.isfinite(solution.values["light_directions"]).all()


def test_five_photographs_are_too_few() -> None:
    with pytest.raises(InputError, match="at least 6 photographs"):
        solve(photographs("glossy", side=24, light_count=8).with_lights(5))


def test_intensities_are_scored_up_to_a_factor_of_each_channel(glossy) -> None:
    observations, solution = glossy
    values = {
        "light_directions": observations.light_directions,
        "light_intensities": observations.light_intensities * torch.tensor([0.5, 1.0, 3.0]),
    }
    found = light_errors(replace(solution, values=values), observations)
    assert found["light_error_deg"] == pytest.approx(0.0, abs=1e-5)
    assert found["light_intensity_error_percent"] == pytest.approx(0.0, abs=1e-9)
    values["light_intensities"] = observations.light_intensities * torch.tensor([1.1, 0.9] * 8)[:, None]
    assert light_errors(replace(solution, values=values), observations)["light_intensity_error_percent"] > 5.0
