"""Height fields, against closed forms and trimesh."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import trimesh
from torch.autograd import gradcheck

from sharpvision.geometry import HeightField, angular_error_deg


def plane(normal: list[float], focal_px: float | None) -> tuple[HeightField, torch.Tensor]:
    """Depths of the plane through (., ., 300) with this normal, and the unit normal."""
    height, width = 6, 8
    n = torch.nn.functional.normalize(torch.tensor(normal, dtype=torch.float64), dim=0)
    y, x = torch.meshgrid(torch.arange(height).double() + 0.5, torch.arange(width).double() + 0.5, indexing="ij")
    if focal_px is None:
        depth = 300 - (n[0] * x + n[1] * y) / n[2]
    else:
        ray = torch.stack([(x - width / 2) / focal_px, (y - height / 2) / focal_px, torch.ones_like(x)], -1)
        depth = 300 * n[2] / (ray @ n)
    return HeightField(depth, focal_px=focal_px), n


@pytest.mark.parametrize("focal_px", [None, 40.0])
@pytest.mark.parametrize("normal", [[0.0, 0.0, -1.0], [0.5, -0.2, -1.0], [-0.3, 0.8, -0.7]])
def test_normals_of_a_plane_are_exact(normal: list[float], focal_px: float | None) -> None:
    field, n = plane(normal, focal_px)
    found = field.normals()
    assert bool(found.valid.all())
    assert float(angular_error_deg(found.normals, n).max()) < 1e-9


def test_slopes_are_those_of_the_convention() -> None:
    """dz/dx = -n_x / n_z, dz/dy = -n_y / n_z, in pixels."""
    field, n = plane([0.5, -0.2, -1.0], None)
    torch.testing.assert_close(field.depth[:, 1:] - field.depth[:, :-1], (-n[0] / n[2]).expand(6, 7))
    torch.testing.assert_close(field.depth[1:] - field.depth[:-1], (-n[1] / n[2]).expand(5, 8))


def sphere(side: int, focal_px: float | None) -> tuple[HeightField, torch.Tensor]:
    """The front of a sphere, and its normals."""
    along = torch.arange(side).double() + 0.5 - side / 2
    y, x = torch.meshgrid(along, along, indexing="ij")
    radius, centre = 0.45 * side, 3.0 * side
    if focal_px is None:
        depth = centre - (radius**2 - x**2 - y**2).clamp(min=0).sqrt()
        mask = x**2 + y**2 < (0.8 * radius) ** 2
        normals = torch.stack([x, y, depth - centre], -1) / radius
        return HeightField(depth, mask), normals
    ray = torch.stack([x / focal_px, y / focal_px, torch.ones_like(x)], -1)
    a, b, c = (ray * ray).sum(-1), -centre * ray[..., 2], centre**2 - radius**2
    depth = (-b - (b**2 - a * c).clamp(min=0).sqrt()) / a
    mask = b**2 - a * c > 0.3 * radius**2 * a
    points = ray * depth[..., None]
    return HeightField(depth, mask, focal_px), (points - torch.tensor([0.0, 0.0, centre])) / radius


@pytest.mark.parametrize("focal_px", [None, 400.0])
def test_normals_of_a_sphere(focal_px: float | None) -> None:
    field, truth = sphere(100, focal_px)
    found = field.normals()
    assert int(found.valid.sum()) > 1000
    errors = angular_error_deg(found.normals, truth)[found.valid]
    assert float(errors.max()) < 2.0
    assert float(errors.median()) < 0.1


def test_normals_at_a_hole_use_the_other_neighbour() -> None:
    field, n = plane([0.5, -0.2, -1.0], None)
    depth = field.depth.clone()
    depth[2, 3] = torch.nan
    found = HeightField(depth).normals()
    assert (~found.valid).nonzero().tolist() == [[2, 3]]
    assert float(angular_error_deg(found.normals, n)[found.valid].max()) < 1e-9


def test_a_lone_pixel_has_a_point_but_no_normal() -> None:
    field = HeightField(torch.tensor([[5.0, torch.nan]]))
    assert field.points()[0].nan_to_num(-1).tolist() == [[0.5, 0.5, 5.0], [-1.0, -1.0, -1.0]]
    assert field.normals().normals.abs().max().item() == 0.0
    assert field.mesh().vertices.tolist() == [[0.5, 0.5, 5.0]]
    assert field.mesh().faces.shape == (0, 3)


def test_points_behind_a_pinhole_do_not_count() -> None:
    field = HeightField(torch.tensor([[1.0, 0.0, -2.0, torch.inf]]), focal_px=10.0)
    assert field.valid.tolist() == [[True, False, False, False]]


def test_principal_point() -> None:
    field = HeightField(torch.full((2, 2), 10.0), focal_px=5.0, principal_point=(0.5, 1.5))
    assert field.points()[1, 0].tolist() == [0.0, 0.0, 10.0]
    assert field.points()[0, 1].tolist() == [2.0, -2.0, 10.0]


@pytest.mark.parametrize("focal_px", [None, 30.0])
def test_normals_have_the_gradient_of_finite_differences(focal_px: float | None) -> None:
    depth = 5 + torch.rand(3, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    mask = torch.ones(3, 4, dtype=torch.bool)
    mask[0, 1] = False
    assert gradcheck(lambda z: HeightField(z, mask, focal_px).normals().normals, (depth.requires_grad_(),))


@pytest.mark.parametrize("focal_px", [None, 400.0])
def test_mesh_of_a_sphere_faces_the_camera(focal_px: float | None) -> None:
    field, truth = sphere(60, focal_px)
    mesh = field.mesh(colors=truth.abs())
    vertices = mesh.vertices
    assert len(vertices) == int(field.valid.sum())
    torch.testing.assert_close(vertices, field.points()[field.valid])
    towards = -vertices[mesh.faces].mean(1) if focal_px else torch.tensor([0.0, 0.0, -1.0], dtype=torch.float64)
    assert bool(((mesh.face_normals() * towards).sum(-1) > 0).all())
    assert mesh.vertex_normals is not None
    assert float(angular_error_deg(mesh.vertex_normals, truth[field.valid]).median()) < 0.5
    assert mesh.vertex_colors is not None
    torch.testing.assert_close(mesh.vertex_colors, truth.abs()[field.valid])
    checked = trimesh.Trimesh(vertices.numpy(), mesh.faces.numpy(), process=False)
    assert checked.is_winding_consistent
    assert len(trimesh.graph.split(checked, only_watertight=False)) == 1
    # An open disk: V - E + F = 1, so no triangle is missing or double.
    assert checked.euler_number == 1


def test_mesh_does_not_bridge_holes_or_steps() -> None:
    depth = torch.zeros(6, 9)
    depth[:, 4:] = 10.0
    depth[2, 1] = torch.nan
    whole, cut = HeightField(depth).mesh(), HeightField(depth).mesh(max_step=1.0)
    for mesh, step in ((whole, 10.0), (cut, 0.0)):
        z = mesh.vertices[mesh.faces][..., 2]
        assert float((z.amax(1) - z.amin(1)).max()) == step
    # 5 x 8 squares; the hole takes one triangle of each of its 4 squares and leaves one.
    assert len(whole.faces) == 2 * 40 - 4
    assert len(cut.faces) == 2 * 35 - 4
    areas = cut.face_areas()
    torch.testing.assert_close(areas, torch.full_like(areas, 0.5))


def test_squares_are_cut_along_the_shorter_diagonal() -> None:
    for corner in range(4):
        depth = torch.zeros(4)
        depth[corner] = 5.0
        mesh = HeightField(depth.reshape(2, 2)).mesh()
        flat = mesh.face_normals()[:, 2] == -1.0
        assert int(flat.sum()) == 1


@pytest.mark.parametrize("corner", range(4))
def test_three_corners_give_one_triangle(corner: int) -> None:
    depth = torch.zeros(4)
    depth[corner] = torch.nan
    mesh = HeightField(depth.reshape(2, 2)).mesh()
    assert mesh.faces.shape == (1, 3)
    assert mesh.face_normals()[0].tolist() == [0.0, 0.0, -1.0]


@pytest.mark.parametrize("max_step", [None, 1.0])
def test_empty_mask(max_step: float | None) -> None:
    field = HeightField(torch.zeros(3, 4), torch.zeros(3, 4, dtype=torch.bool))
    mesh = field.mesh(max_step=max_step)
    assert mesh.vertices.shape == mesh.faces.shape == (0, 3)
    assert not bool(field.normals().valid.any())
    assert bool(field.points().isnan().all())


@pytest.mark.parametrize(
    ("depth", "mask", "focal_px"),
    [((3,), None, None), ((3, 4), (4, 3), None), ((3, 4), None, 0.0), ((3, 4), None, float("nan"))],
)
def test_what_is_no_height_field_is_refused(
    depth: tuple[int, ...], mask: tuple[int, int] | None, focal_px: float | None
) -> None:
    with pytest.raises((ValueError, TypeError)):
        HeightField(torch.ones(depth), None if mask is None else torch.ones(mask, dtype=torch.bool), focal_px)


def test_float64_and_float32_agree() -> None:
    field, _ = sphere(40, 400.0)
    single = HeightField(field.depth.float(), field.mask, 400.0).normals().normals
    assert single.dtype == torch.float32
    assert np.nanmax(angular_error_deg(single.double(), field.normals().normals).numpy()) < 0.01
