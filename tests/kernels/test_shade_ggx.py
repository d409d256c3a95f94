"""The fused GGX lobe against `materials.lobes_brdf` in plain torch, finite differences, itself on other threads."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from surface_points import random_surface
from torch import Tensor

from sharpvision.core.vectors import unit
from sharpvision.kernels.reference.shade_ggx import ggx_directional as twin
from sharpvision.kernels.shade_ggx import GlossySurface, LitLobe, ggx_directional
from sharpvision.materials import Lobes, lobes_brdf

Inputs = tuple[Tensor, ...]


def inputs_of(dtype: torch.dtype, views: int, channels: int = 3, *, away: float = 1.0) -> Inputs:
    """Vertices, normals that mostly face light and eye, eyes (of them an orthographic one), and a lobe's parts."""
    normals = unit(torch.randn(12, 3, dtype=dtype) * 0.4 + torch.tensor([0.0, 0.0, 1.0], dtype=dtype))
    eyes = torch.tensor([[0.3, 0.2, 4.0, 1.0], [0.2, -0.1, 1.0, 0.0], [-1, 1, 3, 1]], dtype=dtype)[:views]
    return (
        torch.randn(12, 3, dtype=dtype), normals, eyes, torch.tensor([0.4, 0.3, 0.8 * away], dtype=dtype),
        torch.rand(channels, dtype=dtype), torch.tensor(0.35, dtype=dtype), torch.rand(channels, dtype=dtype) / 2,
        torch.rand(channels, dtype=dtype),
    )  # fmt: skip


def brdf(n: Tensor, wi: Tensor, wo: Tensor, lobe: LitLobe) -> Tensor:
    albedo = torch.zeros_like(lobe.f0) if lobe.albedo is None else lobe.albedo
    return lobes_brdf(n, wi, wo, Lobes(albedo, lobe.f0, lobe.roughness))


def shaded(function, points, batch, projected: Tensor, *inputs: Tensor, **options) -> Tensor:  # type: ignore[no-untyped-def]
    vertices, normals, eyes, *lobe = inputs
    surface = GlossySurface(vertices, normals, batch.faces)
    rest = (brdf,) if function is twin else ()
    return function(points, projected, batch, surface, eyes, LitLobe(*lobe), *rest, **options)


@pytest.mark.parametrize("base", [False, True], ids=["lobe alone", "over a base"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("views", "channels"), [(1, 3), (3, 3)])
def test_value_and_gradients_are_the_twins(dtype: torch.dtype, views: int, channels: int, base: bool) -> None:
    points, projected, batch = random_surface(dtype, views=views)
    inputs = [v.requires_grad_() for v in (projected, *inputs_of(dtype, views, channels))]
    inputs = inputs if base else inputs[:-1]
    mine, expected = (shaded(f, points, batch, *inputs) for f in (ggx_directional, twin))
    torch.testing.assert_close(mine, expected, rtol=1e-3, atol=1e-4 if dtype == torch.float32 else 1e-10)
    assert float((mine > 0).double().mean()) > 0.3
    weight = torch.randn_like(mine)
    found = torch.autograd.grad(mine, inputs, weight)
    for ours, theirs in zip(found, torch.autograd.grad(expected, inputs, weight), strict=True):
        assert float((ours - theirs).norm()) <= float(theirs.norm()) * (1e-2 if dtype == torch.float32 else 1e-9)


def test_gradients_and_tangents_are_finite_differences() -> None:
    points, projected, batch = random_surface(torch.float64, count=25)
    free = torch.ones_like(points.moves)
    points = replace(points, moves=free, edge=3 * free)
    inputs = tuple(v.requires_grad_() for v in (projected, *inputs_of(torch.float64, 2)))
    assert torch.autograd.gradcheck(
        lambda *v: shaded(ggx_directional, points, batch, *v, damped=False), inputs, check_forward_ad=True,
        atol=1e-3, rtol=1e-3,
    )  # fmt: skip


def test_forward_mode_is_the_transpose_of_reverse_mode() -> None:
    points, projected, batch = random_surface(torch.float64)
    inputs = (projected, *inputs_of(torch.float64, 2))
    tangents = tuple(torch.randn_like(v) for v in inputs)
    value, change = torch.func.jvp(lambda *v: shaded(ggx_directional, points, batch, *v), inputs, tangents)
    weight = torch.randn_like(value)
    gradients = torch.func.grad(lambda v: (shaded(ggx_directional, points, batch, *v) * weight).sum())(inputs)
    along = sum(float((g * t).sum()) for g, t in zip(gradients, tangents, strict=True))
    assert along == pytest.approx(float((change * weight).sum()), rel=1e-9)


def test_unlit_and_degenerate_points_are_black_without_derivative() -> None:
    points, projected, batch = random_surface(torch.float64)
    dark = list(inputs_of(torch.float64, 2, away=-10.0))
    zero_normals = [dark[0], torch.zeros(12, 3, dtype=torch.float64), *inputs_of(torch.float64, 2)[2:]]
    for inputs in (dark, zero_normals):
        leaves = [v.clone().requires_grad_() for v in (projected, *inputs)]
        found = shaded(ggx_directional, points, batch, *leaves)
        assert bool((found == 0).all())
        assert all(bool((g == 0).all()) for g in torch.autograd.grad(found.sum(), leaves))


def test_mirror_roughness_is_held_at_its_least_without_derivative() -> None:
    points, projected, batch = random_surface(torch.float64)
    inputs = list(inputs_of(torch.float64, 2))
    inputs[5] = torch.tensor(1e-5, dtype=torch.float64, requires_grad=True)
    found, expected = (shaded(f, points, batch, projected, *inputs) for f in (ggx_directional, twin))
    torch.testing.assert_close(found, expected)
    assert float(torch.autograd.grad(found.sum(), inputs[5])[0]) == 0


def test_threads_do_not_change_a_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    points, projected, batch = random_surface(torch.float32, count=4000)
    inputs, results = (projected, *inputs_of(torch.float32, 2)), []
    for threads in ("1", "2", "5"):
        monkeypatch.setenv("SHARPVISION_THREADS", threads)
        leaves = [v.clone().requires_grad_() for v in inputs]
        found = shaded(ggx_directional, points, batch, *leaves)
        results.append((found.detach(), *torch.autograd.grad(found.square().sum(), leaves)))
    for other in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0], other, strict=True))


def test_eyes_that_are_not_one_a_view_are_refused() -> None:
    points, projected, batch = random_surface(torch.float32)
    with pytest.raises(ValueError, match="one a view, 2, not 1"):
        shaded(ggx_directional, points, batch, projected, *inputs_of(torch.float32, 1))
