"""Fused irradiance against its plain-torch twin, SciPy's harmonics, quadrature of the sphere, finite differences."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy.special import sph_harm_y
from surface_points import grouped, random_surface
from torch import Tensor

from sharpvision.core.vectors import unit
from sharpvision.illumination.spherical_harmonics import sh_basis
from sharpvision.kernels import shade
from sharpvision.kernels.batch import Batch
from sharpvision.kernels.gather import CornerValues, gathered, groups_of, scattered
from sharpvision.kernels.irradiance_form import COSINE_LOBE
from sharpvision.kernels.raster_types import Points
from sharpvision.kernels.reference import shade as twins
from sharpvision.kernels.shade import irradiance_directional, irradiance_sh

DOUBLE = torch.float64
SHADERS: dict[str, tuple[Callable[..., Tensor], Callable[..., Tensor]]] = {
    "sh": (irradiance_sh, twins.irradiance_sh),
    "directional": (irradiance_directional, twins.irradiance_directional),
}


def light_of(kind: str, dtype: torch.dtype, channels: int, order: int = 2) -> tuple[Tensor, ...]:
    if kind == "sh":
        return (torch.randn((order + 1) ** 2, channels, dtype=dtype),)
    return torch.tensor([0.3, -0.8, 0.2], dtype=dtype), torch.rand(channels, dtype=dtype)


def as_argument(light: tuple[Tensor, ...]) -> Tensor | tuple[Tensor, ...]:
    return light[0] if len(light) == 1 else light


CASES = [("sh", order, channels) for order, channels in ((1, 3), (2, 1), (2, 3), (3, 3), (4, 3))]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("kind", "order", "channels"), [*CASES, ("directional", 0, 3)])
def test_value_and_gradients_are_the_twins(kind: str, order: int, channels: int, dtype: torch.dtype) -> None:
    points, projected, batch = random_surface(dtype)
    normals, light = unit(torch.randn(12, 3, dtype=dtype)), light_of(kind, dtype, channels, order)
    inputs = [v.requires_grad_() for v in (projected, normals, *light)]
    mine, twin = (f(points, projected, batch, normals, batch.faces, as_argument(light)) for f in SHADERS[kind])
    torch.testing.assert_close(mine, twin, rtol=1e-4, atol=1e-4 if dtype == torch.float32 else 1e-10)
    weight = torch.randn_like(mine)
    found = torch.autograd.grad(mine, inputs, weight)
    for ours, theirs in zip(found, torch.autograd.grad(twin, inputs, weight), strict=True):
        assert float((ours - theirs).norm()) <= float(theirs.norm()) * (5e-3 if dtype == torch.float32 else 1e-9)


def test_views_with_normals_of_their_own() -> None:
    points, projected, batch = random_surface(DOUBLE, views=3)
    normals = unit(torch.randn(36, 3, dtype=DOUBLE)).requires_grad_()
    offset, coefficients = torch.tensor([0, 12, 24], dtype=torch.int32), torch.randn(9, 3, dtype=DOUBLE)
    mine, twin = (f(points, projected, batch, normals, batch.faces, coefficients, offset) for f in SHADERS["sh"])
    torch.testing.assert_close(mine, twin)
    ours, theirs = (torch.autograd.grad(v.square().sum(), normals)[0] for v in (mine, twin))
    torch.testing.assert_close(ours, theirs)


def facing(normals: Tensor) -> tuple[Points, Tensor, Batch]:
    """One point in the middle of a face for each normal, which all its corners share."""
    count = len(normals)
    corners = torch.tensor([[0.0, 0, -1, 1], [4, 0, -1, 1], [0, 4, -1, 1]], dtype=normals.dtype)
    batch = Batch.of_one_mesh(torch.tensor([[0, 1, 2]]).repeat(count, 1), 3, views=1, height=4, width=4)
    face = torch.arange(count)
    points = grouped(face, torch.zeros_like(face), normals.new_ones(count, 2), batch)
    return points, corners, batch


def irradiance_at(normals: Tensor, coefficients: Tensor) -> Tensor:
    points, corners, batch = facing(normals)
    own = torch.arange(len(normals), dtype=torch.int32)[:, None].expand(-1, 3).contiguous()
    found = irradiance_sh(points, corners, batch, normals, own, coefficients)
    return torch.empty_like(found).index_copy(0, points.face.long(), found)


def scipy_harmonics(n: Tensor, order: int) -> Tensor:
    x, y, z = n.numpy().T
    theta, phi = np.arccos(np.clip(z, -1, 1)), np.arctan2(y, x)
    columns = []
    for l in range(order + 1):
        for m in range(-l, l + 1):
            complex_one = sph_harm_y(l, abs(m), theta, phi) * (-1) ** m * (math.sqrt(2) if m else 1)
            columns.append(complex_one.imag if m < 0 else complex_one.real)
    return torch.tensor(np.stack(columns, 1))


def test_harmonics_are_scipys_times_the_cosine_lobe() -> None:
    normals = unit(torch.randn(50, 3, dtype=DOUBLE))
    lobe = [math.pi, *[2 * math.pi / 3] * 3, *[math.pi / 4] * 5, *[0.0] * 7, *[-math.pi / 24] * 9]
    coefficients = torch.randn(25, 3, dtype=DOUBLE)
    expected = (scipy_harmonics(normals, 4) * torch.tensor(lobe, dtype=DOUBLE)) @ coefficients
    torch.testing.assert_close(irradiance_at(normals, coefficients), expected)


@pytest.mark.parametrize("order", [2, 3, 4])
def test_convention_is_that_of_the_light(order: int) -> None:
    normals = unit(torch.randn(20, 3, dtype=DOUBLE))
    coefficients = torch.randn((order + 1) ** 2, 3, dtype=DOUBLE)
    lobe = torch.tensor([COSINE_LOBE[l] for l in range(order + 1) for _ in range(2 * l + 1)], dtype=DOUBLE)
    expected = (sh_basis(normals, order) * lobe) @ coefficients
    torch.testing.assert_close(irradiance_at(normals, coefficients), expected)


def test_irradiance_is_the_integral_of_radiance_times_cosine() -> None:
    """Gauss-Legendre in z times a trapezoid in azimuth, about the normal, where the cosine has no kink."""
    coefficients = torch.randn(25, 3, dtype=DOUBLE)
    nodes, weights = np.polynomial.legendre.leggauss(12)
    cosine, azimuth = (nodes + 1) / 2, np.arange(24) * 2 * np.pi / 24
    c, a = (torch.tensor(v) for v in np.meshgrid(cosine, azimuth, indexing="ij"))
    area = torch.tensor(weights)[:, None].expand(-1, 24) / 2 * 2 * np.pi / 24
    for normal in unit(torch.randn(4, 3, dtype=DOUBLE)):
        side = unit(torch.linalg.cross(normal, torch.tensor([0.1, 0.7, -0.3], dtype=DOUBLE)))
        other, sine = torch.linalg.cross(normal, side), (1 - c**2).sqrt()
        w = c[..., None] * normal + (sine * a.cos())[..., None] * side + (sine * a.sin())[..., None] * other
        radiance = scipy_harmonics(w.reshape(-1, 3), 4) @ coefficients
        integral = (radiance * (c * area).reshape(-1, 1)).sum(0)
        torch.testing.assert_close(irradiance_at(normal[None], coefficients)[0], integral)


@pytest.mark.parametrize(("kind", "order"), [("sh", 2), ("sh", 4), ("directional", 0)])
def test_gradients_and_tangents_are_finite_differences(kind: str, order: int) -> None:
    points, projected, batch = random_surface(DOUBLE, count=25)
    free = torch.ones_like(points.moves)
    points = Points(*list(vars(points).values())[:6], free, 3 * free, points.along)
    normals, light = unit(torch.randn(12, 3, dtype=DOUBLE)), light_of(kind, DOUBLE, 3, order)

    def shaded(rows: Tensor, normals: Tensor, *light: Tensor) -> Tensor:
        return SHADERS[kind][0](points, rows, batch, normals, batch.faces, as_argument(light), damped=False)

    inputs = tuple(v.requires_grad_() for v in (projected, normals, *light))
    assert torch.autograd.gradcheck(shaded, inputs, check_forward_ad=True, atol=1e-3, rtol=1e-4)


@pytest.mark.parametrize("kind", ["sh", "directional"])
def test_forward_mode_is_the_transpose_of_reverse_mode(kind: str) -> None:
    points, projected, batch = random_surface(DOUBLE)
    inputs = (projected, unit(torch.randn(12, 3, dtype=DOUBLE)), *light_of(kind, DOUBLE, 3, 4))
    tangents = tuple(torch.randn_like(v) for v in inputs)

    def shaded(rows: Tensor, normals: Tensor, *light: Tensor) -> Tensor:
        return SHADERS[kind][0](points, rows, batch, normals, batch.faces, as_argument(light))

    value, change = torch.func.jvp(shaded, inputs, tangents)
    weight = torch.randn_like(value)
    gradients = torch.func.grad(lambda v: (shaded(*v) * weight).sum())(inputs)
    along = sum(float((g * t).sum()) for g, t in zip(gradients, tangents, strict=True))
    assert along == pytest.approx(float((change * weight).sum()), rel=1e-9)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_normals_that_cancel_shade_as_zero_without_derivative(dtype: torch.dtype) -> None:
    normals = torch.tensor([[0.0, 0, 0], [0, 0, 0], [0, 0, 0], [0, 0, 1]], dtype=dtype, requires_grad=True)
    points, corners, batch = facing(normals)
    corners.requires_grad_()
    own = torch.tensor([[0, 1, 2], [0, 0, 0], [3, 3, 3], [3, 3, 3]], dtype=torch.int32)
    found = irradiance_sh(points, corners, batch, normals, own, torch.randn(9, 3, dtype=dtype))
    to_corners, to_normals = torch.autograd.grad(found.square().sum(), [corners, normals])
    assert bool(found.isfinite().all() & to_corners.isfinite().all())
    assert bool((to_normals[:3] == 0).all() & (to_normals[3, :2] != 0).all())


def test_rows_are_summed_alike_by_one_thread_and_by_one_for_each_vertex() -> None:
    """The two ways to bring sums over faces to vertices, for every way in which views can share rows."""
    for views, meshes, own in ((1, False, False), (3, False, True), (3, False, False), (3, True, False)):
        points, projected, batch = random_surface(DOUBLE, views=views, meshes=meshes)
        groups = groups_of(points)
        rows = torch.randn(3 * len(groups), 8, dtype=DOUBLE)
        offset = batch.row_offset if own else torch.zeros_like(batch.row_offset)
        corners = CornerValues.of(batch.faces, offset, batch)
        for columns in ([8], [8, 3], [4, 5, 3]):
            sums = [(rows[:, : -(-n // 4) * 4].contiguous(), corners, len(projected), n) for n in columns]
            for serial, (own, *_, n) in zip(scattered(sums, groups), sums, strict=True):
                torch.testing.assert_close(serial, gathered(own, groups, corners, batch, len(projected))[:, :n])
                assert bool((serial != 0).any())


def test_threads_do_not_change_a_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    points, projected, batch = random_surface(torch.float32, count=5000)
    results = []
    for threads in ("1", "2", "5"):
        monkeypatch.setenv("SHARPVISION_THREADS", threads)
        torch.manual_seed(3)
        inputs = [v.requires_grad_() for v in (projected.clone(), unit(torch.randn(12, 3)), torch.randn(9, 3))]
        found = irradiance_sh(points, inputs[0], batch, inputs[1], batch.faces, inputs[2])
        results.append((found.detach(), *torch.autograd.grad(found.square().sum(), inputs)))
    for other in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0], other, strict=True))


def test_a_number_of_coefficients_that_is_no_order_is_refused() -> None:
    points, projected, batch = random_surface(torch.float32)
    with pytest.raises(ValueError, match="1, 4, 9, 16 or 25 rows, not 8"):
        irradiance_sh(points, projected, batch, torch.rand(12, 3), batch.faces, torch.rand(8, 3))


@pytest.mark.parametrize(
    ("kind", "order", "channels"), [("sh", 2, 3), ("sh", 4, 1), ("sh", 2, 5), ("directional", 0, 3)]
)
@pytest.mark.parametrize("count", [1, 7, 200, 900])
def test_eight_points_at_a_time_are_as_one_at_a_time(
    kind: str, order: int, channels: int, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Groups of every size, the last of which ends where the arrays end, against the kernels that CUDA runs."""
    points, projected, batch = random_surface(DOUBLE, count=count)
    normals, light = unit(torch.randn(12, 3, dtype=DOUBLE)), light_of(kind, DOUBLE, channels, order)
    weight, results = torch.randn(count, channels, dtype=DOUBLE), []
    for kernels in (shade._fast_kernels, shade._kernels):
        monkeypatch.setattr(shade, "_fast_kernels", kernels)
        inputs = [v.detach().clone().requires_grad_() for v in (projected, normals)]
        found = SHADERS[kind][0](points, *inputs[:1], batch, inputs[1], batch.faces, as_argument(light))
        results.append((found.detach(), *torch.autograd.grad(found, inputs, weight)))
    for lanes, single in zip(*results, strict=True):
        torch.testing.assert_close(lanes, single, rtol=1e-10, atol=1e-10)
