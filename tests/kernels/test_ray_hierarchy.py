"""What is kept for shadow rays: the same answers as a new tree's, whatever happened to the vertices before."""

from __future__ import annotations

import gc
import weakref
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import Tensor

from sharpvision.core.vectors import unit
from sharpvision.geometry.primitives import icosphere
from sharpvision.kernels import ray_hierarchy
from sharpvision.kernels.ray_hierarchy import RayHierarchy, Tracer
from sharpvision.kernels.visibility import Occluders, visible

TRACERS: list[Tracer] = ["embree", "warp"]
MESH = icosphere(subdivisions=3)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def rays(count: int = 3000, seed: int = 0) -> tuple[Tensor, Tensor]:
    """At random, a third of them along an axis, from points of which a third lie on planes of boxes."""
    g = generator(seed)
    origins, directions = 1.5 * torch.randn(count, 3, generator=g), torch.randn(count, 3, generator=g)
    axis = torch.eye(3)[torch.randint(3, (count // 3,), generator=g)]
    directions[: count // 3] = axis * directions[: count // 3].sum(1, keepdim=True).sign()
    origins[::3] = MESH.vertices[torch.randint(len(MESH.vertices), (len(origins[::3]),), generator=g)]
    return origins, unit(directions)


def twisted(vertices: Tensor, turns: float) -> Tensor:
    angle = turns * vertices[:, 1]
    x, y, z = vertices.unbind(1)
    return torch.stack([x * angle.cos() - z * angle.sin(), y, x * angle.sin() + z * angle.cos()], 1)


MOVES = {
    "away": MESH.vertices + 0.7,
    "larger": 1.4 * MESH.vertices,
    "rough": MESH.vertices + 0.05 * torch.randn(MESH.vertices.shape, generator=generator()),
    "twisted": twisted(MESH.vertices, 8.0),
    "folded": MESH.vertices.abs(),
    "flat": MESH.vertices * torch.tensor([1.0, 0.0, 1.0]),
    "a point": torch.zeros_like(MESH.vertices),
    "shuffled": MESH.vertices[torch.randperm(len(MESH.vertices), generator=generator())],
}


@pytest.mark.parametrize("tracer", TRACERS)
def test_moved_vertices_block_what_a_new_mesh_blocks(tracer: Tracer) -> None:
    """One mesh goes through all moves and back, so what is kept is refitted, built anew, and refitted again."""
    kept = Occluders(MESH.vertices, MESH.faces, tracer)
    for seed, vertices in enumerate((*MOVES.values(), *reversed(MOVES.values()))):
        new = Occluders(vertices, MESH.faces, tracer)
        seen = [visible(*rays(seed=seed), torch.inf, o) for o in (kept.at(vertices), new)]
        assert torch.equal(*seen)


def test_a_tree_is_refitted_until_its_boxes_are_worn() -> None:
    hierarchy = RayHierarchy(MESH.faces)

    def tree_for(vertices: Tensor) -> object:
        hierarchy.blocked(vertices, *rays(5), torch.inf, "warp")
        return hierarchy._tree

    first = tree_for(MESH.vertices)
    for name in ("away", "larger", "rough"):
        assert tree_for(MOVES[name]) is first
    second = tree_for(MOVES["twisted"])
    assert second is not first
    assert tree_for(MOVES["twisted"] + 0.01) is second


@pytest.mark.parametrize("tracer", TRACERS)
def test_a_change_in_place_is_seen(tracer: Tracer) -> None:
    vertices = MESH.vertices.clone()
    occluders, ray = Occluders(vertices, MESH.faces, tracer), (torch.zeros(1, 3), torch.tensor([[0.0, 0.0, 1.0]]))
    assert not bool(visible(*ray, 9.0, occluders))
    vertices += 7
    assert bool(visible(*ray, 9.0, occluders))
    vertices -= 7
    assert not bool(visible(*ray, 9.0, occluders))


@pytest.mark.parametrize("tracer", TRACERS)
def test_faces_are_those_it_was_made_of(tracer: Tracer) -> None:
    faces = MESH.faces.int()
    occluders, ray = Occluders(MESH.vertices, faces, tracer), (torch.zeros(1, 3), torch.tensor([[0.0, 0.0, 1.0]]))
    faces.zero_()
    assert not bool(visible(*ray, 9.0, occluders))


@pytest.mark.parametrize("tracer", TRACERS)
def test_vertices_that_are_no_numbers_leave_nothing_behind(tracer: Tracer) -> None:
    kept = Occluders(MESH.vertices, MESH.faces, tracer)
    before = visible(*rays(), torch.inf, kept)
    for bad in (torch.nan, torch.inf):
        broken = MESH.vertices.clone()
        broken[::2] = bad
        visible(*rays(), torch.inf, kept.at(broken))
        assert torch.equal(visible(*rays(), torch.inf, kept), before)


@pytest.mark.parametrize("tracer", TRACERS)
def test_more_vertices_and_none(tracer: Tracer) -> None:
    """The faces may be those of a mesh with vertices that no face has; what is kept need not be of the same number."""
    kept = Occluders(MESH.vertices, MESH.faces, tracer)
    before = visible(*rays(), torch.inf, kept)
    more = torch.cat([MESH.vertices, torch.full((5, 3), torch.nan)])
    assert torch.equal(kept.at(more).blocked(*rays(), torch.inf), kept.blocked(*rays(), torch.inf))
    assert torch.equal(visible(*rays(), torch.inf, kept), before)
    nothing = Occluders(torch.zeros(0, 3), MESH.faces[:0], tracer)
    assert bool(visible(*rays(), torch.inf, nothing.at(MESH.vertices)).all())


@pytest.mark.parametrize("tracer", TRACERS)
def test_threads_that_share_a_hierarchy_each_get_their_own_answer(tracer: Tracer) -> None:
    kept, places = Occluders(MESH.vertices, MESH.faces, tracer), [MESH.vertices + 0.1 * k for k in range(4)]
    expected = [visible(*rays(), torch.inf, Occluders(v, MESH.faces, tracer)) for v in places]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda k: visible(*rays(), torch.inf, kept.at(places[k % 4])), range(40)))
    assert all(torch.equal(seen, expected[k % 4]) for k, seen in enumerate(found))


@pytest.mark.parametrize("tracer", TRACERS)
def test_threads_of_a_query_do_not_change_the_answer(tracer: Tracer, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    for threads in ("1", "3"):
        monkeypatch.setenv("SHARPVISION_THREADS", threads)
        seen.append(visible(*rays(30_000), torch.inf, Occluders(MESH.vertices, MESH.faces, tracer)))
    assert torch.equal(*seen)


def test_which_tracer_is_a_matter_of_sizes_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    few, many = len(MESH.faces), ray_hierarchy.RAYS_PER_FACE * len(MESH.faces)
    for first, second in ((few, many), (many, few)):
        hierarchy = RayHierarchy(MESH.faces)
        hierarchy.blocked(MESH.vertices, *rays(first), torch.inf, "auto")
        assert (hierarchy._scene is None, hierarchy._tree is None) == ((True, False) if first == few else (False, True))
        hierarchy.blocked(MESH.vertices, *rays(second), torch.inf, "auto")
        assert hierarchy._scene is not None
        assert hierarchy._tree is not None
    monkeypatch.setattr(ray_hierarchy, "_embree", lambda required: None)
    hierarchy = RayHierarchy(MESH.faces)
    hierarchy.blocked(MESH.vertices, *rays(many), torch.inf, "auto")
    assert hierarchy._scene is None


def test_one_tree_and_one_scene_are_kept_and_go_with_their_owner() -> None:
    occluders = Occluders(MESH.vertices, MESH.faces)
    kept: list[weakref.ref[object]] = []
    for _ in range(2):
        for vertices in MOVES.values():
            for tracer in TRACERS:
                occluders._hierarchy.blocked(vertices, *rays(30), torch.inf, tracer)
            kept += [weakref.ref(occluders._hierarchy._tree), weakref.ref(occluders._hierarchy._scene)]
    assert len({r() for r in kept} - {None}) == 2
    del occluders
    gc.collect()
    assert not any(r() for r in kept)
