"""Near light end to end: planes and spheres lit by point lights in closed form, and what is refused or doubted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from sharpvision.data.observations import PhotometricObservations, PointLights, from_arrays
from sharpvision.reconstruct import photometric_stereo
from sharpvision.reconstruct.photometric.grid import PixelGrid
from sharpvision.reconstruct.photometric.near import solution as near_solution
from sharpvision.reconstruct.photometric.near.anchor import depth_profile, scale_std
from sharpvision.reconstruct.photometric.near.model import NearSurfaceModel
from sharpvision.reconstruct.photometric.near.order import best_order
from sharpvision.reconstruct.photometric.near.rig import rig_of
from sharpvision.reconstruct.photometric.pixel_observations import gather
from sharpvision.reconstruct.photometric.settings import PhysicsSettings
from sharpvision.solvers.solution import Status

SIDE, FOCAL = 40, 90.0


def rays() -> np.ndarray:
    y, x = (np.mgrid[:SIDE, :SIDE] + 0.5 - SIDE / 2.0) / FOCAL
    return np.stack([x, y, np.ones_like(x)], -1)


def sphere(distance: float = 200.0, radius: float = 36.0) -> tuple[np.ndarray, np.ndarray]:
    """Depth (H, W), NaN outside, and normals (H, W, 3) of a sphere on the optical axis, without its rim."""
    r = rays()
    a, b = (r**2).sum(-1), distance * r[..., 2]
    inside = b**2 - a * (distance**2 - radius**2)
    depth = np.where(inside > 0, (b - np.sqrt(np.maximum(inside, 0.0))) / a, np.nan)
    normals = (depth[..., None] * r - [0.0, 0.0, distance]) / radius
    facing = -(normals * r).sum(-1) / np.sqrt(a) > 0.3
    return np.where(facing, depth, np.nan), np.where(facing[..., None], normals, 0.0)


def plane(distance: float = 200.0, slope: tuple[float, float] = (0.35, -0.2)) -> tuple[np.ndarray, np.ndarray]:
    """Depth and normals of a plane through (0, 0, distance), over a disc of the image."""
    r, normal = rays(), np.array([*slope, -1.0])
    normal /= np.linalg.norm(normal)
    depth = distance * normal[2] / (r @ normal)
    disc = np.hypot(*r[..., :2].transpose(2, 0, 1)) < 0.2
    return np.where(disc, depth, np.nan), np.where(disc[..., None], normal, 0.0)


def ring(count: int = 9, scale: float = 1.0) -> PointLights:
    turn = 2 * np.pi * np.arange(count) / count
    wide = np.where(np.arange(count) % 3 == 0, 45.0, 100.0)
    places = np.array([0.0, 0.0, 200.0]) + scale * np.stack(
        [wide * np.cos(turn), wide * np.sin(turn), np.full(count, -150.0)], 1
    )
    axes = np.array([0.0, 0.0, 200.0]) - places
    axes /= np.linalg.norm(axes, axis=1, keepdims=True)
    return PointLights(*(torch.from_numpy(v) for v in (places, axes, np.where(np.arange(count) % 2, 1.5, 0.0))))


def photographs(surface: tuple[np.ndarray, np.ndarray], lights: PointLights) -> PhotometricObservations:
    """Lambertian images of a surface that throws no shadow on itself."""
    depth, normals = surface
    points = np.nan_to_num(depth)[..., None] * rays()
    albedo = np.where(np.arange(SIDE)[None, :, None] < SIDE // 2, [0.8, 0.5, 0.3], [0.5, 0.6, 0.7])
    images = []
    for place, axis, mu in zip(*(v.numpy() for v in (lights.positions, lights.axes, lights.exponents)), strict=True):
        way = place - points
        length = np.linalg.norm(way, axis=-1)
        beam = np.maximum(-(way @ axis) / length, 0.0) ** mu if mu > 0 else 1.0
        images.append((np.maximum((normals * way).sum(-1), 0.0) / length**3 * beam)[..., None] * albedo)
    stack = np.stack(images)
    middle = lights.positions.numpy() - np.array([0.0, 0.0, 200.0])
    made = from_arrays(
        torch.from_numpy(0.9 * stack / stack.max()), torch.from_numpy(middle), name="near",
        mask=torch.from_numpy(np.isfinite(depth)), ground_truth=torch.from_numpy(normals.astype(np.float32)),
    )  # fmt: skip
    return replace(
        made, focal_px=FOCAL, principal_point=(SIDE / 2.0, SIDE / 2.0), length_unit="mm", point_lights=lights
    )


def errors(solution, surface) -> tuple[float, float]:
    """Mean angle in degrees, and mean absolute depth error over the mean depth."""
    depth, normals = surface
    inside = np.isfinite(depth)
    found = solution.values["normals"].numpy()[inside]
    angle = np.degrees(np.arccos(np.clip((found * normals[inside]).sum(1), -1.0, 1.0)))
    off = np.abs(solution.values["depth"].numpy() - depth)[inside]
    return float(angle.mean()), float(off.mean() / depth[inside].mean())


@pytest.mark.parametrize("surface", [plane(), sphere()], ids=["plane", "sphere"])
def test_normals_and_absolute_depth_of_closed_forms(surface):
    solution = photometric_stereo(photographs(surface, ring()), "physics", residual=False)
    angle, depth = errors(solution, surface)
    assert angle < 0.6
    assert depth < 0.002
    assert solution.figures["depth_model"] == "perspective"
    assert solution.figures["distance_from"] == "lights"
    assert solution.figures["object_distance"] == pytest.approx(np.nanmean(surface[0]), rel=0.002)


def model_of(observations: PhotometricObservations) -> NearSurfaceModel:
    rig = rig_of(observations)
    return NearSurfaceModel(replace(gather(observations), lights=rig.lights), PhysicsSettings(), rig)


def test_at_the_truth_the_cost_has_no_slope_in_depth_and_a_shift_is_seen_to_first_order():
    depth, normals = sphere()
    model = model_of(photographs((depth, normals), ring()))
    state = model.start()
    inside = np.isfinite(depth)
    state["normals"] = model.facing(normals[inside])
    for shift in (0.0, 0.02, -0.02):
        model.place(state, depth[inside] * np.exp(shift))
        slope, curvature = depth_profile(model, state)
        assert -slope.sum() / curvature.sum() == pytest.approx(-shift, abs=0.004)


def test_the_given_distance_is_kept_where_lights_are_too_far_to_tell_it():
    surface = sphere()
    far = ring(scale=60.0)
    rng = np.random.default_rng(0)
    observations = photographs(surface, far)
    images = observations.source.images + 0.003 * torch.from_numpy(rng.standard_normal((9, SIDE, SIDE, 3))).float()
    observations = replace(observations, source=replace(observations.source, images=images.clamp(0.0, 1.0)))
    solution = photometric_stereo(observations, "physics", residual=False)
    assert solution.status is Status.ILL_POSED
    assert "too far" in solution.message
    assert solution.figures["distance_from"] == "given"
    assert float(solution.values["depth"].nanmean()) == pytest.approx(200.0, rel=1e-3)
    assert errors(solution, surface)[0] < 2.5


def test_exchanged_lamps_are_named():
    observations = photographs(sphere(), ring())
    given = list(range(9))
    given[2], given[7] = 7, 2
    lights = observations.point_lights
    assert lights is not None
    wrong = replace(
        observations, point_lights=lights.select(given), light_directions=observations.light_directions[given]
    )
    order = best_order(model_of(wrong))
    assert order.what == "with lights 3 and 8 exchanged"
    assert order.gain > 3
    solution = photometric_stereo(wrong, "physics", residual=False)
    assert solution.status is Status.DIVERGED
    assert "lights 3 and 8 exchanged" in solution.message
    assert best_order(model_of(observations)).what == "as given"


def test_a_black_pixel_and_a_saturated_one_leave_finite_results():
    surface = sphere()
    observations = photographs(surface, ring())
    images = observations.source.images.clone()
    images[:, 20, 20], images[:, 18, 22] = 0.0, 1.0
    broken = from_arrays(images, observations.light_directions, mask=observations.mask)
    broken = replace(observations, source=broken.source)
    solution = photometric_stereo(broken, "physics", residual=False)
    inside = observations.mask
    assert bool(solution.values["normals"][inside].isfinite().all())
    assert bool(solution.values["depth"][inside].isfinite().all())
    assert bool(solution.values["depth"][~inside].isnan().all())


@pytest.mark.parametrize("method", ["least_squares", "robust"])
def test_methods_without_a_near_model_say_so(method):
    solution = photometric_stereo(photographs(sphere(), ring()), method)
    assert any("taken as distant" in note or "as distant" in note for note in solution.notes)


def test_no_information_on_scale_is_an_infinite_deviation():
    grid = PixelGrid(np.ones((6, 6), bool))
    assert scale_std(grid, np.zeros(36), np.zeros(36)) == np.inf
    rng = np.random.default_rng(1)
    draws = [scale_std(grid, rng.standard_normal(36), np.ones(36)) for _ in range(400)]
    assert np.mean(draws) == pytest.approx(1.0 / 6.0, rel=0.05)  # of the mean of 36 independent numbers


def test_an_interrupt_while_the_last_depth_is_made_leaves_the_one_before(monkeypatch):
    last_depth = near_solution._last_depth

    def interrupted(model, state):
        model.place(state, 2.0 * state["depth"])
        raise KeyboardInterrupt

    def last_depth_interrupted(result, seed):
        with monkeypatch.context() as patch:
            patch.setattr(near_solution, "anchor_depth", interrupted)
            last_depth(result, seed)

    monkeypatch.setattr(near_solution, "_last_depth", last_depth_interrupted)
    surface = sphere()
    solution = photometric_stereo(photographs(surface, ring()), "physics", residual=False)
    assert solution.status is Status.INTERRUPTED
    assert errors(solution, surface)[1] < 0.004
