"""Ctrl-C at any report of progress: what comes back is whole, and says that it was interrupted."""

from __future__ import annotations

import pytest
import torch
from photometric_spheres import photographs

from sharpvision.data.observations import PhotometricObservations
from sharpvision.reconstruct import photometric_stereo
from sharpvision.reconstruct.photometric import lambertian_maps
from sharpvision.reconstruct.photometric import physics as physics_module
from sharpvision.reconstruct.photometric.options import PhotometricOptions
from sharpvision.reconstruct.photometric.physics import PhysicsResult, solve_physics
from sharpvision.reconstruct.photometric.physics_solution import physics_solution
from sharpvision.reconstruct.photometric.pixel_observations import gather
from sharpvision.reconstruct.photometric.settings import PhysicsSettings
from sharpvision.reconstruct.photometric.surface_model import State, SurfaceModel
from sharpvision.solvers.solution import Solution, Status


class Interrupter:
    """Raises KeyboardInterrupt at one report of progress, and counts them all."""

    def __init__(self, at: int) -> None:
        self.at, self.count = at, 0
        self.stage = ""

    def __call__(self, stage: str, done: float) -> None:
        self.count += 1
        if self.count == self.at:
            self.stage = stage
            raise KeyboardInterrupt


def check_whole(solution: Solution, observations: PhotometricObservations) -> None:
    assert solution.status is Status.INTERRUPTED
    assert "interrupted" in solution.message
    normals = solution.values["normals"][observations.mask]
    torch.testing.assert_close(normals.norm(dim=-1), torch.ones(len(normals)), atol=1e-5, rtol=0)
    assert (normals[:, 2] < 0).all()
    assert torch.isfinite(solution.values["depth"][observations.mask]).all()
    assert torch.isfinite(solution.std["normals"]).all()
    assert torch.isfinite(solution.values["albedo"]).all()
    assert sum(solution.explained.values()) == pytest.approx(1.0)


@pytest.fixture(scope="module")
def observations() -> PhotometricObservations:
    return photographs(material="glossy", side=30, light_count=8)


@pytest.mark.parametrize("at", [1, 3, 8, 14])
def test_physics_stopped_in_its_only_stage(observations: PhotometricObservations, at: int) -> None:
    interrupter = Interrupter(at)
    solution = photometric_stereo(observations, progress=interrupter)
    assert interrupter.stage == "reduced size"
    check_whole(solution, observations)


def _two_stages(observations: PhotometricObservations, interrupter: Interrupter) -> PhysicsResult:
    options = PhotometricOptions(0, "fit", True, interrupter)
    settings = PhysicsSettings(reduced_pixels=300, reduced_rounds=2, full_rounds=2)
    return solve_physics(gather(observations), options, settings)


def test_physics_stopped_in_either_of_two_stages(observations: PhotometricObservations) -> None:
    never = Interrupter(0)
    _two_stages(observations, never)
    stages = set()
    for at in (2, never.count // 2, never.count - 4, never.count - 1):
        interrupter = Interrupter(at)
        result = _two_stages(observations, interrupter)
        stages.add(interrupter.stage)
        assert result.model.grid.size == int(observations.mask.sum())  # always the full size
        check_whole(physics_solution(observations, result), observations)
    assert stages >= {"reduced size", "full size"}


@pytest.mark.parametrize("method", ["least_squares", "robust"])
@pytest.mark.parametrize("at", [1, 2, 3])
def test_strips_stopped_between_them(
    observations: PhotometricObservations, monkeypatch: pytest.MonkeyPatch, method: str, at: int
) -> None:
    height, width = observations.shape
    monkeypatch.setattr(lambertian_maps, "_STRIP_VALUES", 8 * width * observations.light_count * 3)
    solution = photometric_stereo(observations, method, progress=Interrupter(at))
    check_whole(solution, observations)
    whole = photometric_stereo(observations, method).values["normals"]
    assert torch.equal(solution.values["normals"][: 8 * at], whole[: 8 * at])
    rest = observations.mask[8 * at :]
    expected = torch.tensor([0.0, 0.0, -1.0]).expand(int(rest.sum()), 3)
    assert torch.equal(solution.values["normals"][8 * at :][rest], expected)
    # What was never looked at is known to nothing.
    assert (solution.std["normals"][8 * at :][rest] == 90.0).all()
    assert f"after {8 * at} of {height} rows" in solution.message


def test_physics_stopped_while_the_residual_is_learned(
    observations: PhotometricObservations, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = photometric_stereo(observations, residual=False)

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(physics_module, "train_residual", interrupted)
    solution = photometric_stereo(observations)
    check_whole(solution, observations)
    assert solution.figures["learned_parameters"] == 0
    assert torch.equal(solution.values["normals"], plain.values["normals"])


def test_physics_stopped_between_its_stages(
    observations: PhotometricObservations, monkeypatch: pytest.MonkeyPatch
) -> None:
    carry, calls = SurfaceModel.carry, []

    def interrupted_once(self: SurfaceModel, coarse: SurfaceModel, state: State) -> State:
        calls.append(True)
        if len(calls) == 1:
            raise KeyboardInterrupt
        return carry(self, coarse, state)

    monkeypatch.setattr(SurfaceModel, "carry", interrupted_once)
    options = PhotometricOptions(0, "infinite", True, lambda stage, done: None)
    result = solve_physics(gather(observations), options, PhysicsSettings(reduced_pixels=200))
    assert "between" in result.message
    check_whole(physics_solution(observations, result), observations)
