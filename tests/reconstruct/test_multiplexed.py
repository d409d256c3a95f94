"""Colour-multiplexed photometric stereo against closed forms, and where it must refuse."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from photometric_spheres import sphere_normals
from scipy.optimize import approx_fprime

from sharpvision.core.errors import InputError
from sharpvision.reconstruct.photometric.grid import PixelGrid
from sharpvision.reconstruct.photometric.multiplexed.explanations import (
    BORDER,
    CLEAN,
    DEEP_SHADOWS,
    HIGHLIGHTS,
    SHADOWS,
    Evidence,
    Paints,
    _cost,
    _system,
    explain,
    facing,
    tangents,
)
from sharpvision.reconstruct.photometric.multiplexed.labels import Candidates, Continuity, choose
from sharpvision.reconstruct.photometric.multiplexed.mixing import mixing_from_photographs
from sharpvision.reconstruct.photometric.multiplexed.paints import Unmixing, find_paints, paint_misfit
from sharpvision.reconstruct.photometric.multiplexed.solve import MultiplexedPhotograph, solve_multiplexed
from sharpvision.solvers import Status

LIGHTS = np.array([[0.48, 0.36, -0.8], [-0.6, 0.0, -0.8], [0.0, -0.6, -0.8]])
MIXING = np.array([[0.90, 0.12, 0.03], [0.15, 0.78, 0.12], [0.02, 0.18, 0.85]])
UNMIXING = Unmixing(MIXING, LIGHTS)


def seen(normals, paint):
    """Pixel values of unit normals (..., 3) in a paint, attached shadows among them."""
    return paint * (np.maximum(normals @ LIGHTS.T, 0.0) @ MIXING.T)


def sphere(side=40, paint=(0.8, 0.5, 0.3)):
    mask, normals = sphere_normals(side, 0.9)
    image = seen(normals, np.broadcast_to(paint, normals.shape)) * mask[..., None]
    return MultiplexedPhotograph(image.astype(np.float32), mask, LIGHTS, MIXING), normals


def errors_deg(solution, normals, mask):
    cosine = (solution.values["normals"].numpy() * normals).sum(-1)[mask]
    return np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0)))


def test_a_sphere_of_one_unknown_colour_is_found_to_a_degree():
    photograph, normals = sphere()
    solution, _ = solve_multiplexed(photograph)
    paint = solution.values["paints"][0].numpy()
    assert solution.status is Status.CONVERGED
    assert np.median(errors_deg(solution, normals, photograph.mask)) < 0.5
    assert errors_deg(solution, normals, photograph.mask).mean() < 1.5
    assert np.allclose(paint / paint.max(), np.array([0.8, 0.5, 0.3]) / 0.8, atol=0.02)
    assert any("one colour" in note for note in solution.notes)


def test_two_paints_are_told_apart_and_said():
    photograph, normals = sphere(48)
    left = np.arange(48)[None, :, None] < 24
    image = np.where(left, photograph.image, seen(normals, np.array([0.25, 0.5, 0.7]))).astype(np.float32)
    image *= photograph.mask[..., None]
    solution, _ = solve_multiplexed(replace(photograph, image=image))
    assert len(solution.values["paints"]) == 2
    assert errors_deg(solution, normals, photograph.mask).mean() < 2.0
    numbers = solution.values["paint"].numpy()
    assert (numbers[~photograph.mask] == -1).all()
    inside = photograph.mask.copy()
    inside[:, 22:26] = False
    assert len(np.unique(numbers[:, :22][inside[:, :22]])) == 1
    assert numbers[24, 10] != numbers[24, 38]
    assert any("2 paints" in note for note in solution.notes)


def test_a_shadow_of_one_light_leaves_the_normal_determined():
    normals = facing(np.random.default_rng(0).uniform(-0.4, 0.4, (50, 3)) - [0, 0, 1])
    paint = np.array([0.7, 0.6, 0.4])
    for k, shadow in enumerate(SHADOWS):
        shading = normals @ LIGHTS.T
        shading[:, k] = 0.0
        pixels = paint * (shading @ MIXING.T)
        start = facing(normals + 0.15 * np.random.default_rng(k).standard_normal(normals.shape))
        evidence = Evidence(pixels, np.ones((50, 3)), np.full((50, 3), 0.003), UNMIXING, start, np.full(50, 0.5))
        fit = explain(evidence, Paints(np.tile(paint, (50, 1)), np.ones((50, 3)), np.full(50, 0.02)), shadow, start)
        apart = np.degrees(np.arccos(np.clip((fit.normals * normals).sum(1), -1, 1)))
        assert np.median(apart) < 1.0
        b = UNMIXING.normals(pixels, paint)
        naive = np.degrees(np.arccos(np.clip((b * normals).sum(1) / np.linalg.norm(b, axis=1), -1, 1)))
        assert np.median(naive) > 10.0


@pytest.mark.parametrize("explanation", [CLEAN, SHADOWS[1], DEEP_SHADOWS[0], HIGHLIGHTS[2], BORDER])
def test_right_hand_side_is_minus_the_gradient(explanation):
    random = np.random.default_rng(3)
    n = facing(random.uniform(-0.3, 0.3, (1, 3)) - [0, 0, 1])
    pixels, paint = random.uniform(0.2, 0.6, (1, 3)), random.uniform(0.3, 0.8, (1, 3))
    guide = facing(n + 0.1)
    evidence = Evidence(pixels, np.ones((1, 3)), np.full((1, 3), 0.05), UNMIXING, guide, np.full(1, 0.3))
    paints = Paints(paint, random.uniform(0.3, 0.8, (1, 3)), np.full(1, 0.1))
    t1, t2 = tangents(n)
    alpha, extra = 0.05, 0.1

    def cost(x):
        moved = n + x[0] * t1 + x[1] * t2
        moved = moved / np.linalg.norm(moved)
        return _cost(evidence, paints, explanation, moved, np.array([alpha + x[2]]), np.array([extra + x[3]]))[0]

    _, right = _system(evidence, paints, explanation, (n, np.array([alpha]), np.array([extra])), (t1, t2))
    difference = approx_fprime(np.zeros(4), cost, 1e-7)
    assert np.allclose(right[0], -difference, atol=1e-3 * np.abs(difference).max() + 1e-4)


def test_paint_misfit_is_zero_on_the_paint_and_large_off_it():
    normals = facing(np.random.default_rng(1).uniform(-0.2, 0.2, (30, 3)) - [0, 0, 1])
    pixels, tolerance = seen(normals, np.array([0.6, 0.4, 0.3])), np.full(30, 0.02)
    assert paint_misfit(pixels, np.array([0.6, 0.4, 0.3]), UNMIXING, tolerance).max() < 1e-6
    assert paint_misfit(pixels, np.array([0.8, 0.55, 0.4]), UNMIXING, tolerance).min() > 3.0


def test_paints_of_a_gray_and_of_a_coloured_sphere():
    for paint in ((0.5, 0.5, 0.5), (0.2, 0.7, 0.9)):
        photograph, _ = sphere(paint=paint)
        grid = PixelGrid(photograph.mask)
        found = find_paints(photograph.image[grid.index].astype(float), grid, UNMIXING)
        assert found.shape == (1, 3)
        assert np.allclose(found[0], paint, rtol=0.02)


def test_continuity_overrules_a_slightly_cheaper_candidate():
    flat, bent = np.array([0.0, 0.0, -1.0]), np.array([0.6, 0.0, -0.8])
    normals = np.tile(np.stack([flat, bent]), (5, 1, 1))
    costs = np.tile([0.0, 5.0], (5, 1))
    costs[2] = [1.0, 0.0]
    candidates = Candidates(costs, np.zeros((5, 2), int), np.zeros((5, 2), int), normals)
    grid = PixelGrid(np.ones((1, 5), bool))
    assert choose(candidates, grid, Continuity()).tolist() == [0] * 5
    alone = Continuity(paint=0.0, case=0.0, crease=0.0)
    assert choose(candidates, grid, alone).tolist() == [0, 0, 1, 0, 0]


@pytest.mark.parametrize(
    ("lights", "mixing", "word"),
    [
        (LIGHTS[[0, 1, 1]], MIXING, "plane"),
        (np.array([[0.6, 0, -0.8], [-0.6, 0, -0.8], [0.0, 0, -1.0]]), MIXING, "plane"),
        (LIGHTS, MIXING[:, [0, 1, 1]], "singular"),
        (LIGHTS, np.ones((3, 3)), "singular"),
    ],
)
def test_coplanar_lights_and_a_singular_matrix_are_ill_posed(lights, mixing, word):
    photograph, _ = sphere(16)
    solution, state = solve_multiplexed(replace(photograph, lights=lights, mixing=mixing))
    assert solution.status is Status.ILL_POSED
    assert word in solution.message
    assert state is None
    assert (solution.std["normals"][torch.from_numpy(photograph.mask)] == 90.0).all()


@pytest.mark.parametrize("level", [0.0, 1.0])
def test_a_black_and_a_white_photograph_are_ill_posed(level):
    photograph, _ = sphere(16)
    solution, _ = solve_multiplexed(replace(photograph, image=np.full_like(photograph.image, level)))
    assert solution.status is Status.ILL_POSED


def test_zero_and_saturated_pixels_get_finite_normals_and_a_wide_spread():
    photograph, normals = sphere()
    image = photograph.image.copy()
    image[18:20, 18:20], image[24:26, 14:16] = 0.0, 1.0
    solution, _ = solve_multiplexed(replace(photograph, image=image))
    field, spread = solution.values["normals"].numpy(), solution.std["normals"].numpy()
    assert np.allclose(np.linalg.norm(field[photograph.mask], axis=1), 1.0, atol=1e-5)
    assert (spread[18:20, 18:20] == 90.0).all()
    assert spread[24:26, 14:16].min() > 1.3 * np.median(spread[photograph.mask])
    assert errors_deg(solution, normals, photograph.mask).mean() < 2.0
    assert any("black" in note for note in solution.notes)


def test_a_gray_pixel_alone_does_not_break_it():
    mask = np.zeros((5, 5), bool)
    mask[2, 2] = True
    solution, _ = solve_multiplexed(MultiplexedPhotograph(np.full((5, 5, 3), 0.4, np.float32), mask, LIGHTS, MIXING))
    assert torch.isfinite(solution.values["normals"]).all()


def test_a_second_frame_starts_from_the_first():
    photograph, normals = sphere()
    _, state = solve_multiplexed(photograph)
    solution, again = solve_multiplexed(photograph, start=state)
    assert len(again.costs) < len(state.costs)
    assert errors_deg(solution, normals, photograph.mask).mean() < 1.5


def test_matrix_from_photographs_of_a_sphere_and_a_black_one():
    mask, normals = sphere_normals(30, 0.9)
    alone = np.maximum(normals @ LIGHTS.T, 0.0).transpose(2, 0, 1)[..., None] * MIXING.T[:, None, None]
    found = mixing_from_photographs(alone, mask, LIGHTS)
    assert np.allclose(found / found.max(), MIXING / MIXING.max(), atol=0.01)
    alone[1] = 0.0
    with pytest.raises(InputError, match="photograph 2 black"):
        mixing_from_photographs(alone, mask, LIGHTS)


def test_normals_of_a_surface_agree_with_it_and_others_do_not() -> None:
    from sharpvision.bench.rendered_shapes import bumpy
    from sharpvision.reconstruct.photometric.multiplexed.solve import LEAST_AGREEMENT_DEG, disagreement_deg

    y, x = np.mgrid[:64, :64] / 32.0 - 1.0
    mask = x**2 + y**2 < 0.9
    normals = np.where(mask[..., None], bumpy(1).normal(x, y), 0.0).astype(np.float32)
    assert disagreement_deg(torch.from_numpy(normals), mask) < 0.5 * LEAST_AGREEMENT_DEG
    bent = normals.copy()  # patches turned against each other, as wrong paints turn them
    patch = (np.floor(4 * x) + np.floor(4 * y)) % 2 == 0
    bent[patch, 0] += 0.4
    bent[~patch, 1] -= 0.4
    bent /= np.maximum(np.linalg.norm(bent, axis=-1, keepdims=True), 1e-9)
    bent[~mask] = 0.0
    assert disagreement_deg(torch.from_numpy(bent), mask) > LEAST_AGREEMENT_DEG
