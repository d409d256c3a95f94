"""The fused GGX lobe under spherical harmonics against its twin, `SphericalHarmonics.specular`, finite differences."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from surface_points import random_surface
from torch import Tensor

from sharpvision.core.vectors import dot, unit
from sharpvision.illumination import SphericalHarmonics
from sharpvision.illumination.distributed import lobe_albedo
from sharpvision.kernels.interpolate import interpolate
from sharpvision.kernels.reference.shade_ggx_sh import ggx_sh as twin
from sharpvision.kernels.shade_ggx import GlossySurface
from sharpvision.kernels.shade_ggx_sh import SkyLitLobe, ggx_sh
from sharpvision.materials import Lobes

Inputs = tuple[Tensor, ...]
DOUBLE = torch.float64


def inputs_of(dtype: torch.dtype, views: int = 2, channels: int = 3, order: int = 2) -> Inputs:
    """Vertices, normals that mostly face the eyes, eyes (of them an orthographic one), and a lobe's parts."""
    normals = unit(torch.randn(12, 3, dtype=dtype) * 0.4 + torch.tensor([0.0, 0.0, 1.0], dtype=dtype))
    eyes = torch.tensor([[0.3, 0.2, 4.0, 1.0], [0.2, -0.1, 1.0, 0.0], [-1, 1, 3, 1]], dtype=dtype)[:views]
    return (
        torch.randn(12, 3, dtype=dtype), normals, eyes, torch.randn((order + 1) ** 2, channels, dtype=dtype),
        torch.tensor(0.35, dtype=dtype), torch.rand(channels, dtype=dtype) / 2, torch.rand(channels, dtype=dtype),
    )  # fmt: skip


def shaded(function, points, batch, projected: Tensor, *inputs: Tensor, **options) -> Tensor:  # type: ignore[no-untyped-def]
    vertices, normals, eyes, *lobe = inputs
    surface = GlossySurface(vertices, normals, batch.faces)
    rest = (lobe_albedo,) if function is twin else ()
    return function(points, projected, batch, surface, eyes, SkyLitLobe(*lobe), *rest, **options)


CASES = [(1, 3, 2), (3, 1, 2), (2, 3, 3), (3, 3, 4)]


@pytest.mark.parametrize("base", [False, True], ids=["lobe alone", "over a base"])
@pytest.mark.parametrize("dtype", [torch.float32, DOUBLE])
@pytest.mark.parametrize(("views", "channels", "order"), CASES)
def test_value_and_gradients_are_the_twins(
    views: int, channels: int, order: int, dtype: torch.dtype, base: bool
) -> None:
    points, projected, batch = random_surface(dtype, views=views)
    inputs = [v.requires_grad_() for v in (projected, *inputs_of(dtype, views, channels, order))]
    inputs = inputs if base else inputs[:-1]
    mine, expected = (shaded(f, points, batch, *inputs) for f in (ggx_sh, twin))
    torch.testing.assert_close(mine, expected, rtol=1e-3, atol=1e-4 if dtype == torch.float32 else 1e-10)
    assert float((mine != 0).double().mean()) > 0.3
    weight = torch.randn_like(mine)
    found = torch.autograd.grad(mine, inputs, weight)
    for ours, theirs in zip(found, torch.autograd.grad(expected, inputs, weight), strict=True):
        assert float((ours - theirs).norm()) <= float(theirs.norm()) * (1e-2 if dtype == torch.float32 else 1e-9)


@pytest.mark.parametrize("order", [2, 3, 4])
def test_value_is_that_of_the_light_and_the_lobes(order: int) -> None:
    points, projected, batch = random_surface(DOUBLE)
    vertices, normals, eyes, coefficients, roughness, f0, albedo = inputs = inputs_of(DOUBLE, order=order)
    n = unit(interpolate(points, projected, batch, normals, batch.faces))
    eye = eyes[points.view.long()]
    wo = unit(eye[:, :3] - eye[:, 3:] * interpolate(points, projected, batch, vertices, batch.faces))
    light, lobes = SphericalHarmonics(coefficients), Lobes(albedo, f0, roughness)
    matte = lobes.matte_albedo(dot(n, wo).clamp(min=0)) * light.irradiance(n) / torch.pi
    expected = matte + light.specular(n, wo, f0, roughness.expand(len(n)))
    torch.testing.assert_close(shaded(ggx_sh, points, batch, projected, *inputs), expected.detach())


@pytest.mark.parametrize("order", [2, 4])
def test_gradients_and_tangents_are_finite_differences(order: int) -> None:
    points, projected, batch = random_surface(DOUBLE, count=25)
    free = torch.ones_like(points.moves)
    points = replace(points, moves=free, edge=3 * free)
    inputs = tuple(v.requires_grad_() for v in (projected, *inputs_of(DOUBLE, order=order)))
    assert torch.autograd.gradcheck(
        lambda *v: shaded(ggx_sh, points, batch, *v, damped=False), inputs, check_forward_ad=True, atol=1e-3, rtol=1e-3,
        fast_mode=order == 4,
    )  # fmt: skip


@pytest.mark.parametrize("order", [2, 3, 4])
def test_forward_mode_is_the_transpose_of_reverse_mode(order: int) -> None:
    points, projected, batch = random_surface(DOUBLE)
    inputs = (projected, *inputs_of(DOUBLE, order=order))
    tangents = tuple(torch.randn_like(v) for v in inputs)
    value, change = torch.func.jvp(lambda *v: shaded(ggx_sh, points, batch, *v), inputs, tangents)
    weight = torch.randn_like(value)
    gradients = torch.func.grad(lambda v: (shaded(ggx_sh, points, batch, *v) * weight).sum())(inputs)
    along = sum(float((g * t).sum()) for g, t in zip(gradients, tangents, strict=True))
    assert along == pytest.approx(float((change * weight).sum()), rel=1e-9)


def test_unseen_and_degenerate_points_are_black_without_derivative() -> None:
    points, projected, batch = random_surface(DOUBLE)
    good = inputs_of(DOUBLE)
    no_normals = (good[0], torch.zeros_like(good[1]), *good[2:])
    from_behind = (0.1 * good[0], unit(good[1] + torch.tensor([0.0, 0.0, 9.0])), -10 * good[2], *good[3:])
    in_the_eye = (torch.zeros_like(good[0]), good[1], torch.zeros_like(good[2]), *good[3:])
    for inputs in (no_normals, from_behind, in_the_eye):
        leaves = [v.clone().requires_grad_() for v in (projected, *inputs)]
        found = shaded(ggx_sh, points, batch, *leaves)
        assert bool((found == 0).all())
        assert all(bool((g == 0).all()) for g in torch.autograd.grad(found.sum(), leaves))


@pytest.mark.parametrize(
    ("height", "roughness", "light"),
    [(0.0, 0.35, 1.0), (1e-9, 0.35, 1.0), (1e-4, 1e-3, 1.0), (0.5, 1e-3, 1.0), (0.5, 1.0, 1.0), (0.5, 0.35, 0.0)],
    ids=["edge-on", "just seen", "grazing mirror", "least roughness", "roughest", "black light"],
)  # fmt: skip
def test_singular_points_are_finite_and_the_twins(height: float, roughness: float, light: float) -> None:
    """Flat faces in the plane z = 0, seen from far along a direction of that height above them; the normal's own view
    comes second."""
    points, projected, batch = random_surface(DOUBLE)
    vertices, normals, _, coefficients, _, f0, albedo = inputs_of(DOUBLE)
    normals = torch.tensor([0.0, 0.0, 1.0], dtype=DOUBLE).expand(12, 3)
    eyes = torch.tensor([[1.0, 0.0, height, 0.0], [0.0, 0.0, 1.0, 0.0]], dtype=DOUBLE)
    inputs = (vertices, normals, eyes, light * coefficients, torch.tensor(roughness, dtype=DOUBLE), f0, albedo)
    leaves = [v.clone().requires_grad_() for v in (projected, *inputs)]
    mine, expected = (shaded(f, points, batch, *leaves) for f in (ggx_sh, twin))
    torch.testing.assert_close(mine, expected, rtol=1e-7, atol=1e-12)
    found, wanted = (torch.autograd.grad(v.sum(), leaves) for v in (mine, expected))
    for ours, theirs in zip(found, wanted, strict=True):
        assert bool(ours.isfinite().all())
        torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-9 * (1 + float(theirs.abs().max())))


def test_threads_do_not_change_a_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    points, projected, batch = random_surface(torch.float32, count=4000)
    inputs, results = (projected, *inputs_of(torch.float32)), []
    for threads in ("1", "2", "5"):
        monkeypatch.setenv("SHARPVISION_THREADS", threads)
        leaves = [v.clone().requires_grad_() for v in inputs]
        found = shaded(ggx_sh, points, batch, *leaves)
        results.append((found.detach(), *torch.autograd.grad(found.square().sum(), leaves)))
    for other in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0], other, strict=True))


def test_what_does_not_fit_is_refused() -> None:
    points, projected, batch = random_surface(torch.float32)
    with pytest.raises(ValueError, match="one a view, 2, not 1"):
        shaded(ggx_sh, points, batch, projected, *inputs_of(torch.float32, 1))
    with pytest.raises(ValueError, match="9, 16 or 25 rows, not 4"):
        shaded(ggx_sh, points, batch, projected, *inputs_of(torch.float32, order=1))
