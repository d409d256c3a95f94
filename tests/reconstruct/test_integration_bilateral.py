"""Bilateral integration: known steps come back, what cannot be known is said, and the equations' symmetries hold."""

import numpy as np
import pytest
import torch

from sharpvision.bench.integration_surfaces import SURFACES
from sharpvision.core.errors import InputError
from sharpvision.reconstruct import integration_bilateral
from sharpvision.reconstruct.integration import IntegrationSettings, integrate_normals
from sharpvision.reconstruct.integration_bilateral import bilateral_depth
from sharpvision.reconstruct.integration_grid import pixel_graph
from sharpvision.solvers.solution import Status

BILATERAL = IntegrationSettings("bilateral")


def error_percent(depth, truth):
    difference = depth - truth
    return 100 * np.abs(difference - np.median(difference)).mean() / np.ptp(truth)


def test_known_steps_come_back_and_least_squares_loses_them():
    surface = SURFACES["steps"](100)
    bilateral = integrate_normals(surface.normals, surface.mask, BILATERAL)
    smooth = integrate_normals(surface.normals, surface.mask, IntegrationSettings("least_squares"))
    assert bilateral.status is Status.CONVERGED
    assert error_percent(bilateral.values["depth"].numpy(), surface.depth.numpy()) < 2.0
    assert error_percent(smooth.values["depth"].numpy(), surface.depth.numpy()) > 5.0


@pytest.mark.parametrize("method", ["least_squares", "bilateral"])
def test_the_height_of_a_plateau_cannot_be_known(method):
    """A step all round leaves no trace in the normals: the depth is the same whatever the plateau's height."""
    surface = SURFACES["plateau"](60)
    solution = integrate_normals(surface.normals, surface.mask, IntegrationSettings(method))
    assert error_percent(solution.values["depth"].numpy(), surface.depth.numpy()) > 10.0


def test_a_part_that_is_cut_off_is_counted_and_reported(monkeypatch):
    graph = pixel_graph(np.ones((6, 8), bool))
    half = np.full(graph.size, 0.5)
    horizontal = np.where(graph.columns == 4, 0.0, np.where(graph.columns == 5, 1.0, 0.5))
    assert integration_bilateral._undetermined(graph, (horizontal, half)) == pytest.approx(3 / 8)
    assert integration_bilateral._undetermined(graph, (half, half)) == 0.0
    monkeypatch.setattr(integration_bilateral, "_undetermined", lambda *_: 0.3)
    plane = torch.tensor([0.6, 0.0, -0.8]).expand(5, 6, 3)
    solution = integrate_normals(plane, torch.ones(5, 6, dtype=torch.bool), BILATERAL)
    assert solution.status is Status.ILL_POSED
    assert any("30 %" in note for note in solution.notes)


def test_weights_stay_at_one_half_on_a_plane_and_go_to_a_side_beside_a_step():
    surface = SURFACES["steps"](100)
    result = bilateral_depth(surface.normals.numpy(), surface.mask.numpy(), settings=BILATERAL)
    jump = np.abs(np.diff(surface.depth.numpy(), axis=0))
    row, column = np.unravel_index(jump.argmax(), jump.shape)
    assert result.vertical[row, column] < 0.05 or result.vertical[row - 1, column] < 0.05
    assert np.median(np.abs(result.vertical - 0.5)) < 0.05
    plane = np.broadcast_to([0.6, 0.0, -0.8], (5, 6, 3))
    flat = bilateral_depth(plane, np.ones((5, 6), bool), settings=BILATERAL)
    np.testing.assert_allclose(flat.horizontal[:, 1:-1], 0.5, atol=1e-9)


@pytest.mark.parametrize("focal", [None, 120.0])
def test_own_normals_are_those_of_the_depth(focal):
    v, u = np.mgrid[:30, :40] + 0.5
    normals = np.stack([0.02 * (u - 20), 0.01 * (v - 15), -np.ones_like(u)], -1)
    normals /= np.linalg.norm(normals, axis=-1, keepdims=True)
    result = bilateral_depth(normals, np.ones(u.shape, bool), settings=IntegrationSettings("bilateral", focal))
    cosine = (result.own_normals * normals).sum(-1)[1:-1, 1:-1]
    assert np.degrees(np.arccos(np.clip(cosine, -1, 1))).max() < 0.6


def test_transposed_normals_give_the_transposed_depth():
    surface = SURFACES["steps"](40)
    normals, mask = surface.normals.double().numpy(), surface.mask.numpy()
    plain = bilateral_depth(normals, mask, settings=BILATERAL)
    swapped = bilateral_depth(normals.swapaxes(0, 1)[..., [1, 0, 2]], mask.T, settings=BILATERAL)
    np.testing.assert_allclose(swapped.depth.T, plain.depth, atol=1e-4 * np.ptp(plain.depth))
    np.testing.assert_allclose(swapped.horizontal.T, plain.vertical, atol=1e-3)


def test_a_warm_start_takes_fewer_steps_to_the_same_depth():
    surface = SURFACES["steps"](60)
    normals, mask = surface.normals.numpy(), surface.mask.numpy()
    cold = bilateral_depth(normals, mask, settings=BILATERAL)
    warm = bilateral_depth(normals, mask, initial=cold.depth, settings=BILATERAL)
    assert warm.steps < cold.steps / 2
    assert np.abs(warm.depth - cold.depth).mean() < 0.01 * np.ptp(cold.depth)


def test_confidence_takes_wrong_normals_out():
    u = np.mgrid[:30, :30][1] + 0.5
    normals = np.broadcast_to([0.6, 0.0, -0.8], (30, 30, 3)).copy()
    normals[10:14, 10:14] = [-0.9, 0.3, -np.sqrt(0.1)]
    weights = np.ones((30, 30))
    weights[10:14, 10:14] = 0.0
    mask = np.ones((30, 30), bool)
    trusted, doubted = (bilateral_depth(normals, mask, weights=w, settings=BILATERAL).depth for w in (None, weights))
    truth = 0.75 * u
    assert error_percent(doubted, truth) < 0.2 < error_percent(trusted, truth)


def test_energies_are_kept_and_the_step_limit_is_said():
    surface = SURFACES["steps"](60)
    limited = bilateral_depth(
        surface.normals.numpy(), surface.mask.numpy(), settings=IntegrationSettings("bilateral", max_steps=3)
    )
    assert limited.status is Status.STEP_LIMIT
    assert len(limited.energies) == limited.steps == 3
    solution = integrate_normals(surface.normals, surface.mask, IntegrationSettings("bilateral", max_steps=3))
    assert solution.status is Status.STEP_LIMIT
    assert [step.value for step in solution.history] == pytest.approx(limited.energies)


def test_large_masks_start_from_a_coarser_grid_and_agree():
    surface = SURFACES["steps"](190)
    normals, mask = surface.normals.numpy(), surface.mask.numpy()
    coarse_started = bilateral_depth(normals, mask, settings=BILATERAL)
    weights = np.ones(mask.shape)
    weighted = bilateral_depth(normals, mask, weights=weights, settings=BILATERAL)
    assert error_percent(coarse_started.depth, surface.depth.numpy()) < 2.0
    np.testing.assert_allclose(weighted.depth, coarse_started.depth, atol=1e-6)


def test_an_empty_mask_or_another_shape_is_refused():
    with pytest.raises(InputError, match="empty mask"):
        bilateral_depth(np.ones((3, 3, 3)), np.zeros((3, 3), bool))
    with pytest.raises(InputError, match="as the mask"):
        bilateral_depth(np.ones((3, 4, 3)), np.ones((3, 3), bool))


def test_the_same_input_gives_the_same_bytes():
    surface = SURFACES["steps"](50)
    first, second = (integrate_normals(surface.normals, surface.mask, BILATERAL).values["depth"] for _ in range(2))
    assert torch.equal(first, second)


@pytest.mark.parametrize("focal", [None, 30.0])
@pytest.mark.parametrize("shape", [(1, 1), (1, 6), (6, 1)])
def test_own_normals_of_lines_and_single_pixels_are_the_given_ones(shape, focal):
    """Where an axis has no neighbour the depth says nothing, and a flat slope would be made up."""
    settings = IntegrationSettings("bilateral", focal_px=focal, principal_point=None if focal is None else (4.0, 4.0))
    plane = np.array([0.48, -0.36, -0.8])
    mask = np.zeros((8, 8), bool)
    mask[3 : 3 + shape[0], 1 : 1 + shape[1]] = True
    found = bilateral_depth(np.broadcast_to(plane, (8, 8, 3)), mask, settings=settings).own_normals
    np.testing.assert_allclose(found[mask], np.broadcast_to(plane, (mask.sum(), 3)), atol=0.02)
    assert (found[~mask] == 0).all()
