"""The reference of the gradient benchmark, against closed forms and finite differences."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from sharpvision.bench import area_sampling, gradient_scenes
from sharpvision.bench.area_sampling import face_lists, multi_jittered, nearest
from sharpvision.bench.gradient_contours import BOUNDARY, CUT, FOLD, HARD_EDGE, pieces_of, segments_of
from sharpvision.bench.gradient_model import geometry_of, topology_of, unknowns_of
from sharpvision.bench.gradient_reference import prepared, reference_of
from sharpvision.bench.gradient_scenes import SIZE, GradientScene, ball, cube, scene, shape, single


def small(kind: str) -> GradientScene:
    """Scenes of a few dozen faces."""
    points, faces = ball(1)
    if kind == "closed":
        return single(scene(shape(0.15 * points, faces)))
    if kind == "open":
        return single(scene(shape(0.15 * points, faces[points[faces].mean(1)[:, 2] < 0.4])))
    if kind == "cut":
        return single(scene(shape(points * [0.1, 0.1, 1.2] + [-0.1, -0.05, 1.4], faces), near=0.9))
    box = cube()
    return single(dataclasses.replace(box, shapes=(shape(0.15 * box.shapes[0].vertices, box.shapes[0].faces,
                                                         normal_faces=box.shapes[0].normal_faces),)))  # fmt: skip


def triangle(corners: list[list[float]]) -> GradientScene:
    """One face, at depth 3 before an upright camera whose focal length is 300 px."""
    flat = scene(shape(np.array(corners), np.array([[0, 1, 2]])))
    return dataclasses.replace(flat, camera_turn=np.array([np.pi, 0.0, 0.0]), camera_shift=np.array([0, 0, 3.0]))


def test_a_pattern_has_one_sample_in_every_row_and_column():
    points = multi_jittered(6, 3)
    for axis in range(2):
        assert sorted((points[:, axis] * 36).floor().long().tolist()) == list(range(36))
    cells = (points * 6).floor().long()
    assert len(torch.unique(cells, dim=0)) == 36


def test_nearest_agrees_with_barycentrics_of_a_triangle():
    made = triangle([[-0.31, -0.22, 0.0], [0.42, -0.13, 0.0], [0.05, 0.36, 0.0]])
    topology, unknowns = topology_of(made), unknowns_of(made)
    geometry = geometry_of(made, topology, unknowns)
    generator = torch.Generator().manual_seed(0)
    points = 80 + 100 * torch.rand(4000, 2, generator=generator, dtype=torch.float64)
    face, beta = nearest(points, geometry, face_lists(geometry, topology, made.near), made.near)
    corners = geometry.projected[:, :2] / geometry.projected[:, 2:]
    signs = []
    for k in range(3):
        a, b = corners[k], corners[(k + 1) % 3]
        signs.append((b[0] - a[0]) * (points[:, 1] - a[1]) - (b[1] - a[1]) * (points[:, 0] - a[0]) > 0)
    inside = (signs[0] == signs[1]) & (signs[1] == signs[2])
    assert 500 < inside.sum() < 3500
    assert torch.equal(face >= 0, inside)
    weights = beta[inside] / beta[inside].sum(1, keepdim=True)
    torch.testing.assert_close(weights @ corners, points[inside])  # all at one depth: weights are affine in the image
    torch.testing.assert_close(1 / beta[inside].sum(1), torch.full((int(inside.sum()),), 3.0, dtype=torch.float64))


def test_what_lies_before_the_near_plane_is_not_hit():
    made = triangle([[-0.3, -0.2, 2.4], [0.4, -0.1, 0.0], [0.0, 0.3, 0.0]])
    topology, near = topology_of(made), 1.5
    geometry = geometry_of(made, topology, unknowns_of(made))
    lists = face_lists(geometry, topology, near)
    grid = (torch.cartesian_prod(torch.arange(SIZE), torch.arange(SIZE)) + 0.5).double()
    face, beta = nearest(grid, geometry, lists, near)
    hit = face >= 0
    depth = 1 / beta[hit].sum(1)
    assert hit.sum() > 300
    assert near <= depth.min() < near + 0.1
    assert len(nearest(grid, geometry, lists, 0.01)[0].nonzero()) >= int(hit.sum())


@pytest.mark.parametrize(("kind", "kinds"), [("closed", [FOLD]), ("open", [FOLD, BOUNDARY]), ("cut", [FOLD, CUT]),
                                             ("hard", [FOLD, HARD_EDGE])])  # fmt: skip
def test_lines_are_of_the_kinds_the_scene_has(kind, kinds):
    made = small(kind)
    topology = topology_of(made)
    geometry = geometry_of(made, topology, unknowns_of(made))
    segments = segments_of(geometry, topology, made.near)
    assert sorted(torch.unique(segments.kind).tolist()) == kinds
    pieces = pieces_of(segments, geometry, topology, made.near, per_pixel=4)
    assert pieces.length.max() <= 0.25 + 1e-9
    x, y = pieces.middle.floor().long().unbind(1)
    assert torch.equal(y * SIZE + x, pieces.pixel)


@pytest.mark.parametrize("kind", ["closed", "open", "cut", "hard"])
def test_reference_is_the_derivative_of_the_sampled_loss(kind, monkeypatch):
    """Of three translations; more parameters and finer patterns are the benchmark's affair."""
    monkeypatch.setattr(area_sampling, "PATTERN_SIDES", {"interior": 4, "ring": 16, "contour": 48})
    from sharpvision.bench.gradient_differences import differences_of

    ready = prepared(small(kind))
    found = reference_of(ready)
    differences = differences_of(ready, "translation")
    assert differences.error_percent(found.gradient["translation"]) < 4.0
    assert found.silhouette_px.sum() > 20


def test_every_scene_names_its_parameters():
    for name in gradient_scenes.SCENES:
        assert set(gradient_scenes.GEOMETRY) <= set(gradient_scenes.scene_parameters(name))
    assert {p for n in gradient_scenes.SCENES for p in gradient_scenes.scene_parameters(n)} >= {
        "principal_point", "distortion", "light_sh", "light_direction", "albedo_texture", "roughness"
    }  # fmt: skip
