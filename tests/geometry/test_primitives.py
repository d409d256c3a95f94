"""Primitives against closed forms and trimesh's own checks."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
import trimesh

from sharpvision.geometry import Mesh, primitives
from sharpvision.geometry.shading_groups import crease_groups, flat_groups

CLOSED: dict[str, tuple[Callable[[], Mesh], float, float]] = {
    "sphere": (lambda: primitives.sphere(1.5, 96, 48), 4 / 3 * math.pi * 1.5**3, 4 * math.pi * 1.5**2),
    "icosphere": (lambda: primitives.icosphere(1.5, 4), 4 / 3 * math.pi * 1.5**3, 4 * math.pi * 1.5**2),
    "torus": (lambda: primitives.torus(2.0, 0.5, 160, 64), 2 * math.pi**2 * 2 * 0.25, 4 * math.pi**2 * 2 * 0.5),
    "cylinder": (lambda: primitives.cylinder(0.7, 3.0, 128), math.pi * 0.49 * 3, 2 * math.pi * 0.7 * 3.7),
    "cone": (lambda: primitives.cone(1.0, 2.0, 128), 2 * math.pi / 3, math.pi * (1 + 5**0.5)),
    "capsule": (lambda: primitives.capsule(0.5, 1.0, 96, 24), math.pi * 0.25 + math.pi / 6, 2 * math.pi),
    "box": (lambda: primitives.box((1.0, 2.0, 3.0), 3), 6.0, 22.0),
}
TEXTURED = [name for name in CLOSED if name != "icosphere"]


def of_trimesh(mesh: Mesh) -> trimesh.Trimesh:
    return trimesh.Trimesh(mesh.vertices.numpy(), mesh.faces.numpy(), process=False)


@pytest.mark.parametrize("name", CLOSED)
def test_solids_are_closed_and_face_outward(name: str) -> None:
    make, volume, area = CLOSED[name]
    solid = of_trimesh(make())
    assert solid.is_watertight
    assert solid.is_winding_consistent
    assert solid.euler_number == (0 if name == "torus" else 2)
    assert solid.volume == pytest.approx(volume, rel=6e-3)
    assert solid.area == pytest.approx(area, rel=6e-3)
    assert make().face_areas().min() > 0


@pytest.mark.parametrize("name", TEXTURED)
def test_textures_are_not_mirrored_and_vary_within_a_face_as_little_as_their_grid(name: str) -> None:
    mesh = CLOSED[name][0]()
    assert mesh.uv is not None
    assert mesh.uv_faces is not None
    assert mesh.uv.min() >= 0
    assert mesh.uv.max() <= 1
    a, b, c = mesh.uv[mesh.uv_faces].unbind(1)
    (x1, y1), (x2, y2) = (b - a).T, (c - a).T
    assert (x1 * y2 - x2 * y1).min() > 0  # counter-clockwise, as the face is seen from outside
    assert (mesh.uv[mesh.uv_faces].amax(1) - mesh.uv[mesh.uv_faces].amin(1))[:, 0].max() < 0.4  # none spans the seam


def test_the_front_of_a_sphere_has_the_middle_of_its_texture() -> None:
    mesh = primitives.sphere(1.0, 16, 8)
    assert mesh.uv is not None
    assert mesh.uv_faces is not None
    at = {tuple(p.round(decimals=4).tolist()): mesh.uv[t] for p, t in
          zip(mesh.vertices[mesh.faces].reshape(-1, 3), mesh.uv_faces.reshape(-1), strict=True)}  # fmt: skip
    torch.testing.assert_close(at[(0.0, 0.0, 1.0)], torch.tensor([0.5, 0.5]))
    torch.testing.assert_close(at[(1.0, 0.0, 0.0)], torch.tensor([0.75, 0.5]))


@pytest.mark.parametrize("mesh", [primitives.plane((2.0, 4.0), 3), primitives.disk(1.0, 32, 2)], ids=["plane", "disk"])
def test_flat_surfaces_face_up(mesh: Mesh) -> None:
    torch.testing.assert_close(mesh.face_normals(), torch.tensor([0.0, 1.0, 0.0]).expand(len(mesh.faces), 3))


def test_terrain_takes_its_rows_from_back_to_front_and_its_columns_to_the_right() -> None:
    heights = torch.arange(12.0).reshape(3, 4)
    mesh = primitives.terrain(heights, (3.0, 2.0))
    for row, column in ((0, 0), (1, 2), (2, 3)):
        place = torch.tensor([column - 1.5, heights[row, column], row - 1.0])
        torch.testing.assert_close(mesh.vertices[4 * row + column], place)
    assert (mesh.face_normals()[:, 1] > 0).all()


@pytest.mark.parametrize(
    "make",
    [
        lambda: primitives.sphere(0.0), lambda: primitives.sphere(rings=1), lambda: primitives.sphere(segments=2),
        lambda: primitives.icosphere(subdivisions=-1), lambda: primitives.torus(1.0, 1.0),
        lambda: primitives.box((1.0, -1.0, 1.0)), lambda: primitives.plane((1.0, math.nan)),
        lambda: primitives.cone(height=math.inf), lambda: primitives.capsule(rings=0),
        lambda: primitives.terrain(torch.zeros(1, 5)), lambda: primitives.terrain(torch.full((2, 2), torch.nan)),
        lambda: primitives.revolution(torch.tensor([[-1.0, 0.0], [1.0, 1.0]])), lambda: primitives.disk(rings=0),
    ],
)  # fmt: skip
def test_impossible_sizes_are_refused(make: Callable[[], Mesh]) -> None:
    with pytest.raises(ValueError, match=r"must be|needs"):
        make()


def test_hard_edges_are_where_the_solids_have_them() -> None:
    for mesh, sides in ((primitives.box(divisions=2), 6 * 9), (primitives.cylinder(segments=16), 2 * 17 + 32)):
        assert mesh.normal_faces is not None
        assert len(mesh.normal_faces.unique()) == sides
        assert len(crease_groups(mesh, math.radians(40)).unique()) == sides


def test_creases_at_no_and_at_every_angle() -> None:
    mesh = primitives.icosphere(subdivisions=2)
    assert len(crease_groups(mesh, math.pi).unique()) == len(mesh.vertices)
    assert len(crease_groups(mesh, 0.0).unique()) == 3 * len(mesh.faces)
    assert len(flat_groups(mesh).unique()) == len(mesh.faces)
    empty = Mesh(torch.zeros(0, 3), torch.zeros(0, 3, dtype=torch.int64))
    assert crease_groups(empty, 1.0).shape == (0, 3)
