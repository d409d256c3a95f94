"""Plans: exact coverage against area sampling, the twin, the contract of points, batches, threads, nothing to see."""

from __future__ import annotations

import dataclasses

import pytest
import torch
import trimesh
from silhouette_scenes import SCENES, Flat, box_parts, make, numbered, seen
from torch import Tensor

from sharpvision.geometry.edges import edges_of
from sharpvision.kernels.batch import Batch
from sharpvision.kernels.raster_types import Plan
from sharpvision.kernels.rasterize import rasterize
from sharpvision.kernels.reference.antialias import antialias
from sharpvision.kernels.reference.silhouettes import plan as twin
from sharpvision.kernels.silhouette_edges import EdgeBatch
from sharpvision.kernels.silhouette_plan import PlanSettings, plan

MODES = {"fast": {"samples": 1}, "default": {}, "accurate": {"everywhere": True}}


def image_of(scene: Flat, layout: Plan) -> Tensor:
    colour = scene.colour.to(scene.projected)[layout.points.face.long()][:, None]
    return antialias(colour, colour.new_zeros(1, 1), scene.projected, layout)[0, ..., 0]


@pytest.mark.parametrize("name", SCENES)
def test_flat_colours_make_the_area_sampled_image(name: str) -> None:
    scene = make(name)
    expected = scene.area_sampled()
    # The reference itself is off by up to half a sample row, 1 / 128, where an edge runs along it. The torus has a gap
    # of 0.01 pixels between two pixels that `covered_around` takes for closed.
    most = 0.012 if name == "torus" else 0.006
    for settings in MODES.values():
        error = (image_of(scene, scene.plan(**settings)).double() - expected).abs()
        assert float(error.max()) < most
        assert float(error.square().mean().sqrt()) < 1e-3


def rows_of(layout: Plan) -> Tensor:
    """Pieces as rows: pixel, end vertices, parameter, length, weight, normal, faces on both sides."""
    pieces, face = layout.pieces, layout.points.face

    def on(side: Tensor) -> Tensor:
        return torch.where(side >= 0, face[side.clamp(min=0).long()], -1)

    columns = [
        pieces.pixel, *pieces.rows.unbind(1), pieces.along, pieces.length, pieces.coefficient, *pieces.normal.unbind(1),
        on(pieces.inner), on(pieces.outer),
    ]  # fmt: skip
    table = torch.stack([c.double() for c in columns], 1)
    return table[sorted(range(len(table)), key=lambda i: (table[i, :3].tolist(), float(table[i, 3])))]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", ["ball", "open", "frame", "soup", "box_near"])
def test_pieces_and_samples_are_the_twins(name: str, mode: str) -> None:
    scene = make(name, torch.float64, size=12)
    layout = scene.plan(**MODES[mode])
    expected = twin(scene.projected, scene.batch(), scene.raster(), scene.edges, scene.settings(**MODES[mode]))
    torch.testing.assert_close(rows_of(layout), rows_of(expected), rtol=1e-6, atol=1e-6)
    assert torch.equal(layout.sample < -1, expected.sample < -1)

    def faces(which: Plan) -> Tensor:
        order = (-2 - which.sample[which.sample < -1]).long()
        hit = which.samples[order]
        return torch.where(hit >= 0, which.points.face[hit.clamp(min=0).long()], -1)

    assert torch.equal(faces(layout), faces(expected))


@pytest.mark.parametrize("mode", MODES)
def test_float32_finds_the_pieces_of_float64(mode: str) -> None:
    single, double = make("torus"), make("torus", torch.float64)
    double.projected = single.projected.double()
    ours, exact = rows_of(single.plan(**MODES[mode])), rows_of(double.plan(**MODES[mode]))
    torch.testing.assert_close(ours, exact, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("name", ["two", "box"])
@pytest.mark.parametrize("mode", [*MODES, "plain"])
def test_points_are_grouped_by_the_entry_of_their_face_and_pixel(name: str, mode: str) -> None:
    scene = make(name)
    raster = scene.raster()
    settings = scene.settings(**MODES.get(mode, {"silhouettes": False}))
    layout = plan(scene.projected, scene.batch(), raster, scene.edges, settings)
    points, bins = layout.points, raster.bins
    entry = torch.repeat_interleave(torch.arange(len(points.entry_first)), points.entry_count.long())
    where = torch.repeat_interleave(
        points.entry_first - points.entry_count.cumsum(0) + points.entry_count, points.entry_count.long()
    )
    index = where + torch.arange(len(entry))
    assert torch.equal(index.sort()[0], torch.arange(len(points)))
    of_point = torch.empty(len(points), dtype=torch.long)
    of_point[index] = entry
    assert torch.equal(bins.entry_slot[of_point], points.face)
    tile_of_entry = torch.empty(len(bins.entry_slot), dtype=torch.long)
    tile_of_entry[bins.tile_entry.long()] = torch.repeat_interleave(
        torch.arange(len(bins.tile_first) - 1), bins.tile_first.diff().long()
    )
    y, x = points.pixel // scene.size, points.pixel % scene.size
    assert torch.equal(tile_of_entry[of_point], (y // bins.tile * bins.columns + x // bins.tile).long())
    off = points.position - torch.stack([x, y], 1) - 0.5
    assert bool((off.abs() <= 0.5015).all())
    # Every point has one role.
    roles = torch.cat([layout.sample[layout.sample >= 0], layout.samples[layout.samples >= 0], layout.pieces.inner,
                       layout.pieces.outer[layout.pieces.outer >= 0]])  # fmt: skip
    assert torch.equal(roles.sort()[0].long(), torch.arange(len(points)))
    if mode == "plain":
        assert torch.equal(points.face, raster.face.view(-1)[points.pixel.long()])
        assert len(layout.pieces.pixel) == 0
        assert len(points) == int((raster.face >= 0).sum())


@pytest.mark.parametrize("name", ["two", "box", "box_near"])
def test_points_on_edges_lie_where_their_barycentrics_say(name: str) -> None:
    scene = make(name, torch.float64)
    layout = scene.plan()
    points, pieces = layout.points, layout.pieces
    on_edge = points.edge < 3
    assert torch.equal(
        on_edge.nonzero()[:, 0].int(),
        torch.cat([pieces.inner, pieces.outer[on_edge[pieces.outer.long()] & (pieces.outer >= 0)]]).sort()[0],
    )
    faces, edge, along = scene.faces[points.face[on_edge].long()], points.edge[on_edge].long(), points.along[on_edge]
    start = scene.projected[faces.gather(1, edge[:, None])[:, 0]]
    stop = scene.projected[faces.gather(1, (edge[:, None] + 1) % 3)[:, 0]]
    at = torch.lerp(start, stop, along[:, None])
    torch.testing.assert_close(at[:, :2] / at[:, 3:], points.position[on_edge], rtol=0, atol=1e-9)
    ends = scene.projected[pieces.rows.long()]
    middle = torch.lerp(ends[:, 0], ends[:, 1], pieces.along[:, None])
    torch.testing.assert_close(middle[:, :2] / middle[:, 3:], points.position[pieces.inner.long()], rtol=0, atol=1e-9)
    assert bool((points.moves[on_edge] == 0).all())
    torch.testing.assert_close(pieces.normal.norm(dim=1), torch.ones(len(pieces.normal)).double())


def test_area_of_a_polygon_is_exact() -> None:
    corners = torch.tensor([[2.2, 1.3], [13.7, 3.1], [9.9, 12.45], [3.3, 8.8]], dtype=torch.float64)
    rows = torch.cat([corners, -torch.ones(4, 1).double(), torch.ones(4, 1).double()], 1)
    faces = torch.tensor([[0, 1, 2], [0, 2, 3]])
    scene = Flat(rows, faces, torch.ones(2), edges_of(faces, rows[:, :3]), 16)
    nxt = corners.roll(-1, 0)
    area = float((corners[:, 0] * nxt[:, 1] - corners[:, 1] * nxt[:, 0]).sum()) / 2
    for settings in MODES.values():
        assert float(image_of(scene, scene.plan(**settings)).sum()) == pytest.approx(area, abs=1e-6)


@pytest.mark.parametrize("shift", [0.0, 0.5, 0.25])
def test_edges_through_centres_corners_and_borders_of_pixels(shift: float) -> None:
    corners = torch.tensor([[2.0, 2.0], [6.0, 2.0], [6.0, 6.0], [2.0, 6.0]]) + shift
    rows = torch.cat([corners, -torch.ones(4, 1), torch.ones(4, 1)], 1)
    faces = torch.tensor([[0, 1, 2], [0, 2, 3]])
    scene = Flat(rows, faces, torch.ones(2), edges_of(faces, rows[:, :3]), 8)
    line = (6 + shift - torch.arange(8)).clamp(0, 1) - (2 + shift - torch.arange(8)).clamp(0, 1)
    for settings in MODES.values():
        torch.testing.assert_close(image_of(scene, scene.plan(**settings)), line[:, None] * line, rtol=0, atol=1e-4)


def test_orthographic_depth_keys_of_either_sign() -> None:
    ring, faces = numbered(trimesh.creation.torus(1, 0.4, major_sections=12, minor_sections=8))
    turn = torch.linalg.matrix_exp(torch.tensor([[0, 0.3, 0.9], [-0.3, 0, -0.4], [-0.9, 0.4, 0]]).double())
    xyz = (ring @ turn).float()
    rows = torch.cat([xyz[:, :2] * 8 + 12, xyz[:, 2:], torch.ones(len(xyz), 1)], 1)
    for depth in (0.0, 3.0, -1000.0):
        moved = rows + torch.tensor([0, 0, depth, 0])
        scene = Flat(moved, faces, torch.ones(len(faces)), edges_of(faces, xyz), 24)
        error = (image_of(scene, scene.plan()).double() - scene.area_sampled()).abs()
        assert float(error.max()) < 0.006


@pytest.mark.parametrize("mode", MODES)
def test_a_batch_is_its_views(mode: str) -> None:
    scenes = [make("two"), make("box"), make("soup")]
    batch = Batch.of_meshes([s.faces for s in scenes], [len(s.projected) for s in scenes], height=24, width=24)
    edges = EdgeBatch.of_meshes(
        [s.edges for s in scenes], [len(s.faces) for s in scenes], [len(s.projected) for s in scenes]
    )
    rows = torch.cat([s.projected for s in scenes])
    together = plan(rows, batch, rasterize(rows, batch, 0.01), edges, PlanSettings(**MODES[mode]))
    colour = torch.cat([s.colour for s in scenes])[together.points.face.long()][:, None]
    images = antialias(colour, torch.zeros(1, 1), rows, together)[..., 0]
    for image, scene in zip(images, scenes, strict=True):
        assert torch.equal(image, image_of(scene, scene.plan(**MODES[mode])))
    pixel_view = together.points.pixel // 24**2
    assert torch.equal(pixel_view, together.points.view)


def test_views_of_one_mesh() -> None:
    vertices, faces, side, normal_faces = box_parts()
    eyes = [(0.9, 0.7, -1.6), (0.3, 0.1, 1.7)]
    rows = [seen(vertices, eye, 16, torch.float32) for eye in eyes]
    edges, colour = edges_of(faces, vertices, normal_faces), side / 6
    batch = Batch.of_one_mesh(faces, len(vertices), views=2, height=16, width=16)
    both = torch.cat(rows)
    together = plan(both, batch, rasterize(both, batch, 0.01), edges, PlanSettings())
    images = antialias(colour[together.points.face.long()][:, None], torch.zeros(1, 1), both, together)
    for image, row in zip(images, rows, strict=True):
        scene = Flat(row, faces, colour, edges, 16)
        assert torch.equal(image[..., 0], image_of(scene, scene.plan()))


@pytest.mark.parametrize("mode", MODES)
def test_threads_do_not_change_a_byte(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    scene = make("two", size=160)
    results = []
    for threads in ("1", "2", "5"):
        monkeypatch.setenv("SHARPVISION_THREADS", threads)
        layout = scene.plan(**MODES[mode])
        parts = [layout.sample, layout.samples, layout.piece_first]
        for part in (layout.points, layout.pieces):
            parts += [getattr(part, f.name) for f in dataclasses.fields(part)]
        at = layout.points.edge == 3
        parts = [torch.where(at, 0, p) if p is layout.points.along else p for p in parts]
        results.append(parts)
    for other in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0], other, strict=True))


@pytest.mark.parametrize("mode", [*MODES, "plain"])
def test_nothing_to_see(mode: str) -> None:
    settings = MODES.get(mode, {"silhouettes": False})
    scene = make("ball")
    behind = dataclasses.replace(scene, projected=scene.projected * torch.tensor([-1.0, -1, 1, -1]))
    aside = dataclasses.replace(
        scene, projected=scene.projected + scene.projected[:, 3:] * torch.tensor([1e4, 0, 0, 0])
    )
    none = torch.zeros(0, 3, dtype=torch.long)
    empty = Flat(torch.zeros(0, 4), none, torch.zeros(0), edges_of(none, torch.zeros(0, 3)), 8)
    flat = dataclasses.replace(scene, projected=scene.projected * torch.tensor([0.0, 1, 1, 1]))
    for nothing in (behind, aside, empty, flat):
        layout = nothing.plan(**settings)
        assert len(layout.pieces.pixel) == 0
        assert float(image_of(nothing, layout).abs().sum()) == 0


def test_faces_without_area_change_nothing() -> None:
    scene = make("box")
    doubled = torch.cat([scene.faces, torch.tensor([[0, 1, 1], [2, 2, 2]])])
    sliver = torch.tensor([[0, 1, len(scene.projected)]])
    rows = torch.cat([scene.projected, scene.projected[:2].mean(0, keepdim=True)])
    vertices, _, _, normal_faces = box_parts()
    faces = torch.cat([doubled, sliver])
    edges = edges_of(
        faces, torch.cat([vertices, vertices[:2].mean(0, keepdim=True)]), torch.cat([normal_faces, faces[-3:]])
    )
    other = Flat(rows, faces, torch.cat([scene.colour, torch.zeros(3)]), edges, scene.size)
    torch.testing.assert_close(image_of(other, other.plan()), image_of(scene, scene.plan()), rtol=0, atol=2e-4)


def test_samples_other_than_one_or_four_are_refused() -> None:
    with pytest.raises(ValueError, match="samples must be 1 or 4, not 3"):
        PlanSettings(samples=3)


@pytest.mark.parametrize("name", ["ball", "frame", "two", "soup", "open", "box"])
def test_boundary_integral_is_the_derivative_of_the_area(name: str) -> None:
    scene = make(name, torch.float64)
    g = torch.Generator().manual_seed(0)
    direction = torch.rand(scene.projected.shape, generator=g, dtype=torch.float64) - 0.5
    direction[:, 3] *= 0.1  # w as well, but not the depth key's numerator: it is not to be differentiated
    direction[:, 2] = 0

    def total(step: float) -> Tensor:
        moved = dataclasses.replace(scene, projected=scene.projected + step * direction)
        return image_of(moved, moved.plan()).sum()

    exact = (total(1e-6) - total(-1e-6)) / 2e-6
    rows = scene.projected.clone().requires_grad_()
    layout = scene.plan()
    colour = scene.colour.double()[layout.points.face.long()][:, None]
    image = antialias(colour, colour.new_zeros(1, 1), rows, layout)
    (gradient,) = torch.autograd.grad(image.sum(), rows)
    assert float((gradient * direction).sum()) == pytest.approx(float(exact), rel=2e-3, abs=1e-3)
