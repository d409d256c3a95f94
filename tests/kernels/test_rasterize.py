"""The rasteriser against its brute-force twin, and what a rasteriser must keep: no gaps, no overlaps, no surprises."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from sharpvision.kernels.batch import Batch
from sharpvision.kernels.bins import bin_faces
from sharpvision.kernels.raster_types import Raster
from sharpvision.kernels.rasterize import draw_by_bands, draw_by_pixels, rasterize
from sharpvision.kernels.reference.rasterize import rasterize as twin

NEAR = 0.1


def rows_at(pixels: Tensor, depth: Tensor) -> Tensor:
    """Projected rows of points seen by a perspective camera at pixels (N, 2) and depths (N,)."""
    return torch.cat([pixels * depth[:, None], -torch.ones_like(depth[:, None]), depth[:, None]], 1)


def random_triangles(
    seed: int, count: int, dtype: torch.dtype = torch.float32, spread: float = 40.0
) -> tuple[Tensor, Tensor]:
    g = torch.Generator().manual_seed(seed)
    pixels = torch.rand(3 * count, 2, generator=g, dtype=dtype) * spread - 4
    depth = torch.rand(3 * count, generator=g, dtype=dtype) * 5 + 0.5
    return rows_at(pixels, depth), torch.arange(3 * count).view(-1, 3)


def one_view(rows: Tensor, faces: Tensor, height: int = 33, width: int = 35) -> tuple[Raster, Batch]:
    batch = Batch.of_one_mesh(faces, len(rows), views=1, height=height, width=width)
    return rasterize(rows, batch, NEAR), batch


def assert_entries_are_consistent(raster: Raster, batch: Batch) -> None:
    """An entry's slot is the pixel's face in the pixel's view, and its tile holds the pixel."""
    bins, (view, y, x) = raster.bins, (raster.face >= 0).nonzero(as_tuple=True)
    entry = raster.entry[view, y, x].long()
    slot = bins.entry_slot[entry].long()
    assert torch.equal(slot, batch.first_slot[view].long() + raster.face[view, y, x] - batch.first_face[view])
    tile = (view * bins.rows + y // bins.tile) * bins.columns + x // bins.tile
    lists = torch.repeat_interleave(torch.arange(len(bins.tile_first) - 1), bins.tile_first.diff().long())
    tile_of = torch.empty_like(lists)
    tile_of[bins.tile_entry.long()] = lists
    assert torch.equal(tile_of[entry], tile)
    for t in range(len(bins.tile_first) - 1):
        listed = bins.tile_entry[bins.tile_first[t] : bins.tile_first[t + 1]]
        assert bool((listed.diff() > 0).all())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    ("seed", "spread", "behind"),
    [(0, 40.0, 0.0), (1, 40.0, 3.0), (2, 400.0, 3.0), (3, 12.0, 0.0), (4, 3e4, 1.0), (5, 1e8, 2.0), (6, 90.0, 0.0)],
)
def test_random_triangles_are_the_twins(seed: int, spread: float, behind: float, dtype: torch.dtype) -> None:
    """To the last bit in float32; corners behind the camera and beyond the guard band too."""
    rows, faces = random_triangles(seed, 60, dtype, spread)
    rows = rows - behind * torch.tensor([spread / 3, spread / 3, 0, 1], dtype=dtype)
    raster, batch = one_view(rows, faces)
    face, key = twin(rows, batch, NEAR)
    assert int((face >= 0).sum()) > 0
    assert torch.equal(raster.face, face)
    torch.testing.assert_close(raster.key, key, rtol=0 if dtype == torch.float32 else 1e-12, atol=0)
    assert_entries_are_consistent(raster, batch)


@pytest.mark.parametrize("bad", [torch.nan, torch.inf, -torch.inf])
@pytest.mark.parametrize("column", [0, 1, 3])
def test_faces_with_coordinates_that_are_no_numbers_are_not_drawn(column: int, bad: float) -> None:
    rows = rows_at(torch.tensor([[-9.0, -9], [60, 0], [0, 60]]), torch.ones(3))
    rows[1, column] = bad
    raster, _ = one_view(rows, torch.tensor([[0, 1, 2]]))
    assert bool((raster.face == -1).all())
    assert bool((raster.key == torch.inf).all())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("behind", [0.0, 3.0])
def test_the_kernel_for_cuda_gives_the_same_bytes(behind: float, dtype: torch.dtype) -> None:
    meshes = [random_triangles(seed, count, dtype, 90.0) for seed, count in ((0, 5), (1, 300), (2, 0), (3, 60))]
    rows = torch.cat([r - behind * torch.tensor([30.0, 30, 0, 1], dtype=dtype) for r, _ in meshes])
    batch = Batch.of_meshes([f for _, f in meshes], [len(r) for r, _ in meshes], height=37, width=85)
    screen, bins, _ = bin_faces(rows, batch, NEAR)
    one, other = (draw(rows, screen, bins, batch, NEAR) for draw in (draw_by_bands, draw_by_pixels))
    assert int((one[0] >= 0).sum()) > 1000
    assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**31), st.floats(0.05, 0.95), st.floats(0.05, 0.95))
def test_a_fan_covers_every_pixel_once(seed: int, u: float, v: float) -> None:
    """Triangles around an inner point of a square, their corners anywhere: no gap and no overlap."""
    g = torch.Generator().manual_seed(seed)
    ring = torch.rand(7, generator=g).sort().values * 2 * torch.pi
    rim = torch.stack([ring.cos(), ring.sin()], 1) * 300 + 16
    pixels = torch.cat([torch.tensor([[32 * u, 32 * v]]), rim])
    k = torch.arange(7)
    faces = torch.stack([torch.zeros(7, dtype=torch.long), k + 1, (k + 1) % 7 + 1], 1)
    covered = torch.zeros(32, 32)
    for f in faces:
        covered += (one_view(rows_at(pixels, torch.ones(8)), f[None], 32, 32)[0].face[0] >= 0).float()
    gap = max(float(ring.diff().max()), float(ring[0] + 2 * torch.pi - ring[-1]))
    if gap < 2.9:  # the rim goes all the way round the inner point: it comes no nearer to the middle than 300 cos(1.45)
        assert float(covered.max()) <= 1
    if gap < 2.7:  # and holds the image: its rim comes no nearer than 300 cos(1.35)
        assert bool((covered == 1).all())


def test_both_windings_are_drawn_and_a_face_without_area_is_not() -> None:
    pixels = torch.tensor([[1.0, 1], [20, 1], [1, 20], [5, 5], [15, 15], [25, 25]])
    rows = rows_at(pixels, torch.ones(6))
    for order in ([0, 1, 2], [0, 2, 1]):
        assert int((one_view(rows, torch.tensor([order]))[0].face >= 0).sum()) > 100
    for flat in ([3, 4, 5], [3, 3, 4], [3, 3, 3]):
        assert int((one_view(rows, torch.tensor([flat]))[0].face >= 0).sum()) == 0


def test_the_nearer_face_wins_and_of_equals_the_lower_index() -> None:
    pixels = torch.tensor([[0.0, 0], [30, 0], [0, 30]])
    rows = torch.cat([rows_at(pixels, torch.full((3,), d)) for d in (2.0, 1.0, 1.0)])
    faces = torch.arange(9).view(3, 3)
    assert set(one_view(rows, faces)[0].face.unique().tolist()) == {-1, 1}


def test_depth_is_perspective_correct() -> None:
    rows = rows_at(torch.tensor([[0.0, 0], [32, 0], [0, 32]]), torch.tensor([1.0, 4.0, 2.0]))
    raster, _ = one_view(rows, torch.tensor([[0, 1, 2]]))
    x, y = 10.5, 6.5
    inverse = 1 + (1 / 4 - 1) * x / 32 + (1 / 2 - 1) * y / 32
    assert float(raster.key[0, 6, 10]) == pytest.approx(-inverse, rel=1e-4)


def test_orthographic_depth_grows_away() -> None:
    pixels = torch.tensor([[0.0, 0], [30, 0], [0, 30]])
    rows = torch.cat([torch.cat([pixels, torch.full((3, 1), q), torch.ones(3, 1)], 1) for q in (-1.0, -2.0)])
    assert set(one_view(rows, torch.arange(6).view(2, 3))[0].face.unique().tolist()) == {-1, 1}


@pytest.mark.parametrize("shift", [0, 1, 2])
def test_a_floor_through_the_near_plane_is_cut_there(shift: int) -> None:
    """A plane one below the camera, from behind it to far off: the image below the horizon, down to the near plane."""
    focal, centre = 16.0, 16.0
    corners = torch.tensor([[-50.0, 1, -50], [50, 1, -50], [50, 1, 50], [-50, 1, 50]])
    x, y, z = corners.unbind(1)
    rows = torch.stack([focal * x + centre * z, focal * y + centre * z, -torch.ones(4), z], 1)
    faces = torch.tensor([[0, 1, 2], [0, 2, 3]]).roll(shift, 1)
    batch = Batch.of_one_mesh(faces, 4, views=1, height=32, width=32)
    seen = rasterize(rows, batch, NEAR).face[0] >= 0
    horizon = 16 + 16 / 50
    assert bool(seen[17:].all())
    assert not bool(seen[: int(horizon)].any())
    far = rasterize(rows, batch, 2.0).face[0] >= 0  # nearer than 2: below row 16 + 16 / 2
    assert bool(far[17:24].all())
    assert not bool(far[24:].any())


def test_faces_that_share_an_edge_through_the_near_plane_leave_no_gap() -> None:
    """A ball around the camera, cut by nothing: every pixel sees a face, also with vertices behind the camera."""
    g = torch.Generator().manual_seed(0)
    for _ in range(5):
        turn = torch.linalg.qr(torch.randn(3, 3, generator=g))[0]
        corners = torch.stack([3 * s * axis for axis in turn for s in (1, -1)])
        faces = torch.tensor([[0, 2, 4], [2, 1, 4], [1, 3, 4], [3, 0, 4], [2, 0, 5], [1, 2, 5], [3, 1, 5], [0, 3, 5]])
        x, y, z = corners.unbind(1)
        rows = torch.stack([20 * x + 16 * z, 20 * y + 16 * z, -torch.ones(6), z], 1)
        batch = Batch.of_one_mesh(faces, 6, views=1, height=32, width=32)
        assert bool((rasterize(rows, batch, 0.01).face >= 0).all())


def test_far_off_screen_coordinates_do_not_overflow() -> None:
    rows = rows_at(torch.tensor([[-3e8, -2e8], [4e8, -3e8], [1e7, 5e8]]), torch.ones(3))
    assert bool((one_view(rows, torch.tensor([[0, 1, 2]]))[0].face == 0).all())


@pytest.mark.parametrize("where", [torch.tensor([-900.0, 0.0]), torch.tensor([0.0, 900.0])])
def test_nothing_on_the_screen_makes_no_entries(where: Tensor) -> None:
    rows = rows_at(torch.tensor([[0.0, 0], [9, 0], [0, 9]]) + where, torch.ones(3))
    raster, _ = one_view(rows, torch.tensor([[0, 1, 2]]))
    assert raster.bins.entries == 0
    assert bool((raster.face == -1).all())


def test_an_empty_mesh() -> None:
    raster, _ = one_view(torch.zeros(0, 4), torch.zeros(0, 3, dtype=torch.long))
    assert bool((raster.face == -1).all())
    assert bool((raster.key == torch.inf).all())


def test_batches_are_their_views_one_by_one() -> None:
    meshes = [random_triangles(seed, count) for seed, count in ((0, 5), (1, 40), (2, 1))]
    batch = Batch.of_meshes([f for _, f in meshes], [len(r) for r, _ in meshes], height=20, width=50)
    raster = rasterize(torch.cat([r for r, _ in meshes]), batch, NEAR)
    first = 0
    for view, (rows, faces) in enumerate(meshes):
        alone, _ = one_view(rows, faces, 20, 50)
        assert torch.equal(raster.face[view], torch.where(alone.face[0] >= 0, alone.face[0] + first, -1))
        assert torch.equal(raster.key[view], alone.key[0])
        first += len(faces)
    assert_entries_are_consistent(raster, batch)


def test_one_mesh_in_several_views() -> None:
    rows, faces = random_triangles(4, 30)
    moved = rows + rows[:, 3:] * torch.tensor([3.0, 0, 0, 0])
    batch = Batch.of_one_mesh(faces, len(rows), views=2, height=33, width=35)
    raster = rasterize(torch.cat([rows, moved]), batch, NEAR)
    for view, own in enumerate((rows, moved)):
        assert torch.equal(raster.face[view], one_view(own, faces)[0].face[0])
    assert_entries_are_consistent(raster, batch)


def test_threads_do_not_change_a_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    rows, faces = random_triangles(5, 500)
    results = []
    for threads in ("1", "2", "5"):
        monkeypatch.setenv("SHARPVISION_THREADS", threads)
        raster, _ = one_view(rows, faces, 120, 90)
        results.append((raster.face, raster.entry, raster.key, raster.bins.tile_entry, raster.bins.entry_slot))
    for other in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0], other, strict=True))
